"""Excerpts of sections with what to mark in them, as spans of characters; nothing here knows HTML.

Cut from the forward index (terms and positions of each section), so no text is analysed at search.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

import numpy as np

from kb.index.snapshot import Snapshot
from kb.model import Snippet, Span
from kb.plan import Plan

WIDTH = 240
"""Columns of an excerpt; a Japanese character takes two. Three lines on a desktop, five on a phone."""

_SENTENCE_ENDS = "。．！？!?\n"
_JOINERS = "\u200d\ufe0e\ufe0f"


def excerpt(snapshot: Snapshot, section: int, text: str, plan: Plan) -> Snippet:
    """The part of `text` (that of the section) in which most of the query's weight stands."""
    start, end = snapshot.forward_ptr[section], snapshot.forward_ptr[section + 1]
    weights = plan.weighted_terms()
    places = np.flatnonzero(np.isin(snapshot.forward_term[start:end], list(weights))) + start
    found = [
        (int(snapshot.forward_start[p]), int(snapshot.forward_end[p]), int(snapshot.forward_term[p]))
        for p in places
    ]
    first = _best_window(snapshot, text, found, weights)
    left, right = _tidy(text, first)
    marks = merge((a - left, b - left) for a, b, _ in found if left <= a and b <= right)
    # one line for the reader: the breaks between blocks become spaces of the same length
    return Snippet(text=text[left:right].replace("\n", " "), marks=marks)


def marks_of(
    terms: Sequence[int], spans: Sequence[tuple[int, int]], wanted: Collection[int]
) -> tuple[Span, ...]:
    """Spans whose term is wanted, merged where they touch."""
    return merge(span for term, span in zip(terms, spans, strict=True) if term in wanted)


def merge(spans: object) -> tuple[Span, ...]:
    """Sorted, without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):  # type: ignore[call-overload]
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return tuple(Span(*span) for span in merged)


def _best_window(
    snapshot: Snapshot, text: str, found: Sequence[tuple[int, int, int]], weights: dict[int, float]
) -> int:
    """Where the window of WIDTH columns begins that holds the rarest, most different terms; 0 for none."""
    if not found:
        return 0
    value = {
        term: weights[term] * float(np.log1p(snapshot.meta.sections / (1 + snapshot.df[term])))
        for _, _, term in found
    }
    best, best_start = 0.0, found[0][0]
    for number, (start, _, _) in enumerate(found[:200]):
        limit = start + _characters(text, start)
        inside: dict[int, int] = {}
        for _, b, term in found[number:]:
            if b > limit:
                break
            inside[term] = inside.get(term, 0) + 1
        # a term said twice adds a little; a second term adds all of its own
        score = sum(value[term] * (1 + 0.1 * min(count - 1, 3)) for term, count in inside.items())
        if score > best + 1e-9:
            best, best_start = score, start
    return best_start


def _characters(text: str, start: int) -> int:
    """How many characters from `start` fill the window."""
    columns = 0
    for count, character in enumerate(text[start : start + WIDTH]):
        columns += 2 if character > "\u2e80" else 1
        if columns > WIDTH:
            return count
    return min(WIDTH, len(text) - start)


def _tidy(text: str, first: int) -> tuple[int, int]:
    """Begin at the sentence or a little before the match, end at a word; never inside a character."""
    left = max(0, first - 60)
    for place in range(first - 1, left - 1, -1):
        if text[place] in _SENTENCE_ENDS or (text[place] == "." and text[place + 1 : place + 2] == " "):
            left = place + 1
            break
    else:
        if left:
            left = _word_edge(text, left, first)
    while left < len(text) and text[left].isspace():
        left += 1
    right = min(len(text), left + _characters(text, left))
    if right < len(text):
        space = text.rfind(" ", left, right)
        if text[right - 1] < "\u2e80" and text[right] < "\u2e80" and space > (left + right) // 2:
            right = space
    while left < len(text) and _continues(text[left]):
        left += 1
    while right < len(text) and _continues(text[right]):
        right += 1
    return left, max(right, left)


def _word_edge(text: str, left: int, first: int) -> int:
    """A place from `left` on where no Latin word is cut."""
    if text[left] > "\u2e80":
        return left
    space = text.find(" ", left, first)
    return space + 1 if space >= 0 else left


def _continues(character: str) -> bool:
    """Whether a cut before it would tear a visible character apart."""
    return (
        bool(unicodedata.combining(character))
        or character in _JOINERS
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
