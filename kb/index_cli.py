"""`kb index`: read a tree, build its index, say what was done. `kb eval` builds with it, too."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from kb import indexer
from kb.content.paths import is_language
from kb.content.tree import read_tree
from kb.errors import BadParameter
from kb.index.previous import known_articles
from kb.later import settle
from kb.model import Severity, Tree
from kb.options import ARTICLES, LOCALE, VAR
from kb.progress import progress

_LEFT_OUT = frozenset({"duplicate-id", "empty"})
"""Codes of warnings that say why a file is no article; errors are told in any case."""


@click.command("index")
@ARTICLES
@VAR
@LOCALE
@click.option("--rebuild", is_flag=True, help="Analyse everything again, whatever stands.")
def index_command(articles: Path | None, var: Path, locale: str | None, rebuild: bool) -> None:
    """Build the next generation of the index beside the live one and switch to it."""
    build_index(articles or Path("articles"), var, locale, rebuild)


def build_index(articles: Path, var: Path, locale: str | None, rebuild: bool) -> Tree:
    """Read, index, and say what was done."""
    if locale is not None and not is_language(locale):
        raise BadParameter("--locale", f"{locale!r} is no language like ja, en or pt-BR")
    settle()
    with progress() as step:
        known = None if rebuild else known_articles(var)
        reading = partial(step, "reading")
        tree = read_tree(articles, locale=locale, known=known, progress=reading, processes=2)
        summary = indexer.build(tree, var, rebuild=rebuild, progress=step)
    told = [each for each in tree.findings if each.severity is Severity.ERROR or each.code in _LEFT_OUT]
    for finding in told:
        click.secho(str(finding), fg="red", err=True)
    warnings = len(tree.findings) - len(told)
    if summary.rebuilt_because and not rebuild:
        click.secho(f"everything was analysed again: {summary.rebuilt_because}", fg="yellow", err=True)
    left = "".join(f", {count} {reason}" for reason, count in sorted(summary.left_out.items()))
    skipped = tree.files - len(tree.articles)
    did = "nothing changed" if summary.unchanged else f"{summary.changed} analysed, {summary.removed} removed"
    click.echo(
        f"{summary.articles} articles, {summary.sections} sections ({did}) in {summary.seconds:.1f} s; "
        f"{tree.files} files, {skipped} skipped{left}"
        + (f"; {warnings} warnings, see `kb check`" if warnings else "")
    )
    return tree
