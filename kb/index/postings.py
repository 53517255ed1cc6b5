"""Posting lists put together and weighed for a snapshot, in numpy; the compiled kernel does the same.

A list is `row[ptr[n]:ptr[n + 1]]`; rows ascend, and `held` says how often, of each posting. Rows of sections
come before those of single lines of `questions`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kb.index.sets import Bits, packed

Wide = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Held = npt.NDArray[Any]
Lists = tuple[Wide, Ints, Held]
"""ptr, row, held."""


def merge(before: Lists, place: Wide, moved: Ints, added: Lists) -> Lists:
    """The lists of both, as many as are added, some of which are empty.

    `place` ascends: the new number of each old list, -1 for one that holds nothing more. `moved` is the new
    number of each old row (-1: it is left out), `added` has the new numbers already.
    """
    (ptr, row, held), lists = before, len(added[0]) - 1
    number = np.repeat(place, np.diff(ptr))
    row = moved[row]
    stay = row >= 0
    number, row, held = number[stay], row[stay], held[stay]
    here = _offsets(np.bincount(number, minlength=lists))
    came = np.repeat(np.arange(lists), np.diff(added[0]))
    at = _bisected(row, here[came], here[came + 1], added[1])
    target = at + np.arange(len(at))
    free = np.ones(len(row) + len(at), bool)
    free[target] = False
    return here + added[0], _put(row, free, added[1], target), _put(held, free, added[2], target)


def _offsets(lengths: Wide) -> Wide:
    return np.append(0, np.cumsum(lengths))


def _put(before: Any, free: npt.NDArray[np.bool_], added: Any, target: Wide) -> Any:
    found = np.empty((len(free), *added.shape[1:]), added.dtype)
    found[free] = before
    found[target] = added
    return found


def _bisected(row: Ints, low: Wide, high: Wide, wanted: Ints) -> Wide:
    """Of each wanted row its place among the ascending rows from `low` up to `high`; all at once."""
    low, high = low.copy(), high.copy()
    while True:
        open_ = np.flatnonzero(low < high)
        if not len(open_):
            return low
        middle = (low[open_] + high[open_]) // 2
        less = row[middle] < wanted[open_]
        low[open_[less]] = middle[less] + 1
        high[open_[~less]] = middle[~less]


def counts(words: Lists, sections: int) -> Wide:
    """(F + 1, terms): in how many sections each term stands in each field, and in any."""
    ptr, row, held = words
    terms = len(ptr) - 1
    term = np.repeat(np.arange(terms), np.diff(ptr))
    inside = row < sections
    kept = [*(inside & (column > 0) for column in held.T), inside]
    return np.stack([np.bincount(term[each], minlength=terms) for each in kept])


BLOCK = 64
"""Rows whose highest impact is known of a long list."""


def blocks(ptr: Wide, row: Ints, impact: Floats, lists: Wide, sections: int) -> tuple[Ints, Floats]:
    """Of some lists, one after the other: where the postings of each block begin, and those of the last end;
    the highest impact of each block. Lines of `questions` are in no block.
    """
    edges = np.minimum(np.arange(-(-sections // BLOCK) + 1) * BLOCK, sections)
    begin = np.zeros((len(lists), len(edges)), np.int32)
    peak = np.zeros((len(lists), len(edges) - 1), np.float32)
    for place, number in enumerate(lists.tolist()):
        here = slice(ptr[number], ptr[number + 1])
        begin[place] = np.searchsorted(row[here], edges)
        filled = np.flatnonzero(np.diff(begin[place]))
        inside = impact[here][: begin[place, -1]]
        peak[place, filled] = np.maximum.reduceat(inside, begin[place, filled]) if len(filled) else 0
    return begin.ravel(), peak.ravel()


def word_impacts(
    words: Lists, idf: Doubles, norms: Doubles, boosts: Doubles, asked_idf: Doubles, asked_norms: Doubles,
    k1: float,
) -> Floats:  # fmt: skip
    """Of each posting: in a section the sum over its fields, in a line of `questions` the first column alone.

    `idf`, `asked_idf` (terms,); `norms` (F, sections), `asked_norms` (Q,): what BM25 adds to a count.
    """
    ptr, row, held = words
    term = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    impact = np.zeros(len(row))
    sections = norms.shape[1]
    line = row >= sections
    for field, column in enumerate(held.T):
        each = np.flatnonzero((column > 0) & ~line)
        tf = column[each].astype(np.float64)
        impact[each] += boosts[field] * (idf[term[each]] * tf * (k1 + 1) / (tf + norms[field][row[each]]))
    tf = held[line, 0].astype(np.float64)
    impact[line] = asked_idf[term[line]] * tf * (k1 + 1) / (tf + asked_norms[row[line] - sections])
    return impact.astype(np.float32)


def gram_impacts(found: Lists, factor: Floats, norms: Floats, kinds: Wide) -> Floats:
    """Of each posting, whose `held` are halves.

    `factor` (lists,); `norms` (kinds, sections): what BM25 adds to a count; `kinds`: where the lists of each
    kind begin, and the end of the last.
    """
    ptr, row, held = found
    impact = np.empty(len(row), np.float32)
    for kind in range(len(kinds) - 1):
        first, end = kinds[kind], kinds[kind + 1]
        here = slice(ptr[first], ptr[end])
        tf = held[here] * np.float32(0.5)
        below = norms[kind][row[here]]
        below += tf
        tf *= np.repeat(factor[first:end], np.diff(ptr[first : end + 1]))
        np.divide(tf, below, out=impact[here])
    return impact


def article_sets(ptr: Wide, row: Ints, lists: Wide, owner: Ints, articles: int) -> Bits:
    """Of some lists the articles that own their rows, as one row of bits each."""
    sets = [packed(np.zeros(articles, bool))[:0]]
    for number in lists.tolist():
        members = np.zeros(articles, bool)
        members[owner[row[ptr[number] : ptr[number + 1]]]] = True
        sets.append(packed(members))
    return np.concatenate(sets)
