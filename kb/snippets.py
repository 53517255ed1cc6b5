"""Excerpts of sections with what to mark in them, as spans of characters; nothing here knows HTML.

Cut from the forward index (terms and positions of each section), so no text is analysed at search.
"""

from __future__ import annotations

import math

from kb.index import kernel
from kb.index.kernel_numpy import Sought
from kb.index.snapshot import Snapshot
from kb.plan import Plan

WIDTH = 240
"""Columns of an excerpt; a Japanese character takes two. Three lines on a desktop, five on a phone."""


def sought(snapshot: Snapshot, plan: Plan) -> Sought:
    """What excerpts and titles look for, made once for all hits of a search: the rarer, the more it is worth.

    The parts of a synonym of several words count where they follow each other.
    """
    single, phrases = plan.weighted_terms(), plan.phrases()
    weights = {
        term: phrase.weight / len(phrase.terms) for phrase in phrases for term in phrase.terms
    } | single
    sections, df = snapshot.meta.sections, snapshot.df.item
    values = {term: weight * math.log1p(sections / (1 + df(term))) for term, weight in weights.items()}
    sequences = [phrase.terms for phrase in phrases]
    made: Sought = kernel.chosen.Sought(snapshot.forward, frozenset(single), values, sequences, WIDTH)
    return made
