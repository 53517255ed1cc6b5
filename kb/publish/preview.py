"""A branch as it will look: built into a state folder of its own, drafts and what is yet to come included."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from kb import indexer
from kb.content.findings import blocks
from kb.content.tree import read_tree
from kb.model import Article, Finding, Status, Tree
from kb.publish import reading
from kb.publish import status as statuses
from kb.publish.orders import Order


def build(
    order: Order, var: Path, progress: indexer.Progress | None = None
) -> tuple[str, tuple[Finding, ...]]:
    """(commit, what would block a publish); the index is in `var`. Raises what `publish` tells."""
    statuses.make_folder(var)
    source, commit = order.source, ""
    if source.url:
        commit = reading.fetch(source, order.ref, var, order.fetch_seconds)
        made = reading.exported(source, commit, var)
        tree = reading.tree_of(made, commit, locale=order.locale, known=None, processes=order.processes)
        past, _ = reading.past_of(tree, source, var, made.below, None, order.locale)
    else:
        tree = read_tree(Path(source.folder), locale=order.locale, processes=order.processes)
        past, _ = reading.past_of(tree, source, var, "", None, order.locale)
    with indexer.prepare(with_drafts(tree), var, past=past, progress=progress) as prepared:
        prepared.switch()
    return commit, tuple(finding for finding in tree.findings if blocks(finding))


def with_drafts(tree: Tree) -> Tree:
    """Drafts count as published, and every time as come; what is archived or was taken down stays away."""
    return replace(tree, articles=tuple(map(_shown, tree.articles)))


def _shown(article: Article) -> Article:
    status = Status.PUBLISHED if article.status is Status.DRAFT else article.status
    return replace(article, status=status, publish_at=None)
