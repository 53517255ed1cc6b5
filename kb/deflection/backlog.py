"""The files that one process writes its facts into, bounded. Called by `kb.deflection.spool`, by one thread.

Facts are appended to the last file. `finish` completes it, so that it can be delivered, and the next fact
begins another. While the one before still waits nothing is finished but what has grown to a segment: a
database that is away for an hour costs some large files, not thousands of small ones.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kb.deflection.segments import Owner


class Backlog:
    """Files appear with the first fact. Raises OSError where the disk does not do what it should."""

    def __init__(self, folder: Path, most_bytes: int, segment: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._segment_bytes = segment
        self._owner: Owner | None = None
        self._number = 0
        self._descriptor = -1
        """Of the file that is being written; -1 while there is none."""
        self._size = 0
        """Its bytes."""
        self._completed: dict[int, int] = {}
        """Bytes of complete files, by number; those that were delivered meanwhile may be among them."""

    @property
    def writing(self) -> bool:
        """Whether there is something to finish."""
        return self._descriptor >= 0

    @property
    def full(self) -> bool:
        """Whether the file being written is as large as one should become."""
        return self._size >= self._segment_bytes

    def append(self, data: bytes) -> bool:
        """Whole lines, all or none; False when the bound is reached."""
        if self._waiting() + len(data) > self._most_bytes:
            self._forget_delivered()
            if self._waiting() + len(data) > self._most_bytes:
                return False
        try:
            descriptor = self._opened()
            _write_all(descriptor, data, self._size)
        except FileNotFoundError:
            self._start_over()  # somebody removed the folder
            raise
        self._size += len(data)
        return True

    def finish(self) -> bool:
        """Complete the file being written; False when it goes on."""
        self._forget_delivered()
        if not self.writing or (self._completed and not self.full):
            return False
        self._complete()
        return True

    def close(self) -> None:
        """Complete what there is."""
        try:
            if self.writing:
                self._complete()
        finally:
            if self._owner is not None:
                self._owner.close()
            self._start_over()

    def _waiting(self) -> int:
        return self._size + sum(self._completed.values())

    def _forget_delivered(self) -> None:
        owner = self._owner
        if owner is not None:
            self._completed = {n: size for n, size in self._completed.items() if owner.waits(n)}

    def _opened(self) -> int:
        """The descriptor of the file to write; opened once, as facts come one by one."""
        if self._descriptor < 0:
            if self._owner is None:
                self._owner = Owner.new(self._folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(self._owner.part(self._number), flags, 0o600)
        elif os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._descriptor

    def _complete(self) -> None:
        assert self._owner is not None
        try:
            self._owner.finish(self._number)
        except FileNotFoundError:
            self._start_over()
            raise
        self._completed[self._number] = self._size
        self._number += 1
        self._leave()

    def _leave(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._size = -1, 0

    def _start_over(self) -> None:
        self._owner = None
        self._completed.clear()
        self._leave()


def _write_all(descriptor: int, data: bytes, size: int) -> None:
    """Append, or leave the file as long as it was: the disk may become full in the middle of a line."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise
