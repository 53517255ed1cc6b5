"""Why an article stands where it does for a query: its score taken apart, and what stands above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from kb.index.impacts import bm25, quantised
from kb.index.records import field_tokens, records_of
from kb.index.schema import FIELDS
from kb.index.snapshot import Snapshot
from kb.plan import Plan, plan
from kb.search import Ranking, rank


class Part(Struct, frozen=True, kw_only=True):
    """What one term gave in one field."""

    kind: str
    """`word`, `synonym`, `perhaps` (a near spelling), `n-grams`, or `question` (its best line)."""
    field: str
    """Field of the index; empty for n-grams and questions."""
    term: str
    score: float


class Explanation(Struct, frozen=True, kw_only=True):
    article: str
    rank: int
    """From 1; 0 when the article does not match at all."""
    score: float
    strict: bool
    anchor: str
    """Of the section that scored."""
    parts: tuple[Part, ...]
    above: tuple[tuple[str, float], ...]
    """Articles ranked before it with their scores, at most ten."""
    missing: tuple[str, ...]
    """Words of the query that the section does not hold."""


def explain(snapshot: Snapshot, text: str, article: int) -> Explanation:
    """Take apart what `search` gives this article for a cleaned query, without corrections and pins."""
    used = plan(snapshot, text)
    ranking = rank(snapshot, used)
    first, end = (int(n) for n in snapshot.article_sections[article : article + 2])
    section = first + int(np.argmax(ranking.rows[first:end]))
    parts = [*_words(snapshot, used, article, section), *_rest(snapshot, used, ranking, article, section)]
    before = _above(ranking, article)
    held = {part.term for part in parts}
    return Explanation(
        article=snapshot.card(article).id,
        rank=len(before) + 1 if ranking.scores[article] > 0 else 0,
        score=round(float(ranking.scores[article]), 4),
        strict=bool(ranking.strict[article]),
        anchor=snapshot.passage(section).anchor,
        parts=tuple(part for part in parts if part.score > 0),
        above=tuple((snapshot.card(n).id, round(float(ranking.scores[n]), 4)) for n in before[:10]),
        missing=tuple(t for t in (snapshot.surface(number) for number in used.words) if t not in held),
    )


def _above(ranking: Ranking, article: int) -> list[int]:
    key = list(zip(~ranking.strict, -ranking.scores, range(len(ranking.scores)), strict=True))
    return [n for _, _, n in sorted(k for k in key if k < key[article])]


def _words(snapshot: Snapshot, used: Plan, article: int, section: int) -> list[Part]:
    """The parts that come of terms, by field."""
    record, sections = records_of(snapshot.article(article))
    ordinal = section - int(snapshot.article_sections[article])
    tokens = {name: [t.term for t in field_tokens(name, record, sections[ordinal])] for name in FIELDS}
    parts = []
    for kind, terms in (("word", used.words), ("perhaps", used.loose)):
        for number, weight in terms.items():
            parts += [
                Part(kind=kind, field=name, term=snapshot.surface(number), score=weight * score)
                for name, score in _fields(snapshot, number, tokens).items()
            ]
    for group in used.concepts:
        found = [(a, sum(_fields(snapshot, n, tokens).values())) for a in group for n in a.terms[:1]]
        whole = [(a, s) for a, s in found if all(_fields(snapshot, n, tokens) for n in a.terms)]
        if whole:
            best = max(whole, key=lambda pair: pair[0].weight * _mean(snapshot, pair[0].terms, tokens))[0]
            text = " ".join(snapshot.surface(n) for n in best.terms)
            score = best.weight * _mean(snapshot, best.terms, tokens)
            parts.append(Part(kind="synonym", field="", term=text, score=score))
    return parts


def _mean(snapshot: Snapshot, terms: Sequence[int], tokens: dict[str, list[str]]) -> float:
    return sum(sum(_fields(snapshot, n, tokens).values()) for n in terms) / len(terms)


def _fields(snapshot: Snapshot, number: int, tokens: dict[str, list[str]]) -> dict[str, float]:
    """The impact of a term in each field where it stands: the sum that the snapshot holds, taken apart."""
    term = snapshot.term_text(number)
    impacts = {}
    for name, terms in tokens.items():
        tf = Counter(terms)[term]
        if tf:
            boost, b = FIELDS[name]
            length = quantised(np.array([len(terms)]))[0]
            impacts[name] = boost * float(
                bm25(snapshot.idf[number], tf, length, snapshot.meta.averages[name], b)
            )
    return impacts


def _rest(snapshot: Snapshot, used: Plan, ranking: Ranking, article: int, section: int) -> list[Part]:
    grams = 0.0
    for number, weight in used.grams.items():
        row, impact = snapshot.grams.of(number)
        place = int(np.searchsorted(row, section))
        if place < len(row) and row[place] == section:
            grams += weight * float(impact[place])
    line = float(ranking.scores[article]) - float(ranking.rows[section])
    return [
        Part(kind="n-grams", field="", term="", score=grams),
        Part(kind="question", field="", term="", score=line if line > 1e-3 else 0.0),
    ]
