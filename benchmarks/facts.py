"""Sustained facts per second into the store: python benchmarks/facts.py [--seconds 20] [--writers 4] [URL …]

Several processes append at once, in batches as the spool sends them; for each URL, or for a new SQLite
file, it prints the rate with ids new throughout, the rate of the second half (when the tables are larger),
and what the same facts cost a request (`Spool.put`). The mix is that of a day: of ten facts three searches
with fifty articles each, two clicks, four views, one form.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

from kb.deflection.delivery import Delivery
from kb.deflection.facts import AnyFact, ArticleViewed, FormOpened, HitClicked, SearchRan, new_id
from kb.deflection.spool import Spool
from kb.deflection.store import EventStore, database_url

BATCH = 500
LISTED = tuple(
    f"category-{n % 7}/article-number-{n}@0123456789abcdef0123456789abcdef01234567" for n in range(50)
)


def made(count: int, writer: int) -> list[AnyFact]:
    """A batch of facts of some sessions, with ids of this moment."""
    facts: list[AnyFact] = []
    at = time.time_ns() // 1_000_000
    for number in range(count):
        common = {"id": new_id(), "at": at, "session": f"{writer}-{at % 1000}-{number % 40}", "locale": "ja"}
        search_id, article = f"{writer}-{at}-{number // 10}", LISTED[number % 50].partition("@")[0]
        match number % 10:
            case 0 | 3 | 6:
                facts.append(SearchRan(
                    search_id=search_id, query="返金はいつ", strict_hits=12, shown=10, listed=LISTED,
                    generation="0123456789-0123456789", took_ms=0.4, **common,
                ))  # fmt: skip
            case 1 | 4:
                facts.append(HitClicked(search_id=search_id, article=article, position=1, **common))
            case 9:
                facts.append(FormOpened(**common))
            case _:
                facts.append(ArticleViewed(article=article, search_id=search_id, active_ms=9000, **common))
    return facts


def write(url: str, writer: int, seconds: float, counted: Queue[tuple[int, int]]) -> None:
    """One worker: facts in the first half of the time, and in the second."""
    halves = [0, 0]
    with EventStore(url) as store:
        store.append(made(10, writer))
        started = time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            halves[passed > seconds / 2] += store.append(made(BATCH, writer))
    counted.put((halves[0], halves[1]))


def measure(url: str, writers: int, seconds: float) -> str:
    with EventStore(url) as store:
        store.migrate()
    context = get_context("spawn")
    counted: Queue[tuple[int, int]] = context.Queue()
    workers = [context.Process(target=write, args=(url, n, seconds, counted)) for n in range(writers)]
    for worker in workers:
        worker.start()
    found = [counted.get() for _ in workers]
    for worker in workers:
        worker.join()
    first, second = (sum(each[n] for each in found) / (seconds / 2) for n in (0, 1))
    return f"{writers} writers: {(first + second) / 2:,.0f} facts/s (second half {second:,.0f})"


def put_cost(folder: Path) -> str:
    """What a request pays after its answer was sent."""
    with EventStore(database_url(folder)) as store:
        delivery = Delivery(folder / "spool", store)
        spool = Spool(folder / "spool", delivery.ring)
        delivery.start()
        facts = made(5000, 9)
        started = time.perf_counter()
        for fact in facts:
            spool.put(fact)
        cost = (time.perf_counter() - started) / len(facts)
        spool.settle(60)
        delivery.flush(60)
        whole = time.perf_counter() - started
        spool.close()
        delivery.close()
    return (
        f"put: {cost * 1e6:.1f} µs a fact; through the spool into SQLite: {len(facts) / whole:,.0f} facts/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--writers", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kb-facts-") as name:
        for url in asked.urls or [database_url(Path(name))]:
            backend = EventStore(url).dialect
            print(f"{backend:10} {measure(url, asked.writers, asked.seconds)}", flush=True)
        print(put_cost(Path(name) / "put"))


if __name__ == "__main__":
    main()
