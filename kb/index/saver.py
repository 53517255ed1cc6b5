"""New files of arrays and byte strings, written beside what is computed next. `blob` reads them.

The checksum is that of what was to be written, so whoever compares it finds what the disk made of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from kb.index.blob import ALIGN, SMALL_FILES, Strings
from kb.index.sums import FileSum, remember

Given = TypeVar("Given")

SMALL = 1 << 19
"""Bytes of a file up to which it lies in `SMALL_FILES`."""
THREADS = 12
"""Writing, hashing and waiting for the disk leave the interpreter to others. Most wait for it, and none is to
keep what was just made from being written."""


_DONE: Future[None] = Future()
_DONE.set_result(None)


class Saver:
    """A folder that is being filled. What is given is not to be changed any more."""

    def __init__(
        self, folder: Path, pool: ThreadPoolExecutor, making: list[Future[None]], writing: list[Future[None]]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._pool, self._making, self._writing = folder, pool, making, writing
        self._small: dict[str, bytes] = {}

    def save(self, name: str, array: npt.NDArray[Any]) -> None:
        """As `np.save` does."""
        self.save_joined(name, array.dtype, [array])

    def save_joined(self, name: str, kind: npt.DTypeLike, parts: Sequence[npt.NDArray[Any]]) -> None:
        """The same of arrays end to end."""
        head = _head(np.dtype(kind), sum(map(len, parts)))
        self.put(f"{name}.npy", [head, *map(_bytes, parts)])

    @contextmanager
    def growing(
        self, name: str, kind: npt.DTypeLike, size: int
    ) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
        """The same of so many numbers, given part by part: one is written while the next is made."""
        file = _File(self._folder / f"{name}.npy")
        file.write(_head(np.dtype(kind), size))
        writing = syncing = _DONE

        def add(part: npt.NDArray[Any]) -> None:
            nonlocal writing, syncing
            writing.result()
            writing = self._pool.submit(file.write, _bytes(part))
            if syncing.done():
                # a disk is slower than all else here, so it is to begin now
                syncing = self._pool.submit(file.sync)

        try:
            yield add
        finally:
            writing.result()
            if not syncing.cancel():
                syncing.result()
            self._writing.append(self._pool.submit(file.finish))

    def save_blob(self, name: str, items: Sequence[bytes]) -> None:
        """Byte strings for `Blob`: one file of bytes and one of offsets (`<name>_ptr`)."""
        self.save_strings(name, Strings.of(items))

    def save_strings(self, name: str, strings: Strings) -> None:
        """The same of those that lie end to end already."""
        self.save(f"{name}_ptr", strings.ptr)
        self.put(f"{name}.blob", [strings.data])

    def beside(self, make: Callable[[Given], None], given: Given) -> None:
        """Have `make` run by another thread; what it saves is waited for, too."""
        self._making.append(self._pool.submit(make, given))

    def put(self, file: str, parts: Sequence[Any]) -> None:
        """A file of these bytes, a small one among others."""
        if sum(memoryview(part).nbytes for part in parts) <= SMALL:
            self._small[file] = b"".join(parts)
        else:
            self.put_alone(file, parts)

    def put_alone(self, file: str, parts: Sequence[Any]) -> None:
        """A file of its own of these bytes, which other generations may have, too."""
        self._writing.append(self._pool.submit(_write, self._folder / file, parts))

    def put_small(self) -> None:
        """The small ones, when there will be no more."""
        places, parts, size = dict[str, tuple[int, int]](), list[bytes](), 0
        for file, data in sorted(self._small.items()):
            places[file] = size, len(data)
            parts.append(_padded(data))
            size += len(parts[-1])
        table = msgspec.msgpack.encode(places)
        head = _padded(len(table).to_bytes(8, "little") + table)
        self.put_alone(SMALL_FILES, [b"".join([head, *parts])])

    def link(self, file: str, source: Path) -> None:
        """A file that another generation has, too."""
        link(source, self._folder / file)


def link(source: Path, target: Path) -> None:
    """A second name of a file that never changes; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def saving(*folders: Path) -> Iterator[list[Saver]]:
    """One for each folder; at the end all is on the disk, with checksums that this process remembers.

    Raises OSError.
    """
    making: list[Future[None]] = []
    writing: list[Future[None]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        savers = [Saver(folder, pool, making, writing) for folder in folders]
        yield savers
        for each in making:
            each.result()
        for saver in savers:
            saver.put_small()
        for each in writing:
            each.result()


def _write(file: Path, parts: Sequence[Any]) -> None:
    made = _File(file)
    try:
        for part in parts:
            made.write(part)
    finally:
        made.finish()


class _File:
    """A new file, of which a checksum is taken while it is written."""

    def __init__(self, file: Path) -> None:
        self._stream = file.open("xb")
        self._digest = hashlib.sha256()

    def write(self, part: Any) -> None:
        self._stream.write(part)
        self._digest.update(part)

    def sync(self) -> None:
        """Bring to the disk what was written so far."""
        os.fsync(self._stream.fileno())

    def finish(self) -> None:
        """The last call: all is on the disk then."""
        with self._stream:
            self._stream.flush()
            self.sync()
            status = os.fstat(self._stream.fileno())
        remember(status, FileSum(status.st_size, self._digest.hexdigest()))


def _head(kind: np.dtype[Any], size: int) -> bytes:
    """What comes before the numbers in a file of `np.save`."""
    head = BytesIO()
    described = {"descr": kind.str, "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(head, described)
    return head.getvalue()


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGN)


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
