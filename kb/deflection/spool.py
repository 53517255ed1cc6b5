"""From a request to the store without anybody waiting: queue → file → database. Called by `kb.web.recording`.

`put` appends to a queue and returns. One thread moves the queue into a file within some milliseconds,
another moves the file into the store in batches and deletes what the store has committed. A store that is
down, locked, full or broken leaves the facts in the file; since a fact is stored once however often it is
delivered, a process that dies anywhere in between loses only what stood in the queue or was being written.

fsync: none while the store takes the facts, its commit is the durable one; once each time a delivery
failed, so that what has to wait survives a power cut, too.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from kb.deflection.backlog import Backlog
from kb.deflection.facts import AnyFact
from kb.deflection.losses import Losses
from kb.deflection.segments import line_of, orphans, read_batch, waiting_bytes
from kb.errors import KbError, StoreRefused

if TYPE_CHECKING:
    from kb.deflection.store import EventStore

LOG = structlog.get_logger("kb")


class Bounds(Struct, frozen=True, kw_only=True):
    """How much may wait, and how long."""

    queue: int = 10_000
    """Facts in memory, should the disk not take them: some 10 MB."""
    bytes: int = 64_000_000
    """Of this process's files: some 20,000 searches with fifty articles each, or 200,000 clicks."""
    segment: int = 1_000_000
    """Bytes of a file; after a crash at most so much is delivered again."""
    batch: int = 500_000
    """Bytes of one transaction."""
    gather: float = 0.005
    """Seconds between two writes: a fact that comes alone is written at once, under load some share one."""
    linger: float = 0.2
    """Seconds to wait for company, so that a commit serves many facts."""
    first_wait: float = 0.5
    """Seconds after a failed delivery; doubled each time up to `longest_wait`."""
    longest_wait: float = 30.0
    adopt_every: float = 30.0
    """Seconds between looks for files of processes that died."""


class Spool:
    """Of one process, after its fork. `put` may be called by any thread."""

    def __init__(self, folder: Path, store: EventStore, bounds: Bounds | None = None) -> None:
        self._folder = folder
        self._store = store
        self._bounds = bounds or Bounds()
        self._losses = Losses(folder)
        self._backlog = Backlog(folder, self._bounds.bytes, self._bounds.segment)
        self._lock = threading.RLock()
        """Held for moments, never while a disk or a database is asked."""
        self._arrived = threading.Condition(self._lock)
        """Wakes the writer, which waits here alone: a fact must not wake everybody."""
        self._changed = threading.Condition(self._lock)
        self._end = threading.Event()
        self._queue: deque[AnyFact] = deque()
        self._writing = 0
        """Facts taken from the queue that are not in the file yet."""
        self._lost: Counter[str] = Counter()
        """Not yet in the file of losses."""
        self._failing = ""
        self._stopping = False
        self._migrated = False
        self._threads: list[threading.Thread] = []

    def put(self, fact: AnyFact) -> None:
        """Never waits for a disk and never fails; what does not fit is counted."""
        with self._changed:
            if len(self._queue) >= self._bounds.queue or self._stopping:
                self._lost["queue"] += 1
                return
            self._queue.append(fact)
            if len(self._queue) == 1:  # else the writer is awake, or woken already
                self._start()
                self._arrived.notify()

    def start(self) -> None:
        """Begin now, with what processes that died left, instead of with the first fact."""
        with self._changed:
            self._start()

    @property
    def failing(self) -> str:
        """Why facts are kept waiting at the moment; empty while they are not."""
        return self._failing

    def totals(self) -> dict[str, int]:
        """Facts lost on this machine since its spool exists, by reason (`kb.deflection.losses.REASONS`)."""
        return self._losses.totals()

    def waiting(self) -> int:
        """Bytes on disk that are not in the store yet, of all processes of this machine."""
        return waiting_bytes(self._folder)

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left in memory only; False when something is after so long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._writing, seconds)

    def flush(self, seconds: float) -> bool:
        """Wait until the store has everything; False when it has not after so long."""
        with self._changed:
            return self._changed.wait_for(self._is_empty, seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Stop: what can be delivered in that time is, the rest stays in its files for the next process."""
        with self._changed:
            if self._threads:
                # while the store takes nothing there is nothing to wait for: it is all on disk
                self._changed.wait_for(lambda: self._is_empty() or bool(self._failing), seconds)
            self._stopping = True
            self._end.set()
            self._arrived.notify()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(seconds)
        with self._changed:
            stuck = len(self._queue) + self._writing
            self._lost["queue"] += stuck
        if stuck:
            LOG.error("facts were lost: the disk did not take them in time", facts=stuck)
        self._count_lost()
        self._backlog.close()

    def _start(self) -> None:
        if self._threads or self._stopping:
            return
        for name, loop in (("kb-spool", self._write_loop), ("kb-deliver", self._deliver_loop)):
            self._threads.append(threading.Thread(target=loop, name=name, daemon=True))
            self._threads[-1].start()

    def _is_empty(self) -> bool:
        return not self._queue and not self._writing and self._backlog.empty

    # ------------------------------------------------------------ queue → file

    def _write_loop(self) -> None:
        while True:
            with self._changed:
                self._arrived.wait_for(lambda: self._queue or self._stopping)
                if not self._queue:
                    return
                facts = [self._queue.popleft() for _ in range(min(len(self._queue), 1000))]
                self._writing = len(facts)
            written = self._write(facts)
            with self._changed:
                self._writing = 0
                if not written:
                    self._queue.extendleft(reversed(facts))
                    if self._stopping:
                        return  # `close` counts them
                    self._changed.wait_for(lambda: self._stopping, self._bounds.first_wait)
                self._changed.notify_all()
            self._end.wait(self._bounds.gather)

    def _write(self, facts: list[AnyFact]) -> bool:
        """Append to the file; False when the disk does not take it."""
        try:
            if not self._backlog.append(b"".join(map(line_of, facts))):
                with self._changed:
                    self._lost["spool"] += len(facts)
        except OSError as error:
            self._say(f"the spool cannot be written: {error.strerror or error}")
            return False
        self._count_lost()
        return True

    def _count_lost(self) -> None:
        if not self._lost:
            return
        with self._changed:
            lost, self._lost = self._lost, Counter()
        try:
            self._losses.add(lost)
        except OSError:
            with self._changed:
                self._lost.update(lost)

    # ------------------------------------------------------------ file → store

    def _deliver_loop(self) -> None:
        wait, next_look = self._bounds.first_wait, 0.0
        while not self._stopping:
            try:
                if not self._migrated:
                    self._store.migrate()
                    self._migrated = True
                if time.monotonic() >= next_look:
                    self._adopt()
                    next_look = time.monotonic() + self._bounds.adopt_every
                self._deliver()
            except (KbError, OSError) as error:
                self._wait(error)
                self._end.wait(wait)
                wait = min(wait * 2, self._bounds.longest_wait)
            else:
                wait = self._bounds.first_wait
                with self._changed:
                    self._changed.notify_all()  # for `flush`
                    more = lambda: self._stopping or not self._backlog.empty  # noqa: E731
                    self._changed.wait_for(more, max(0.0, next_look - time.monotonic()))
                self._end.wait(self._bounds.linger)

    def _deliver(self) -> None:
        """What is in our files; what comes meanwhile waits for company, when it is less than a batch."""
        while batch := self._backlog.oldest(self._bounds.batch):
            self._take(batch.facts, batch.damaged)
            self._backlog.let_go(batch)
            if self._backlog.size < self._bounds.batch:
                break
        self._losses.tell(lambda new: self._store.note_losses(new, time.time_ns() // 1_000_000))
        if self._failing:
            LOG.info("facts are stored again")
            self._failing = ""

    def _take(self, facts: list[AnyFact], damaged: int) -> None:
        refused = append_each(self._store, facts)
        with self._changed:
            self._lost += Counter(damaged=damaged, refused=refused)
        self._count_lost()

    def _adopt(self) -> None:
        """Files of processes that died."""
        _empty(self._folder, self._take, self._bounds.batch)

    def _wait(self, error: Exception) -> None:
        """The store did not take it: say so once, make what waits durable, look at the tables anew."""
        self._say(str(error))
        self._migrated = False
        try:
            self._backlog.sync()
        except OSError as failed:
            self._say(f"the spool cannot be synced: {failed.strerror or failed}")

    def _say(self, reason: str) -> None:
        if not self._failing:
            LOG.warning("facts wait in the spool", reason=reason)
        with self._changed:
            self._failing = reason
            self._changed.notify_all()


def deliver_left(folder: Path, store: EventStore) -> None:
    """Store what processes that died left: before something is erased, nothing of it may be waiting."""
    losses = Losses(folder)

    def take(facts: list[AnyFact], damaged: int) -> None:
        refused = append_each(store, facts)
        if damaged or refused:
            losses.add({"damaged": damaged, "refused": refused})

    _empty(folder, take, Bounds().batch)


def _empty(folder: Path, take: Callable[[list[AnyFact], int], None], most: int) -> None:
    """A line that was being written when its process died has no end and is passed over."""
    for owner in orphans(folder):
        try:
            for file in owner.files():
                start = 0
                while (batch := read_batch(file, start, most)).end > start:
                    take(batch.facts, batch.damaged)
                    start = batch.end
                file.unlink()
        finally:
            owner.close(remove=not owner.files())


def append_each(store: EventStore, facts: list[AnyFact]) -> int:
    """Store them in one transaction; when the database refuses a value, one by one. Returns those refused."""
    try:
        store.append(facts)
    except StoreRefused as error:
        if len(facts) > 1:
            return sum(append_each(store, [fact]) for fact in facts)
        LOG.warning("the database refuses a fact", reason=str(error))
        return 1
    return 0
