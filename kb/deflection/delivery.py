"""Facts from the files of the spool into the store. One thread of one process, for all that write.

Only whole files are taken (`segments`); each is deleted when the store has committed its facts. A store that
is down, locked, full or broken leaves them where they are; since a fact is stored once however often it is
delivered, a process that dies in between, or a second one that delivers too, does no harm.

fsync: none while the store takes the facts, its commit is the durable one; once each time a delivery
failed, so that what has to wait survives a power cut, too.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from kb.deflection.facts import Encoded
from kb.deflection.losses import Losses
from kb.deflection.segments import adopt, complete, read_batch, waiting_bytes, written
from kb.errors import KbError, StoreRefused

if TYPE_CHECKING:
    from kb.deflection.store import EventStore

LOG = structlog.get_logger("kb")


class Pace(Struct, frozen=True, kw_only=True):
    """How much at once, and how often it is tried."""

    batch: int = 1_500_000
    """Bytes of one transaction: a file of the spool, since each begins with two questions to the database."""
    first_wait: float = 0.5
    """Seconds after a failed delivery; doubled each time up to `longest_wait`."""
    longest_wait: float = 30.0
    adopt_every: float = 30.0
    """Seconds between looks for files of processes that died."""


class Delivery:
    """Delivers whenever it is rung, once it was started. For any number of threads."""

    def __init__(self, folder: Path, store: EventStore, pace: Pace | None = None) -> None:
        self._folder = folder
        self._store = store
        self._pace = pace or Pace()
        self._losses = Losses(folder)
        self._lost: Counter[str] = Counter()
        """Not yet in the file of losses."""
        self._rung = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._migrated = False
        self._failing = ""

    @property
    def failing(self) -> str:
        """Why facts are kept waiting at the moment; empty while they are not."""
        return self._failing

    def start(self) -> None:
        """Begin, with what processes that died left; nothing when it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="kb-deliver", daemon=True)
            self._thread.start()

    def ring(self) -> bool:
        """There is something new; never waits."""
        self._rung.set()
        return self._thread is not None

    def flush(self, seconds: float) -> bool:
        """Wait until the store has all that is in files; False when it has not after so long."""
        end = time.monotonic() + seconds
        while waiting_bytes(self._folder):
            if time.monotonic() > end:
                return False
            self.ring()
            time.sleep(0.005)
        return True

    def close(self, seconds: float = 10.0) -> None:
        """Deliver once more, unless the store takes nothing; the rest stays for whoever comes next."""
        self._stopping.set()
        self._rung.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _loop(self) -> None:
        wait, next_look = self._pace.first_wait, 0.0
        while True:
            self._rung.clear()
            last = self._stopping.is_set()
            failed = False
            try:
                if not self._migrated:
                    self._store.migrate()
                    self._migrated = True
                if last or time.monotonic() >= next_look:
                    adopt(self._folder)
                    next_look = time.monotonic() + self._pace.adopt_every
                deliver(self._folder, self._take, self._pace.batch)
                self._tell()
            except (KbError, OSError) as error:
                failed = True
                self._failed(str(error))
            except Exception as error:
                # a fault of ours: the thread must live on, or facts wait until a restart
                failed = True
                self._failed(type(error).__name__)
                LOG.exception("delivering facts failed")
            if last or (failed and self._stopping.wait(wait)):
                return
            if failed:
                wait = min(wait * 2, self._pace.longest_wait)
            else:
                wait = self._pace.first_wait
                self._rung.wait(max(0.0, next_look - time.monotonic()))

    def _take(self, facts: list[Encoded], damaged: int) -> None:
        self._lost += Counter(damaged=damaged, refused=append_each(self._store, facts))
        if self._lost:
            self._losses.add(self._lost)
            self._lost.clear()

    def _tell(self) -> None:
        self._losses.tell(lambda new: self._store.note_losses(new, time.time_ns() // 1_000_000))
        if self._failing:
            LOG.info("facts are stored again")
            self._failing = ""

    def _failed(self, reason: str) -> None:
        """The store did not take it: say so once, make what waits durable, look at the tables anew."""
        if not self._failing:
            LOG.warning("facts wait in the spool", reason=reason)
        self._failing, self._migrated = reason, False
        try:
            for file in written(self._folder):
                # one that was completed meanwhile is found under its other name by the next failure
                with suppress(FileNotFoundError):
                    _sync(file)
        except OSError as failed:
            LOG.warning("the spool cannot be synced", reason=failed.strerror or str(failed))


def deliver(folder: Path, take: Callable[[list[Encoded], int], None], most: int) -> None:
    """Hand over what stands in complete files, about `most` bytes at once, with how many lines were damaged.

    A line that was being written when its process died has no end and is passed over.
    """
    for file in complete(folder):
        start = 0
        try:
            while (batch := read_batch(file, start, most)).end > start:
                take(batch.facts, batch.damaged)
                start = batch.end
        except FileNotFoundError:
            continue  # another process delivered it
        file.unlink(missing_ok=True)


def deliver_left(folder: Path, store: EventStore) -> None:
    """Store what waits now: before something is erased, nothing of it may be in a complete file."""
    losses = Losses(folder)

    def take(facts: list[Encoded], damaged: int) -> None:
        refused = append_each(store, facts)
        if damaged or refused:
            losses.add({"damaged": damaged, "refused": refused})

    adopt(folder)
    deliver(folder, take, Pace().batch)


def append_each(store: EventStore, facts: list[Encoded]) -> int:
    """Store them in one transaction; when the database refuses a value, one by one. Returns those refused."""
    try:
        store.append(facts)
    except StoreRefused as error:
        if len(facts) > 1:
            return sum(append_each(store, [fact]) for fact in facts)
        LOG.warning("the database refuses a fact", reason=str(error))
        return 1
    return 0


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
