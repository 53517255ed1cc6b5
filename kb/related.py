"""Related articles: those the writer named first, then those whose words are alike, with the reason."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter

import numpy as np
from msgspec import Struct

from kb.index.snapshot import Card, Snapshot

MAX_LIMIT = 20
TERMS = 24
"""Words that stand for an article: those with the highest frequency times idf."""
SHARE = 0.12
"""An article is alike when it reaches this share of the score that the article has with itself."""


class Related(Struct, frozen=True):
    card: Card
    reason: str
    """`pinned`: the writer named it; `content`: its words are alike."""
    terms: tuple[str, ...] = ()
    """The shared words that weigh most, as people write them."""


def related(snapshot: Snapshot, article: int, limit: int = 5) -> tuple[Related, ...]:
    """Articles of the same snapshot, so of the same locale and no stricter audience."""
    numbers = dict.fromkeys(map(snapshot.find_article, snapshot.article(article).related))
    pinned = [Related(snapshot.card(n), "pinned") for n in numbers if n >= 0 and n != article]
    if len(pinned) >= limit:
        return tuple(pinned[:limit])
    signature = _signature(snapshot, article)
    near = (n for n in _alike(snapshot, article, signature) if n != article and n not in numbers)
    alike = list(islice(near, limit - len(pinned)))
    gains = snapshot.scorer.gains(signature, alike)
    found = (_related(snapshot, n, signature, each) for n, each in zip(alike, gains, strict=True))
    return (*pinned, *found)


def _alike(snapshot: Snapshot, article: int, signature: dict[int, float]) -> list[int]:
    """Articles by likeness, itself among them. Reads the terms' postings, not all articles."""
    scores = snapshot.scorer.likeness(signature)
    near = np.flatnonzero(scores > SHARE * scores[article])
    alike: list[int] = near[np.argsort(-scores[near], kind="stable")][: MAX_LIMIT + 30].tolist()
    return alike


def _signature(snapshot: Snapshot, article: int) -> dict[int, float]:
    first, end = snapshot.article_sections[article], snapshot.article_sections[article + 1]
    words = snapshot.forward_term[snapshot.forward_ptr[first] : snapshot.forward_ptr[end]]
    terms, counts = np.unique(
        np.concatenate((words, np.array(snapshot.card(article).title_terms * 3, np.int32))),
        return_counts=True,
    )
    idf = np.log1p(snapshot.meta.sections / (1.0 + snapshot.df[terms]))
    weight = np.sqrt(counts) * idf
    # a word of this article alone finds nothing else
    weight[snapshot.df[terms] < 2] = 0
    top = np.argsort(-weight, kind="stable")[:TERMS]
    return {int(terms[n]): float(weight[n] / weight[top[0]]) for n in top if weight[n] > 0}


def _related(snapshot: Snapshot, article: int, signature: dict[int, float], gains: list[float]) -> Related:
    most_first = sorted(zip(signature, gains, strict=True), key=itemgetter(1), reverse=True)
    terms = tuple(snapshot.surface(term) for term, gain in most_first[:3] if gain > 0)
    return Related(snapshot.card(article), "content", terms)
