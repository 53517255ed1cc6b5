"""Is the ranking right? Judged queries → nDCG@10, MRR@10, P@1, success@10.

Three sources: the `golden` queries of the articles themselves, a truth file (JSON lines), a relevance set
(corpus.jsonl, queries.jsonl, qrels.tsv). Ties cannot flatter: equal scores are ordered by article number,
which knows nothing of the judgement.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from kb.errors import BadParameter, EvaluationError
from kb.index.changes import indexable
from kb.index.generation import Generation
from kb.model import Audience, Tree
from kb.search import Query, search
from kb.text.normalize import MAX_QUERY, clean_query

DEPTH = 10
MAX_RELEVANCE = 10
"""A gain of 2^10 beside a gain of 1 is as good as infinite."""
GOLDEN_RANK = 3
"""A golden query holds when its article is among the first three."""


Line = TypeVar("Line")


class Judged(Struct, frozen=True, kw_only=True):
    """A query and what it should find."""

    query: str
    locale: str
    articles: dict[str, float]
    """Relevance by article id; 1 is relevant, 2 is better."""
    audience: Audience = Audience.PUBLIC


class Rank(Struct, frozen=True, kw_only=True):
    """Where the best relevant article stood, 1 the first; 0 when not among the first fifty."""

    judged: Judged
    rank: int
    gains: tuple[float, ...]
    """Relevance of the first ten hits."""


class Scores(Struct, frozen=True, kw_only=True):
    queries: int
    ndcg10: float
    mrr10: float
    p1: float
    s3: float
    s10: float


def golden(tree: Tree) -> list[Judged]:
    """The golden queries of the articles that are published now; those for agents are asked as an agent."""
    return [
        Judged(query=query, locale=article.locale, articles={article.id: 1.0}, audience=article.audience)
        for article in indexable(tree, datetime.now(UTC))[0]
        for query in article.golden
    ]


def read_truth(path: Path) -> list[Judged]:
    """JSON lines of `Judged`. Raises EvaluationError naming the line."""
    judged = []
    for number, each in _structs(path, Judged):
        _check_query(path, number, each.query)
        if not all(0 <= relevance <= MAX_RELEVANCE for relevance in each.articles.values()):
            raise EvaluationError(f"{path}:{number}: a relevance is a number from 0 to {MAX_RELEVANCE}")
        if not any(each.articles.values()):
            raise EvaluationError(f"{path}:{number}: names no relevant article")
        judged.append(each)
    if not judged:
        raise EvaluationError(f"{path}: holds no judged queries")
    return judged


def _check_query(path: Path, number: int, query: str) -> None:
    """Raises EvaluationError for a query that no reader could ask."""
    try:
        clean_query(query[:MAX_QUERY], "query")
    except BadParameter as error:
        raise EvaluationError(f"{path}:{number}: {error}") from error


def read_set(folder: Path, articles: Path) -> list[Judged]:
    """Write a relevance set's documents as Markdown below `articles`; return its judged queries."""
    about = _text(folder / "ABOUT.md")
    language = re.search(r"^- language: (\w+)", about, re.M)
    if language is None:
        raise EvaluationError(f"{folder / 'ABOUT.md'}: has no line `- language: xx`")
    locale, as_questions = language.group(1), "DERIVED SHAPE" in about
    target = articles / locale / "set"
    target.mkdir(parents=True)
    ids = {}
    for number, (_, document) in enumerate(_structs(folder / "corpus.jsonl", _Document)):
        name = f"d{number:05d}"
        ids[str(document.id)] = f"set/{name}"
        (target / f"{name}.md").write_text(_markdown(document, name, as_questions), "utf-8")
    return _judged(folder, locale, ids)


class _Document(Struct, frozen=True):
    """A line of corpus.jsonl or queries.jsonl; other keys are left alone."""

    id: str | int = msgspec.field(name="_id")
    title: str | None = None
    text: str | None = None


def _markdown(document: _Document, name: str, as_questions: bool) -> str:
    title = " ".join((document.title or "").split()) or name
    lines = [line.strip() for line in (document.text or "").splitlines() if line.strip()]
    front: dict[str, object] = {"title": title}
    if as_questions:
        front["questions"], lines = lines, []
    # JSON is YAML; a backslash keeps plain text from opening a Markdown block
    head = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
    body = [re.sub(r"^([#>\-+*=~`|])", r"\\\1", line) for line in lines]
    return "\n".join(["---", *head, "---", "", *body, ""])


def _judged(folder: Path, locale: str, ids: dict[str, str]) -> list[Judged]:
    relevant: dict[str, dict[str, float]] = {}
    for number, line in enumerate(_text(folder / "qrels.tsv").split("\n")[1:], 2):
        if not line.strip():
            continue
        try:
            query, document, judgement = line.split("\t")
            relevance = float(judgement)
            if not 0 <= relevance <= MAX_RELEVANCE:
                raise ValueError(judgement)
            if relevance:
                relevant.setdefault(query, {})[ids[document]] = relevance
        except (ValueError, KeyError) as error:
            raise EvaluationError(f"{folder / 'qrels.tsv'}:{number}: not a judgement of this set") from error
    judged = []
    for number, asked in _structs(folder / "queries.jsonl", _Document):
        if str(asked.id) in relevant:
            text = asked.text or ""
            _check_query(folder / "queries.jsonl", number, text)
            judged.append(Judged(query=text, locale=locale, articles=relevant[str(asked.id)]))
    return judged


def _structs(path: Path, kind: type[Line]) -> Iterator[tuple[int, Line]]:
    """JSON lines with their numbers from 1; empty ones are passed over."""
    # not splitlines(): JSON may hold U+2028 as it is
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line, type=kind)
            except msgspec.DecodeError as error:
                raise EvaluationError(f"{path}:{number}: {error}") from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise EvaluationError(f"{path}:{line}: is not UTF-8") from error


def ranks(
    generation: Generation, judged: Iterable[Judged], progress: Callable[[], None] | None = None
) -> list[Rank]:
    """Ask every query as a reader would, pins included."""
    found = []
    for each in judged:
        if each.locale not in generation.locales:
            raise EvaluationError(f"{each.query!r}: there is no index of locale {each.locale!r}")
        text = clean_query(each.query[:MAX_QUERY])
        snapshot = generation.snapshot(each.locale, each.audience)
        # the first fifty are there whatever the page; excerpts would take most of the time
        numbers = search(snapshot, Query(text=text, limit=0), generation.pinned(each.locale, text)).first
        relevant = {snapshot.find_article(name): gain for name, gain in each.articles.items()}
        gains = [relevant.get(number, 0.0) for number in numbers]
        rank = next((place for place, gain in enumerate(gains, 1) if gain > 0), 0)
        found.append(Rank(judged=each, rank=rank, gains=tuple(gains[:DEPTH])))
        if progress:
            progress()
    return found


def scores(found: Sequence[Rank]) -> Scores:
    """Means over all queries; nDCG with gain 2^relevance - 1."""
    count = max(len(found), 1)
    within = [rank.rank if 1 <= rank.rank <= DEPTH else 0 for rank in found]
    return Scores(
        queries=len(found),
        ndcg10=sum(map(_ndcg, found)) / count,
        mrr10=sum(1 / rank for rank in within if rank) / count,
        p1=sum(rank == 1 for rank in within) / count,
        s3=sum(1 <= rank <= GOLDEN_RANK for rank in within) / count,
        s10=sum(rank > 0 for rank in within) / count,
    )


def _ndcg(rank: Rank) -> float:
    ideal = sorted(rank.judged.articles.values(), reverse=True)[:DEPTH]
    return _dcg(rank.gains) / _dcg(ideal)


def _dcg(gains: Sequence[float]) -> float:
    return float(sum((2**gain - 1) / math.log2(place + 2) for place, gain in enumerate(gains)))


def temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder for a relevance set's articles and index."""
    return tempfile.TemporaryDirectory(prefix="kb-eval-")


def rank_table(found: Iterable[Rank]) -> str:
    """Ranks as tab-separated lines, sorted: committed, they make a change of ranking a diff in review."""
    lines = sorted(
        f"{rank.judged.locale}\t{','.join(rank.judged.articles)}\t{rank.judged.query}\t{rank.rank}"
        for rank in found
    )
    return "locale\tarticle\tquery\trank\n" + "".join(f"{line}\n" for line in lines)
