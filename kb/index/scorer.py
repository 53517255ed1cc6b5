"""Posting lists added up and the best articles found, in numpy: what the compiled kernel equals.

Rows are sections, then single lines of `questions`. All sums are of 32-bit floats, list after list in one
order (`kb.index.lists`), so that both kernels round alike and rank alike. The compiled kernel leaves the
longest lists out where they cannot change the best, which shows in no result.

A query of a few words touches a few thousand rows, and each call of numpy takes a microsecond or more,
whatever it is given. So a few calls find the dozens of rows that reach what the best must reach at least;
from there on few numbers are left, and Python takes them one by one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from kb.index.lists import Added, Asked, Floats, Lists, Weighted, Wide
from kb.index.lists import Ints as Ints
from kb.index.lists import Offsets as Offsets
from kb.index.lists import Postings as Postings
from kb.index.sets import Bits, unpacked

Scored = tuple[int, float, bool, tuple[int, ...]]
"""Article, score, whether it matches strictly, the sections that answer (rows)."""
Found = tuple[list[int], list[float], list[bool]]
"""The best articles, their scores, whether each matches strictly."""

MAX_SECTIONS = 3
"""Sections shown of one article."""
SCORED = Struct("=if5i")
"""`Scored` as the kernels give it: article, score, whether it is strict, how many sections, and these."""
SECTION_SHARE = float(np.float32(0.6))
"""A further section is shown when it scores this share of the best."""
ROUNDED = 0.9999
"""Sums of hundreds of 32-bit floats are rounded by less."""


def written(page: Iterable[Scored]) -> bytes:
    """A page as bytes."""
    return b"".join(
        [
            SCORED.pack(article, score, strict, len(shown), *shown, *[0] * (MAX_SECTIONS - len(shown)))
            for article, score, strict, shown in page
        ]
    )


def read(page: bytes) -> list[Scored]:
    """A page that was written."""
    return [
        (article, score, bool(strict), tuple(shown[:count]))
        for article, score, strict, count, *shown in SCORED.iter_unpack(page)
    ]


class Best(NamedTuple):
    """The order of articles for one query."""

    strict: Bits
    """Set of the articles that match strictly, whatever the filter."""
    first: bytes
    """The best articles, `wanted` at most; 32 bits each."""
    page: bytes
    """Those from `start` up to `stop`; a `SCORED` each. As objects they took as long as to find them."""
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
        self._owner: Wide = owner.astype(np.intp)
        self._starts = article_sections
        # a single number comes from this in half the time
        self._start_of = article_sections.data
        self._articles, self._sections = len(article_sections) - 1, int(article_sections[-1])
        self._lists = Lists(
            words, grams, self._owner, self._sections, self._articles, frequent, frequent_bits
        )
        self.few = self._sections // 16
        """Of more postings than these it is quicker to look at all sections than at theirs …"""
        self.many = self._sections // 3
        """… and of more than these to add list after list than to put all of them together."""
        self.looked = 100
        """Rows for each article that is wanted, from whose sums is known what the best reach at least."""
        self.groups = 512
        """Of sections, from whose highest sums this is known where all are looked at."""
        self.near = 1000
        """Rows that are put in order one by one, at most."""

    def best(
        self, plan: Weighted, question: float, allowed: Bits | None, floor: float, pinned: Sequence[int],
        wanted: int, start: int, stop: int,
    ) -> Best:  # fmt: skip
        """Allowed articles, best first: pinned ones, strict matches, then what scores more than `floor`.

        An article scores as its best section, and `question` times its best line of `questions`. Of equals
        the smaller number comes first, so that pages never overlap. `allowed` is a set, None for all.
        """
        asked, rows = self._lists.read(plan), np.zeros(len(self._owner), np.float32)
        touched = self._add_few(asked, rows)
        lines = self._lines(rows, question) if self._sections < len(rows) else None
        found = None if pinned else self._nearest(rows, touched, lines, asked.strict, allowed, wanted)
        if found is None:
            found = self._in_order(rows, lines, asked.strict, allowed, floor, pinned, wanted)
        first, scores, strict = found
        page = self._page(rows, lines, first[start:stop], scores[start:stop], strict[start:stop])
        return Best(asked.strict, array("i", first).tobytes(), written(page), asked.postings)

    def rows(self, plan: Weighted) -> tuple[Floats, Bits]:
        """The sums of all rows, and the set of articles that match strictly."""
        asked, rows = self._lists.read(plan), np.zeros(len(self._owner), np.float32)
        _add(asked.lists, rows)
        return rows, asked.strict

    def likeness(self, terms: dict[int, float]) -> Floats:
        """Of each article the sum, over terms with weights, of what a term adds to its best section."""
        scores = np.zeros(self._articles, np.float32)
        for each in self._lists.of_terms(terms):
            article = self._owner[each.row]
            first = np.flatnonzero(np.append(True, article[1:] != article[:-1])[: len(article)])
            if len(first):
                scores[article[first]] += each.weight * np.maximum.reduceat(each.impact, first)
        return scores

    def gains(self, terms: dict[int, float], articles: list[int]) -> list[list[float]]:
        """What each of the terms added to the likeness of each of some articles."""
        found = [[0.0] * len(terms) for _ in articles]
        starts, ends = self._starts[articles].astype(np.int32), self._starts[1:][articles].astype(np.int32)
        for place, each in enumerate(self._lists.of_terms(terms)):
            first, end = each.row.searchsorted(starts).tolist(), each.row.searchsorted(ends).tolist()
            for own, begin, stop in zip(found, first, end, strict=True):
                if begin < stop:
                    own[place] = float(each.weight * each.impact[begin:stop].max())
        return found

    def _add_few(self, asked: Asked, rows: Floats) -> Wide | None:
        """Adds list after list; the sections of all their postings, or None if these are many."""
        if not 0 < asked.postings <= self.many:
            _add(asked.lists, rows)
            return None
        touched = np.concatenate([each.row for each in asked.lists], dtype=np.intp)
        np.add.at(rows, touched, np.concatenate([each.values() for each in asked.lists]))
        return touched if self._sections == len(rows) else touched[touched < self._sections]

    def _nearest(
        self, rows: Floats, touched: Wide | None, lines: Floats | None, strict: Bits, allowed: Bits | None,
        count: int,
    ) -> Found | None:  # fmt: skip
        """The best allowed articles, all of which match strictly; None if so many are not soon found."""
        eligible = strict if allowed is None else strict & allowed
        sums = rows[: self._sections]
        if touched is None:
            highest, more = self._highest(sums), 3
        else:
            if allowed is not None:
                touched = touched[unpacked(eligible, self._articles).take(self._owner.take(touched))]
            # those of the shortest lists, which add most
            highest, more = rows.take(touched[: self.looked * count]), 4
        # more than are wanted: an article may have several sections, a section several words
        place = max(len(highest) - more * count, 0)
        if place == len(highest):
            return None
        highest.partition(place)
        bar = highest[place]
        least = bar if lines is None else ROUNDED * bar - lines.max().item()
        if least <= 0:
            return None
        if touched is None or (allowed is None and len(touched) > self.few):
            near = (sums >= least).nonzero()[0]
        else:
            near = touched[rows.take(touched) >= least]
        if len(near) > self.near:
            return None
        owners, scores = self._owner[near], rows[near]
        if lines is not None:
            scores += lines.take(owners)
        # best first, of equals the smaller number; what comes first of an article is its best section
        order = np.lexsort((owners, -scores))
        found: dict[int, float] = {}
        members = eligible.tobytes()
        for article, score in zip(owners[order].tolist(), scores[order].tolist(), strict=True):
            if article not in found and members[article >> 3] >> (article & 7) & 1:
                found[article] = score
                if len(found) == count:
                    return (list(found), list(found.values()), [True] * count) if score >= bar else None
        return None

    def _highest(self, sums: Floats) -> Floats:
        """Of each group of sections; every section is in one, but for the last few."""
        groups = sums[: len(sums) // self.groups * self.groups].reshape(-1, self.groups)
        highest: Floats = groups.max(axis=0, initial=0)
        return highest

    def _lines(self, rows: Floats, question: float) -> Floats | None:
        """What the best line of `questions` adds to each article; None if there is none."""
        asked = self._sections + np.flatnonzero(rows[self._sections :] > 0)
        if not len(asked):
            return None
        lines = np.zeros(self._articles, np.float32)
        np.maximum.at(lines, self._owner[asked], rows[asked])
        return np.float32(question) * lines

    def _in_order(
        self, rows: Floats, lines: Floats | None, strict: Bits, allowed: Bits | None, floor: float,
        pinned: Sequence[int], wanted: int,
    ) -> Found:  # fmt: skip
        """The same of all articles, whatever they match."""
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
        return first, scores[first].tolist(), matching[first].tolist()

    def _page(
        self, rows: Floats, lines: Floats | None, articles: list[int], scores: list[float], strict: list[bool]
    ) -> list[Scored]:
        """With the sections of each article that answer, best first; its first one where none does."""
        # in Python: for a handful of numbers each call of numpy takes longer than all of this
        starts = self._start_of
        sums: Any = rows.data
        # without lines an article scores as its best section
        highest = scores
        if lines is not None:
            highest = [max(sums[starts[article] : starts[article + 1]]) for article in articles]
        # rounded to 32 bits, as sums are
        least = array("f", [SECTION_SHARE * most or 1 for most in highest])
        page = []
        for article, score, matches, most, enough in zip(
            articles, scores, strict, highest, least, strict=True
        ):
            start = starts[article]
            own = sums[start : starts[article + 1]].tolist()
            shown: list[int] = []
            while most >= enough and len(shown) < MAX_SECTIONS:
                # of equals the first, which is not found again
                place = own.index(most)
                own[place] = 0.0
                shown.append(start + place)
                most = max(own)
            page.append((article, score, matches, tuple(shown) or (start,)))
        return page


def _add(lists: list[Added], rows: Floats) -> None:
    for each in lists:
        np.add.at(rows, each.row, each.values())


def _top(scores: Floats, chosen: Wide | Ints, count: int) -> list[int]:
    """The best of some articles, best first; of equals the smaller number."""
    if 0 < count < len(chosen):
        worst = np.partition(scores[chosen], len(chosen) - count)[len(chosen) - count]
        chosen = chosen[scores[chosen] >= worst]
    best: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")][:count].tolist()
    return best
