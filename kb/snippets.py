"""Excerpts of sections with what to mark in them, as spans of characters; nothing here knows HTML.

Cut from the forward index (terms and positions of each section), so no text is analysed at search.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from kb.index.snapshot import Card, Snapshot
from kb.model import Snippet, Span
from kb.plan import Plan

WIDTH = 240
"""Columns of an excerpt; a Japanese character takes two. Three lines on a desktop, five on a phone."""
_LEAD = 60
"""Characters shown before the first match, at most."""
_MAX_STARTS = 200
"""Matches at which a window is tried to begin; bounds the time for a section that repeats one word."""

_SENTENCE_ENDS = "。．！？!?\n"
_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = ("Mn", "Mc", "Me")
_EXTENDERS = (
    (0x1160, 0x11FF),  # Hangul vowels and endings
    (0xFF9E, 0xFF9F),  # half-width ﾞ and ﾟ
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0020, 0xE007F),  # the tags of a region's flag
)
_FLAG_LETTERS = (0x1F1E6, 0x1F1FF)

_WIDE = 0x2E80
"""Code point from which characters take two columns: CJK begins here."""

Found = tuple[int, int, int]
"""Start and end in the text, and the term that stands there."""


def excerpt(snapshot: Snapshot, section: int, text: str, plan: Plan) -> Snippet:
    """The part of `text` (that of the section) in which most of the query's weight stands."""
    start, end = snapshot.forward_ptr[section], snapshot.forward_ptr[section + 1]
    terms = snapshot.forward_term[start:end]
    spans = (snapshot.forward_start[start:end], snapshot.forward_end[start:end])
    weights = plan.weighted_terms()
    places = np.flatnonzero(np.isin(terms, list(weights)))
    found = list(
        zip(spans[0][places].tolist(), spans[1][places].tolist(), terms[places].tolist(), strict=True)
    )
    if plan.phrases():
        whole = list(zip(spans[0].tolist(), spans[1].tolist(), terms.tolist(), strict=True))
        more = list(_phrases(plan, whole, text))
        found = sorted({*found, *(place for place, _ in more)})
        weights = {**{term: weight for (_, _, term), weight in more}, **weights}
    first, last = _best_window(snapshot, text, found, weights)
    left, right = _tidy(text, first, last)
    marks = merge(
        (a - left, min(_whole(text, b), right) - left) for a, b, _ in found if left <= a and b <= right
    )
    # one line for the reader: the breaks between blocks become spaces of the same length
    return Snippet(text=text[left:right].replace("\n", " "), marks=marks)


def title_marks(card: Card, plan: Plan) -> tuple[Span, ...]:
    """What to mark in a title."""
    weights = plan.weighted_terms()
    tokens = [(*span, term) for span, term in zip(card.title_spans, card.title_terms, strict=True)]
    found = [token for token in tokens if token[2] in weights]
    found += [token for token, _ in _phrases(plan, tokens, card.title)]
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


def _phrases(plan: Plan, tokens: Sequence[Found], text: str) -> Iterator[tuple[Found, float]]:
    """Each token of a synonym of several words, where they follow each other, with its weight."""
    for phrase in plan.phrases():
        for place, token in enumerate(tokens):
            if token[2] == phrase.terms[0]:
                for part in _following(tokens, place, phrase.terms, text):
                    yield part, phrase.weight / len(phrase.terms)


def _following(tokens: Sequence[Found], place: int, terms: Sequence[int], text: str) -> list[Found]:
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


def _best_window(
    snapshot: Snapshot, text: str, found: Sequence[Found], weights: dict[int, float]
) -> tuple[int, int]:
    """From the first to the last match within WIDTH columns that hold the rarest, most different terms."""
    if not found:
        return 0, 0
    value = {
        term: weights[term] * float(np.log1p(snapshot.meta.sections / (1 + snapshot.df[term])))
        for _, _, term in found
    }
    best, window = 0.0, (found[0][0], found[0][0])
    starts = [start for start, _, _ in found[:_MAX_STARTS]]
    for number, (start, limit) in enumerate(zip(starts, _limits(text, starts), strict=True)):
        inside: dict[int, int] = {}
        last = start
        for _, b, term in found[number:]:
            if b > limit:
                break
            inside[term] = inside.get(term, 0) + 1
            last = max(last, b)
        # a term said twice adds a little; a second term adds all of its own
        score = sum(value[term] * (1 + 0.1 * min(count - 1, 3)) for term, count in inside.items())
        if score > best + 1e-9:
            best, window = score, (start, last)
    return window


def _limits(text: str, starts: Sequence[int]) -> list[int]:
    """Where the window ends that begins at each of `starts`; all at once, as counting one by one is slow."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    columns = np.concatenate(([0], np.cumsum(np.where(points > _WIDE, 2, 1))))
    ends = np.searchsorted(columns, columns[list(starts)] + WIDTH, side="right") - 1
    return [int(end) for end in ends]


def _columns(character: str) -> int:
    return 2 if ord(character) > _WIDE else 1


def _characters(text: str, start: int) -> int:
    """How many characters from `start` fill the window."""
    columns = 0
    for count, character in enumerate(text[start : start + WIDTH]):
        columns += _columns(character)
        if columns > WIDTH:
            return count
    return min(WIDTH, len(text) - start)


def _tidy(text: str, first: int, last: int) -> tuple[int, int]:
    """Begin at the sentence or a little before the first match, so that the last one stays in the window.

    Ends at a word; never cuts inside what a reader sees as one character.
    """
    left = _lead(text, first, WIDTH - sum(map(_columns, text[first:last])))
    while left < first and (text[left].isspace() or _tears(text, left)):
        left += 1
    right = left + _characters(text, left)
    if right < len(text) and text[right - 1].isalnum() and text[right].isalnum():
        space = text.rfind(" ", max(left, last), right)
        if _columns(text[right - 1]) == _columns(text[right]) == 1 and space > (left + right) // 2:
            right = space
    return left, _whole(text, right)


def _lead(text: str, first: int, room: int) -> int:
    """Where to begin before the first match, when `room` columns may be spent on it."""
    left = first
    while left > max(0, first - _LEAD):
        room -= _columns(text[left - 1])
        if room < 0:
            break
        if text[left - 1] in _SENTENCE_ENDS or text[left - 1 : left + 1] == ". ":
            return left
        left -= 1
    while 0 < left < first and all(c.isalnum() and _columns(c) == 1 for c in text[left - 1 : left + 1]):
        left += 1  # not inside a Latin word
    return left


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
    if after < "\u0300":
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
