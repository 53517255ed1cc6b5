"""Long byte strings in several files: those in which nothing changed are shared with the generation before.

Items are ordered by id. A piece begins where the checksum of an id says so, whatever stands before it: so a
change leaves all other pieces as they are, and after any history they are those of an index made anew.
"""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np

from kb.index.blob import load, offsets
from kb.index.former import Former
from kb.index.saver import Saver
from kb.index.splice import Splice

PIECE = 64
"""Items of a piece, by and large: some 1 MB of articles. Each is a file that all workers map."""


class Pieces:
    """Mapped, by number; items are never empty."""

    def __init__(self, folder: Path, name: str) -> None:
        self._ptr = load(folder, f"{name}_ptr")
        self._first: list[int] = load(folder, f"{name}_first").tolist()
        self._data = [_mapped(folder / f"{name}-{number}.blob") for number in range(len(self._first))]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First item and end of each piece."""
        return list(pairwise([*self._first, len(self)]))

    def __len__(self) -> int:
        return len(self._ptr) - 1

    def __getitem__(self, number: int) -> bytes:
        piece = bisect_right(self._first, number) - 1
        base = self._ptr[self._first[piece]]
        return self._data[piece][self._ptr[number] - base : self._ptr[number + 1] - base]


def save_pieces(
    folder: Saver, name: str, former: Former, splice: Splice, ids: Sequence[bytes], came: Sequence[bytes]
) -> None:
    """Write what `Pieces` reads, one item for each of `ids`, which are in order."""
    before = Pieces(former.folder / "snapshot", name) if former.folder else None
    old = before.ranges if before else []
    first = [number for number, each in enumerate(ids) if number == 0 or crc32(each) % PIECE == 0]
    lengths = splice.lengths(former.offsets(f"{name}_ptr"), offsets([len(item) for item in came]))
    folder.save(f"{name}_ptr", offsets(lengths))
    folder.save(f"{name}_first", np.array(first, np.int32))
    for number, (start, end) in enumerate(pairwise([*first, len(ids)])):
        inside, file = splice.between(start, end), f"{name}-{number}.blob"
        if former.folder and len(inside.runs) == 1 and inside.runs[0] in old:
            same = old.index(inside.runs[0])
            folder.link(file, former.folder / "snapshot" / f"{name}-{same}.blob")
        else:
            folder.put(file, inside.pick(before or (), came))


def _mapped(file: Path) -> mmap.mmap:
    with file.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
