"""The hot loops in numpy: the reference that the compiled kernel equals, and what runs without a compiler.

Here are those over texts; `scorer` adds up posting lists, `postings` makes them, `sets` counts articles.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from kb.index.postings import article_sets as article_sets
from kb.index.postings import blocks as blocks
from kb.index.postings import counts as counts
from kb.index.postings import gram_impacts as gram_impacts
from kb.index.postings import merge as merge
from kb.index.postings import word_impacts as word_impacts
from kb.index.scorer import Ints, Offsets, read
from kb.index.scorer import Scorer as Scorer
from kb.index.sets import size as size
from kb.index.sets import tally as tally
from kb.text.graphemes import tears, whole

Match = tuple[int, int, int]
"""Start and end in a text, and the term that stands there."""

WIDE = 0x2E80
"""Code point from which characters take two columns: CJK begins here."""
MAX_STARTS = 200
"""Matches at which a window is tried to begin; bounds the time for a section that repeats one word."""
LEAD = 60
"""Characters of an excerpt before its first match, at most."""
SENTENCE_ENDS = "。．！？!?\n"
_FOLLOWERS = "、。，．,.;:!?！？；：)）]］」』】〉》|"
"""Signs that belong to what stands before them: no excerpt begins with one."""


_HIGHEST = 2**31 - 1
"""Of a record's numbers."""


def bisect(ptr: Offsets, data: Any, item: bytes) -> int:
    """Number of the first of sorted byte strings that is not smaller than `item`."""
    low, high = 0, len(ptr) - 1
    while low < high:
        middle = (low + high) // 2
        if bytes(data[ptr[middle] : ptr[middle + 1]]) < item:
            low = middle + 1
        else:
            high = middle
    return low


def near(ptr: Offsets, data: Any, first: int, end: int, typed: str) -> list[int]:
    """Those from `first` up to `end` of byte strings that begin as `typed`, but for one slip at most.

    A slip is a letter that is wrong, one too many, one too few, or two that are swapped.
    """
    return [
        item for item in range(first, end) if _begins_nearly(bytes(data[ptr[item] : ptr[item + 1]]), typed)
    ]


def _begins_nearly(key: bytes, typed: str) -> bool:
    text = key.decode()
    # the slip is at the first letter that differs, or looks the same as if it were
    same = next(
        (n for n, (a, b) in enumerate(zip(text, typed, strict=False)) if a != b), min(len(text), len(typed))
    )
    wrong, missing, extra = (same + 1, same + 1), (same + 1, same), (same, same + 1)
    if any(text.startswith(typed[rest:], at) for at, rest in (wrong, missing, extra)):
        return True
    swapped = typed[same + 1 : same + 2] + typed[same : same + 1]
    return len(swapped) == 2 and text.startswith(swapped + typed[same + 2 :], same)


class Forward:
    """The forward index: where the terms of each section stand in its text."""

    def __init__(self, ptr: Offsets, term: Ints, start: Ints, end: Ints) -> None:
        self.ptr, self.tokens = ptr, (term, start, end)


class Sought:
    """What the excerpts and titles of one search look for."""

    def __init__(
        self, forward: Forward, single: frozenset[int], values: dict[int, float],
        phrases: list[tuple[int, ...]], columns: int,
    ) -> None:  # fmt: skip
        """`single`: terms that count wherever they stand; `phrases`: those that do one after the other.

        `values`: what a match of each is worth. `columns` of an excerpt.
        """
        self._forward, self._single, self._phrases = forward, single, phrases
        self._values, self._columns = values, columns
        self._wanted = np.array(sorted(single), np.int32)

    def records(
        self, page: bytes, card_of: Callable[[int], Any], passage_of: Callable[[int], Any], sure: float
    ) -> tuple[bytes, ...]:
        """What is found of each article of a page, as 32-bit numbers:

            article · its score times 10,000 · whether it is strict · how many sections, and which
            where the excerpt begins and ends in the text of the first · its marks · marks of the title

        Marks are how many, then where each begins and ends. `card_of` and `passage_of` are the snapshot's;
        scores are multiplied by `sure`.
        """
        return tuple([self._record(*scored, card_of, passage_of, sure) for scored in read(page)])

    def _record(
        self, article: int, score: float, strict: bool, shown: tuple[int, ...],
        card_of: Callable[[int], Any], passage_of: Callable[[int], Any], sure: float,
    ) -> bytes:  # fmt: skip
        card = card_of(article)
        excerpted = self._excerpt(shown[0], passage_of(shown[0]).text)
        titled = self._title(card.title, card.title_terms, card.title_spans)
        places = min(round(score * sure * 10_000), _HIGHEST)
        return array("i", (article, places, strict, len(shown), *shown, *excerpted, *titled)).tobytes()

    def _excerpt(self, section: int, text: str) -> tuple[int, ...]:
        """The part of the section's text in which most of the worth stands, and what to mark in it."""
        forward = self._forward
        first, last = forward.ptr[section : section + 2].tolist()
        found = matches(*forward.tokens, first, last, self._wanted)
        if self._phrases and (more := phrases(*forward.tokens, first, last, self._phrases, text)):
            found = sorted({*found, *more})
        left, right = excerpt(text, found, self._values, self._columns)
        return left, right, *_counted(marks(text, found, left, right))

    def _title(
        self, title: str, terms: tuple[int, ...], spans: tuple[tuple[int, int], ...]
    ) -> tuple[int, ...]:
        """What to mark in a title, of which terms and places are given."""
        found = [(*span, term) for span, term in zip(spans, terms, strict=True) if term in self._single]
        if self._phrases:
            starts, ends = np.array(spans, np.int32).reshape(-1, 2).T
            here = np.array(terms, np.int32), starts, ends
            found += phrases(*here, 0, len(terms), self._phrases, title)
        return _counted(marks(title, found, 0, len(title)))


def matches(terms: Ints, starts: Ints, ends: Ints, first: int, last: int, wanted: Ints) -> list[Match]:
    """The tokens from `first` up to `last` whose term is one of `wanted`, which are sorted."""
    if not len(wanted):
        return []
    here = terms[first:last]
    near = wanted[np.minimum(np.searchsorted(wanted, here), len(wanted) - 1)]
    at = first + np.flatnonzero(near == here)
    return list(zip(starts[at].tolist(), ends[at].tolist(), terms[at].tolist(), strict=True))


def _counted(marked: list[tuple[int, int]]) -> tuple[int, ...]:
    return len(marked), *chain.from_iterable(marked)


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
    Ends at a sentence where one ends in the second half, or at a word; never cuts inside what a reader sees
    as one character.
    """
    first, last = window(text, found, values, columns)
    left = _lead(text, first, columns - width(text[first:last]))
    while left < first and (text[left].isspace() or text[left] in _FOLLOWERS or tears(text, left)):
        left += 1
    right = fit(text, left, columns)
    if right < len(text):
        right = _tail(text, max(last, (left + right) // 2), right)
    if 0 < right < len(text) and text[right - 1].isalnum() and text[right].isalnum():
        space = text.rfind(" ", max(left, last), right)
        if ord(text[right - 1]) <= WIDE and ord(text[right]) <= WIDE and space > (left + right) // 2:
            right = space
    return left, whole(text, right)


def _lead(text: str, first: int, room: int) -> int:
    """Where to begin before the first match, when `room` columns may be spent on it."""
    start: int = fit_before(text, max(0, first - LEAD), first, room)
    if end := _last_end(text, start, first):
        return end
    left = start
    while 0 < left < first and all(c.isalnum() and ord(c) <= WIDE for c in text[left - 1 : left + 1]):
        left += 1  # not inside a Latin word
    return left


def _tail(text: str, least: int, right: int) -> int:
    """Where the last sentence that ends at `least` or later does; `right` if none does before that."""
    end = _last_end(text, least, right)
    if not end:
        return right
    while end < right and text[end] in _FOLLOWERS:
        end += 1
    return end


def _last_end(text: str, least: int, right: int) -> int:
    """Behind the last sign in between that ends a sentence; 0 if none does."""
    return 1 + max(
        *(text.rfind(sign, least, right) for sign in SENTENCE_ENDS), text.rfind(". ", least, right + 1)
    )


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
