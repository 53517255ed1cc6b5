"""Posting lists of a query in the order in which `scorer` adds them up, and what matches strictly.

Rows are sections, then single lines of `questions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from kb.index.sets import Bits, bits_needed

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Wide = npt.NDArray[np.intp]
"""Of the width that numpy looks up by, or else it converts them each time."""


class Postings(NamedTuple):
    """Posting lists, with blocks of rows of the long ones (`kb.index.postings.blocks`)."""

    ptr: Offsets
    """Where each list begins, and the end of the last."""
    row: Ints
    """Ascending within a list."""
    impact: Floats
    long: Ints
    """For each list its number among the long ones, or -1."""
    begin: Ints
    peak: Floats


class Synonym(Protocol):
    """Terms that count where all of them stand (`kb.plan.Alternative`)."""

    @property
    def terms(self) -> tuple[int, ...]: ...
    @property
    def weight(self) -> float: ...


class Weighted(Protocol):
    """What to add up (`kb.plan.Plan`): numbers of posting lists with their weights."""

    @property
    def words(self) -> dict[int, float]: ...
    @property
    def concepts(self) -> tuple[tuple[Synonym, ...], ...]: ...
    @property
    def loose(self) -> dict[int, float]: ...
    @property
    def grams(self) -> dict[int, float]: ...


class Added(Struct, frozen=True):
    """What one list adds to each of its rows: `weight * impact`."""

    row: Ints
    impact: Floats
    weight: float

    def values(self) -> Floats:
        return self.impact if self.weight == 1 else self.weight * self.impact


class Asked(Struct, frozen=True):
    """The lists of a query: words, the shortest first, concepts, loose words, n-grams, the shortest first."""

    sections: list[Added]
    lines: list[Added]
    """Those of lines of `questions`."""
    strict: Bits
    """Set of the articles that match strictly."""
    postings: int


class Lists:
    """The lists of one snapshot, whose frequent terms have their articles as sets, too."""

    def __init__(
        self, words: Postings, grams: Postings, owner: Wide, sections: int, articles: int, frequent: Ints,
        frequent_bits: Bits,
    ) -> None:  # fmt: skip
        self._words, self._grams, self._owner = words, grams, owner
        self._sections, self._articles = sections, articles
        self._frequent = frequent
        self._bits = frequent_bits.reshape(-1, bits_needed(articles))

    def read(self, plan: Weighted) -> Asked:
        words = [(number, _list(self._words, number, weight)) for number, weight in plan.words.items()]
        words.sort(key=lambda each: len(each[1].row))
        lists = [each for _, each in words]
        for group in plan.concepts:
            alternatives = [self._alternative(each) for each in group]
            words += alternatives
            lists.append(_best_of([each for _, each in alternatives]))
        if plan.loose:
            lists += [_list(self._words, *each) for each in plan.loose.items()]
        if plan.grams:
            grams = [_list(self._grams, *each) for each in plan.grams.items()]
            lists += sorted(grams, key=lambda each: len(each.row))
        strict, postings = self._strict(words), sum([len(each.row) for each in lists])
        if self._sections == len(self._owner):
            return Asked(lists, [], strict, postings)
        # rows ascend: lines are the last of a list
        cuts = [int(each.row.searchsorted(np.int32(self._sections))) for each in lists]
        inside = [_part(each, slice(cut)) for each, cut in zip(lists, cuts, strict=True)]
        lines = [_part(each, slice(cut, None)) for each, cut in zip(lists, cuts, strict=True)]
        return Asked(inside, [each for each in lines if len(each.row)], strict, postings)

    def of_terms(self, terms: dict[int, float]) -> Iterator[Added]:
        """The lists of some words with weights, without lines."""
        for number, weight in terms.items():
            each = _list(self._words, number, weight)
            yield _part(each, slice(int(each.row.searchsorted(np.int32(self._sections)))))

    def _alternative(self, synonym: Synonym) -> tuple[int, Added]:
        """Rows where all its terms stand, with their mean impact there; its number where it is one term."""
        number, *others = synonym.terms
        first = _list(self._words, number, synonym.weight)
        if not others:
            return number, first
        shared, total = first.row, first.impact
        for term in others:
            other = _list(self._words, term, 1)
            row, impact = other.row, other.impact
            place = np.searchsorted(row, shared)
            both = place < len(row)
            both[both] = row[place[both]] == shared[both]
            shared, total = shared[both], total[both] + impact[place[both]]
        return -1, Added(shared, total / np.float32(len(synonym.terms)), synonym.weight)

    def _strict(self, lists: list[tuple[int, Added]]) -> Bits:
        """A frequent term's articles are known as a set; those of others are looked up."""
        flags, known = np.zeros(64 * bits_needed(self._articles), bool), []
        for number, each in lists:
            place = self._frequent.item(number) if number >= 0 else -1
            if place >= 0:
                known.append(self._bits[place])
            else:
                flags[self._owner.take(each.row)] = True
        strict: Bits = np.packbits(flags, bitorder="little").view(np.uint64)
        for articles in known:
            strict |= articles
        return strict


def _list(postings: Postings, number: int, weight: float) -> Added:
    start, end = postings.ptr.item(number), postings.ptr.item(number + 1)
    return Added(postings.row[start:end], postings.impact[start:end], weight)


def _part(one: Added, part: slice) -> Added:
    return Added(one.row[part], one.impact[part], one.weight)


def _best_of(lists: list[Added]) -> Added:
    """One list of several: the highest in each row."""
    if len(lists) == 1:
        return lists[0]
    row = np.concatenate([each.row for each in lists])
    values = np.concatenate([each.values() for each in lists])
    if not len(row):
        return Added(row, values, 1.0)
    order = row.argsort(kind="stable")
    row = row[order]
    begin = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    return Added(row[begin], np.maximum.reduceat(values[order], begin), 1.0)
