"""Sets of articles, a bit each: what matches strictly, what a filter leaves, where a frequent term stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]
"""Bit n of the whole is article n."""
Bools = npt.NDArray[np.bool_]


def bits_needed(articles: int) -> int:
    """Words of 64 bits that hold a set of articles, one at least."""
    return articles // 64 + 1


def packed(members: Bools) -> Bits:
    """A set from one flag an article; bit n of the whole is article n."""
    bits = np.zeros(bits_needed(len(members)) * 8, np.uint8)
    bits[: (len(members) + 7) // 8] = np.packbits(members, bitorder="little")
    return bits.view(np.uint64)


def unpacked(bits: Bits, articles: int) -> Bools:
    """One flag an article."""
    return np.unpackbits(bits.view(np.uint8), count=articles, bitorder="little").view(bool)


def size(bits: Bits) -> int:
    """How many articles are in a set."""
    return int.from_bytes(bits.tobytes(), "little").bit_count()


def tally(sets: Bits, bits: Bits) -> list[int]:
    """How many articles of a set are in each of some others; these are rows."""
    counts: list[int] = np.add.reduce(np.bitwise_count(sets & bits), axis=1, dtype=np.uint32).tolist()
    return counts
