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
    inode, changed = (status.st_dev, status.st_ino), status.st_mtime_ns
    known = _sound.get(inode)
    if known is not None and (known[0], known[1].size) == (changed, status.st_size):
        return known[1]
    found = checksum(file)
    remember(status, found)
    return found


def remember(status: os.stat_result, found: FileSum) -> None:
    """What `sum_of` is to say of a file, which was just read or written."""
    with _sound_lock:
        _sound[status.st_dev, status.st_ino] = status.st_mtime_ns, found
        while len(_sound) > _MOST_SOUND:
            del _sound[next(iter(_sound))]


def sums_of(files: Sequence[Path]) -> list[FileSum]:
    """`sum_of` each, one that has several names once. Raises OSError."""
    found = {(status.st_dev, status.st_ino): (file, status) for file in files for status in [file.stat()]}
    # hashing leaves other threads alone, so two are twice as fast
    with ThreadPoolExecutor(2) as pool:
        sums = dict(zip(found, pool.map(lambda each: sum_of(*each), found.values()), strict=True))
    return [sums[status.st_dev, status.st_ino] for status in map(Path.stat, files)]
