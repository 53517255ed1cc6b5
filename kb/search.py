"""Query → ranked articles. Reads a snapshot, never the files; the edges make JSON and HTML of the result.

`search` runs these steps, each a function below:

    plan      text → weighted terms (kb.plan), with the analyzer that cut the documents
    score     add up query weight * impact for every section and every line of `questions`
    articles  the best section of each article, plus its best question line
    order     articles that match strictly by score, then what n-grams alone found
    excerpt   a snippet of the best section and what to mark, as spans

`total` and the facets count strict matches only: a typed word, a compound, another spelling, a synonym.
When there is none, `kb.spelling` is asked what may have been meant, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from kb.index import kernel
from kb.index.snapshot import Bytes, Card, Floats, Ints, Snapshot
from kb.model import Correction, Snippet, Span
from kb.plan import WEIGHTS, Alternative, Plan, Weights, plan
from kb.snippets import Sought, excerpt, sought, title_marks
from kb.spelling import candidates

MAX_LIMIT = 50
MAX_SECTIONS = 3
"""Sections shown of one article."""
SECTION_SHARE = 0.6
"""A further section is shown when it scores this share of the best."""
GRAM_SHARE = 0.2
"""What n-grams alone must reach of the query's n-gram mass (times a typical idf) to be shown at all."""

CORRECTED_SHARE = 0.5
"""A hit for what was perhaps meant is worth half of one for what was typed: `score` tells how sure we are."""

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


class Query(Struct, frozen=True, kw_only=True):
    """A checked query: `text` has passed `clean_query`."""

    text: str
    limit: int = 10
    offset: int = 0
    category: str = ""
    tag: str = ""
    product: str = ""


class SectionHit(Struct, frozen=True):
    anchor: str
    title: str


class Hit(Struct, frozen=True, kw_only=True):
    """An article, pointing at its best section."""

    card: Card
    section: SectionHit
    sections: tuple[SectionHit, ...]
    """Up to three that answer, the best first."""
    snippet: Snippet
    title_marks: tuple[Span, ...]
    score: float
    strict: bool


class Results(Struct, frozen=True, kw_only=True):
    query: str
    total: int
    """Articles that match strictly."""
    hits: tuple[Hit, ...]
    facets: dict[str, tuple[tuple[str, int], ...]]
    """Value and count of strict matches, by facet; each facet ignores its own filter."""
    corrected: Correction | None = None
    first: tuple[int, ...] = ()
    """Numbers of the first fifty articles, whatever the page: what is recorded of a search."""


class Ranking(Struct, frozen=True):
    """All articles by number."""

    scores: Floats
    strict: Bools
    rows: Floats
    """Scores of the single sections."""


def search(
    snapshot: Snapshot, query: Query, pinned: Sequence[str] = (), weights: Weights = WEIGHTS
) -> Results:
    """The page of hits that `query` asks for. `pinned`: ids of articles that come first for this query."""
    used, corrected = plan(snapshot, query.text, weights), None
    ranking = rank(snapshot, used, weights)
    if not ranking.strict.any():
        for candidate in candidates(snapshot, query.text):
            other = plan(snapshot, candidate, weights)
            found = rank(snapshot, other, weights)
            if found.strict.any():
                used, ranking, corrected = other, found, Correction(query=candidate, applied=True)
                break
    allowed = _filter(snapshot, query)
    strict = ranking.strict & allowed
    sure = CORRECTED_SHARE if corrected else 1.0
    order = _order(snapshot, ranking, allowed, used, max(query.offset + query.limit, MAX_LIMIT), pinned)
    page, marked = order[query.offset : query.offset + query.limit].tolist(), sought(snapshot, used)
    hits = tuple(_hit(snapshot, article, ranking, marked, sure) for article in page)
    return Results(
        query=query.text,
        total=int(strict.sum()),
        hits=hits,
        facets=_facets(snapshot, query, ranking.strict),
        corrected=corrected,
        first=tuple(order[:MAX_LIMIT].tolist()),
    )


def rank(snapshot: Snapshot, used: Plan, weights: Weights = WEIGHTS) -> Ranking:
    """Scores of all articles, sections and whether they match strictly."""
    sections, owner = snapshot.meta.sections, snapshot.owner
    rows = np.zeros(len(owner), np.float32)
    strict = np.zeros(snapshot.meta.articles, np.uint8)
    snapshot.words.add(rows, used.words, owner, strict)
    for group in used.concepts:
        _add_best(snapshot, group, rows, strict)
    snapshot.words.add(rows, used.loose, owner)
    snapshot.grams.add(rows, used.grams, owner)
    scores = np.zeros(snapshot.meta.articles, np.float32)
    kernel.chosen.by_article(rows, owner, sections, weights.question, scores)
    return Ranking(scores, strict.view(bool), rows[:sections])


def _add_best(snapshot: Snapshot, group: Sequence[Alternative], rows: Floats, strict: Bytes) -> None:
    """Of the synonyms that stand in a row the best counts: three words for one thing are one thing."""
    best = np.zeros_like(rows)
    for alternative in group:
        row, impact = _all_of(snapshot, alternative.terms)
        kernel.chosen.raise_to(best, row, impact, alternative.weight, snapshot.owner, strict)
    rows += best


def _all_of(snapshot: Snapshot, terms: Sequence[int]) -> tuple[Ints, Floats]:
    """Rows where all terms stand, and their mean impact there."""
    shared, total = snapshot.words.of(terms[0])
    for term in terms[1:]:
        row, impact = snapshot.words.of(term)
        if not len(row):
            return row, impact
        place = np.minimum(np.searchsorted(row, shared), len(row) - 1)
        both = row[place] == shared
        shared, total = shared[both], total[both] + impact[place[both]]
    return shared, total / np.float32(len(terms))


def _filter(snapshot: Snapshot, query: Query, without: str = "") -> Bools:
    """Which articles the filters leave; an unknown value leaves none."""
    allowed = np.ones(snapshot.meta.articles, bool)
    for name, value in (("category", query.category), ("tags", query.tag), ("products", query.product)):
        if not value or name == without:
            continue
        allowed &= snapshot.facets[name].holders(value)
    return allowed


def _order(
    snapshot: Snapshot, ranking: Ranking, allowed: Bools, used: Plan, wanted: int, pinned: Sequence[str]
) -> Numbers:
    """The first `wanted` articles: pinned, strict by score, then those that n-grams alone found."""
    first = [n for n in dict.fromkeys(map(snapshot.find_article, pinned)) if n >= 0 and allowed[n]]
    order = _top(ranking.scores, ranking.strict & allowed, wanted)
    if len(order) < wanted:
        floor = GRAM_SHARE * used.gram_mass * _typical_idf(snapshot)
        loose = ~ranking.strict & allowed & (ranking.scores > max(floor, 0.0))
        order = np.concatenate((order, _top(ranking.scores, loose, wanted - len(order))))
    return np.array(first + [n for n in order.tolist() if n not in first], np.int64) if first else order


def _typical_idf(snapshot: Snapshot) -> float:
    return float(np.log1p(snapshot.meta.sections) / 2)


def _top(scores: Floats, eligible: Bools, count: int) -> Numbers:
    found: Numbers = kernel.chosen.top(scores, eligible.view(np.uint8), count)
    return found


def _facets(snapshot: Snapshot, query: Query, strict: Bools) -> dict[str, tuple[tuple[str, int], ...]]:
    facet = snapshot.facets["category"]
    matching = strict & _filter(snapshot, query, without="category")
    counts = facet.tally(matching.view(np.uint8))
    pairs = [(name, count) for name, count in zip(facet.names, counts, strict=True) if count]
    return {"category": tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))}


def _hit(snapshot: Snapshot, article: int, ranking: Ranking, marked: Sought, sure: float) -> Hit:
    start, end = snapshot.article_sections[article], snapshot.article_sections[article + 1]
    scores = ranking.rows[start:end]
    by_score = np.argsort(-scores, kind="stable")[:MAX_SECTIONS]
    shown = [
        int(n) for n in by_score if scores[n] >= SECTION_SHARE * scores[by_score[0]] and scores[n] > 0
    ] or [0]
    passages = [snapshot.passage(int(start) + n) for n in shown]
    card = snapshot.card(article)
    return Hit(
        card=card,
        section=SectionHit(passages[0].anchor, passages[0].heading),
        sections=tuple(SectionHit(passage.anchor, passage.heading) for passage in passages),
        snippet=excerpt(snapshot, int(start) + shown[0], passages[0].text, marked),
        title_marks=title_marks(card, marked),
        score=round(float(ranking.scores[article]) * sure, 4),
        strict=bool(ranking.strict[article]),
    )
