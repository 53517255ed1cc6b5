"""The commands. The only place that puts all parts together; each command is a few lines over one function.

A failure that a person can be told about is one line on standard error and exit status 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click
import msgspec
from rich.table import Table

from kb import __version__, evaluate, indexer
from kb.content.check import check as check_tree
from kb.content.findings import to_github, to_json, to_sarif, to_text
from kb.content.paths import is_language
from kb.content.tree import read_tree
from kb.errors import ArticleNotFound, BadParameter, IndexMissing, KbError
from kb.explain import Explanation, explain
from kb.index.generation import Generation, live_folder, open_live
from kb.model import Audience, Finding, Severity, Tree
from kb.search import MAX_LIMIT, Query, Results, search
from kb.terminal import ARTICLES, LOCALE, VAR, err, out, progress
from kb.text.normalize import clean_query

_AUDIENCE = click.option(
    "--audience", type=click.Choice([a.value for a in Audience]), default="public", show_default=True
)

_FORMATS: dict[str, Callable[[Sequence[Finding], str], str]] = {
    "text": lambda findings, prefix: to_text(findings),
    "json": lambda findings, prefix: to_json(findings),
    "github": to_github,
    "sarif": lambda findings, prefix: to_sarif(findings, __version__, prefix),
}
"""Of findings and the tree's path in its checkout."""

_LEFT_OUT = frozenset({"duplicate-id", "empty"})
"""Codes of warnings that say why a file is no article; errors are told in any case."""


_ELSEWHERE = {
    "publish": "kb.publish_cli:publish_command",
    "translations": "kb.publish_cli:translations_command",
    "replay": "kb.publish_cli:replay_command",
    "bisect": "kb.publish_cli:bisect_command",
    "token": "kb.records_cli:token",
    "forget": "kb.records_cli:forget",
    "prune": "kb.records_cli:prune",
    "tickets": "kb.tickets_cli:tickets",
    "report": "kb.reports_cli:report_command",
    "gap": "kb.reports_cli:gap_command",
}
"""Commands of other modules, imported when they are called: the database alone takes 0.5 s."""


class _Commands(click.Group):
    """The commands of this module, and those from elsewhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = _ELSEWHERE[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__)
def cli() -> None:
    """A self-service knowledge base: Markdown in, ranked answers out."""


def main() -> None:
    """Entry point of the `kb` command. Exit status 2, after one line, when something cannot be done."""
    try:
        sys.exit(cli(prog_name="kb", standalone_mode=False))
    except KbError as error:
        _refuse(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        _refuse(f"{error.format_message()} See `{context.command_path if context else 'kb'} --help`.")
    except click.Abort:
        _refuse("stopped", 130)
    except BrokenPipeError:
        # whoever read our output has seen enough: `kb search … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _refuse(reason: str, status: int = 2) -> NoReturn:
    click.echo(f"kb: {reason}", err=True)
    sys.exit(status)


@cli.command()
@ARTICLES
@VAR
@LOCALE
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer; default KB_WORKERS.")
@click.option("--ref", help="Preview this branch, drafts included, from a state folder of its own.")
def serve(
    articles: Path | None, var: Path, locale: str | None, host: str, port: int, workers: int | None,
    ref: str | None,
) -> None:  # fmt: skip
    """Serve the help center. With --articles the index is built or updated first."""
    from kb import serve as server  # gunicorn is not needed by the other commands

    settings = server.load_settings(workers)
    server.check_address(host, port)
    if ref is not None:
        from kb import publish_cli

        with publish_cli.preview(settings, articles, ref, locale) as folder:
            server.serve(folder, host, port, settings, locale, server.Made(preview=ref))
        return
    if articles is None and not _has_index(var):
        articles = Path("articles")
    if articles is not None:
        _build(articles, var, locale, rebuild=False)
    server.serve(var, host, port, settings, locale, server.Made(articles=articles))


def _has_index(var: Path) -> bool:
    try:
        live_folder(var)
    except IndexMissing:
        return False
    return True


@cli.command()
@ARTICLES
@VAR
@LOCALE
@click.option("--rebuild", is_flag=True, help="Analyse everything again, whatever stands.")
def index(articles: Path | None, var: Path, locale: str | None, rebuild: bool) -> None:
    """Build the next generation of the index beside the live one and switch to it."""
    _build(articles or Path("articles"), var, locale, rebuild)


def _build(articles: Path, var: Path, locale: str | None, rebuild: bool) -> Tree:
    """Read, index, and say what was done."""
    if locale is not None and not is_language(locale):
        raise BadParameter("--locale", f"{locale!r} is no language like ja, en or pt-BR")
    with progress() as step:
        known = None if rebuild else indexer.known_articles(var)
        tree = read_tree(articles, locale=locale, known=known, progress=lambda d, n: step("reading", d, n))
        summary = indexer.build(tree, var, rebuild=rebuild, progress=step)
    told = [each for each in tree.findings if each.severity is Severity.ERROR or each.code in _LEFT_OUT]
    for finding in told:
        err.print(str(finding), style="red", markup=False)
    warnings = len(tree.findings) - len(told)
    if summary.rebuilt_because and not rebuild:
        err.print(f"everything was analysed again: {summary.rebuilt_because}", style="yellow", markup=False)
    left = "".join(f", {count} {reason}" for reason, count in sorted(summary.left_out.items()))
    skipped = tree.files - len(tree.articles)
    did = "nothing changed" if summary.unchanged else f"{summary.changed} analysed, {summary.removed} removed"
    out.print(
        f"{summary.articles} articles, {summary.sections} sections ({did}) in {summary.seconds:.1f} s; "
        f"{tree.files} files, {skipped} skipped{left}"
        + (f"; {warnings} warnings, see `kb check`" if warnings else ""),
        markup=False,
    )
    return tree


@cli.command("search")
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


@cli.command()
@click.argument("article_id", metavar="ID")
@click.argument("query")
@VAR
@LOCALE
@_AUDIENCE
def why(article_id: str, query: str, var: Path, locale: str | None, audience: str) -> None:
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


@cli.command("eval")
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
        _build(temporary / "articles", temporary / "var", None, rebuild=False)
        return judged, open_live(temporary / "var")
    judged = evaluate.read_truth(path) if path else []
    if path and articles is None and _has_index(var):
        return judged, open_live(var)
    # beside the live index: to measure articles is not to publish them
    tree = _build(articles or Path("articles"), var / "eval", None, rebuild=False)
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


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@ARTICLES
@LOCALE
@click.option("--format", "form", type=click.Choice(sorted(_FORMATS)), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
def check(
    paths: tuple[Path, ...], articles: Path | None, locale: str | None, form: str, strict: bool
) -> None:
    """Check articles: front matter, links, anchors, images, titles. Exit status 1 when there are errors."""
    root = articles or Path("articles")
    wanted = [_within(root, path) for path in paths]
    findings = check_tree(read_tree(root, locale=locale))
    if wanted:
        findings = tuple(
            f for f in findings if any((root / f.path).resolve().is_relative_to(w) for w in wanted)
        )
    click.echo(_FORMATS[form](findings, _from_here(root)), nl=False)
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    sys.exit(1 if any(finding.severity in failing for finding in findings) else 0)


def _within(root: Path, path: Path) -> Path:
    """`path`, absolute. Raises BadParameter when it is not one of the tree."""
    if not path.exists():
        raise BadParameter(str(path), "does not exist")
    if not path.resolve().is_relative_to(root.resolve()):
        raise BadParameter(str(path), f"is not below {root}; name another tree with --articles")
    return path.resolve()


def _from_here(root: Path) -> str:
    """The tree's path as the checkout's other files are named; empty when it is elsewhere."""
    path = os.path.relpath(root)
    return "" if path.startswith("..") else path


def _open(var: Path, locale: str | None) -> tuple[Generation, str]:
    """The live generation, its files checked, and the locale to search."""
    generation = open_live(var)
    locale = locale or generation.site.default_locale
    if locale not in generation.locales:
        raise BadParameter("--locale", f"{locale!r} is not one of {', '.join(generation.locales)}")
    return generation, locale
