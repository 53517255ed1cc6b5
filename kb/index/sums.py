"""Sizes and checksums of files, each read once a process."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct


class FileSum(Struct, frozen=True, array_like=True):
    size: int
    sha256: str


_READ = 1 << 22
"""Bytes read at once: after each, a thread of a busy worker waits its turn again."""


def checksum(file: Path) -> FileSum:
    """Size and SHA-256 of a file's contents."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb", buffering=0) as stream:
        while part := stream.read(_READ):
            digest.update(part)
            size += len(part)
    return FileSum(size, digest.hexdigest())


_sound: dict[tuple[int, int], tuple[int, FileSum]] = {}
_sound_lock = threading.Lock()
_MOST_SOUND = 8192


def sum_of(file: Path, status: os.stat_result) -> FileSum:
    """Size and SHA-256 of a file, remembered by this process while the file stays the same.

    Generations share files by hard link, and a file of a generation never changes. What changed all the same
    has another time; and another process, a builder above all, reads everything for itself. Raises OSError.
    """
    found = _remembered(status)
    if found is None:
        found = checksum(file)
        remember(status, found)
    return found


def _remembered(status: os.stat_result) -> FileSum | None:
    changed, found = _sound.get((status.st_dev, status.st_ino), (0, None))
    same = found is not None and (changed, found.size) == (status.st_mtime_ns, status.st_size)
    return found if same else None


def remember(status: os.stat_result, found: FileSum) -> None:
    """What `sum_of` is to say of a file, which was just read or written."""
    with _sound_lock:
        _sound[status.st_dev, status.st_ino] = status.st_mtime_ns, found
        while len(_sound) > _MOST_SOUND:
            del _sound[next(iter(_sound))]


def sums_of(files: Sequence[Path]) -> list[FileSum]:
    """`sum_of` each, one that has several names once. Raises OSError."""
    every = [(file, file.stat()) for file in files]
    unread = {
        (status.st_dev, status.st_ino): (file, status) for file, status in every if not _remembered(status)
    }
    # hashing leaves other threads alone, so two are twice as fast
    with ThreadPoolExecutor(2) as pool:
        sums = dict(zip(unread, pool.map(lambda each: sum_of(*each), unread.values()), strict=True))
    return [sums.get((status.st_dev, status.st_ino)) or sum_of(file, status) for file, status in every]
