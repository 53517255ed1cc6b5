"""How fresh the live index is, for /metrics: read from the last publish, so that all workers say the same."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from kb.publish import status as statuses


def exposition(var: Path | None) -> bytes:
    """Gauges of the last publish; nothing before the first."""
    last = statuses.last(var) if var else None
    if var is None or last is None:
        return b""
    registry = CollectorRegistry()
    live = last if last.state == "live" else next(statuses.published(var), None)
    if live and live.searchable_seconds is not None:
        Gauge("kb_publish_searchable_seconds", "From the last push to its being searchable.",
              registry=registry).set(live.searchable_seconds)  # fmt: skip
        Gauge("kb_publish_live_timestamp_seconds", "When the live index was switched to.",
              registry=registry).set(live.finished or live.started)  # fmt: skip
        steps = Gauge("kb_publish_step_seconds", "Steps of that publish.", ["step"], registry=registry)
        for name, seconds in live.steps.items():
            steps.labels(name).set(seconds)
    state = Gauge("kb_publish_state", "What became of the last publish.", ["state"], registry=registry)
    state.labels(last.state).set(1)
    return generate_latest(registry)
