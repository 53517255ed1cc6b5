"""Publishes a real history commit by commit while a reader searches: seconds per publish, and is it right?

    .venv/bin/python benchmarks/publish_history.py ../shared/corpora/growi-docs-history.bundle [--every 50]
    .venv/bin/python benchmarks/publish_history.py . --path articles

`--path`: the folder that holds the articles, from the commit on that it appeared in. At every `--every`th
commit the index is also built from nothing, and 200 queries must rank the same.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from kb.index.generation import Generation, open_live
from kb.index.live import LiveIndex
from kb.model import Audience
from kb.publish.git import run
from kb.publish.orders import Order
from kb.publish.publish import publish
from kb.publish.source import source_of
from kb.search import Query, search

QUERIES = 200


def queries(generation: Generation) -> list[tuple[str, str]]:
    """Titles and headings, spread over the whole index."""
    found = []
    for article in generation.articles():
        texts = [article.title, *(section.title for section in article.sections)]
        found += [(article.locale, text[:100]) for text in texts if text.strip()]
    step = max(1, len(found) // QUERIES)
    return found[::step][:QUERIES]


def ranking(generation: Generation, asked: list[tuple[str, str]]) -> list[list[tuple[str, float]]]:
    """Every hit with its score."""
    answers = []
    for locale, text in asked:
        results = search(generation.snapshot(locale, Audience.AGENT), Query(text=text, limit=50))
        answers.append([(hit.card.id, hit.score) for hit in results.hits])
    return answers


class Reader:
    """Searches all the time, and counts what goes wrong."""

    def __init__(self, var: Path) -> None:
        self.live, self.asked, self.failed, self.stop = LiveIndex(var), 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.stop.wait(0.01):
            try:
                generation = self.live.current()
                search(generation.snapshot(generation.locales[0], Audience.PUBLIC), Query(text="install"))
            except Exception as error:  # whatever it is, it is counted and shown
                self.failed += 1
                print("reader:", repr(error))
            self.asked += 1


def same_as_rebuilt(order: Order, var: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        publish(order, Path(folder))
        fresh, live = open_live(Path(folder)), open_live(var)
        asked = queries(fresh)
        same = ranking(fresh, asked) == ranking(live, asked)
        return same and (fresh.moved, fresh.gone) == (live.moved, live.gone)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--path", help="folder of the repository with the articles")
    parser.add_argument("--last", type=int, default=0, help="only so many commits, the latest")
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="kb-history-"))
    run(work, "clone", "--quiet", "--bare", "--", str(Path(given.source).absolute()), "clone.git")
    source = str(work / "clone.git")
    listed = run(work / "clone.git", "rev-list", "--first-parent", "--reverse", "HEAD")
    commits = listed.decode().split()
    if given.path:
        adding = run(work / "clone.git", "rev-list", "--first-parent", "--reverse", "HEAD", "--", given.path)
        commits = commits[commits.index(adding.decode().split()[0]) :]
    commits = commits[-given.last :] if given.last else commits
    seconds, wrong, compared, reader = [], 0, 0, None
    for number, commit in enumerate(commits):
        began = time.perf_counter()
        order = Order(source=source_of(source, path=given.path), ref=commit, accept_loss="replayed")
        status = publish(order, work / "var")
        took = time.perf_counter() - began
        if status.state not in ("live", "unchanged"):
            print(number, commit[:12], status.state, status.error)
            wrong += status.state == "failed"
        reader = reader or Reader(work / "var")
        seconds.append(status.searchable_seconds or took)
        if status.state == "live" and (number % given.every == 0 or number == len(commits) - 1):
            compared += 1
            same = same_as_rebuilt(order, work / "var")
            wrong += not same
            verdict = "same as rebuilt" if same else "DIFFERS"
            print(number, commit[:12], status.articles, verdict, status.steps)
        sys.stdout.flush()
    assert reader is not None
    reader.stop.set()
    reader.thread.join()
    rest = sorted(seconds[1:]) or seconds
    p95 = rest[int(0.95 * (len(rest) - 1))]
    print(f"{len(seconds)} publishes, seconds until searchable: {seconds[0]:.2f} the first, then "
          f"p50 {statistics.median(rest):.2f}, p95 {p95:.2f}, max {rest[-1]:.2f}")  # fmt: skip
    print(f"{compared} compared with a rebuild, {wrong} wrong")
    print(f"{reader.asked} searches meanwhile, {reader.failed} failed")
    shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if wrong or reader.failed else 0)


if __name__ == "__main__":
    main()
