"""Excerpts of sections with what to mark in them, as spans of characters; nothing here knows HTML.

Cut from the forward index (terms and positions of each section), so no text is analysed at search.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct

from kb.index import kernel
from kb.index.kernel_numpy import SENTENCE_ENDS, Match
from kb.index.snapshot import Card, Ints, Snapshot
from kb.model import Snippet, Span
from kb.plan import Alternative, Plan

WIDTH = 240
"""Columns of an excerpt; a Japanese character takes two. Three lines on a desktop, five on a phone."""


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
    if sought.phrases and kernel.chosen.matches(*forward, start, end, sought.beginnings):
        terms, starts, ends = (each[start:end].tolist() for each in forward)
        whole = list(zip(starts, ends, terms, strict=True))
        found = sorted({*found, *_phrases(sought, whole, text)})
    left, right = kernel.chosen.excerpt(text, found, sought.values, WIDTH)
    marks = kernel.chosen.marks(text, found, left, right)
    # one line for the reader: the breaks between blocks become spaces of the same length
    return Snippet(text=text[left:right].replace("\n", " "), marks=_spans(marks))


def title_marks(card: Card, sought: Sought) -> tuple[Span, ...]:
    """What to mark in a title."""
    found = [
        (*span, term)
        for span, term in zip(card.title_spans, card.title_terms, strict=True)
        if term in sought.single
    ]
    if sought.phrases:
        tokens = [(*span, term) for span, term in zip(card.title_spans, card.title_terms, strict=True)]
        found += _phrases(sought, tokens, card.title)
    return _spans(kernel.chosen.marks(card.title, found, 0, len(card.title))) if found else ()


def _spans(marks: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in marks)


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
        if place < 0 or ". " in between or any(sign in SENTENCE_ENDS for sign in between):
            return []
        parts.append(tokens[place])
    return parts
