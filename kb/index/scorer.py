"""Posting lists added up and the best articles found, in numpy: what the compiled kernel equals.

Rows are sections, then single lines of `questions`. All sums are of 32-bit floats, list after list in one
order (words and n-grams with the shortest list first), so that both kernels round alike and rank alike. The
compiled kernel leaves the longest lists out where they cannot change the best, which shows in no result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kb.index.sets import Bits, Bools, bits_needed, packed, unpacked

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


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


Scored = tuple[int, float, bool, tuple[int, ...]]
"""Article, score, whether it matches strictly, the sections that answer (rows)."""

MAX_SECTIONS = 3
"""Sections shown of one article."""
SECTION_SHARE = 0.6
"""A further section is shown when it scores this share of the best."""


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


class Best(NamedTuple):
    """The order of articles for one query."""

    strict: Bits
    """Set of the articles that match strictly, whatever the filter."""
    first: list[int]
    """The best articles, `wanted` at most."""
    page: list[Scored]
    """Those from `start` up to `stop`."""
    postings: int
    """Read for it."""


class Scorer:
    """Adds up posting lists of one snapshot and finds the best articles. For any number of threads.

    Words count in sections and in single lines of `questions`; concepts are synonyms, of which the best in a
    row counts; both make an article match strictly. Loose words and n-grams only add to scores.
    """

    def __init__(
        self, words: Postings, grams: Postings, owner: Ints, article_sections: Offsets, frequent: Ints,
        frequent_bits: Bits,
    ) -> None:  # fmt: skip
        self._words, self._grams, self._owner = words, grams, owner
        self._starts = article_sections
        self._articles, self._sections = len(article_sections) - 1, int(article_sections[-1])
        self._frequent = frequent
        self._bits = frequent_bits.reshape(-1, bits_needed(self._articles))

    def best(
        self, plan: Weighted, question: float, allowed: Bits | None, floor: float, pinned: Sequence[int],
        wanted: int, start: int, stop: int,
    ) -> Best:  # fmt: skip
        """Allowed articles, best first: pinned ones, strict matches, then what scores more than `floor`.

        An article scores as its best section, and `question` times its best line of `questions`. Of equals
        the smaller number comes first, so that pages never overlap. `allowed` is a set, None for all.
        """
        rows, matching, postings = self._added(plan)
        scores = self._by_article(rows, question)
        may = unpacked(allowed, self._articles) if allowed is not None else np.ones(self._articles, bool)
        first = [article for article in pinned if may[article]][:wanted]
        may[first] = False
        first += _top(scores, matching & may, wanted - len(first))
        if len(first) < wanted:
            loose = ~matching & may & (scores > np.float32(floor))
            first += _top(scores, loose, wanted - len(first))
        page = [(a, float(scores[a]), bool(matching[a]), self._shown(rows, a)) for a in first[start:stop]]
        return Best(packed(matching), first, page, postings)

    def rows(self, plan: Weighted) -> tuple[Floats, Bits]:
        """The sums of all rows, and the set of articles that match strictly."""
        rows, matching, _ = self._added(plan)
        return rows, packed(matching)

    def _added(self, plan: Weighted) -> tuple[Floats, Bools, int]:
        rows, matching = np.zeros(len(self._owner), np.float32), np.zeros(self._articles, bool)
        postings = 0
        for number, weight in _shortest_first(self._words, plan.words):
            row, impact = _list(self._words, number)
            np.add.at(rows, row, np.float32(weight) * impact)
            self._mark(matching, number, row)
            postings += len(row)
        for group in plan.concepts:
            best = np.zeros_like(rows)
            for alternative in group:
                row, impact, read = self._all_of(alternative.terms)
                np.maximum.at(best, row, np.float32(alternative.weight) * impact)
                self._mark(matching, alternative.terms[0] if len(alternative.terms) == 1 else -1, row)
                postings += read
            rows += best
        for lists, weighted in (
            (self._words, plan.loose.items()),
            (self._grams, _shortest_first(self._grams, plan.grams)),
        ):
            for number, weight in weighted:
                row, impact = _list(lists, number)
                np.add.at(rows, row, np.float32(weight) * impact)
                postings += len(row)
        return rows, matching, postings

    def _mark(self, matching: Bools, number: int, row: Ints) -> None:
        """A frequent term's articles are known as a set; those of others are looked up."""
        if number >= 0 and self._frequent[number] >= 0:
            np.logical_or(matching, unpacked(self._bits[self._frequent[number]], self._articles), matching)
        else:
            matching[self._owner[row]] = True

    def _all_of(self, terms: Sequence[int]) -> tuple[Ints, Floats, int]:
        """Rows where all terms stand, and their mean impact there."""
        shared, total = _list(self._words, terms[0])
        read = len(shared)
        for term in terms[1:]:
            row, impact = _list(self._words, term)
            read += len(row)
            place = np.searchsorted(row, shared)
            both = place < len(row)
            both[both] = row[place[both]] == shared[both]
            shared, total = shared[both], total[both] + impact[place[both]]
        return shared, total / np.float32(len(terms)), read

    def _by_article(self, rows: Floats, question: float) -> Floats:
        scores = np.zeros(self._articles, np.float32)
        # of flags, which numpy looks through ten times as fast as through floats
        found = np.flatnonzero(rows[: self._sections] > 0)
        np.maximum.at(scores, self._owner[found], rows[found])
        asked = self._sections + np.flatnonzero(rows[self._sections :] > 0)
        if len(asked):
            lines = np.zeros_like(scores)
            np.maximum.at(lines, self._owner[asked], rows[asked])
            scores += np.float32(question) * lines
        return scores

    def _shown(self, rows: Floats, article: int) -> tuple[int, ...]:
        """Sections that answer, best first; the first section of an article that has none."""
        start, end = self._starts[article : article + 2].tolist()
        # as lists: for a handful of numbers each call of numpy takes longer than all of this
        scores: list[float] = rows[start:end].tolist()
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:MAX_SECTIONS]
        least = float(np.float32(SECTION_SHARE) * np.float32(scores[order[0]]))
        return tuple([start + n for n in order if scores[n] > 0 and scores[n] >= least]) or (start,)


def _shortest_first(postings: Postings, weighted: dict[int, float]) -> list[tuple[int, float]]:
    ptr = postings.ptr
    return sorted(weighted.items(), key=lambda each: int(ptr[each[0] + 1] - ptr[each[0]]))


def _list(postings: Postings, number: int) -> tuple[Ints, Floats]:
    here = slice(postings.ptr[number], postings.ptr[number + 1])
    return postings.row[here], postings.impact[here]


def _top(scores: Floats, eligible: Bools, count: int) -> list[int]:
    """The best of the eligible, best first; of equals the smaller number."""
    chosen = np.flatnonzero(eligible)
    if 0 < count < len(chosen):
        worst = np.partition(scores[chosen], len(chosen) - count)[len(chosen) - count]
        chosen = chosen[scores[chosen] >= worst]
    best: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")][:count].tolist()
    return best
