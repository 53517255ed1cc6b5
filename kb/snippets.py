"""Excerpts of sections with what to mark in them, as spans of characters; nothing here knows HTML.

Cut from the forward index (terms and positions of each section), so no text is analysed at search.
"""

from __future__ import annotations

import math

from msgspec import Struct

from kb.index import kernel
from kb.index.kernel_numpy import Forward
from kb.index.snapshot import Card, Snapshot
from kb.model import Snippet, Span
from kb.plan import Plan

WIDTH = 240
"""Columns of an excerpt; a Japanese character takes two. Three lines on a desktop, five on a phone."""


class Sought(Struct, frozen=True):
    """What the excerpts of one search look for."""

    forward: Forward
    """Where terms stand in the sections."""
    single: frozenset[int]
    """Terms that count wherever they stand."""
    terms: tuple[int, ...]
    """The same, sorted."""
    values: dict[int, float]
    """What a match is worth by its term, parts of phrases too: the rarer, the more."""
    phrases: list[tuple[int, ...]]
    """Terms that count where they follow each other."""


def sought(snapshot: Snapshot, plan: Plan) -> Sought:
    """Made once for all hits of a search."""
    single, phrases = plan.weighted_terms(), plan.phrases()
    weights = {
        term: phrase.weight / len(phrase.terms) for phrase in phrases for term in phrase.terms
    } | single
    sections, df = snapshot.meta.sections, snapshot.df.item
    values = {term: weight * math.log1p(sections / (1 + df(term))) for term, weight in weights.items()}
    sequences = [phrase.terms for phrase in phrases]
    return Sought(snapshot.forward, frozenset(single), tuple(sorted(single)), values, sequences)


def excerpt(section: int, text: str, sought: Sought) -> Snippet:
    """The part of `text` (that of the section) in which most of the query's weight stands."""
    return sought.forward.snippet(section, text, sought.terms, sought.phrases, sought.values, WIDTH)


def title_marks(card: Card, sought: Sought) -> tuple[Span, ...]:
    """What to mark in a title."""
    marks: tuple[Span, ...] = kernel.chosen.title_marks(
        card.title, card.title_terms, card.title_spans, sought.single, sought.phrases
    )
    return marks
