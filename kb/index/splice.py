"""A snapshot's arrays with some articles taken out and others put in: in bulk, without sorting anew.

What is here knows neither terms nor fields. Articles are numbered by id, so those that stay keep their order,
and most of a table is copied in a few long runs. Into an empty table everything is put in, in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Wide = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]


class Splice:
    """Which articles of before and which added ones make up the new snapshot, in order."""

    def __init__(self, before: Sequence[bytes], removed: set[bytes], added: Sequence[bytes]) -> None:
        """By id; both sequences are sorted, and nothing stays that is added, too."""
        self._old = len(before)
        stay = [(name, number) for number, name in enumerate(before) if name not in removed]
        # a number is left out between the two, so that no run reaches from one into the other
        come = [(name, self._old + 1 + number) for number, name in enumerate(added)]
        self.source: Wide = np.array([number for _, number in sorted([*stay, *come])], np.int64)
        """Of each article: its number before, or `len(before) + 1 +` its number among the added."""

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Stretches of `source` that follow each other, each as (first, end)."""
        first = np.flatnonzero(np.diff(self.source, prepend=-2) != 1)
        end = self.source[np.append(first[1:], len(self.source)) - 1] + 1 if len(first) else first
        return list(zip(self.source[first].tolist(), end.tolist(), strict=True))

    def pick(self, before: Sequence[Any], added: Sequence[Any]) -> list[Any]:
        """One item an article."""
        every = [*before, None, *added]
        return [every[number] for number in self.source.tolist()]

    def lengths(self, before: npt.ArrayLike, added: npt.ArrayLike) -> Wide:
        """How many rows of something each article has, from the same of both sides' (as offsets)."""
        found: Wide = np.concatenate((np.diff(before), [0], np.diff(added)))[self.source]
        return found

    def rows(self, before: Any, starts: Any, added: Any, added_starts: Any) -> npt.NDArray[Any]:
        """Rows of articles, which begin at `starts` in each side's table."""
        parts = [before[:0].astype(added.dtype) if len(added) else before[:0]]
        for first, end in self.runs:
            if first < self._old:
                parts.append(before[starts[first] : starts[end]])
            else:
                base = self._old + 1
                parts.append(added[added_starts[first - base] : added_starts[end - base]])
        return np.concatenate(parts)

    def moved(self, starts: Any, new_starts: Any, added_starts: Any) -> tuple[Ints, Ints]:
        """The new number of each row of before (-1: it goes), and of each added one."""
        shift = np.full(self._old + len(added_starts), -1, np.int64)
        shift[self.source] = new_starts[:-1]
        return (
            _numbered(shift[: self._old], np.asarray(starts)),
            _numbered(shift[self._old + 1 :], np.asarray(added_starts)),
        )


def _numbered(first: Wide, starts: Wide) -> Ints:
    """New numbers of rows whose article begins at `first`."""
    lengths = np.diff(starts)
    inside = np.arange(int(lengths.sum())) - np.repeat(starts[:-1], lengths)
    begins = np.repeat(first, lengths)
    return np.where(begins < 0, -1, begins + inside).astype(np.int32)
