"""A tree of N sections of real text, for the other benchmarks: a source's documents, then perturbed copies.

    .venv/bin/python benchmarks/corpus.py TARGET --sections 50000 --locale ja [--source PATH …]

A source is a folder of Markdown, or of a relevance set (`corpus.jsonl`); the default is this project's
articles. A copy keeps two sentences of three and takes the rest from elsewhere, so that words and their
frequencies stay real while no two sections are alike. Nothing of a source is kept but in TARGET.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

SECTIONS_AN_ARTICLE = 5
CATEGORIES = 24
KEPT = 2 / 3
TITLE = 40
"""Characters of a title, where the source has none."""
WHOLE = 900
"""Characters of a section at most; a longer text becomes several."""

_FRONT = re.compile(r"\A\ufeff?---\n.*?\n---\n", re.S)
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*#*$", re.M)
_SENTENCE = re.compile(r".+?(?:[。．！？!?]+|\.(?=\s)|$)", re.M)
_MARKUP = re.compile(r"<[^>]*>|!?\[([^\]]*)\]\([^)]*\)|[`*|#]|^[-+>:]+ ?|^:::.*$", re.M)

Text = tuple[str, list[str]]
"""Title, sentences."""


def texts(source: Path, locale: str) -> list[Text]:
    """All sections of a source in the order of their files."""
    found = list(_of_set(source) if (source / "corpus.jsonl").exists() else _of_markdown(source, locale))
    return [(title or part[0][:TITLE], part) for title, text in found for part in _parts(text)]


def _of_set(source: Path) -> Iterator[tuple[str, str]]:
    for line in (source / "corpus.jsonl").read_text("utf-8").splitlines():
        document = json.loads(line)
        yield document.get("title") or "", document["text"]


def _of_markdown(source: Path, locale: str) -> Iterator[tuple[str, str]]:
    folder = source / locale if (source / locale).is_dir() else source
    for file in sorted(folder.rglob("*.md")):
        parts = _HEADING.split(_FRONT.sub("", file.read_text("utf-8", "replace")))
        yield from zip([file.stem, *parts[1::2]], parts[0::2], strict=True)


def _parts(text: str) -> Iterator[list[str]]:
    part: list[str] = []
    for sentence in _SENTENCE.findall(_MARKUP.sub(r"\1", text)):
        if sentence.strip():
            part.append(sentence.strip())
        if sum(map(len, part)) > WHOLE:
            yield part
            part = []
    if part:
        yield part


def sections(found: list[Text], count: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """`count` pairs of heading and text."""
    chance = random.Random(seed)
    pool = [sentence for _, sentences in found for sentence in sentences]
    for number in range(count):
        title, sentences = found[number % len(found)]
        if number >= len(found):
            sentences = [s if chance.random() < KEPT else chance.choice(pool) for s in sentences]
            title = title if chance.random() < KEPT else chance.choice(found)[0]
        joint = "" if any("\u3040" <= c <= "\u30ff" for c in sentences[0]) else " "
        yield title, joint.join(sentences)


def write_tree(found: list[Text], target: Path, locale: str, count: int) -> None:
    """Articles of five sections; the titles of a copy are other articles' titles."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "kb.yml").write_text(f"locales: [{locale}]\n", "utf-8")
    rows = list(sections(found, count))
    for number, first in enumerate(range(0, count, SECTIONS_AN_ARTICLE)):
        folder = target / locale / f"c{number % CATEGORIES:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        lead, *others = rows[first : first + SECTIONS_AN_ARTICLE]
        parts = [f"---\ntitle: {json.dumps(f'{lead[0]} {number}', ensure_ascii=False)}\n---", _plain(lead[1])]
        parts += [f"## {_plain(heading) or number}\n\n{_plain(text)}" for heading, text in others]
        (folder / f"a{number:06d}.md").write_text("\n\n".join(parts), "utf-8")


def _plain(text: str) -> str:
    """Nothing that Markdown would take for more than text."""
    return re.sub(r"^(\s*)(?=[>\-+=~\d])", r"\1\\", text.replace("\n", " "))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--source", type=Path, nargs="+", default=[Path("articles")])
    parser.add_argument("--locale", default="ja")
    parser.add_argument("--sections", type=int, default=10_000)
    args = parser.parse_args()
    found = [text for source in args.source for text in texts(source, args.locale)]
    write_tree(found, args.target, args.locale, args.sections)
    print(f"{args.sections} sections made of {len(found)} in {args.target}")


if __name__ == "__main__":
    main()
