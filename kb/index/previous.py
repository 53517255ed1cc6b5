"""The live generation as the next build begins with it: what can be continued, and what is known already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index import durable, store
from kb.index import generation as generations
from kb.index.generation import Generation
from kb.index.layout import locale_folder
from kb.index.vectors import vectors_of
from kb.model import Article


def continued(
    var: Path, *, rebuild: bool = False, live: Generation | None = None
) -> tuple[Generation | None, str]:
    """The live generation when it can be continued; else None, and why (empty for a first build).

    `live`: opened and compared with all checksums already; taken if it still is live.
    """
    if rebuild:
        return None, "asked for"
    try:
        folder = generations.live_folder(var)
        if live is not None and generations.read_manifest(var, folder) == live.manifest:
            return live, ""
        return Generation(var, folder, durable=True), ""
    except IndexMissing as error:
        return None, f"{error}" if store.folders(var) else ""
    except (IndexDamaged, IndexMismatch) as error:
        return None, error.reason


def known_articles(var: Path) -> Callable[[str, str], Article | None]:
    """Those of the live generation, where there is a sound one: see `articles_of`."""
    try:
        return articles_of(generations.open_live(var))
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return articles_of(None)


def articles_of(generation: Generation | None) -> Callable[[str, str], Article | None]:
    """Its articles by path and digest, so that unchanged files are not parsed again."""
    known = {article.path: article for article in generation.articles()} if generation else {}

    def find(path: str, digest: str) -> Article | None:
        article = known.get(path)
        return article if article is not None and article.digest == digest else None

    return find


def warm_up(var: Path, live: Generation) -> None:
    """Load what a build needs, in a process that others are forked from: the dictionary above all."""
    article = next(live.articles(), None)
    if article is not None:
        vectors_of(article)
        durable.find(locale_folder(var, live.folder, article.audience, article.locale) / "whoosh", [])
