"""Arrays and byte strings in files that all workers map: what snapshots are made of. `saver` writes them."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kb.index import kernel

_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][biuf]\d)', 'fortran_order': False, 'shape': \((\d+),\), \} *\n",
    re.S,
)
"""https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""


SMALL_FILES = "small.bin"
"""Of a folder: what is short, in one file, since to make, link, check, open and remove one takes as long as
250 KB. Eight bytes say how long a table of (begin, size) by name is, which comes first; they count from the
first multiple of `ALIGN` behind it."""
ALIGN = 64
"""Where each begins: numbers are read by whole words, and caches by lines."""


class Mapped:
    """The files of a folder by name, mapped when they are asked for, those in `SMALL_FILES` all at once."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, ValueError."""
        self.folder = folder
        file = folder / SMALL_FILES
        self._joined = mapped(file) if file.exists() else memoryview(bytes(8))
        end = 8 + int.from_bytes(self._joined[:8], "little")
        self.small: dict[str, tuple[int, int]] = _decode_places(self._joined[8:end]) if end > 8 else {}
        """Where they begin, and their sizes."""
        self._begin = end + -end % ALIGN

    def __contains__(self, name: str) -> bool:
        return name in self.small or (self.folder / name).exists()

    def __getitem__(self, name: str) -> memoryview:
        if name in self.small:
            begin, size = self.small[name]
            return self._joined[self._begin + begin : self._begin + begin + size]
        return mapped(self.folder / name)


_decode_places = msgspec.msgpack.Decoder(dict[str, tuple[int, int]]).decode


def mapped(file: Path) -> memoryview:
    """The bytes of a file. Raises OSError."""
    with file.open("rb", buffering=0) as stream:
        if not os.fstat(stream.fileno()).st_size:
            return memoryview(b"")  # cannot be mapped
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def load(files: Mapped, name: str) -> Any:
    """A read-only array of one dimension. Raises OSError, ValueError.

    Not by np.load: it has Python parse the header, which takes three times as long, and fails now and then
    on Python 3.11 while another thread does so, too (https://github.com/python/cpython/issues/106905).
    """
    data = files[f"{name}.npy"]
    start = 10 + int.from_bytes(data[8:10], "little")
    header = _HEADER.fullmatch(data[:start])
    if header is None:
        raise ValueError(f"{files.folder / name}.npy: is not an array of one dimension")
    return np.frombuffer(data, header[1].decode(), int(header[2]), start)


def offsets(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Where each of a row of items begins, and the end of the last."""
    return np.concatenate(([0], np.cumsum(np.asarray(lengths, np.int64)))).astype(np.int64)


class Strings:
    """Byte strings end to end in memory, as a file of them holds them; `bisect` when they are in order."""

    def __init__(self, ptr: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> None:
        self.ptr, self.data = ptr, data

    @classmethod
    def of(cls, items: Sequence[bytes]) -> Strings:
        return cls(offsets([len(item) for item in items]), np.frombuffer(b"".join(items), np.uint8))

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def __getitem__(self, number: int) -> bytes:
        return bytes(self.data[self.ptr[number] : self.ptr[number + 1]])

    def bisect(self, item: bytes) -> int:
        """Number of the first that is not smaller than `item`."""
        place: int = kernel.chosen.bisect(self.ptr, self.data, item)
        return place


class Blob:
    """Byte strings in one mapped file; when they were written in order, `find` is a binary search."""

    def __init__(self, files: Mapped, name: str) -> None:
        self._ptr = load(files, f"{name}_ptr")
        self._at = self._ptr.item  # an int at once: half of the time of a string is to find where it lies
        self._data = files[f"{name}.blob"]

    def __len__(self) -> int:
        return len(self._ptr) - 1

    def __getitem__(self, number: int) -> bytes:
        return bytes(self._data[self._at(number) : self._at(number + 1)])

    def __iter__(self) -> Iterator[bytes]:
        """All entries; much faster than one by one."""
        return self.between(0, len(self))

    def between(self, first: int, end: int) -> Iterator[bytes]:
        """Entries from `first` up to `end`."""
        places = self._ptr[first : max(first, end) + 1].tolist()
        data = bytes(self._data[places[0] : places[-1]])
        return (data[start - places[0] : stop - places[0]] for start, stop in pairwise(places))

    def bisect(self, item: bytes) -> int:
        """Number of the first entry that is not smaller than `item`."""
        place: int = kernel.chosen.bisect(self._ptr, self._data, item)
        return place

    def near(self, first: int, end: int, typed: str) -> list[int]:
        """Entries from `first` up to `end` that begin as `typed`, but for one slip of the finger at most."""
        numbers: list[int] = kernel.chosen.near(self._ptr, self._data, first, end, typed)
        return numbers

    def find(self, item: bytes) -> int:
        """Number of the entry that equals `item`, or -1."""
        place = self.bisect(item)
        return place if place < len(self) and self[place] == item else -1
