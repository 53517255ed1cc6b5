"""The hot loops in numpy: the reference that the compiled kernel equals, and what runs without a compiler.

Rows are sections, then single lines of `questions`. All sums are of 32-bit floats, list after list in the
order that was given, so that both kernels round alike and rank alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Match = tuple[int, int, int]
"""Start and end in a text, and the term that stands there."""

WIDE = 0x2E80
"""Code point from which characters take two columns: CJK begins here."""
MAX_STARTS = 200
"""Matches at which a window is tried to begin; bounds the time for a section that repeats one word."""


def add(
    rows: Floats, ptr: Offsets, row: Ints, impact: Floats, numbers: Offsets, weights: Floats,
    owner: Ints, matching: Bytes | None,
) -> None:  # fmt: skip
    """Add weight * impact of each posting list to `rows`; the owners of these rows become 1 in `matching`."""
    for number, weight in zip(numbers.tolist(), weights, strict=True):
        start, end = ptr[number], ptr[number + 1]
        # a list names each row once, so this is `rows[row] += …`, at a third of the time
        np.add.at(rows, row[start:end], weight * impact[start:end])
        if matching is not None:
            matching[owner[row[start:end]]] = 1


def raise_to(best: Floats, row: Ints, impact: Floats, weight: float, owner: Ints, matching: Bytes) -> None:
    """Raise `best` to weight * impact where that is more; the owners of these rows become 1 in `matching`."""
    np.maximum.at(best, row, np.float32(weight) * impact)
    matching[owner[row]] = 1


def by_article(rows: Floats, owner: Ints, sections: int, weight: float, scores: Floats) -> None:
    """Score of each article: its best section, and its best line of `questions` at a weight."""
    found, asked = np.flatnonzero(rows[:sections]), sections + np.flatnonzero(rows[sections:])
    np.maximum.at(scores, owner[found], rows[found])
    if len(asked):
        lines = np.zeros_like(scores)
        np.maximum.at(lines, owner[asked], rows[asked])
        scores += np.float32(weight) * lines


def top(scores: Floats, eligible: Bytes, count: int) -> Offsets:
    """The best of the eligible, best first; of equals the smaller number, so that pages never overlap."""
    chosen = np.flatnonzero(eligible)
    if 0 < count < len(chosen):
        worst = np.partition(scores[chosen], len(chosen) - count)[len(chosen) - count]
        chosen = chosen[scores[chosen] >= worst]
    return chosen[np.argsort(-scores[chosen], kind="stable")][:count].astype(np.int64)


def tally(ptr: Offsets, values: Ints, matching: Bytes, kinds: int) -> Offsets:
    """How often each value of a facet occurs among matching articles."""
    owned = np.repeat(matching, np.diff(ptr)).view(bool)
    return np.bincount(values[owned], minlength=kinds).astype(np.int64)


def bisect(ptr: Offsets, data: Any, item: bytes) -> int:
    """Number of the first of sorted byte strings that is not smaller than `item`."""
    low, high = 0, len(ptr) - 1
    while low < high:
        middle = (low + high) // 2
        if data[ptr[middle] : ptr[middle + 1]] < item:
            low = middle + 1
        else:
            high = middle
    return low


def matches(terms: Ints, starts: Ints, ends: Ints, first: int, last: int, wanted: Ints) -> list[Match]:
    """The tokens from `first` up to `last` whose term is one of `wanted`, which are sorted."""
    if not len(wanted):
        return []
    here = terms[first:last]
    near = wanted[np.minimum(np.searchsorted(wanted, here), len(wanted) - 1)]
    at = first + np.flatnonzero(near == here)
    return list(zip(starts[at].tolist(), ends[at].tolist(), terms[at].tolist(), strict=True))


def window(text: str, found: Sequence[Match], values: Mapping[int, float], columns: int) -> tuple[int, int]:
    """From the first to the last match within so many columns that hold the most worth.

    A term said twice adds a little; a second term adds all of its own.
    """
    best, chosen = 0.0, (found[0][0], found[0][0]) if found else (0, 0)
    starts = [start for start, _, _ in found[:MAX_STARTS]]
    for number, (start, limit) in enumerate(zip(starts, _fits(text, starts, columns), strict=True)):
        inside: dict[int, int] = {}
        last = start
        for _, end, term in found[number:]:
            if end > limit:
                break
            inside[term] = inside.get(term, 0) + 1
            last = max(last, end)
        score = 0.0
        for term, count in inside.items():
            score += values[term] * (1 + 0.1 * min(count - 1, 3))
        if score > best + 1e-9:
            best, chosen = score, (start, last)
    return chosen


def _fits(text: str, starts: list[int], columns: int) -> list[int]:
    """`fit` for many starts at once, as counting from each is slow."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    reached = np.concatenate(([0], np.cumsum(np.where(points > WIDE, 2, 1))))
    ends: list[int] = (np.searchsorted(reached, reached[starts] + columns, side="right") - 1).tolist()
    return ends


def fit(text: str, start: int, columns: int) -> int:
    """The end of what fits into so many columns from `start` on."""
    # at least half of them are characters: those are counted at once
    end = start
    while columns > 1 and end < len(text):
        part = text[end : end + columns // 2]
        columns -= width(part)
        end += len(part)
    if columns == 1 and end < len(text) and ord(text[end]) <= WIDE:
        end += 1
    return end


def fit_before(text: str, least: int, end: int, columns: int) -> int:
    """The beginning, `least` or later, of what fits into so many columns before `end`."""
    if width(text[least:end]) <= columns:
        return least
    start = end
    while start > least:
        columns -= width(text[start - 1])
        if columns < 0:
            break
        start -= 1
    return start


def width(text: str) -> int:
    """Columns of a text."""
    return len(text) if text.isascii() else len(text) + sum(ord(character) > WIDE for character in text)
