"""How many facts could not be kept, and why: counters that all workers of a machine share in one small file.

The file is written in place and never grows, so that counting works on a full disk, too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

REASONS = {
    "queue": "the process could not write its spool fast enough, or at all",
    "spool": "the spool was full",
    "damaged": "a line of the spool could not be read",
    "refused": "the database does not take the fact",
}

_ROW = 48
"""Bytes a reason: name, how many were lost, how many of them the store was told; padded."""

Counts = dict[str, tuple[int, int]]


class Losses:
    """The counters of one spool folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "lost"

    def add(self, lost: Mapping[str, int]) -> None:
        """Raises OSError when the file cannot be written; then nothing was counted."""
        with self._locked() as descriptor:
            counts = _read(descriptor)
            for reason, number in lost.items():
                total, told = counts[reason]
                counts[reason] = (total + number, told)
            _write(descriptor, counts)

    def tell(self, told_to: Callable[[dict[str, int]], None]) -> None:
        """Hands over what is new since the last time; a process that dies in between tells it twice."""
        with self._locked() as descriptor:
            counts = _read(descriptor)
            new = {reason: total - told for reason, (total, told) in counts.items() if total > told}
            if new:
                told_to(new)
                _write(descriptor, {reason: (total, total) for reason, (total, _) in counts.items()})

    def totals(self) -> dict[str, int]:
        """Since the folder exists, by reason."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY)
        except OSError:
            return dict.fromkeys(REASONS, 0)
        try:
            return {reason: total for reason, (total, _) in _read(descriptor).items()}
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _read(descriptor: int) -> Counts:
    """A row that cannot be read counts from nothing: it says less than the truth, but goes on counting."""
    counts: Counts = dict.fromkeys(REASONS, (0, 0))
    text = os.pread(descriptor, _ROW * len(REASONS) * 2, 0).decode("ascii", "replace")
    for line in text.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[0] in counts and parts[1].isdigit() and parts[2].isdigit():
            counts[parts[0]] = (int(parts[1]), int(parts[2]))
    return counts


def _write(descriptor: int, counts: Counts) -> None:
    rows = (f"{reason} {total} {told}".ljust(_ROW - 1) + "\n" for reason, (total, told) in counts.items())
    os.pwrite(descriptor, "".join(rows).encode("ascii"), 0)
