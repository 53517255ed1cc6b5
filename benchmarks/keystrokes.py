"""Suggestions while somebody types: time of each keystroke, beside a table of the same keys in SQLite.

    .venv/bin/python benchmarks/keystrokes.py VAR [--titles 200]     (VAR of a tree of benchmarks/corpus.py)

Titles of the index are typed letter by letter as they are written, as they are read (kana), and with two
letters swapped. SQLite has our keys in a B-tree in memory, and is asked for the eight best that begin with
what was typed so far: no kana under way, no words in any order, no slip. Processor time of the thread, in µs.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engines import machine

from kb.index.generation import open_live
from kb.index.snapshot import Snapshot
from kb.index.suggestions import keys_of
from kb.model import Audience
from kb.suggest import suggest

LONGEST = 12
"""Letters that are typed of a title."""


def typed(titles: list[str]) -> dict[str, list[str]]:
    """What stands in the field after each keystroke."""
    read = [keys[1][0] for title in titles if len(keys := keys_of(title)) > 1]
    return {
        "as written": [part for title in titles for part in _parts(title)],
        "as read": [part for key in read for part in _parts(key)],
        "with a slip": [part for title in titles for part in _parts(_slipped(title)) if len(part) > 3],
    }


def _parts(text: str) -> Iterator[str]:
    return (text[:end] for end in range(1, min(len(text), LONGEST) + 1))


def _slipped(text: str) -> str:
    return text[0] + text[2] + text[1] + text[3:] if len(text) > 3 else text


def by_tree(snapshot: Snapshot) -> Callable[[str], object]:
    database, table = sqlite3.connect(":memory:"), snapshot.suggestions
    database.execute("CREATE TABLE key(key TEXT, entry INTEGER, weight REAL)")
    rows = ((key.decode(), int(entry)) for key, entry in zip(table.keys, table.entry, strict=True))
    database.executemany(
        "INSERT INTO key VALUES (?, ?, ?)", ((key, entry, float(table.weight[entry])) for key, entry in rows)
    )
    database.execute("CREATE INDEX by_key ON key(key, weight, entry)")
    query = "SELECT DISTINCT entry FROM key WHERE key >= ? AND key < ? ORDER BY weight DESC LIMIT 8"
    return lambda text: database.execute(query, (text, text + "\U0010ffff")).fetchall()


def timed(ask: Callable[[str], object], text: str) -> float:
    started = time.thread_time_ns()
    ask(text)
    return (time.thread_time_ns() - started) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("var", type=Path)
    parser.add_argument("--titles", type=int, default=200)
    args = parser.parse_args()
    generation = open_live(args.var)
    snapshot = generation.snapshot(generation.locales[0], Audience.PUBLIC)
    some = random.Random(4).choices(range(snapshot.meta.articles), k=args.titles)
    asked = typed([snapshot.card(number).title for number in some])
    engines = {"kb": lambda text: suggest(snapshot, text), "SQLite B-tree": by_tree(snapshot)}
    print(f"{snapshot.meta.articles:,} titles ({snapshot.meta.locale}); {machine()}")
    print(
        "| typed | engine | keystrokes | p50 µs | p95 µs | p99 µs | longest |\n|---|---|---|---|---|---|---|"
    )
    for way, texts in asked.items():
        times = {name: [timed(ask, text)] for name, ask in engines.items() for text in texts[:1]}
        for text in texts:
            for name, ask in engines.items():
                times[name].append(timed(ask, text))
        for name, each in times.items():
            late = sorted(each)
            figures = [statistics.median(each), *(late[int(p * (len(late) - 1))] for p in (0.95, 0.99, 1))]
            print(f"| {way} | {name} | {len(texts)} | {' | '.join(f'{figure:,.0f}' for figure in figures)} |")


if __name__ == "__main__":
    main()
