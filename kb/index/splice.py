"""A snapshot's arrays with some articles taken out and others put in: in bulk, without sorting anew.

What is here knows neither terms nor fields. Articles are numbered by id, so those that stay keep their order,
and most of a table is copied in a few long runs. Into an empty table everything is put in, in the same way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from kb.index.blob import Strings, offsets

Wide = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Items(Protocol[T_co]):
    """Items by number."""

    def __getitem__(self, number: int, /) -> T_co: ...


class Splice:
    """Which articles of before and which added ones make up the new snapshot, in order."""

    def __init__(self, before: int, source: Wide) -> None:
        self._old = before
        self.source = source
        """Of each article: its number before, or `before + 1 +` its number among the added: a number is left
        out between the two, so that no run reaches from one into the other."""

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Stretches of `source` that follow each other, each as (first, end)."""
        first = np.flatnonzero(np.diff(self.source, prepend=-2) != 1)
        end = self.source[np.append(first[1:], len(self.source)) - 1] + 1 if len(first) else first
        return list(zip(self.source[first].tolist(), end.tolist(), strict=True))

    def between(self, first: int, end: int) -> Splice:
        """Some of its articles."""
        return Splice(self._old, self.source[first:end])

    def those(self, numbers: Wide) -> Splice:
        """The same, by number."""
        return Splice(self._old, self.source[numbers])

    def pick(self, before: Items[T], added: Items[T]) -> list[T]:
        """One item an article."""
        base = self._old + 1
        return [before[n] if n < base else added[n - base] for n in self.source.tolist()]

    def lengths(self, before: npt.ArrayLike, added: npt.ArrayLike) -> Wide:
        """How many rows of something each article has, from the same of both sides' (as offsets)."""
        found: Wide = np.concatenate((np.diff(before), [0], np.diff(added)))[self.source]
        return found

    def parts(self, before: Any, starts: Any, added: Any, added_starts: Any) -> list[Any]:
        """Stretches of rows of articles, which begin at `starts` in each side's table."""
        found, base = [], self._old + 1
        for first, end in self.runs:
            if first < base:
                found.append(before[starts[first] : starts[end]])
            else:
                found.append(added[added_starts[first - base] : added_starts[end - base]])
        return found

    def rows(self, before: Any, starts: Any, added: Any, added_starts: Any) -> npt.NDArray[Any]:
        """The same as one table."""
        empty = before[:0].astype(added.dtype) if len(added) else before[:0]
        return np.concatenate([empty, *self.parts(before, starts, added, added_starts)])

    def strings(self, before: Strings, starts: Any, added: Strings, added_starts: Any) -> Strings:
        """The same of byte strings, which are copied without a look at each."""
        lengths = self.rows(np.diff(before.ptr), starts, np.diff(added.ptr), added_starts)
        data = self.rows(before.data, before.ptr[starts], added.data, added.ptr[added_starts])
        return Strings(offsets(lengths), data)

    def string_each(self, before: Strings, added: Strings) -> Strings:
        """The same where what is numbered has one each."""
        return self.strings(before, np.arange(len(before) + 1), added, np.arange(len(added) + 1))

    def moved(self, starts: Any, new_starts: Any, added_starts: Any) -> tuple[Ints, Ints]:
        """The new number of each row of before (-1: it goes), and of each added one."""
        shift = np.full(self._old + len(added_starts), -1, np.int64)
        shift[self.source] = new_starts[:-1]
        return (
            _numbered(shift[: self._old], np.asarray(starts)),
            _numbered(shift[self._old + 1 :], np.asarray(added_starts)),
        )


def spliced(before: int, stay: Wide, places: Wide) -> Splice:
    """`stay`: numbers of those of before that stay; `places`: before which of these each added one comes.

    Both ascend.
    """
    return Splice(before, np.insert(stay, places, before + 1 + np.arange(len(places))))


def by_name(before: Sequence[bytes], removed: set[bytes], added: Sequence[bytes]) -> Splice:
    """Both sequences are sorted, and nothing stays that is added, too."""
    stay = [number for number, name in enumerate(before) if name not in removed]
    names = [before[number] for number in stay]
    places = [bisect_left(names, name) for name in added]
    return spliced(len(before), np.array(stay, np.int64), np.array(places, np.int64))


def among(numbers: Any, wanted: Any) -> tuple[Wide, npt.NDArray[np.bool_]]:
    """Before which of ascending numbers each wanted one comes, and whether it is that one itself."""
    places = np.searchsorted(numbers, wanted)
    there = places < len(numbers)
    there[there] = numbers[places[there]] == wanted[there]
    return places, there


def _numbered(first: Wide, starts: Wide) -> Ints:
    """New numbers of rows whose article begins at `first`."""
    lengths = np.diff(starts)
    inside = np.arange(int(lengths.sum())) - np.repeat(starts[:-1], lengths)
    begins = np.repeat(first, lengths)
    return np.where(begins < 0, -1, begins + inside).astype(np.int32)
