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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kb.errors import EvaluationError
from kb.index.generation import Generation
from kb.model import Audience, Status, Tree
from kb.search import Query, search
from kb.text.normalize import clean_query

DEPTH = 10
GOLDEN_RANK = 3
"""A golden query holds when its article is among the first three."""


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
    """The golden queries of all published articles; those of agents-only ones are asked as an agent."""
    return [
        Judged(query=query, locale=article.locale, articles={article.id: 1.0}, audience=article.audience)
        for article in tree.articles
        if article.status is Status.PUBLISHED
        for query in article.golden
    ]


def read_truth(path: Path) -> list[Judged]:
    """JSON lines of `Judged`. Raises EvaluationError naming the line."""
    judged = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            try:
                judged.append(msgspec.json.decode(line, type=Judged))
            except msgspec.DecodeError as error:
                raise EvaluationError(f"{path}:{number}: {error}") from error
    if not judged:
        raise EvaluationError(f"{path}: holds no judged queries")
    return judged


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
    for number, document in enumerate(_lines(folder / "corpus.jsonl")):
        name = f"d{number:05d}"
        ids[str(document["_id"])] = f"set/{name}"
        (target / f"{name}.md").write_text(_markdown(document, name, as_questions), "utf-8")
    return _judged(folder, locale, ids)


def _markdown(document: dict[str, Any], name: str, as_questions: bool) -> str:
    title = " ".join(str(document.get("title") or "").split()) or name
    lines = [line.strip() for line in str(document.get("text") or "").splitlines() if line.strip()]
    front: dict[str, object] = {"title": title}
    if as_questions:
        front["questions"], lines = lines, []
    # JSON is YAML; a backslash keeps plain text from opening a Markdown block
    head = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
    body = [re.sub(r"^([#>\-+*=~`|])", r"\\\1", line) for line in lines]
    return "\n".join(["---", *head, "---", "", *body, ""])


def _judged(folder: Path, locale: str, ids: dict[str, str]) -> list[Judged]:
    relevant: dict[str, dict[str, float]] = {}
    for number, line in enumerate(_text(folder / "qrels.tsv").splitlines()[1:], 2):
        try:
            query, document, relevance = line.split("\t")
            if float(relevance) > 0:
                relevant.setdefault(query, {})[ids[document]] = float(relevance)
        except (ValueError, KeyError) as error:
            raise EvaluationError(f"{folder / 'qrels.tsv'}:{number}: not a judgement of this set") from error
    queries = _lines(folder / "queries.jsonl")
    return [
        Judged(query=str(q["text"]), locale=locale, articles=relevant[str(q["_id"])])
        for q in queries
        if str(q["_id"]) in relevant
    ]


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in _text(path).splitlines() if line.strip()]
    except ValueError as error:
        raise EvaluationError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error


def ranks(
    generation: Generation, judged: Iterable[Judged], progress: Callable[[], None] | None = None
) -> list[Rank]:
    """Ask every query as a reader would, pins included."""
    found = []
    for each in judged:
        text = clean_query(each.query[: 4 * DEPTH * DEPTH])
        snapshot = generation.snapshot(each.locale, each.audience)
        hits = search(snapshot, Query(text=text, limit=50), generation.pinned(each.locale, text)).hits
        gains = [each.articles.get(hit.card.id, 0.0) for hit in hits]
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
