"""Sizes and checksums of files, each read once a process, or once for several that were forked from one."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

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


def sum_of(file: Path, status: os.stat_result, alone: bool = True) -> FileSum:
    """Size and SHA-256 of a file, remembered by this process while the file stays the same.

    Generations share files by hard link, and a file of a generation never changes. What changed all the same
    has another time. Unless `alone`, what a process that shares our memory read or wrote is taken, too.
    Raises OSError.
    """
    return _known(status, alone) or read_sum(file, status)


def read_sum(file: Path, status: os.stat_result | None = None) -> FileSum:
    """`sum_of` a file that is read whatever is remembered. Raises OSError."""
    status, found = status or file.stat(), checksum(file)
    remember(status, found)
    return found


def _known(status: os.stat_result, alone: bool) -> FileSum | None:
    changed, found = _sound.get((status.st_dev, status.st_ino), (0, None))
    same = found is not None and (changed, found.size) == (status.st_mtime_ns, status.st_size)
    return found if same else None if alone else _shared(status)


def remember(status: os.stat_result, found: FileSum) -> None:
    """What `sum_of` is to say of a file, which was just read or written."""
    with _sound_lock:
        _sound[status.st_dev, status.st_ino] = status.st_mtime_ns, found
        while len(_sound) > _MOST_SOUND:
            del _sound[next(iter(_sound))]
    _share(status, found)


def sums_of(files: Sequence[Path], alone: bool = True) -> list[FileSum]:
    """`sum_of` each, one that has several names once. Raises OSError."""
    every = [(file, file.stat()) for file in files]
    unread = {
        (status.st_dev, status.st_ino): (file, status) for file, status in every if not _known(status, alone)
    }
    # hashing leaves other threads alone, so two are twice as fast
    with ThreadPoolExecutor(2) as pool:
        sums = dict(zip(unread, pool.map(lambda each: sum_of(*each), unread.values()), strict=True))
    return [sums.get((status.st_dev, status.st_ino)) or sum_of(file, status, alone) for file, status in every]


# ---------------------------------------------------------------- beside other processes

_FILE = struct.Struct("<QQqQ")
_RECORD = _FILE.size + 32 + 4
_SLOTS = 8192
_table = mmap.mmap(-1, _SLOTS * _RECORD)
"""Sums that this process and its forks know: of each file what names it, its SHA-256, and a checksum of both.

Two may write at once, and whoever comes later to a place has it: what is torn or gone is read from the file.
"""


def _place(status: os.stat_result) -> slice:
    begin = status.st_ino % _SLOTS * _RECORD
    return slice(begin, begin + _RECORD)


def _named(status: os.stat_result) -> bytes:
    return _FILE.pack(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def _share(status: os.stat_result, found: FileSum) -> None:
    record = _named(status) + bytes.fromhex(found.sha256)
    _table[_place(status)] = record + crc32(record).to_bytes(4, "little")


def _shared(status: os.stat_result) -> FileSum | None:
    record = _table[_place(status)]
    told, check = record[:-4], int.from_bytes(record[-4:], "little")
    if not told.startswith(_named(status)) or crc32(told) != check:
        return None
    return FileSum(status.st_size, told[_FILE.size :].hex())
