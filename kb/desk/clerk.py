"""The thread that hands over what is due and gives facts to the event store.

One process of a machine runs it (`office`), and there may be several machines: rows are claimed (`outbox`),
facts are stored once whoever stores them (`hooks.forward`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from kb.deflection.store import EventStore
from kb.desk import hooks, outbox, records
from kb.desk.senders import senders
from kb.errors import KbError
from kb.settings import Settings

IDLE_SECONDS = 5.0
"""Between looks for what has become due; a new ticket wakes the thread of its own process at once."""
ERASE_SECONDS = 3600.0
_LONGEST = 60.0
"""Between tries to reach a database that is away."""
_LOG = structlog.get_logger("kb")


class Clerk:
    """Of one process. Raises BadSetting when KB_DESK and its settings do not fit together."""

    def __init__(
        self, store: EventStore, settings: Settings, ring: Callable[[], object] | None = None
    ) -> None:
        """`ring` wakes whoever does the work, where that is another process."""
        self._store = store
        self._ring = ring
        self._settings = settings
        self._ways = senders(settings)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._migrated = False
        self._erase_at = 0.0
        self._failing = ""
        self._thread: threading.Thread | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """What there is a way to hand over: `ticket`, `wrong`."""
        return frozenset(self._ways)

    def start(self) -> None:
        """Begin; nothing when it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="kb-clerk", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """There is something new; never waits."""
        self._wake.set()
        if self._ring is not None:
            self._ring()

    def close(self, seconds: float = 2.0) -> None:
        """Stop after the try under way; one that lasts longer is taken up by another process, later."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def work(self) -> None:
        """Everything that can be done now."""
        self.migrate()
        hooks.forward(self._store)
        # facts go in between: a desk that takes long to answer keeps none of them waiting
        while not self._stopping.is_set() and outbox.deliver_one(self._store, self._ways, self._settings):
            hooks.forward(self._store)
        if time.monotonic() >= self._erase_at:
            self._erase_at = time.monotonic() + ERASE_SECONDS
            records.erase(self._store, self._settings.ticket_days)

    def migrate(self) -> None:
        """Makes the tables; a database that was away when the service started has none yet."""
        if not self._migrated:
            self._store.migrate()
            self._migrated = True

    def _loop(self) -> None:
        wait = IDLE_SECONDS
        while not self._stopping.is_set():
            try:
                self.work()
                wait, self._failing = IDLE_SECONDS, ""
            except KbError as error:
                wait = self._keep(type(error).__name__, wait)
            except Exception as error:
                # a fault of ours: the thread must live on, or no ticket is handed over until a restart
                _LOG.exception("the ticket thread failed")
                wait = self._keep(type(error).__name__, wait)
            self._wake.wait(wait)
            self._wake.clear()

    def _keep(self, reason: str, wait: float) -> float:
        if reason != self._failing:
            _LOG.warning("tickets wait in the database", reason=reason)
        self._failing = reason
        return min(2 * wait, _LONGEST)
