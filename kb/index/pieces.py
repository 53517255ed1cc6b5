"""Long byte strings in several files: those in which nothing changed are shared with the generation before.

Articles are ordered by id, and each has some strings. A piece begins where the checksum of an id says so,
whatever stands before it: so a change leaves all other pieces as they are, and after any history they are
those of an index made anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np

from kb.index.blob import Mapped, load, mapped, offsets
from kb.index.former import Former
from kb.index.saver import Saver
from kb.index.splice import Splice, Wide

PIECE = 64
"""Articles of a piece, by and large: some 1.5 MB. Each is a file that all workers map."""


class Pieces:
    """Mapped, strings by number; none is empty."""

    def __init__(self, files: Mapped, name: str) -> None:
        self._ptr = load(files, f"{name}_ptr")
        self._at = self._ptr.item  # an int at once: half of the time of a string is to find where it lies
        self._first: list[int] = load(files, f"{name}_first").tolist()
        self._base: list[int] = self._ptr[self._first].tolist()
        self._data = [mapped(files.folder / f"{name}-{number}.blob") for number in range(len(self._first))]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First string and end of each piece."""
        return list(pairwise([*self._first, len(self)]))

    def __len__(self) -> int:
        return len(self._ptr) - 1

    def __getitem__(self, number: int) -> bytes:
        piece = bisect_right(self._first, number) - 1
        base = self._base[piece]
        return bytes(self._data[piece][self._at(number) - base : self._at(number + 1) - base])


def save_pieces(
    folder: Saver,
    name: str,
    former: Former,
    splice: Splice,
    ids: Sequence[bytes],
    starts: Wide,
    came: Sequence[bytes],
    came_starts: Wide,
) -> None:
    """Write what `Pieces` reads: the strings of each of `ids`, which are in order.

    `starts`, `came_starts`: where those of each article begin among those of before and those that `came`.
    """
    before = Pieces(former.served, name) if former.served else ()
    old = before.ranges if isinstance(before, Pieces) else []
    first = [number for number, each in enumerate(ids) if number == 0 or crc32(each) % PIECE == 0]
    ptr, lengths = former.offsets(f"{name}_ptr"), np.array([len(item) for item in came], np.int64)
    folder.save(f"{name}_ptr", offsets(splice.rows(np.diff(ptr), starts, lengths, came_starts)))
    begins = offsets(splice.lengths(starts, came_starts))
    folder.save(f"{name}_first", begins[first].astype(np.int32))
    for number, (start, end) in enumerate(pairwise([*first, len(ids)])):
        inside, file = splice.between(start, end), f"{name}-{number}.blob"
        # numbers below 0 are of those that came, counted from their end
        own = inside.parts(range(len(before)), starts, range(-len(came), 0), came_starts)
        if former.served and len(own) == 1 and (own[0].start, own[0].stop) in old:
            same = old.index((own[0].start, own[0].stop))
            folder.link(file, former.served.folder / f"{name}-{same}.blob")
        else:
            # at once: hundreds of parts would be as many turns of waiting for the interpreter
            strings = (before[each] if each >= 0 else came[each] for part in own for each in part)
            folder.put_alone(file, [b"".join(strings)])
