"""The ranking beside other engines: the same sections cut into the same words, the same queries, in turns.

    pip install '.[bench]'
    .venv/bin/kb index --articles TREE --var VAR          (a TREE of benchmarks/corpus.py)
    .venv/bin/python benchmarks/engines.py VAR [--queries 100] [--whoosh 20]

Every engine is asked for the ten best of "any of these words", with the query ready as it wants it; ours also
counts all matches and their categories, which the others do not. What is shown is time of the processor, in
microseconds, so that what else the machine does falls on nobody. An engine that is not installed is left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kb.index import kernel
from kb.index.generation import live_folder, locale_folder, open_live
from kb.index.schema import FIELDS
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.plan import Plan
from kb.search import Query, _facets, _top, rank

Words = list[int]
"""Numbers of terms in our snapshot."""
Ask = Callable[[], object]
Engine = Callable[[Words], Ask]
"""Makes a query ready; what is returned asks it."""


def documents(snapshot: Snapshot) -> list[list[str]]:
    """The words of each section, title first; a word is written as its number, nobody cuts it again."""
    ptr, terms = snapshot.forward_ptr.tolist(), snapshot.forward_term
    titles = [list(snapshot.card(n).title_terms) for n in range(snapshot.meta.articles)]
    owners = snapshot.section_article.tolist()
    return [
        [f"t{n}" for n in (*titles[owner], *terms[ptr[s] : ptr[s + 1]].tolist())]
        for s, owner in enumerate(owners)
    ]


def queries(snapshot: Snapshot, words: int, count: int, seed: int = 5) -> list[Words]:
    """Different words of one section each, as somebody would take them who remembers it."""
    chance, found = random.Random(seed), []
    while len(found) < count:
        section = chance.randrange(snapshot.meta.sections)
        here = np.unique(snapshot.forward_term[slice(*snapshot.forward_ptr[section : section + 2])]).tolist()
        if len(here) >= words:
            found.append(chance.sample(here, words))
    return found


def ours(snapshot: Snapshot, name: str) -> Engine:
    def ready(words: Words) -> Ask:
        used = Plan(words=dict.fromkeys(words, 1.0), concepts=(), loose={}, grams={}, gram_mass=0.0)

        def ask() -> object:
            kernel.choose(name)
            found = rank(snapshot, used)
            return _top(found.scores, found.strict, 10), _facets(snapshot, Query(text=""), found.strict)

        return ask

    return ready


def streaming(snapshot: Snapshot) -> Engine:
    """The floor: the same postings read once, nothing made of them."""

    def ready(words: Words) -> Ask:
        lists = [snapshot.words.of(word) for word in words]
        return lambda: [(np.bitwise_xor.reduce(row), np.add.reduce(impact)) for row, impact in lists]

    return ready


def whoosh(var: Path, snapshot: Snapshot) -> Engine:
    from whoosh.index import open_dir
    from whoosh.query import Or, Term

    folder = locale_folder(var, live_folder(var), Audience.PUBLIC, snapshot.meta.locale) / "whoosh"
    searcher = open_dir(str(folder)).searcher()
    fields = [name for name in FIELDS if name in ("title", "headings", "body")]

    def ready(words: Words) -> Ask:
        query = Or([Term(field, snapshot.term_text(word)) for word in words for field in fields])
        return lambda: [hit.docnum for hit in searcher.search(query, limit=10)]

    return ready


def fts5(texts: list[list[str]]) -> Engine:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE section USING fts5(body, detail=column)")
    database.executemany("INSERT INTO section(body) VALUES (?)", ((" ".join(text),) for text in texts))
    database.execute("INSERT INTO section(section) VALUES ('optimize')")
    wanted = "SELECT rowid FROM section WHERE section MATCH ? ORDER BY rank LIMIT 10"

    def ready(words: Words) -> Ask:
        query = " OR ".join(f"t{word}" for word in words)
        return lambda: database.execute(wanted, (query,)).fetchall()

    return ready


def tantivy(texts: list[list[str]], folder: str) -> Engine:
    import tantivy as library

    builder = library.SchemaBuilder()
    builder.add_text_field("body", tokenizer_name="whitespace")
    index = library.Index(builder.build(), path=folder)
    writer = index.writer(200_000_000, 1)
    for text in texts:
        writer.add_document(library.Document(body=" ".join(text)))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def ready(words: Words) -> Ask:
        query = index.parse_query(" ".join(f"t{word}" for word in words), ["body"])
        return lambda: searcher.search(query, 10).hits

    return ready


def bm25s(texts: list[list[str]], backend: str) -> Engine:
    import bm25s as library

    retriever = library.BM25(method="lucene", k1=1.2, b=0.75, backend=backend)
    retriever.index(texts, show_progress=False)

    def ready(words: Words) -> Ask:
        query = [[f"t{word}" for word in words]]
        return lambda: retriever.retrieve(query, k=10, show_progress=False, n_threads=0)

    return ready


def engines(var: Path, snapshot: Snapshot, folder: str) -> dict[str, Engine]:
    """All that are installed, by name."""
    texts = documents(snapshot)
    makers: dict[str, Callable[[], Engine]] = {
        "numpy": lambda: ours(snapshot, "numpy"),
        "compiled": lambda: ours(snapshot, "auto"),
        "streaming": lambda: streaming(snapshot),
        "whoosh": lambda: whoosh(var, snapshot),
        "fts5": lambda: fts5(texts),
        "tantivy": lambda: tantivy(texts, folder),
        "bm25s": lambda: bm25s(texts, "numpy"),
        "bm25s+numba": lambda: bm25s(texts, "numba"),
    }
    made = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except ImportError as error:
            print(f"{name}: not installed ({error.name})")
    return made


def measured(made: dict[str, Engine], asked: list[Words], slow: int) -> dict[str, list[float]]:
    """Microseconds of each engine, in turns; Whoosh is asked the first `slow` queries only."""
    times: dict[str, list[float]] = {name: [] for name in made}
    for number, words in enumerate(asked):
        for name, ready in made.items():
            if name == "whoosh" and number >= slow:
                continue
            ask = ready(words)
            ask()
            started = time.thread_time_ns()
            ask()
            times[name].append((time.thread_time_ns() - started) / 1000)
    return times


def show(title: str, times: dict[str, list[float]]) -> None:
    """A row an engine: median, 95th percentile, how often the median is that of each of ours."""
    print(f"\n{title}\n| engine | p50 µs | p95 µs | × numpy | × compiled |\n|---|---|---|---|---|")
    median: dict[str, Any] = {name: statistics.median(each) for name, each in times.items()}
    for name, each in times.items():
        late = sorted(each)[int(0.95 * (len(each) - 1))]
        ratios = " | ".join(f"{median[name] / median[of]:.2f}" for of in ("numpy", "compiled"))
        print(f"| {name} | {median[name]:.0f} | {late:.0f} | {ratios} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("var", type=Path)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--whoosh", type=int, default=20)
    args = parser.parse_args()
    generation = open_live(args.var)
    snapshot = generation.snapshot(generation.locales[0], Audience.PUBLIC)
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
        made = engines(args.var, snapshot, folder)
        print(f"{snapshot.meta.sections} sections ({snapshot.meta.locale}), {platform.machine()}, "
              f"{os.cpu_count()} processors, Python {platform.python_version()}")  # fmt: skip
        for words in (1, 3, 6, 12):
            asked = queries(snapshot, words, args.queries)
            show(f"{words} words", measured(made, asked, args.whoosh))


if __name__ == "__main__":
    main()
