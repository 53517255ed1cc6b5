"""`kb check`: what is wrong with the articles, for people and for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from kb import __version__
from kb.content.book import Place
from kb.content.book import error as error_at
from kb.content.check import check
from kb.content.findings import to_github, to_json, to_sarif, to_text
from kb.content.remembered import remembered
from kb.content.tree import read_tree
from kb.errors import BadParameter, ContentError
from kb.model import Finding, Severity, Tree
from kb.options import ARTICLES, LOCALE
from kb.publish import translations
from kb.publish.git import Mirror, toplevel
from kb.settings import load

_FORMATS: dict[str, Callable[[Sequence[Finding], str], str]] = {
    "text": lambda findings, prefix: to_text(findings),
    "json": lambda findings, prefix: to_json(findings),
    "github": to_github,
    "sarif": lambda findings, prefix: to_sarif(findings, __version__, prefix),
}
"""Of findings and the tree's path in its checkout."""
SITE = "site"
_OF_ALL = frozenset({SITE, translations.CUT_OFF})
"""Concern every file, whichever are asked about."""


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@ARTICLES
@LOCALE
@click.option("--format", "form", type=click.Choice(sorted(_FORMATS)), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
def check_command(
    paths: tuple[Path, ...], articles: Path | None, locale: str | None, form: str, strict: bool
) -> None:
    """Check articles: front matter, links, anchors, images, titles. Exit status 1 when there are errors."""
    root = articles or Path("articles")
    wanted = [_within(root, path) for path in paths]
    findings = _findings(root, locale)
    if wanted:
        findings = tuple(
            f
            for f in findings
            if f.code in _OF_ALL or any((root / f.path).resolve().is_relative_to(w) for w in wanted)
        )
    click.echo(_FORMATS[form](findings, _from_here(root)), nl=False)
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    sys.exit(1 if any(finding.severity in failing for finding in findings) else 0)


def _findings(root: Path, locale: str | None) -> tuple[Finding, ...]:
    try:
        with remembered(load().check_cache, root) as read:
            tree = read_tree(root, locale=locale, processes=2, read=read)
    except ContentError as error:
        # of a kb.yml; nothing can be said of the articles before it says who may read them
        place = Place(error.path, error.line, error.column)
        return (error_at(SITE, place, error.reason, "nothing else is checked before this is mended"),)
    return check(tree, behind=_behind(root, tree))


def _behind(root: Path, tree: Tree) -> list[Finding] | None:
    """Translations left behind, when the articles are in a repository with a history."""
    place = toplevel(root)
    mirror = Mirror(place[0]) if place else None
    commit = mirror.head() if mirror else ""
    return translations.behind(tree, mirror, commit, place[1]) if place and mirror and commit else None


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
