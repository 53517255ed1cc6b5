"""What was read most this week, for the home page: counted now and then, beside the requests.

No page waits for the database: it shows what was counted last, at first nothing.
"""

from __future__ import annotations

import threading
import time
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from kb.errors import KbError
from kb.web.reader import Shelf
from kb.web.recording import now_ms

if TYPE_CHECKING:
    from kb.deflection.store import EventStore

DAYS = 7
FRESH_SECONDS = 600.0
"""How long a count is shown until the next is made."""


class MostRead:
    """The counts of one process."""

    def __init__(self, store: EventStore | None) -> None:
        self._store = store
        self._counted: dict[str, tuple[str, ...]] = {}
        self._next = 0.0
        self._lock = threading.Lock()

    def of(self, shelf: Shelf, limit: int) -> list[int]:
        """Numbers of articles that this reader may see, the most read first; may begin a new count."""
        self._begin()
        found = (shelf.snapshot.find_article(each) for each in self._counted.get(shelf.locale, ()))
        return list(islice((number for number in found if number >= 0), limit))

    def count(self) -> None:
        """Count now; without a database, or while it fails, what was counted before stands."""
        if self._store is None:
            return
        from kb.deflection.popular import most_read

        end = now_ms()
        try:
            # the first page of a new service may come before the tables
            self._store.migrate()
            self._counted = most_read(self._store, end - DAYS * 86_400_000, end)
        except KbError as error:
            structlog.get_logger("kb").warning("most read not counted", reason=str(error))

    def _begin(self) -> None:
        with self._lock:
            if self._store is None or time.monotonic() < self._next:
                return
            self._next = time.monotonic() + FRESH_SECONDS
        threading.Thread(target=self.count, name="most-read", daemon=True).start()
