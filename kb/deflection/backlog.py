"""The facts of one process that wait on disk, oldest first; bounded. Called by `kb.deflection.spool`.

One thread appends, another reads and lets go. A file that was read to its end is deleted, so in quiet
times there is none; under load a new one is begun at `segment` bytes.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from kb.deflection.segments import Batch, Owner, read_batch


class Backlog:
    """Files appear with the first fact. Raises OSError where the disk does not do what it should."""

    def __init__(self, folder: Path, most_bytes: int, segment: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._segment_bytes = segment
        self._lock = threading.Lock()
        self._owner: Owner | None = None
        self._number = 0
        self._descriptor = -1
        """Of the file that is being written; -1 while there is none."""
        self._sizes: dict[int, int] = {}
        """Bytes of each file, the one being written last; a file that was let go is not in it."""
        self._read = 0
        """How far the oldest file was read."""

    @property
    def empty(self) -> bool:
        return not self._sizes

    @property
    def size(self) -> int:
        """Bytes that wait."""
        with self._lock:
            return sum(self._sizes.values()) - self._read

    def append(self, data: bytes) -> bool:
        """Whole lines, all or none; False when the bound is reached."""
        with self._lock:
            if sum(self._sizes.values()) + len(data) > self._most_bytes:
                return False
            if self._owner is None:
                self._owner = Owner.new(self._folder)
            if self._sizes.get(self._number, 0) >= self._segment_bytes:
                self._number += 1
                self._leave()
            size = self._sizes.get(self._number, 0)
            try:
                _write_all(self._opened(self._owner), data, size)
            except FileNotFoundError:
                self._start_over()  # somebody removed the folder
                raise
            self._sizes[self._number] = size + len(data)
            return True

    def _opened(self, owner: Owner) -> int:
        """The descriptor of the file to write; opened once, as facts come one by one."""
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(owner.file(self._number), flags, 0o600)
        elif os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._descriptor

    def _leave(self) -> None:
        """Close the file that is being written."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def oldest(self, most: int) -> Batch | None:
        """About `most` bytes of facts; None when there are none. The same again until `let_go`."""
        with self._lock:
            if self._owner is None or not self._sizes:
                return None
            number = min(self._sizes)
            file, start = self._owner.file(number), self._read
        try:
            return read_batch(file, start, most)
        except FileNotFoundError:
            with self._lock:
                self._sizes.pop(number, None)
                self._read = 0
                if number == self._number:
                    self._leave()
            raise

    def let_go(self, batch: Batch) -> None:
        """The store has them."""
        with self._lock:
            number = min(self._sizes, default=-1)
            if self._owner is None or number < 0:
                return
            if batch.end < self._sizes[number] and (batch.facts or batch.damaged):
                self._read = batch.end
                return
            self._owner.file(number).unlink(missing_ok=True)
            if number == self._number:
                self._leave()
            del self._sizes[number]
            self._read = 0

    def sync(self) -> None:
        """What waits survives a power cut from here on."""
        for file in self._owner.files() if self._owner else ():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """What is left is for whoever looks next."""
        with self._lock:
            if self._owner is not None:
                self._owner.close(remove=not self._owner.files())
            self._start_over()

    def _start_over(self) -> None:
        self._owner = None
        self._leave()
        self._sizes.clear()
        self._read = 0


def _write_all(descriptor: int, data: bytes, size: int) -> None:
    """Append, or leave the file as long as it was: the disk may become full in the middle of a line."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise
