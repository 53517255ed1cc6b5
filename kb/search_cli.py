"""`kb search`, `kb why`, `kb eval`: hits at the terminal, what ranks are made of, how good they are."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.table import Table

from kb import evaluate
from kb.errors import ArticleNotFound, BadParameter
from kb.explain import Explanation, explain
from kb.index.generation import Generation, has_index, open_live
from kb.index_cli import build_index
from kb.model import Audience
from kb.options import ARTICLES, LOCALE, VAR
from kb.progress import progress
from kb.search import MAX_LIMIT, Query, Results, search
from kb.terminal import err, out
from kb.text.normalize import clean_query

_AUDIENCE = click.option(
    "--audience", type=click.Choice([a.value for a in Audience]), default="public", show_default=True
)


@click.command("search")
@click.argument("query")
@VAR
@LOCALE
@_AUDIENCE
@click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The hits as JSON.")
@click.option("--explain", "explained", is_flag=True, help="Each hit's score by field and term.")
def search_command(
    query: str, var: Path, locale: str | None, audience: str, limit: int, as_json: bool, explained: bool
) -> None:
    """Ranked hits for QUERY."""
    generation, locale = _open(var, locale)
    text = clean_query(query, "QUERY")
    snapshot = generation.snapshot(locale, Audience(audience))
    results = search(snapshot, Query(text=text, limit=limit), generation.pinned(locale, text))
    used = results.corrected.query if results.corrected else text
    why = {
        hit.card.id: explain(snapshot, used, snapshot.find_article(hit.card.id))
        for hit in results.hits
        if explained
    }
    if as_json:
        click.echo(_json(results, why, locale, generation.name))
        return
    _print_results(results, why)


def _json(results: Results, why: dict[str, Explanation], locale: str, generation: str) -> bytes:
    """The hits in the shape of the HTTP API."""
    from kb.web.present import search_hit  # falcon is not needed by the other commands

    answer = {
        "query": results.query,
        "locale": locale,
        "generation": generation,
        "total": results.total,
        "corrected": results.corrected,
        "hits": [search_hit(hit, prefix="") for hit in results.hits],
        "explanations": why,
    }
    return msgspec.json.format(msgspec.json.encode(answer))


def _print_results(results: Results, why: dict[str, Explanation]) -> None:
    if results.corrected:
        out.print(
            f"nothing matches as typed; searched for: {results.corrected.query}", style="yellow", markup=False
        )
    out.print(f"{results.total} articles match", style="dim")
    for place, hit in enumerate(results.hits, 1):
        anchor = f"#{hit.section.anchor}" if hit.section.anchor else ""
        out.print(f"{place:2}  {hit.score:7.2f}  {hit.card.id}{anchor}", style="bold", markup=False)
        out.print(f"    {hit.card.title} — {hit.snippet.text}", markup=False)
        if hit.card.id in why:
            _print_parts(why[hit.card.id])


def _print_parts(explanation: Explanation) -> None:
    for part in sorted(explanation.parts, key=lambda part: -part.score):
        out.print(
            f"      {part.score:7.2f}  {part.kind:9} {part.field:9} {part.term}", style="dim", markup=False
        )


@click.command("why")
@click.argument("article_id", metavar="ID")
@click.argument("query")
@VAR
@LOCALE
@_AUDIENCE
def why_command(article_id: str, query: str, var: Path, locale: str | None, audience: str) -> None:
    """Why article ID is, or is not, among the first ten for QUERY."""
    generation, locale = _open(var, locale)
    snapshot = generation.snapshot(locale, Audience(audience))
    number = snapshot.find_article(article_id)
    if number < 0:
        raise ArticleNotFound(
            f"{locale}/{article_id}: is not in the {audience} index: "
            "unknown, a draft, archived, or for agents only"
        )
    text = clean_query(query, "QUERY")
    found = explain(snapshot, text, number)
    place = f"rank {found.rank}" if found.rank else "no match"
    out.print(f"{locale}/{article_id}: {place}, score {found.score:.2f}", style="bold", markup=False)
    if generation.pinned(locale, text):
        out.print(f"pinned first for this query: {', '.join(generation.pinned(locale, text))}", markup=False)
    _print_parts(found)
    if found.missing:
        out.print(f"not in it: {', '.join(found.missing)}", markup=False)
    if not found.strict:
        out.print("no word of the query matches strictly, so every strict match stands above it")
    for name, score in found.above:
        out.print(f"above it: {score:7.2f}  {name}", markup=False)


@click.command("eval")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@ARTICLES
@VAR
@click.option(
    "--ranks", type=click.Path(path_type=Path), help="Also write the rank of every query to this file."
)
def eval_command(path: Path | None, articles: Path | None, var: Path, ranks: Path | None) -> None:
    """nDCG@10, MRR@10, P@1, success@10 of a truth file or relevance set; of golden queries without one."""
    with evaluate.temporary() as folder:
        judged, generation = _judged(path, articles, var, Path(folder))
        with progress() as step:
            done = iter(range(1, len(judged) + 1))
            found = evaluate.ranks(generation, judged, lambda: step("searching", next(done), len(judged)))
    _print_scores(evaluate.scores(found))
    if ranks:
        _write(ranks, evaluate.rank_table(found))
    lost = [each for each in found if not 1 <= each.rank <= evaluate.GOLDEN_RANK]
    if path is None and lost:
        for each in lost:
            asked, place = each.judged, each.rank or "> 50"
            expected = f"{', '.join(asked.articles)} at rank {place}"
            line = f"golden query lost: {asked.locale} {asked.query!r}: {expected}"
            err.print(line, style="red", markup=False)
        sys.exit(1)


def _judged(
    path: Path | None, articles: Path | None, var: Path, temporary: Path
) -> tuple[list[evaluate.Judged], Generation]:
    """The queries, and the index to ask: of the set itself, of the articles, or the live one."""
    if path is not None and path.is_dir():
        judged = evaluate.read_set(path, temporary / "articles")
        build_index(temporary / "articles", temporary / "var", None, rebuild=False)
        return judged, open_live(temporary / "var")
    judged = evaluate.read_truth(path) if path else []
    if path and articles is None and has_index(var):
        return judged, open_live(var)
    # beside the live index: to measure articles is not to publish them
    tree = build_index(articles or Path("articles"), var / "eval", None, rebuild=False)
    return judged or evaluate.golden(tree), open_live(var / "eval")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise BadParameter(str(file), f"cannot be written: {error.strerror}") from error


def _print_scores(scores: evaluate.Scores) -> None:
    table = Table("queries", "nDCG@10", "MRR@10", "P@1", "success@3", "success@10")
    figures = (scores.ndcg10, scores.mrr10, scores.p1, scores.s3, scores.s10)
    table.add_row(str(scores.queries), *(f"{figure:.4f}" for figure in figures))
    out.print(table)


def _open(var: Path, locale: str | None) -> tuple[Generation, str]:
    """The live generation, its files checked, and the locale to search."""
    generation = open_live(var)
    locale = locale or generation.site.default_locale
    if locale not in generation.locales:
        raise BadParameter("--locale", f"{locale!r} is not one of {', '.join(generation.locales)}")
    return generation, locale
