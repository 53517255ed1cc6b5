"""From a request to a file without anybody waiting. Called by `kb.web.recording`; `delivery` reads the file.

    request → queue in memory → file            → database
              `Spool`, in each worker             `Delivery`, in one process for all

`put` appends to a queue and returns. One thread moves the queue into a file within some milliseconds. A
process that dies loses only what stood in the queue or was being written.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

import structlog
from msgspec import Struct

from kb.deflection.backlog import Backlog
from kb.deflection.facts import AnyFact
from kb.deflection.losses import Losses
from kb.deflection.segments import line_of, waiting_bytes

LOG = structlog.get_logger("kb")


class Bounds(Struct, frozen=True, kw_only=True):
    """How much may wait, and how long."""

    queue: int = 10_000
    """Facts in memory, should the disk not take them: some 15 MB."""
    bytes: int = 64_000_000
    """Of this process's files: some 20,000 searches with fifty articles each, or 200,000 clicks."""
    segment: int = 1_000_000
    """Bytes of a file; after a crash at most so much is delivered again."""
    gather: float = 0.02
    """Seconds between two writes: a fact that comes alone is written at once, under load many share one."""
    linger: float = 0.2
    """Seconds for which nothing more came, after which a file may be delivered: a commit serves many."""
    longest: float = 1.0
    """Seconds from the first fact of a file until it may be delivered though more comes."""
    retry: float = 0.5
    """Seconds after the disk refused."""


class Spool:
    """Of one process, after its fork. `put` may be called by any thread."""

    def __init__(self, folder: Path, ring: Callable[[], object], bounds: Bounds | None = None) -> None:
        """`ring` is called, by a thread of the spool, when there is something to deliver."""
        self._folder = folder
        self._ring = ring
        self._bounds = bounds or Bounds()
        self._losses = Losses(folder)
        self._backlog = Backlog(folder, self._bounds.bytes, self._bounds.segment)
        self._lock = threading.Lock()
        """Held for moments, never while a disk is asked."""
        self._arrived = threading.Condition(self._lock)
        """Wakes the writer, which waits here alone: a fact must not wake everybody."""
        self._settled = threading.Condition(self._lock)
        self._end = threading.Event()
        self._queue: deque[bytes] = deque()
        """Lines: a request's thread has its fact at hand, the writer would have to fetch it from memory."""
        self._writing = 0
        """Facts taken from the queue that are not in the file yet."""
        self._lost: Counter[str] = Counter()
        """Not yet in the file of losses."""
        self._failing = False
        self._thread: threading.Thread | None = None

    def put(self, fact: AnyFact) -> None:
        """Never waits for a disk; what does not fit is counted."""
        line = line_of(fact)
        with self._lock:
            if len(self._queue) >= self._bounds.queue or self._end.is_set():
                self._lost["queue"] += 1
                return
            self._queue.append(line)
            if len(self._queue) == 1:  # else the writer is awake, or woken already
                if self._thread is None:
                    self._thread = threading.Thread(target=self._loop, name="kb-spool", daemon=True)
                    self._thread.start()
                self._arrived.notify()

    def totals(self) -> dict[str, int]:
        """Facts lost on this machine since its spool exists, by reason (`kb.deflection.losses.REASONS`)."""
        return self._losses.totals()

    def waiting(self) -> int:
        """Bytes on disk that are not in the store yet, of all processes of this machine."""
        return waiting_bytes(self._folder)

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left in memory only; False when something is after so long."""
        with self._lock:
            return self._settled.wait_for(lambda: not self._queue and not self._writing, seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Stop: all that came is in complete files afterwards, unless the disk does not take it in time."""
        with self._lock:
            self._end.set()
            self._arrived.notify()
        if self._thread is not None:
            self._thread.join(seconds)
        with self._lock:
            stuck = len(self._queue) + self._writing
            self._lost["queue"] += stuck
        if stuck:
            LOG.error("facts were lost: the disk did not take them in time", facts=stuck)
        self._count_lost()
        try:
            self._backlog.close()
        except OSError as error:
            self._say(error)
        self._ring()

    def _loop(self) -> None:
        """Queue → file, and the file to whoever delivers it."""
        due = latest = 0.0
        while True:
            rest = max(0.0, due - time.monotonic()) if self._backlog.writing else None
            lines = self._take(rest)
            if lines:
                now = time.monotonic()
                latest = latest if self._backlog.writing else now + self._bounds.longest
                due = min(now + self._bounds.linger, latest)
            written = not lines or self._write(lines)
            with self._lock:
                self._writing = 0
                if not written:
                    self._queue.extendleft(reversed(lines))
                self._settled.notify_all()
                if self._end.is_set() and (not written or not self._queue):
                    return  # `close` counts what is left
            if self._backlog.writing and (self._backlog.full or time.monotonic() >= due):
                due = time.monotonic() + self._bounds.linger
                self._finish()
            self._end.wait(self._bounds.gather if written else self._bounds.retry)

    def _take(self, seconds: float | None) -> list[bytes]:
        """What came; nothing after so long."""
        with self._lock:
            self._arrived.wait_for(lambda: self._queue or self._end.is_set(), seconds)
            lines = [self._queue.popleft() for _ in range(min(len(self._queue), 1000))]
            self._writing = len(lines)
            return lines

    def _write(self, lines: list[bytes]) -> bool:
        """Append to the file; False when the disk does not take it."""
        try:
            if not self._backlog.append(b"".join(lines)):
                with self._lock:
                    self._lost["spool"] += len(lines)
        except OSError as error:
            self._say(error)
            return False
        self._failing = False
        self._count_lost()
        return True

    def _finish(self) -> None:
        try:
            if self._backlog.finish():
                self._ring()
        except OSError as error:
            self._say(error)

    def _count_lost(self) -> None:
        if not self._lost:
            return
        with self._lock:
            lost, self._lost = self._lost, Counter()
        try:
            self._losses.add(lost)
        except OSError:
            with self._lock:
                self._lost.update(lost)

    def _say(self, error: OSError) -> None:
        if not self._failing:
            LOG.warning("the spool cannot be written", reason=error.strerror or str(error))
        self._failing = True
