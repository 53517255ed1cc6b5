"""Related articles: those the writer named first, then those whose words are alike, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

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
    alike = (n for n in _alike(snapshot, article) if n[0] not in numbers)
    return (
        *pinned,
        *(_related(snapshot, *n) for n, _ in zip(alike, range(limit - len(pinned)), strict=False)),
    )


def _alike(snapshot: Snapshot, article: int) -> Iterator[tuple[int, dict[int, float]]]:
    """Articles by likeness, each with what the terms gave. Reads the terms' postings, not all articles."""
    signature, scorer = _signature(snapshot, article), snapshot.scorer
    scores = scorer.likeness(signature)
    near = np.flatnonzero(scores > SHARE * scores[article])
    for number in near[np.argsort(-scores[near], kind="stable")][: MAX_LIMIT + 30].tolist():
        if number != article:
            yield number, dict(zip(signature, scorer.gains(signature, number), strict=True))


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


def _related(snapshot: Snapshot, article: int, gains: dict[int, float]) -> Related:
    best = sorted(gains, key=gains.__getitem__, reverse=True)[:3]
    return Related(
        snapshot.card(article), "content", tuple(snapshot.surface(term) for term in best if gains[term] > 0)
    )
