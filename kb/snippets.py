"""Excerpts of sections with what to mark in them, as spans of characters; nothing here knows HTML.

Cut from the forward index (terms and positions of each section), so no text is analysed at search.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct

from kb.index import kernel
from kb.index.kernel_numpy import WIDE, Match
from kb.index.snapshot import Card, Ints, Snapshot
from kb.model import Snippet, Span
from kb.plan import Alternative, Plan

WIDTH = 240
"""Columns of an excerpt; a Japanese character takes two. Three lines on a desktop, five on a phone."""
_LEAD = 60
"""Characters shown before the first match, at most."""

_SENTENCE_ENDS = "。．！？!?\n"
_FOLLOWERS = "、。，．,.;:!?！？；：)）]］」』】〉》|"
"""Signs that belong to what stands before them: no excerpt begins with one."""
_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = ("Mn", "Mc", "Me")
_EXTENDERS = (
    (0x1160, 0x11FF),  # Hangul vowels and endings
    (0xFF9E, 0xFF9F),  # half-width ﾞ and ﾟ
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0020, 0xE007F),  # the tags of a region's flag
)
_WHOLE_LETTERS = (("\u3041", "\u3096"), ("\u4e00", "\u9fff"), ("\u30a1", "\u30ff"))
_FLAG_LETTERS = (0x1F1E6, 0x1F1FF)


class Sought(Struct, frozen=True):
    """What the excerpts of one search look for."""

    single: frozenset[int]
    """Terms that count wherever they stand."""
    terms: Ints
    """The same, sorted."""
    values: dict[int, float]
    """What a match is worth by its term, parts of phrases too: the rarer, the more."""
    phrases: tuple[Alternative, ...]
    beginnings: Ints
    """Their first terms, sorted: most sections hold none, and need no closer look."""


def sought(snapshot: Snapshot, plan: Plan) -> Sought:
    """Made once for all hits of a search."""
    single, phrases = plan.weighted_terms(), plan.phrases()
    weights = {
        term: phrase.weight / len(phrase.terms) for phrase in phrases for term in phrase.terms
    } | single
    values = {
        term: weight * math.log1p(snapshot.meta.sections / (1 + int(snapshot.df[term])))
        for term, weight in weights.items()
    }
    beginnings = np.array(sorted({phrase.terms[0] for phrase in phrases}), np.int32)
    return Sought(frozenset(single), np.array(sorted(single), np.int32), values, phrases, beginnings)


def excerpt(snapshot: Snapshot, section: int, text: str, sought: Sought) -> Snippet:
    """The part of `text` (that of the section) in which most of the query's weight stands."""
    start, end = snapshot.forward_ptr[section : section + 2].tolist()
    forward = (snapshot.forward_term, snapshot.forward_start, snapshot.forward_end)
    found: list[Match] = kernel.chosen.matches(*forward, start, end, sought.terms)
    if kernel.chosen.matches(*forward, start, end, sought.beginnings):
        terms, starts, ends = (each[start:end].tolist() for each in forward)
        whole = list(zip(starts, ends, terms, strict=True))
        found = sorted({*found, *_phrases(sought, whole, text)})
    first, last = kernel.chosen.window(text, found, sought.values, WIDTH)
    left, right = _tidy(text, first, last)
    marks = merge(
        (a - left, min(_whole(text, b), right) - left) for a, b, _ in found if left <= a and b <= right
    )
    # one line for the reader: the breaks between blocks become spaces of the same length
    return Snippet(text=text[left:right].replace("\n", " "), marks=marks)


def title_marks(card: Card, sought: Sought) -> tuple[Span, ...]:
    """What to mark in a title."""
    tokens = [(*span, term) for span, term in zip(card.title_spans, card.title_terms, strict=True)]
    found = [token for token in tokens if token[2] in sought.single]
    found += _phrases(sought, tokens, card.title)
    return merge((a, _whole(card.title, b)) for a, b, _ in found)


def merge(spans: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """Sorted, without overlaps; those that touch become one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return tuple(Span(*span) for span in merged)


def _phrases(sought: Sought, tokens: Sequence[Match], text: str) -> Iterator[Match]:
    """Each token of a synonym of several words, where they follow each other."""
    for phrase in sought.phrases:
        for place, token in enumerate(tokens):
            if token[2] == phrase.terms[0]:
                yield from _following(tokens, place, phrase.terms, text)


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
        if place < 0 or ". " in between or any(sign in _SENTENCE_ENDS for sign in between):
            return []
        parts.append(tokens[place])
    return parts


def _tidy(text: str, first: int, last: int) -> tuple[int, int]:
    """Begin at the sentence or a little before the first match, so that the last one stays in the window.

    Ends at a word; never cuts inside what a reader sees as one character.
    """
    left = _lead(text, first, WIDTH - kernel.chosen.width(text[first:last]))
    while left < first and (text[left].isspace() or text[left] in _FOLLOWERS or _tears(text, left)):
        left += 1
    right = kernel.chosen.fit(text, left, WIDTH)
    if right < len(text) and text[right - 1].isalnum() and text[right].isalnum():
        space = text.rfind(" ", max(left, last), right)
        if _columns(text[right - 1]) == _columns(text[right]) == 1 and space > (left + right) // 2:
            right = space
    return left, _whole(text, right)


def _lead(text: str, first: int, room: int) -> int:
    """Where to begin before the first match, when `room` columns may be spent on it."""
    start: int = kernel.chosen.fit_before(text, max(0, first - _LEAD), first, room)
    ends = [text.rfind(sign, start, first) for sign in _SENTENCE_ENDS]
    sentence = max(*ends, text.rfind(". ", start, first + 1))
    if sentence >= 0:
        return sentence + 1
    left = start
    while 0 < left < first and all(c.isalnum() and _columns(c) == 1 for c in text[left - 1 : left + 1]):
        left += 1  # not inside a Latin word
    return left


def _columns(character: str) -> int:
    return 2 if ord(character) > WIDE else 1


def _whole(text: str, end: int) -> int:
    """`end`, moved behind the marks and joined signs that belong to the character before it."""
    while _tears(text, end):
        end += 1
    return end


def _tears(text: str, place: int) -> bool:
    """Whether a cut there would tear apart what a reader sees as one character."""
    if not 0 < place < len(text):
        return False
    after = text[place]
    # Latin letters, hiragana, katakana and kanji, asked first because nearly all text is of them
    if after < "\u0300" or any(low <= after <= high for low, high in _WHOLE_LETTERS):
        return False
    code = ord(after)
    return (
        unicodedata.category(after) in _MARKS
        or after == _ZERO_WIDTH_JOINER
        or (text[place - 1] == _ZERO_WIDTH_JOINER and not after.isalnum())
        or any(low <= code <= high for low, high in _EXTENDERS)
        or (_is_flag_letter(after) and _flag_letters_before(text, place) % 2 == 1)
    )


def _is_flag_letter(character: str) -> bool:
    return _FLAG_LETTERS[0] <= ord(character) <= _FLAG_LETTERS[1]


def _flag_letters_before(text: str, place: int) -> int:
    """Flags are pairs of letters: an odd number before a cut means that it stands inside a pair."""
    start = place
    while start and _is_flag_letter(text[start - 1]):
        start -= 1
    return place - start
