"""Sets of articles, a bit each: what matches strictly, what a filter leaves, where a frequent term stands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]
"""Bit n of the whole is article n."""
Bools = npt.NDArray[np.bool_]


class Filled(NamedTuple):
    """Some sets, one after the other, without the words that hold no article.

    An article has one category, and mostly its neighbours have the same: of all words few are left.
    """

    word: npt.NDArray[np.intp]
    """Its number."""
    bits: Bits
    begin: npt.NDArray[np.intp]
    """Where each set begins."""


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


def filled(sets: Bits) -> Filled:
    """Of sets, which are rows."""
    holds = sets > 0
    # one word at least, or else there were no sum of them
    holds[:, 0] |= ~holds.any(axis=1)
    sizes = holds.sum(axis=1)
    return Filled(holds.nonzero()[1], sets[holds], sizes.cumsum() - sizes)


def tally(sets: Bits, bits: Bits) -> list[int]:
    """How many articles of a set are in each of some others; these are rows."""
    return tally_filled(filled(sets), bits)


def tally_filled(sets: Filled, bits: Bits) -> list[int]:
    """The same of sets that are prepared for it."""
    if not len(sets.begin):
        return []
    inside = np.bitwise_count(bits[sets.word] & sets.bits)
    # made long first: converting while adding takes twice as long
    counts: list[int] = np.add.reduceat(inside.astype(np.int64), sets.begin).tolist()
    return counts
