"""What `create_app` is given, and what every resource works with."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from kb.index.generation import LiveIndex
from kb.settings import Settings


class Parts(Struct, frozen=True, kw_only=True):
    """The parts of a running service, put together by `kb.serve`, or by a test."""

    live: LiveIndex
    settings: Settings = Settings()
    locale: str = ""
    """Locale of readers who ask for none; empty: the site's default."""
    metrics: Path | None = None
    """Where the processes share their counters; None when there is only one."""
