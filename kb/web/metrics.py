"""What Prometheus reads at /metrics, declared first; the middleware and the resources count into it.

Labels are routes, never paths or queries: their number is bounded, and no reader's words leave this way.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""From a suggestion (under 1 ms) to what nobody should wait for."""

REGISTRY = CollectorRegistry()
REQUESTS = Counter("kb_http_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "kb_http_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=REGISTRY
)
SEARCHES = Counter(
    "kb_searches", "Searches by what came of them: found, corrected, near (n-grams only) or none.",
    ["locale", "outcome"], registry=REGISTRY,
)  # fmt: skip
SEARCH_SECONDS = Histogram(
    "kb_search_seconds", "Time of the search alone.", buckets=_SECONDS, registry=REGISTRY
)
TICKETS = Counter(
    "kb_tickets", "Tickets by what came of them: filed, repeated, or trapped (written by a program).",
    ["outcome"], registry=REGISTRY,
)  # fmt: skip
HOOKS = Counter(
    "kb_hooks", "Messages of help desks: taken, ignored (of no meaning here) or refused.",
    ["source", "outcome"], registry=REGISTRY,
)  # fmt: skip
ERRORS = Counter("kb_unexpected_errors", "Requests that failed by a fault of ours.", registry=REGISTRY)


def begin(shared: Path) -> None:
    """Opens a worker's files. Later it would be too late, should somebody tidy up temporary folders."""
    shared.mkdir(mode=0o700, exist_ok=True)
    ERRORS.inc(0)


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request."""
    requests, times = _of_request(route, method, status)
    requests(1)
    times(seconds)


def searched(locale: str, outcome: str, seconds: float) -> None:
    """Count a search."""
    searches, times = _of_search(locale, outcome)
    searches(1)
    times(seconds)


Adding = Callable[[float], None]


@cache
def _of_request(route: str, method: str, status: int) -> tuple[Adding, Adding]:
    """Looked up once: routes, methods and statuses are few."""
    return _adding(REQUESTS.labels(route, method, str(status))._value), _timing(SECONDS.labels(route))


@cache
def _of_search(locale: str, outcome: str) -> tuple[Adding, Adding]:
    return _adding(SEARCHES.labels(locale, outcome)._value), _timing(SEARCH_SECONDS)


@cache  # one for each number, since prometheus-client keeps a copy of its own
def _adding(value: Any) -> Adding:
    """What adds to a number of prometheus-client: where it lies in the file of this process, if it is shared.

    Its own way packs and copies the number each time, and asks the system for the process's id.
    """
    if not value._multiprocess:
        add: Adding = value.inc
        return add
    value.inc(0)  # into the file of this process, should it be of one before a fork
    file = value._file
    place = file._positions[value._key]
    number = memoryview(file._m)[place : place + 8].cast("d")

    def added(amount: float) -> None:
        with _adding_lock:
            number[0] += amount

    return added


_adding_lock = threading.Lock()


@cache
def _timing(times: Any) -> Adding:
    """`Histogram.observe`: the sum, and the first bucket that holds it."""
    total, bounds = _adding(times._sum), times._upper_bounds
    buckets = [_adding(each) for each in times._buckets]

    def observed(seconds: float) -> None:
        total(seconds)
        buckets[bisect_left(bounds, seconds)](1)

    return observed


def exposition(shared: Path | None) -> bytes:
    """All metrics as text: of every process, when they share a folder, else of this one."""
    if shared is None:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together, path=str(shared))  # type: ignore[no-untyped-call]
    return generate_latest(together)


def recorded(lost: Mapping[str, int], waiting: int) -> bytes:
    """What became of facts, on this machine: read from the spool's folder, since processes come and go."""
    lines = [
        "# HELP kb_facts_lost_total Facts that could not be kept, by reason.",
        "# TYPE kb_facts_lost_total counter",
        *(f'kb_facts_lost_total{{reason="{reason}"}} {number}' for reason, number in lost.items()),
        "# HELP kb_facts_waiting_bytes Facts on disk that the database has not taken yet.",
        "# TYPE kb_facts_waiting_bytes gauge",
        f"kb_facts_waiting_bytes {waiting}",
    ]
    return "".join(f"{line}\n" for line in lines).encode()
