"""The ranking beside other engines: the same sections cut into the same words, the same queries, in turns.

    pip install '.[bench]'; apt-get install python3-xapian postgresql nodejs npm     (whichever are wanted)
    .venv/bin/kb index --articles TREE --var VAR                     (a TREE of benchmarks/corpus.py)
    .venv/bin/python benchmarks/engines.py VAR [--keep FOLDER] [--save FILE] [--sentences QUERIES]

Every engine is asked for the ten best of "any of these words", with the query ready as it wants it. Ours
also counts all matches and their categories each time, but where it says so; "counted" asks all to do so.
Each is asked a question once to warm up, then at once timed; the others' turn comes before the next question,
so that what else the machine does falls on all. Time is the processor's: of this thread, of Node's process,
of the process of PostgreSQL's server that answers.

QUERIES are lines of JSON with a `text`; without it, sentences are the beginnings of sections. An engine that
is not installed, or cannot do what is asked, is left out. FOLDER keeps what the others have built for another
run, FILE gets each row as a line of JSON for benchmarks/growth.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from peers import Answer, Missing, Peer, Question, embedded, own
from peers.node import PACKAGES, node
from peers.postgres import postgres

from kb.index.generation import has_index, open_live
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.plan import plan
from kb.related import _signature

COMPILED, NUMPY = "kb, compiled", "kb, numpy"
BEGINNING = 8
"""Characters of a sentence that somebody is typing."""
WARM = 5
"""Questions before those that count, which Node and numba compile on."""


class Kind(NamedTuple):
    """A class of questions."""

    name: str
    questions: list[Question]


class Row(NamedTuple):
    """What one engine took for one kind, in microseconds. Ratios are of medians over the same questions."""

    engine: str
    questions: int
    p50: float
    p95: float
    by_compiled: float
    by_numpy: float
    found: float
    """Mean."""


def kinds(snapshot: Snapshot, count: int, sentences: Path | None) -> Iterator[Kind]:
    for words in (1, 3, 6):
        yield Kind(f"{words} word{'s' if words > 1 else ''}", list(_words(snapshot, words, count)))
    yield Kind("sentence", list(_sentences(snapshot, count, sentences)))
    yield Kind("beginning", list(_sentences(snapshot, count, sentences, BEGINNING)))
    three = list(_words(snapshot, 3, count))
    chance = random.Random(3)
    names = snapshot.meta.categories
    yield Kind("3 words in a category", [each._replace(category=chance.choice(names)) for each in three])
    yield Kind("3 words, counted", [each._replace(counted=True) for each in three])
    yield Kind("3 words, excerpts", [each._replace(excerpts=True) for each in three])
    some = random.Random(9).choices(range(snapshot.meta.articles), k=count)
    yield Kind("related", [Question(tuple(_signature(snapshot, n)), article=n) for n in some])


def _words(snapshot: Snapshot, words: int, count: int) -> Iterator[Question]:
    """Different words of one section each, as somebody would take them who remembers it."""
    chance = random.Random(5)
    while count:
        section = chance.randrange(snapshot.meta.sections)
        here = np.unique(snapshot.forward_term[slice(*snapshot.forward_ptr[section : section + 2])]).tolist()
        if len(here) >= words:
            count -= 1
            yield Question(tuple(chance.sample(here, words)))


def _sentences(snapshot: Snapshot, count: int, file: Path | None, letters: int = 200) -> Iterator[Question]:
    """The words that are typed in a sentence, or in its first letters, and what is typed."""
    chance = random.Random(7)
    if file:
        texts = [json.loads(line)["text"] for line in file.read_text("utf-8").splitlines()]
    else:
        some = chance.choices(range(snapshot.meta.sections), k=3 * count)
        texts = [re.split(r"(?<=[。．!?])|(?<=\.)\s", snapshot.passage(n).text)[0] for n in some]
    chance.shuffle(texts)
    read = ((plan(snapshot, text[:letters]), text[:letters]) for text in texts)
    least = 2 if letters > BEGINNING else 1
    found = (Question(tuple(used.words), text=text) for used, text in read if len(used.words) >= least)
    yield from (each for each, _ in zip(found, range(count), strict=False))


def peers(var: Path, snapshot: Snapshot, keep: Path, only: list[str], stack: ExitStack) -> list[Peer]:
    """All that are installed, built, ready to be asked."""
    corpus = own.corpus(snapshot)
    folder = keep / f"{snapshot.meta.locale}-{snapshot.meta.sections}-{own.fingerprint(corpus)}"
    makers: dict[str, Callable[[], Peer | list[Peer] | AbstractContextManager[Peer]]] = {
        "compiled": lambda: own.ours(snapshot, "auto"),
        "best": lambda: own.ten_best(snapshot),
        "numpy": lambda: own.ours(snapshot, "numpy"),
        "n-grams": lambda: own.ours(snapshot, "auto", whole=True),
        "floors": lambda: own.floors(snapshot),
        "whoosh": lambda: embedded.whoosh(var, snapshot, None),
        "whoosh10": lambda: embedded.whoosh(var, snapshot, 10),
        "tantivy": lambda: embedded.tantivy(corpus, folder / "tantivy"),
        "bm25s": lambda: embedded.bm25s(corpus, "numpy", folder / "bm25s"),
        "numba": lambda: embedded.bm25s(corpus, "numba", folder / "bm25s"),
        "xapian": lambda: embedded.xapian(corpus, folder / "xapian"),
        "fts5": lambda: embedded.fts5(corpus, folder / "fts5"),
        "postgres": lambda: postgres(corpus),
    }
    if snapshot.folder == var:
        makers = {name: make for name, make in makers.items() if not name.startswith("whoosh")}
    for name in PACKAGES:
        makers[name] = partial(node, name, corpus, keep / "node", folder / "node")
    made: list[Peer] = []
    for name, make in makers.items():
        if only and name not in only:
            continue
        try:
            peer = make()
            if isinstance(peer, AbstractContextManager):
                peer = stack.enter_context(peer)
            made += [peer] if isinstance(peer, Peer) else peer
        except ImportError as error:
            print(f"{name}: left out, pip install {error.name}", file=sys.stderr)
        except Missing as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
    return made


def measured(made: list[Peer], kind: Kind, slow: int) -> list[Row]:
    """All engines in turns; the slow ones are asked the first `slow` questions."""
    answers: dict[str, list[Answer]] = {peer.name: [] for peer in made}
    able = list(made)
    for number, question in enumerate(kind.questions):
        for peer in list(able):
            if peer.slow and not WARM <= number < WARM + slow:
                continue
            answer = peer.ask(question)
            if answer is None:
                able.remove(peer)
            elif number >= WARM:
                answers[peer.name].append(answer)
    return [_row(name, each, answers) for name, each in answers.items() if each]


def _row(name: str, each: list[Answer], answers: dict[str, list[Answer]]) -> Row:
    spent = sorted(answer.microseconds for answer in each)

    def times(other: str) -> float:
        same = [answer.microseconds for answer in answers.get(other, [])[: len(each)]]
        return statistics.median(spent) / statistics.median(same) if same else float("nan")

    found = statistics.mean(answer.found for answer in each)
    late = spent[int(0.95 * (len(spent) - 1))]
    return Row(name, len(each), statistics.median(spent), late, times(COMPILED), times(NUMPY), found)


def show(kind: Kind, rows: list[Row], clocks: dict[str, str]) -> None:
    print(
        f"\n{kind.name}\n| engine | time of | p50 µs | p95 µs | × compiled | × numpy | found | questions |"
        f"\n|{'---|' * 8}"
    )
    for row in rows:
        figures = f"{row.p50:,.0f} | {row.p95:,.0f} | {row.by_compiled:.3g} | {row.by_numpy:.3g}"
        print(
            f"| {row.engine} | {clocks[row.engine]} | {figures} | {row.found:.1f} | {row.questions} |",
            flush=True,
        )


def opened(path: Path) -> Snapshot:
    """The public snapshot of an index, or a snapshot alone (of benchmarks/copies.py)."""
    if not has_index(path):
        return Snapshot(path)
    generation = open_live(path)
    return generation.snapshot(generation.locales[0], Audience.PUBLIC)


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", cpu.read_text()) if cpu.exists() else [platform.processor()]
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} × {names[0]}, Python {platform.python_version()}, load {load}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("var", type=Path)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--slow", type=int, default=20, help="questions for engines that take long")
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--save", type=Path, help="append the rows")
    parser.add_argument("--only", nargs="*", default=[], metavar="ENGINE")
    args = parser.parse_args()
    snapshot = opened(args.var)
    with ExitStack() as stack:
        keep = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kb-bench-")))
        made = peers(args.var, snapshot, keep.resolve(), args.only, stack)
        size = {"locale": snapshot.meta.locale, "sections": snapshot.meta.sections}
        print(f"{size['sections']:,} sections ({size['locale']}); {machine()}", flush=True)
        for kind in kinds(snapshot, WARM + args.queries, args.sentences):
            rows = measured(made, kind, args.slow)
            show(kind, rows, {peer.name: peer.clock for peer in made})
            if args.save:
                with args.save.open("a", encoding="utf-8") as file:
                    file.writelines(
                        json.dumps({**size, "kind": kind.name, **row._asdict()}) + "\n" for row in rows
                    )
        print(f"\nat the end: {machine()}")


if __name__ == "__main__":
    main()
