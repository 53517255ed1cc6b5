"""Seconds from one changed article among N sections until a worker answers with it, by step.

    .venv/bin/python benchmarks/one_change.py [--sections 10000] [--runs 5] [--keep FOLDER]

The tree is that of `first_index.py`. A process makes itself ready as the publisher of `kb serve` does
("beforehand", in no sum) and forks a builder, which reads the tree, makes the next generation, switches; a
worker process, which has the one before open, then opens it. Each step with its processor time, medians.
`--keep`: make the tree and its first index there, or go on with what is there.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from first_index import write_tree

from kb import indexer
from kb.content.tree import read_tree
from kb.index.live import LiveIndex
from kb.publish import publish

Steps = dict[str, tuple[float, float]]
"""Wall and processor seconds."""


@contextmanager
def timed(steps: Steps, name: str) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    steps[name] = (time.perf_counter() - wall, time.process_time() - processor)


def publisher(root: Path, var: Path, number: int, said: Connection) -> None:
    """What waits ready; its child does one run."""
    steps: Steps = {}
    with timed(steps, "beforehand"):
        ready = publish.get_ready(var)
    gc.freeze()
    child = get_context("fork").Process(target=change, args=(root, var, number, said, ready, steps))
    child.start()
    child.join()


def change(root: Path, var: Path, number: int, said: Connection, ready: publish.Ready, steps: Steps) -> None:
    """One run of the builder."""
    file = sorted(root.rglob("*.md"))[700]
    text = file.read_text("utf-8")
    file.write_text(f"{text}\n\n追加の一文、その{time.time_ns() + number}です。\n", "utf-8")
    with timed(steps, "read"):
        tree = read_tree(root, known=ready.known)
    with timed(steps, "build"):
        preparing = indexer.prepare(tree, var, live=ready.live)
        prepared = preparing.__enter__()
    with timed(steps, "switch"):
        prepared.switch()
    preparing.__exit__(None, None, None)
    assert prepared.summary.changed == 1
    said.send((steps, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def worker(var: Path, asked: Connection) -> None:
    live = LiveIndex(var)
    live.current()
    asked.send("ready")
    while asked.recv():
        steps: Steps = {}
        with timed(steps, "worker opens"):
            live.current()
        asked.send(steps)


def run(root: Path, var: Path, runs: int) -> None:
    context = get_context("fork")
    here, there = context.Pipe()
    serving = context.Process(target=worker, args=(var, there))
    serving.start()
    here.recv()
    found: list[Steps] = []
    peaks = []
    for number in range(runs):
        heard, said = context.Pipe()
        context.Process(target=publisher, args=(root, var, number, said)).start()
        steps, peak = heard.recv()
        here.send(True)
        found.append(steps | here.recv())
        peaks.append(peak)
    here.send(False)
    serving.join()
    for name in found[0]:
        wall, processor = (statistics.median(each[name][n] for each in found) for n in (0, 1))
        print(f"{name:14} {wall:7.3f} s   processor {processor:.3f} s")
    for n, name in enumerate(("all", "processor")):
        sums = (sum(s[n] for step, s in each.items() if step != "beforehand") for each in found)
        print(f"{name:14} {statistics.median(sums):7.3f} s")
    print(f"peak of the builder {max(peaks):.0f} MB; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sections", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as temporary:
        folder = args.keep or Path(temporary)
        root, var = folder / "articles", folder / "var"
        if not root.exists():
            write_tree(Path("articles"), root, args.sections)
            indexer.build(read_tree(root, processes=2), var)
        run(root, var, args.runs)


if __name__ == "__main__":
    main()
