"""Facts as lines of files, each with its checksum: what `spool` writes and `delivery` reads.

    <owner>.lock              held by the process that writes; the kernel drops it when that ends
    <owner>.<number>.part     being written
    <owner>.<number>.facts    complete: renamed by its owner, or by whoever finds the owner gone

Complete files are read and deleted by whoever delivers them, their owner never touches them again.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from kb.deflection.facts import AnyFact, Encoded, encode, encoded

COMPLETE, PART = ".facts", ".part"
_HEAD = 9
"""Eight hexadecimal digits of CRC-32 and a space."""


def line_of(fact: AnyFact) -> bytes:
    """JSON never holds a raw line break, so a line is a fact."""
    body = encode(fact)
    return b"%08x %s\n" % (zlib.crc32(body), body)


class Batch(NamedTuple):
    """Facts of consecutive lines, and where the next line begins."""

    facts: list[Encoded]
    damaged: int
    """Whole lines that could not be read."""
    end: int


def read_batch(file: Path, start: int, most: int) -> Batch:
    """Whole lines from `start`, some `most` bytes, at least one; a line without its end is not there."""
    with file.open("rb") as opened:
        opened.seek(start)
        lines = opened.readlines(most)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    facts, damaged = [], 0
    for line in lines:
        fact = _fact(line)
        if fact is None:
            damaged += 1
        else:
            facts.append(fact)
    return Batch(facts, damaged, start + sum(map(len, lines)))


def _fact(line: bytes) -> Encoded | None:
    body = line[_HEAD:-1]
    try:
        return encoded(body) if int(line[: _HEAD - 1], 16) == zlib.crc32(body) else None
    except (ValueError, msgspec.DecodeError):
        return None


class Owner:
    """The right to a set of files; `close` gives it up."""

    def __init__(self, folder: Path, name: str, descriptor: int) -> None:
        self.folder = folder
        self.name = name
        self._descriptor = descriptor

    @classmethod
    def new(cls, folder: Path) -> Owner:
        """A name nobody had before. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        owner = cls.take(folder, name, create=True)
        if owner is None:
            raise OSError(f"{folder}/{name}.lock: cannot be locked")
        return owner

    @classmethod
    def take(cls, folder: Path, name: str, *, create: bool = False) -> Owner | None:
        """None when its owner lives, or another took it first."""
        lock = folder / f"{name}.lock"
        try:
            descriptor = os.open(lock, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == lock.stat().st_ino:
                return cls(folder, name, descriptor)
        except OSError:
            pass  # locked, or removed by whoever took it before
        os.close(descriptor)
        return None

    def part(self, number: int) -> Path:
        """The file being written."""
        return self.folder / f"{self.name}.{number:08d}{PART}"

    def finish(self, number: int) -> None:
        """It is complete. Raises OSError."""
        part = self.part(number)
        part.rename(part.with_suffix(COMPLETE))

    def waits(self, number: int) -> bool:
        """Whether a complete file was not delivered yet."""
        return self.part(number).with_suffix(COMPLETE).exists()

    def close(self) -> None:
        """Nothing is being written any more."""
        (self.folder / f"{self.name}.lock").unlink(missing_ok=True)
        os.close(self._descriptor)


def adopt(folder: Path) -> None:
    """What processes that are gone were writing is complete. Raises OSError."""
    for lock in sorted(folder.glob("*.lock")):
        owner = Owner.take(folder, lock.stem)
        if owner is not None:
            for part in folder.glob(f"{owner.name}.*{PART}"):
                part.rename(part.with_suffix(COMPLETE))
            owner.close()


def complete(folder: Path) -> list[Path]:
    """The files to deliver, those of one owner in the order in which they were written."""
    return sorted(folder.glob(f"*{COMPLETE}"))


def written(folder: Path) -> list[Path]:
    """All files that hold facts."""
    return [*folder.glob(f"*{PART}"), *complete(folder)]


def waiting_bytes(folder: Path) -> int:
    """What is on disk and not yet in the store, of all workers; 0 only when that is nothing."""
    return sum(map(_size, written(folder)))


def _size(file: Path) -> int:
    # completed in this moment it goes on under its other name; gone from there, too, it was delivered
    for name in (file, file.with_suffix(COMPLETE)):
        try:
            return name.stat().st_size
        except FileNotFoundError:
            continue
    return 0
