"""What `create_app` is given, and what every resource works with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from kb.deflection.spool import Spool
from kb.errors import StoreUnavailable
from kb.index.live import LiveIndex
from kb.settings import Settings

if TYPE_CHECKING:
    from kb.deflection.store import EventStore
    from kb.desk.clerk import Clerk


class Parts(Struct, frozen=True, kw_only=True):
    """The parts of a running service, put together by `kb.serve`, or by a test."""

    live: LiveIndex
    settings: Settings = Settings()
    locale: str = ""
    """Locale of readers who ask for none; empty: the site's default."""
    var: Path | None = None
    """Folder of all state; None: nothing can be published from here."""
    articles: Path | None = None
    """Folder that the index was made of, when nothing was published: git may know its past."""
    ring: Callable[[], bool] | None = None
    """Wakes the publisher that waits beside the workers, and tells whether it heard; None: there is none."""
    preview: str = ""
    """Name of the branch that is shown before it is published; empty: this is the real thing."""
    metrics: Path | None = None
    """Where the processes share their counters; None when there is only one."""
    store: EventStore | None = None
    """The database; None where nobody can sign in and nothing is recorded, as in a test of pages."""
    spool: Spool | None = None
    """Where facts are put after an answer; None: they are not recorded."""
    clerk: Clerk | None = None
    """Hands tickets over; None: they cannot be filed."""
    secret: bytes = b"unsigned"
    """Signs cookies and references to sessions (`kb.signing`)."""


def desk_of(parts: Parts) -> tuple[EventStore, Clerk]:
    """Where tickets are stored, with its tables, and who hands them over. Raises StoreUnavailable."""
    if parts.store is None or parts.clerk is None:
        raise StoreUnavailable("there is no database")
    parts.clerk.migrate()
    return parts.store, parts.clerk
