"""Query → ranked articles. Reads a snapshot, never the files; the edges make JSON and HTML of the result.

`search` runs these steps, each a function below:

    plan      text → weighted terms (kb.plan), with the analyzer that cut the documents
    best      add up query weight * impact for every section and every line of `questions`; an article counts
              as its best section, plus its best question line; first come articles that match strictly, then
              what n-grams alone found (`Scorer.best` of the kernel, whose reference is kb.index.scorer)
    excerpt   a snippet of the best section and what to mark, as spans

`total` and the facets count strict matches only: a typed word, a compound, another spelling, a synonym.
When there is none, `kb.spelling` is asked what may have been meant, and the answer says so.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter

import numpy as np
from msgspec import Struct

from kb.index import kernel
from kb.index.scorer import Best
from kb.index.sets import Bits, Bools, unpacked
from kb.index.snapshot import Card, Floats, Heading, Snapshot
from kb.model import Correction, Snippet, Span
from kb.plan import WEIGHTS, Plan, Weights, plan
from kb.snippets import sought
from kb.spelling import candidates

MAX_LIMIT = 50
GRAM_SHARE = 0.2
"""What n-grams alone must reach of the query's n-gram mass (times a typical idf) to be shown at all."""

CORRECTED_SHARE = 0.5
"""A hit for what was perhaps meant is worth half of one for what was typed: `score` tells how sure we are."""

_NUMBER = array("i").itemsize
_COUNT = itemgetter(1)
"""Of a value with its count."""


class Query(Struct, frozen=True, kw_only=True):
    """A checked query: `text` has passed `clean_query`."""

    text: str
    limit: int = 10
    offset: int = 0
    category: str = ""
    tag: str = ""
    product: str = ""


class Hit(Struct, frozen=True, kw_only=True):
    """An article, pointing at its best section: by numbers, which `snapshot` gives their names."""

    snapshot: Snapshot
    record: bytes
    """What the rest was read from, as the kernel wrote it (`Sought.records`)."""
    article: int
    shown: tuple[int, ...]
    """Up to three sections that answer, the best first."""
    snippet: Snippet
    title_marks: tuple[Span, ...]
    score: float
    strict: bool

    @property
    def card(self) -> Card:
        return self.snapshot.card(self.article)

    @property
    def section(self) -> Heading:
        return self.snapshot.heading(self.shown[0])

    @property
    def sections(self) -> tuple[Heading, ...]:
        return tuple(map(self.snapshot.heading, self.shown))


class Results(Struct, frozen=True, kw_only=True, gc=False):
    """Bytes where they can be: thousands are remembered, and the collector looks at what is new all at once.

    When each page left it twenty values a request stood still for 15 ms every thousand searches.
    """

    snapshot: Snapshot
    query: str
    total: int
    """Articles that match strictly."""
    records: tuple[bytes, ...]
    """The hits, as the kernel wrote them."""
    counts: bytes
    """Strict matches of each category of the snapshot, whatever category was asked for; 32 bits each."""
    order: bytes
    """Numbers of the first fifty articles, whatever the page; 32 bits each."""
    corrected: Correction | None = None

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Read anew each time."""
        return tuple([read_hit(self.snapshot, record) for record in self.records])

    @property
    def facets(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Value and count of strict matches, by facet; the most frequent first."""
        return _facets(self.snapshot, array("i", self.counts))

    @property
    def first(self) -> Sequence[int]:
        """Numbers of the first fifty articles: what is recorded of a search."""
        return array("i", self.order)


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
    allowed = _filter(snapshot, query)
    first = [number for number in dict.fromkeys(map(snapshot.find_article, pinned)) if number >= 0]

    def ranked(used: Plan) -> Best:
        floor = GRAM_SHARE * used.gram_mass * snapshot.typical_idf
        stop = query.offset + query.limit
        return snapshot.scorer.best(
            used, weights.question, allowed, floor, first, max(stop, MAX_LIMIT), query.offset, stop
        )

    used, corrected = plan(snapshot, query.text, weights), None
    best = ranked(used)
    matches = kernel.chosen.size(best.strict)
    if not matches:
        for candidate in candidates(snapshot, query.text):
            other = plan(snapshot, candidate, weights)
            found = ranked(other)
            matches = kernel.chosen.size(found.strict)
            if matches:
                used, best, corrected = other, found, Correction(query=candidate, applied=True)
                break
    marked, sure = sought(snapshot, used), CORRECTED_SHARE if corrected else 1.0
    return Results(
        snapshot=snapshot,
        query=query.text,
        total=matches if allowed is None else kernel.chosen.size(best.strict & allowed),
        records=marked.records(best.page, snapshot.card, snapshot.passage, sure),
        counts=array("i", _counts(snapshot, query, best.strict)).tobytes(),
        order=best.first[: _NUMBER * MAX_LIMIT],
        corrected=corrected,
    )


def rank(snapshot: Snapshot, used: Plan, weights: Weights = WEIGHTS) -> Ranking:
    """Scores of all articles and sections, and which match strictly: what `search` takes the best of."""
    rows, strict = snapshot.scorer.rows(used)
    sections, scores = snapshot.meta.sections, np.zeros((2, snapshot.meta.articles), np.float32)
    np.maximum.at(scores[0], snapshot.section_article, rows[:sections])
    np.maximum.at(scores[1], snapshot.owner[sections:], rows[sections:])
    scored = scores[0] + np.float32(weights.question) * scores[1]
    return Ranking(scored, unpacked(strict, snapshot.meta.articles), rows[:sections])


def _filter(snapshot: Snapshot, query: Query, without: str = "") -> Bits | None:
    """The articles that the filters leave, None for all; an unknown value leaves none."""
    if not (query.category or query.tag or query.product):
        return None
    allowed = None
    for name, value in (("category", query.category), ("tags", query.tag), ("products", query.product)):
        if value and name != without:
            allowed = _within(snapshot.facets[name].holders(value), allowed)
    return allowed


def _within(articles: Bits, allowed: Bits | None) -> Bits:
    return articles if allowed is None else articles & allowed


def _counts(snapshot: Snapshot, query: Query, strict: Bits) -> list[int]:
    return snapshot.facets["category"].tally(_within(strict, _filter(snapshot, query, without="category")))


def _facets(snapshot: Snapshot, counts: Sequence[int]) -> dict[str, tuple[tuple[str, int], ...]]:
    # names are in alphabetical order, which those of equal counts keep
    ranked = sorted(zip(snapshot.facets["category"].names, counts, strict=True), key=_COUNT, reverse=True)
    return {"category": tuple(ranked[: len(ranked) - counts.count(0)])}


def read_hit(snapshot: Snapshot, record: bytes) -> Hit:
    """A hit from what the kernel wrote of it."""
    numbers = iter(memoryview(record).cast("i"))
    article, score, strict, sections = islice(numbers, 4)
    shown, (left, right) = tuple(islice(numbers, sections)), islice(numbers, 2)
    # one line for the reader: the breaks between blocks become spaces of the same length
    text = snapshot.passage(shown[0]).text[left:right].replace("\n", " ")
    return Hit(
        snapshot=snapshot,
        record=record,
        article=article,
        shown=shown,
        snippet=Snippet(text=text, marks=_spans(numbers)),
        title_marks=_spans(numbers),
        score=score / 10_000,
        strict=bool(strict),
    )


def _spans(numbers: Iterator[int]) -> tuple[Span, ...]:
    """The next ones: how many, then where each begins and ends."""
    return tuple([Span(next(numbers), next(numbers)) for _ in range(next(numbers))])
