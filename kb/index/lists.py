"""Posting lists of a query in the order in which `scorer` adds them up, and what matches strictly.

Rows are sections, then single lines of `questions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
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

KEPT_WORDS, KEPT_GRAMS = 1024, 4096
"""Lists that are at hand, with the sets of articles that hold the words: 3 MB of 10,000 articles."""


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


class Word(Added, frozen=True):
    """The list of a word, or of a synonym; what holds it matches strictly."""

    articles: Bits


class Asked(Struct, frozen=True):
    """The lists of a query: words, the shortest first, concepts, loose words, n-grams, the shortest first."""

    lists: list[Added]
    strict: Bits
    """Set of the articles that match strictly."""
    postings: int


class Lists:
    """The lists of one snapshot, whose frequent terms have their articles as sets, too."""

    def __init__(
        self, words: Postings, grams: Postings, owner: Wide, sections: int, articles: int, frequent: Ints,
        frequent_bits: Bits,
    ) -> None:  # fmt: skip
        self._words, self._owner, self._sections = words, owner, sections
        self._bits = bits_needed(articles)
        sets = frequent_bits.reshape(-1, self._bits)
        self._word = lru_cache(KEPT_WORDS)(partial(_word, words, owner, frequent, sets))
        self._gram = lru_cache(KEPT_GRAMS)(partial(_list, grams))

    def read(self, plan: Weighted) -> Asked:
        words = [self._word(*each) for each in plan.words.items()]
        words.sort(key=lambda each: len(each.row))
        lists: list[Added] = [*words]
        for group in plan.concepts:
            alternatives = [self._alternative(each) for each in group]
            words += alternatives
            lists.append(_best_of(alternatives))
        if plan.loose:
            lists += [_list(self._words, *each) for each in plan.loose.items()]
        if plan.grams:
            grams = [self._gram(*each) for each in plan.grams.items()]
            lists += sorted(grams, key=lambda each: len(each.row))
        strict, postings = np.zeros(self._bits, np.uint64), sum([len(each.row) for each in lists])
        for word in words:
            strict |= word.articles
        return Asked(lists, strict, postings)

    def of_terms(self, terms: dict[int, float]) -> Iterator[Added]:
        """The lists of some words with weights, without lines."""
        for number, weight in terms.items():
            each = _list(self._words, number, weight)
            # rows ascend: lines are the last of a list
            end = each.row.searchsorted(np.int32(self._sections))
            yield Added(each.row[:end], each.impact[:end], weight)

    def _alternative(self, synonym: Synonym) -> Word:
        """Rows where all its terms stand, with their mean impact there."""
        number, *others = synonym.terms
        first = self._word(number, synonym.weight)
        if not others:
            return first
        shared, total = first.row, first.impact
        for term in others:
            other = _list(self._words, term, 1)
            row, impact = other.row, other.impact
            place = np.searchsorted(row, shared)
            both = place < len(row)
            both[both] = row[place[both]] == shared[both]
            shared, total = shared[both], total[both] + impact[place[both]]
        mean = total / np.float32(len(synonym.terms))
        return Word(shared, mean, synonym.weight, _articles(self._owner.take(shared), self._bits))


def _list(postings: Postings, number: int, weight: float) -> Added:
    start, end = postings.ptr[number : number + 2].tolist()
    return Added(postings.row[start:end], postings.impact[start:end], weight)


def _word(postings: Postings, owner: Wide, frequent: Ints, sets: Bits, number: int, weight: float) -> Word:
    """A frequent term's articles are known as a set; those of others are looked up."""
    each, place = _list(postings, number, weight), frequent.item(number)
    articles = sets[place] if place >= 0 else _articles(owner.take(each.row), sets.shape[1])
    return Word(each.row, each.impact, weight, articles)


def _articles(numbers: Wide, bits: int) -> Bits:
    """A set of them, of so many words of bits."""
    flags = np.zeros(64 * bits, bool)
    flags[numbers] = True
    articles: Bits = np.packbits(flags, bitorder="little").view(np.uint64)
    return articles


def _best_of(lists: Sequence[Added]) -> Added:
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
