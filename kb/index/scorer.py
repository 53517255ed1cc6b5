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
Wide = npt.NDArray[np.intp]


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
_SECTION_SHARE = np.float32(SECTION_SHARE)


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
        self._spare: list[Floats] = []
        self.groups = 512
        """Of sections, from whose highest sums is known what the best articles reach at least."""

    def best(
        self, plan: Weighted, question: float, allowed: Bits | None, floor: float, pinned: Sequence[int],
        wanted: int, start: int, stop: int,
    ) -> Best:  # fmt: skip
        """Allowed articles, best first: pinned ones, strict matches, then what scores more than `floor`.

        An article scores as its best section, and `question` times its best line of `questions`. Of equals
        the smaller number comes first, so that pages never overlap. `allowed` is a set, None for all.
        """
        rows = self._zeros()
        matching, postings = self._add(plan, rows)
        may = None if allowed is None else unpacked(allowed, self._articles)
        first = [article for article in pinned if may is None or may[article]][:wanted]
        strict = _left(matching, may, first)
        near = None if first else self._near(rows, strict, wanted)
        scores = self._by_article(rows, question, near)
        owners = np.flatnonzero(strict) if near is None else _different(self._owner[near], strict)
        first += _top(scores, owners, wanted - len(first))
        if len(first) < wanted:
            loose = _left(~matching, may, first) & (scores > np.float32(floor))
            first += _top(scores, np.flatnonzero(loose), wanted - len(first))
        page = self._page(rows, scores, matching, first[start:stop])
        rows.fill(0)
        self._spare.append(rows)
        return Best(packed(matching), first, page, postings)

    def rows(self, plan: Weighted) -> tuple[Floats, Bits]:
        """The sums of all rows, and the set of articles that match strictly."""
        rows = np.zeros(len(self._owner), np.float32)
        matching, _ = self._add(plan, rows)
        return rows, packed(matching)

    def _zeros(self) -> Floats:
        """One number a row, of the last query if that is done: new memory takes longer than to clear old."""
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(len(self._owner), np.float32)

    def _add(self, plan: Weighted, rows: Floats) -> tuple[Bools, int]:
        """Adds to the sums of all rows; articles that match strictly, and how many postings were read."""
        matching = np.zeros(self._articles, bool)
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
        return matching, postings

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

    def _near(self, rows: Floats, eligible: Bools, count: int) -> Wide | None:
        """Sections among which the best of so many eligible articles are; None if that is not soon found."""
        sections, columns = rows[: self._sections], self.groups - 2 * count
        if not count or columns < 0 or self._sections < 2 * self.groups or rows[self._sections :].any():
            return None
        # every section is in one group; twice as many as are wanted, as an article may have several
        highest = sections[: self._sections // self.groups * self.groups].reshape(-1, self.groups).max(axis=0)
        bar = np.partition(highest, columns)[columns]
        near = np.flatnonzero(sections >= bar)
        return near if bar > 0 and len(_different(self._owner[near], eligible)) >= count else None

    def _by_article(self, rows: Floats, question: float, near: Wide | None) -> Floats:
        """Scores of all articles, or of those alone that own the sections `near`."""
        scores = np.zeros(self._articles, np.float32)
        # of flags, which numpy looks through ten times as fast as through floats
        found = np.flatnonzero(rows[: self._sections] > 0) if near is None else near
        np.maximum.at(scores, self._owner[found], rows[found])
        asked = self._sections + np.flatnonzero(rows[self._sections :] > 0)
        if len(asked):
            lines = np.zeros_like(scores)
            np.maximum.at(lines, self._owner[asked], rows[asked])
            scores += np.float32(question) * lines
        return scores

    def _page(self, rows: Floats, scores: Floats, matching: Bools, articles: list[int]) -> list[Scored]:
        chosen = np.array(articles, np.intp)
        columns = scores[chosen], matching[chosen], self._starts[chosen], self._starts[chosen + 1]
        found = zip(articles, *map(np.ndarray.tolist, columns), strict=True)
        return [
            (article, score, known, self._shown(rows, start, end))
            for article, score, known, start, end in found
        ]

    def _shown(self, rows: Floats, start: int, end: int) -> tuple[int, ...]:
        """Sections of an article that answer, best first; its first one where none does."""
        # as lists: for a handful of numbers each call of numpy takes longer than all of this
        scores: list[float] = rows[start:end].tolist()
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:MAX_SECTIONS]
        least = float(_SECTION_SHARE * np.float32(scores[order[0]]))
        return tuple([start + n for n in order if scores[n] > 0 and scores[n] >= least]) or (start,)


def _shortest_first(postings: Postings, weighted: dict[int, float]) -> list[tuple[int, float]]:
    ptr = postings.ptr
    return sorted(weighted.items(), key=lambda each: int(ptr[each[0] + 1] - ptr[each[0]]))


def _list(postings: Postings, number: int) -> tuple[Ints, Floats]:
    here = slice(postings.ptr[number], postings.ptr[number + 1])
    return postings.row[here], postings.impact[here]


def _left(articles: Bools, may: Bools | None, taken: list[int]) -> Bools:
    """Those that may be found and are not taken yet."""
    left = articles.copy() if may is None else articles & may
    if taken:
        left[taken] = False
    return left


def _different(owners: Ints, eligible: Bools) -> Ints:
    """The eligible ones of articles in their order, each once."""
    owners = owners[eligible[owners]]
    first = np.ones(len(owners), bool)
    np.not_equal(owners[1:], owners[:-1], out=first[1:])
    return owners[first]


def _top(scores: Floats, chosen: Wide | Ints, count: int) -> list[int]:
    """The best of some articles, best first; of equals the smaller number."""
    if 0 < count < len(chosen):
        worst = np.partition(scores[chosen], len(chosen) - count)[len(chosen) - count]
        chosen = chosen[scores[chosen] >= worst]
    best: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")][:count].tolist()
    return best
