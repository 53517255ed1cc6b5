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
SECTION_SHARE = np.float32(0.6)
"""A further section is shown when it scores this share of the best."""
ROUNDED = 0.9999
"""Sums of hundreds of 32-bit floats are rounded by less."""


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


Found = tuple[int, float, bool]
"""Article, score, whether it matches strictly."""


class _List(NamedTuple):
    """What a posting list adds to rows."""

    row: Ints
    impact: Floats
    weight: float


class _Query(NamedTuple):
    """Lists in the order in which they are added, their lines of `questions` apart."""

    sections: list[_List]
    lines: list[_List]
    strict: Bits
    """Set of the articles that match strictly."""
    read: int
    """Postings read for it."""


class Scorer:
    """Adds up posting lists of one snapshot and finds the best articles. For any number of threads.

    Words count in sections and in single lines of `questions`; concepts are synonyms, of which the best in a
    row counts; both make an article match strictly. Loose words and n-grams only add to scores.
    """

    def __init__(
        self, words: Postings, grams: Postings, owner: Ints, article_sections: Offsets, frequent: Ints,
        frequent_bits: Bits,
    ) -> None:  # fmt: skip
        # a single number is read sooner of a view
        self._words, self._grams = words._replace(ptr=memoryview(words.ptr)), grams._replace(ptr=memoryview(grams.ptr))
        self._owner = owner
        self._starts = memoryview(article_sections)
        self._articles, self._sections = len(article_sections) - 1, int(article_sections[-1])
        self._frequent = memoryview(frequent)
        self._bits = frequent_bits.reshape(-1, bits_needed(self._articles))
        self._spare: list[Floats] = []
        self.groups = 512
        """Of sections, from whose highest sums is known what the best articles reach at least."""
        self.many = 16_000
        """Postings, of which all sections are looked through, and not those alone that they are of."""
        self.looked = 100
        self.near = 1000

    def best(
        self, plan: Weighted, question: float, allowed: Bits | None, floor: float, pinned: Sequence[int],
        wanted: int, start: int, stop: int,
    ) -> Best:  # fmt: skip
        """Allowed articles, best first: pinned ones, strict matches, then what scores more than `floor`.

        An article scores as its best section, and `question` times its best line of `questions`. Of equals
        the smaller number comes first, so that pages never overlap. `allowed` is a set, None for all.
        """
        query, rows = self._read(plan), self._zeros()
        _add(query.lines, rows)
        lines = self._lines(rows, question) if query.lines else None
        touched = _add(query.sections, rows, self.many)
        eligible = query.strict if allowed is None else query.strict & allowed
        found = None if pinned else self._nearest(rows, touched, lines, eligible, wanted)
        if found is None:
            found = self._in_order(rows, lines, query.strict, allowed, floor, pinned, wanted)
        page = self._page(rows, found[start:stop])
        rows.fill(0)
        self._spare.append(rows)
        return Best(query.strict, [each[0] for each in found], page, query.read)

    def rows(self, plan: Weighted) -> tuple[Floats, Bits]:
        """The sums of all rows, and the set of articles that match strictly."""
        query, rows = self._read(plan), np.zeros(len(self._owner), np.float32)
        _add(query.lines, rows)
        _add(query.sections, rows)
        return rows, query.strict

    def _zeros(self) -> Floats:
        """One number a row, of the last query if that is done: new memory takes longer than to clear old."""
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(len(self._owner), np.float32)

    # ------------------------------------------------------------ a query's lists

    def _read(self, plan: Weighted) -> _Query:
        words = [(number, _list(self._words, number, weight)) for number, weight in plan.words.items()]
        words.sort(key=lambda each: len(each[1].row))
        lists = [each for _, each in words]
        for group in plan.concepts:
            alternatives = [self._alternative(each) for each in group]
            words += alternatives
            lists.append(_best_of([each for _, each in alternatives]))
        lists += [_list(self._words, *each) for each in plan.loose.items()]
        lists += sorted([_list(self._grams, *each) for each in plan.grams.items()], key=lambda each: len(each.row))
        read = sum([len(each.row) for each in lists])
        strict = self._strict(words)
        if self._sections == len(self._owner):
            return _Query(lists, [], strict, read)
        # rows ascend: those of `questions`, if any, are the last
        cuts = [int(each.row.searchsorted(np.int32(self._sections))) for each in lists]
        both = list(zip(lists, cuts, strict=True))
        lines = [_List(row[cut:], impact[cut:], weight) for (row, impact, weight), cut in both if cut < len(row)]
        sections = [_List(row[:cut], impact[:cut], weight) for (row, impact, weight), cut in both]
        return _Query(sections, lines, strict, read)

    def _alternative(self, synonym: Synonym) -> tuple[int, _List]:
        """Rows where all terms stand with their mean impact there; the term's number where it is one."""
        number, *others = synonym.terms
        shared, total, weight = _list(self._words, number, synonym.weight)
        if not others:
            return number, _List(shared, total, weight)
        for term in others:
            row, impact, _ = _list(self._words, term, 1)
            place = row.searchsorted(shared)
            both = place < len(row)
            both[both] = row[place[both]] == shared[both]
            shared, total = shared[both], total[both] + impact[place[both]]
        return -1, _List(shared, total / np.float32(len(synonym.terms)), weight)

    def _strict(self, lists: list[tuple[int, _List]]) -> Bits:
        """A frequent term's articles are known as a set; those of others are looked up."""
        flags = np.zeros(64 * bits_needed(self._articles), bool)
        known = []
        for number, each in lists:
            place = self._frequent[number] if number >= 0 else -1
            if place >= 0:
                known.append(self._bits[place])
            else:
                flags.put(self._owner.take(each.row), True)
        strict: Bits = np.packbits(flags, bitorder="little").view(np.uint64)
        for articles in known:
            strict |= articles
        return strict

    # ------------------------------------------------------------ the best articles

    def _nearest(
        self, rows: Floats, touched: Wide | None, lines: Floats | None, eligible: Bits, count: int
    ) -> list[Found] | None:
        """The best of so many eligible articles; None if they are not soon found."""
        if touched is None:
            sums = rows[: self._sections]
            # each section is in one group; more than are wanted, as an article may have several
            even = sums[: len(sums) // self.groups * self.groups].reshape(-1, self.groups)
            highest, more = even.max(axis=0, initial=0), 3
        else:
            sums = rows.take(touched)
            # those of the shortest lists, which add most; some are there for each of their words
            highest, more = sums[: self.looked * count].copy(), 5
        place = len(highest) - more * count
        if place < 0 or not count:
            return None
        highest.partition(place)
        bar = float(highest[place])
        least = bar if lines is None else ROUNDED * bar - float(lines.max())
        if least <= 0:
            return None
        near = (sums >= np.float32(least)).nonzero()[0]
        if len(near) > self.near:
            return None
        owners = self._owner.take(near if touched is None else touched.take(near))
        scores = sums.take(near)
        if lines is not None:
            scores += lines.take(owners)
        order = (-scores).argsort()
        members, found, last = eligible.tobytes(), {}, 0.0
        # in Python: for so few numbers each call of numpy takes longer
        for article, score in zip(owners.take(order).tolist(), scores.take(order).tolist(), strict=True):
            if score < last:
                break
            if article not in found and members[article >> 3] >> (article & 7) & 1:
                found[article] = score
                if len(found) == count:
                    last = score
        if len(found) < count or last < bar:
            return None
        # of equals the smaller number comes first
        best = sorted([(-score, article) for article, score in found.items()])[:count]
        return [(article, -score, True) for score, article in best]

    def _lines(self, rows: Floats, question: float) -> Floats:
        """What the best line of `questions` adds to each article."""
        asked = self._sections + np.flatnonzero(rows[self._sections :] > 0)
        lines = np.zeros(self._articles, np.float32)
        np.maximum.at(lines, self._owner[asked], rows[asked])
        return np.float32(question) * lines

    def _in_order(
        self, rows: Floats, lines: Floats | None, strict: Bits, allowed: Bits | None, floor: float,
        pinned: Sequence[int], wanted: int,
    ) -> list[Found]:  # fmt: skip
        """The best of all articles."""
        scores = np.zeros(self._articles, np.float32)
        # of flags, which numpy looks through ten times as fast as through floats
        found = np.flatnonzero(rows[: self._sections] > 0)
        np.maximum.at(scores, self._owner[found], rows[found])
        if lines is not None:
            scores += lines
        matching = unpacked(strict, self._articles)
        may = np.ones(self._articles, bool) if allowed is None else unpacked(allowed, self._articles)
        first = [article for article in pinned if may[article]][:wanted]
        may[first] = False
        first += _top(scores, np.flatnonzero(matching & may), wanted - len(first))
        if len(first) < wanted:
            loose = ~matching & may & (scores > np.float32(floor))
            first += _top(scores, np.flatnonzero(loose), wanted - len(first))
        return list(zip(first, scores[first].tolist(), matching[first].tolist(), strict=True))

    def _page(self, rows: Floats, found: list[Found]) -> list[Scored]:
        """With sections that answer, best first; an article's first one where none does."""
        # as lists: for a handful of numbers each call of numpy takes longer than all of this
        starts = [self._starts[article] for article, _, _ in found]
        sums = [rows[n : self._starts[article + 1]].tolist() for n, (article, _, _) in zip(starts, found)]
        least = (SECTION_SHARE * np.array([max(each) for each in sums], np.float32)).tolist()
        return [
            (*each, _shown(*section)) for each, section in zip(found, zip(starts, sums, least))
        ]


def _shown(start: int, sums: list[float], least: float) -> tuple[int, ...]:
    """Sections of an article that answer, best first; its first one where none does."""
    shown = [n for n, each in enumerate(sums) if each >= least] if least else []
    if len(shown) > 1:
        shown = sorted(shown, key=sums.__getitem__, reverse=True)[:MAX_SECTIONS]
    return tuple([start + n for n in shown]) or (start,)


def _list(postings: Postings, number: int, weight: float) -> _List:
    start, end = postings.ptr[number], postings.ptr[number + 1]
    return _List(postings.row[start:end], postings.impact[start:end], weight)


def _best_of(lists: list[_List]) -> _List:
    """One list of several: the highest in each row."""
    if len(lists) == 1:
        return lists[0]
    row = np.concatenate([each.row for each in lists])
    value = np.concatenate([impact if weight == 1 else weight * impact for _, impact, weight in lists])
    order = row.argsort(kind="stable")
    row = row[order]
    begin = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))[: len(row)]
    highest = np.maximum.reduceat(value[order], begin) if len(row) else value
    return _List(row[begin], highest, 1.0)


def _add(lists: Sequence[_List], rows: Floats, many: int = 0) -> Wide | None:
    """Adds list after list; the rows that this touched, some more than once, or None if they are many."""
    if not lists or sum([len(each.row) for each in lists]) > many:
        for row, impact, weight in lists:
            np.add.at(rows, row, weight * impact)
        return None
    touched = np.concatenate([each.row for each in lists], dtype=np.intp)
    added = [impact if weight == 1 else weight * impact for _, impact, weight in lists]
    np.add.at(rows, touched, np.concatenate(added))
    return touched


def _top(scores: Floats, chosen: Wide | Ints, count: int) -> list[int]:
    """The best of some articles, best first; of equals the smaller number."""
    if 0 < count < len(chosen):
        worst = np.partition(scores[chosen], len(chosen) - count)[len(chosen) - count]
        chosen = chosen[scores[chosen] >= worst]
    best: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")][:count].tolist()
    return best
