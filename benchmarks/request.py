"""Where the microseconds of a search go, in process: processor time of each step, median and 95th percentile.

    .venv/bin/python benchmarks/request.py SNAPSHOT QUERIES [--kernel numpy] [--words 3]

SNAPSHOT is a folder `…/<locale>/snapshot` of an index, QUERIES a file of JSON lines with a `text` each. Every
query is asked once as nobody asked it before, and once remembered. Steps within others are indented.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kb import plan as planning
from kb import search as searching
from kb.index import kernel
from kb.index.snapshot import Snapshot
from kb.search import Query
from kb.text.analyze import analyze

STEPS = (
    "plan",
    " analyze_folded",
    "best",
    "_filter",
    "_counts",
    "sought",
    "records",
    "search",
)


def timed(owner: object, name: str, spent: Counter[str], inner: Any = None) -> None:
    """From now on, what a function takes is added to `spent`."""
    inner = inner or getattr(owner, name)

    def outer(*args: object, **named: object) -> object:
        started = time.thread_time_ns()
        result = inner(*args, **named)
        spent[name] += time.thread_time_ns() - started
        return result

    setattr(owner, name, outer)


class Timed:
    """The scorer of a snapshot, or what a search looks for; what a method takes is added to `spent`."""

    def __init__(self, inner: Any, method: str, spent: Counter[str]) -> None:
        timed(self, method, spent, getattr(inner, method))


def first_words(text: str, count: int) -> str:
    tokens = [token for token in analyze(text).tokens if not token.compound][:count]
    return " ".join(text[token.start : token.end] for token in tokens) or text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--kernel", default="auto")
    parser.add_argument("--words", type=int, default=0, help="only the first so many words of each query")
    args = parser.parse_args()
    kernel.choose(args.kernel)
    snapshot, spent = Snapshot(args.snapshot), Counter[str]()
    lines = args.queries.read_text("utf-8").splitlines()
    asked = [json.loads(line)["text"] for line in random.Random(1).sample(lines, min(150, len(lines)))]
    asked = [first_words(text, args.words) for text in asked] if args.words else asked
    timed(planning, "analyze_folded", spent)
    for step in STEPS:
        if step not in (" analyze_folded", "best", "records"):
            timed(searching, step, spent)
    sought = searching.sought
    searching.sought = lambda *asked: Timed(sought(*asked), "records", spent)
    Snapshot.scorer = Timed(snapshot.scorer, "best", spent)
    searching.search(snapshot, Query(text=asked[0]))
    print(f"{snapshot.meta.sections} sections, kernel {kernel.name()}: µs, median and 95th percentile")
    for title, times in (("first time", 0), ("remembered", 1)):
        rows = []
        for text in asked:
            planning._remembered.cache_clear()
            for _ in range(times):
                searching.search(snapshot, Query(text=text))
            spent.clear()
            searching.search(snapshot, Query(text=text))
            rows.append(dict(spent))
        for step in STEPS:
            each = sorted(row.get(step.strip(), 0) / 1000 for row in rows)
            print(f"{title}  {step:16}{statistics.median(each):8.0f}{each[int(0.95 * (len(each) - 1))]:8.0f}")


if __name__ == "__main__":
    main()
