"""The requests of `benchmarks/http.sh`: a file of paths for each kind, made of the articles' own words.

    .venv/bin/python benchmarks/http/paths.py VAR LOCALE FOLDER

"search" is what people type, each once, in an order of chance: words of the articles, their titles, headings
and questions, and two words, until there are more than any worker remembers; "search-long" is two titles,
headings or questions at once. A suggestion is asked for with the first letters of one.

"search-mixed" is nearer to what people ask: every second query is one of a few hundred that come again, the
n-th of them 1/n times as often as the first (queries follow Zipf's law: Xie and O'Hallaron, Locality in
Search Engine Queries, 2001); the others are new. That half are new is our own guess, on the careful side.
"""

from __future__ import annotations

import random
import sys
from itertools import chain, islice
from pathlib import Path
from urllib.parse import quote

from kb.content.paths import article_url
from kb.index.generation import open_live
from kb.model import Audience

LONGEST = 100
"""Characters of a query; a longer heading is nothing that anybody types."""
SHORT = 12
QUERIES = 60_000
POPULAR = 500
"""Queries that come again."""


def main() -> None:
    var, locale, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    snapshot = open_live(var).snapshot(locale, Audience.PUBLIC)
    shown = list(map(snapshot.article, range(snapshot.meta.articles)))
    texts = [
        text.strip()
        for each in shown
        for text in (each.title, *each.questions, *(section.title for section in each.sections))
    ]
    queries = [text for text in dict.fromkeys(texts) if text and len(text) <= LONGEST]
    chance = random.Random(5)
    chance.shuffle(queries)
    words = [snapshot.surface(n) for n in range(snapshot.meta.terms) if snapshot.df[n] > 1]
    words = [word for word in words if len(word) > 1 and not word.isnumeric()]
    searched = different(chance, [*words, *queries], words)
    long = different(chance, [], [text for text in queries if len(text) <= SHORT])
    popular, weights = searched[:POPULAR], [1 / n for n in range(1, POPULAR + 1)]
    again = chance.choices(popular, weights, k=QUERIES - POPULAR)
    mixed = list(chain.from_iterable(zip(again, searched[POPULAR:], strict=True)))
    typed = [text[: chance.randint(1, 8)] for text in queries]
    write(folder / "hello", ["/"])
    for kind, asked in (
        ("search", searched), ("search-long", long), ("search-mixed", mixed), ("search-one", queries[:1]),
    ):  # fmt: skip
        write(folder / kind, [f"/api/v1/search?locale={locale}&q={quote(text)}" for text in asked])
    write(
        folder / "suggest",
        [f"/api/v1/suggest?locale={locale}&q={quote(text)}" for text in typed if text.strip()],
    )
    write(folder / "article", [article_url(locale, each.id) for each in chance.sample(shown, len(shown))])
    write(folder / "home", [f"/{locale}/"])


def different(chance: random.Random, first: list[str], pieces: list[str]) -> list[str]:
    """So many different queries: the first, and two pieces each; in an order of chance."""
    pairs = (" ".join(chance.sample(pieces, 2)) for _ in range(10 * QUERIES))
    made = list(islice(dict.fromkeys(chain(first, pairs)), QUERIES))
    chance.shuffle(made)
    return made


def write(file: Path, lines: list[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
