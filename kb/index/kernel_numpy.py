"""The hot loops in numpy: the reference that the compiled kernel equals, and what runs without a compiler.

Rows are sections, then single lines of `questions`. All sums are of 32-bit floats, list after list in the
order of the plan, so that both kernels round alike and rank alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kb.text.graphemes import tears, whole

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
"""A set of articles, a bit each."""
Bools = npt.NDArray[np.bool_]
Postings = tuple[Offsets, Ints, Floats]
"""Where each list begins, and the end of the last; rows, ascending within a list; impacts."""
Scored = tuple[int, float, bool, tuple[int, ...]]
"""Article, score, whether it matches strictly, the sections that answer (rows)."""
Match = tuple[int, int, int]
"""Start and end in a text, and the term that stands there."""

WIDE = 0x2E80
"""Code point from which characters take two columns: CJK begins here."""
MAX_SECTIONS = 3
"""Sections shown of one article."""
SECTION_SHARE = 0.6
"""A further section is shown when it scores this share of the best."""
MAX_STARTS = 200
"""Matches at which a window is tried to begin; bounds the time for a section that repeats one word."""
LEAD = 60
"""Characters of an excerpt before its first match, at most."""
SENTENCE_ENDS = "。．！？!?\n"
_FOLLOWERS = "、。，．,.;:!?！？；：)）]］」』】〉》|"
"""Signs that belong to what stands before them: no excerpt begins with one."""


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
        for number, weight in plan.words.items():
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
        for lists, weighted in ((self._words, plan.loose), (self._grams, plan.grams)):
            for number, weight in weighted.items():
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
        scores = rows[start:end]
        order = np.argsort(-scores, kind="stable")[:MAX_SECTIONS].tolist()
        least = np.float32(SECTION_SHARE) * scores[order[0]]
        return tuple(start + n for n in order if scores[n] > 0 and scores[n] >= least) or (start,)


def _list(postings: Postings, number: int) -> tuple[Ints, Floats]:
    ptr, row, impact = postings
    return row[ptr[number] : ptr[number + 1]], impact[ptr[number] : ptr[number + 1]]


def _top(scores: Floats, eligible: Bools, count: int) -> list[int]:
    """The best of the eligible, best first; of equals the smaller number."""
    chosen = np.flatnonzero(eligible)
    if 0 < count < len(chosen):
        worst = np.partition(scores[chosen], len(chosen) - count)[len(chosen) - count]
        chosen = chosen[scores[chosen] >= worst]
    best: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")][:count].tolist()
    return best


# ---------------------------------------------------------------- sets of articles


def bits_needed(articles: int) -> int:
    """Words of 64 bits that hold a set of articles, one at least."""
    return articles // 64 + 1


def packed(members: Bools) -> Bits:
    """A set from one flag an article; bit n of the whole is article n."""
    bits = np.zeros(bits_needed(len(members)) * 8, np.uint8)
    bits[: (len(members) + 7) // 8] = np.packbits(members, bitorder="little")
    return bits.view(np.uint64)


def unpacked(bits: Bits, articles: int) -> Bools:
    """One flag an article."""
    return np.unpackbits(bits.view(np.uint8), count=articles, bitorder="little").view(bool)


def size(bits: Bits) -> int:
    """How many articles are in a set."""
    return int(np.bitwise_count(bits).sum())


def tally(ptr: Offsets, values: Ints, bits: Bits, kinds: int) -> list[int]:
    """How often each value of a facet occurs among the articles of a set."""
    owned = np.repeat(unpacked(bits, len(ptr) - 1), np.diff(ptr))
    counts: list[int] = np.bincount(values[owned], minlength=kinds).tolist()
    return counts


# ---------------------------------------------------------------- strings, snippets


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


def phrases(
    terms: Ints, starts: Ints, ends: Ints, first: int, last: int, wanted: Sequence[tuple[int, ...]], text: str
) -> list[Match]:
    """The tokens from `first` up to `last` that stand for whole phrases, in the order of the phrases."""
    tokens = [each[first:last].tolist() for each in (starts, ends, terms)]
    here: list[Match] = list(zip(*tokens, strict=True))
    return [
        token
        for phrase in wanted
        for place in range(len(here))
        if here[place][2] == phrase[0]
        for token in _following(here, place, phrase, text)
    ]


def _following(tokens: Sequence[Match], place: int, terms: Sequence[int], text: str) -> list[Match]:
    """The tokens from `place` on whose terms are `terms`, only function words between; else none."""
    parts = [tokens[place]]
    for term in terms[1:]:
        end = parts[-1][1]
        # a compound's words stand within it: what follows is what begins behind the last word
        after = next((n for n in range(place + 1, len(tokens)) if tokens[n][0] >= end), len(tokens))
        begins = tokens[after][0] if after < len(tokens) else -1
        here = [n for n in range(after, min(after + 4, len(tokens))) if tokens[n][0] == begins]
        place = next((n for n in here if tokens[n][2] == term), -1)
        between = text[end:begins]
        if place < 0 or ". " in between or any(sign in SENTENCE_ENDS for sign in between):
            return []
        parts.append(tokens[place])
    return parts


def excerpt(text: str, found: Sequence[Match], values: Mapping[int, float], columns: int) -> tuple[int, int]:
    """Where to cut a text, so that so many columns hold the most worth: around the best window.

    Begins at the sentence or a little before the first match, so that the last one stays in the window.
    Ends at a word; never cuts inside what a reader sees as one character.
    """
    first, last = window(text, found, values, columns)
    left = _lead(text, first, columns - width(text[first:last]))
    while left < first and (text[left].isspace() or text[left] in _FOLLOWERS or tears(text, left)):
        left += 1
    right = fit(text, left, columns)
    if 0 < right < len(text) and text[right - 1].isalnum() and text[right].isalnum():
        space = text.rfind(" ", max(left, last), right)
        if ord(text[right - 1]) <= WIDE and ord(text[right]) <= WIDE and space > (left + right) // 2:
            right = space
    return left, whole(text, right)


def _lead(text: str, first: int, room: int) -> int:
    """Where to begin before the first match, when `room` columns may be spent on it."""
    start: int = fit_before(text, max(0, first - LEAD), first, room)
    ends = [text.rfind(sign, start, first) for sign in SENTENCE_ENDS]
    sentence = max(*ends, text.rfind(". ", start, first + 1))
    if sentence >= 0:
        return sentence + 1
    left = start
    while 0 < left < first and all(c.isalnum() and ord(c) <= WIDE for c in text[left - 1 : left + 1]):
        left += 1  # not inside a Latin word
    return left


def marks(text: str, found: Sequence[Match], left: int, right: int) -> list[tuple[int, int]]:
    """The matches that stand between two places, counted from the first: in order, joined where they touch.

    A mark takes along the signs that belong to its last character.
    """
    inside = [(a - left, min(whole(text, b), right) - left) for a, b, _ in found if left <= a and b <= right]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(inside):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged


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
