"""What Prometheus reads at /metrics, declared first; the middleware and the resources count into it.

Labels are routes, never paths or queries: their number is bounded, and no reader's words leave this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

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
    requests.inc()
    times.observe(seconds)


def searched(locale: str, outcome: str, seconds: float) -> None:
    """Count a search."""
    _of_search(locale, outcome).inc()
    SEARCH_SECONDS.observe(seconds)


@cache
def _of_request(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Looked up once: routes, methods and statuses are few."""
    return REQUESTS.labels(route, method, str(status)), SECONDS.labels(route)


@cache
def _of_search(locale: str, outcome: str) -> Counter:
    return SEARCHES.labels(locale, outcome)


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
