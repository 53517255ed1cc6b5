"""Addresses that once were: 301 to where the article lives now, or 410 when it was deleted.

Known from the history of the repository (`kb.publish.lineage`) and from `redirect_from`, which wins. What
is an article's own address now is never redirected, so one hop is all there can be. Only what the public
could read answers 410: anything else must look as if it had never been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.content import article as articles
from kb.content.article import Rules, Source
from kb.content.paths import Layout, locate
from kb.content.redirects import declared
from kb.content.tree import FALLBACK_LOCALE
from kb.index.generation import Generation
from kb.model import Article, Audience, Finding, Past, Severity, Status, Tree
from kb.publish.export import contents
from kb.publish.git import Mirror
from kb.publish.lineage import Grave, Lineage, follow

MOST_GRAVES = 2000
"""Deleted articles whose titles are looked up, the latest first; reading one takes 2 ms."""
History = Callable[[], Lineage]
_LINEAGE, _TITLES = "lineage.msgpack", "titles.msgpack"


class _Titles(Struct):
    """Titles of deleted public articles by blob and path; empty for those that were not public."""

    seed: str = ""
    """Of the rules that they were read with."""
    known: dict[str, str] = {}


def history_of(mirror: Mirror, commit: str, below: str, state: Path) -> History:
    """Begin to look it up."""
    return follow(mirror, commit, below, state / _LINEAGE)


def past_of(
    tree: Tree, mirror: Mirror, commit: str, below: str, state: Path, locale: str | None = None,
    history: History | None = None,
) -> tuple[Past, tuple[Finding, ...]]:  # fmt: skip
    """What history and front matter tell of old addresses; `state`: folder of what is read once only.

    `history`: of this commit, where it was begun to be looked up.
    """
    lineage = (history or history_of(mirror, commit, below, state))()
    layout = _layout(tree, locale)
    present = {article.path: article.key for article in tree.articles}
    keys = set(present.values())
    moved: dict[str, str] = {}
    buried: dict[str, Grave] = {}
    findings = []
    for path, identity, home in lineage.homes():
        key = _key(path, layout)
        if key in keys:
            findings += _reused(tree, key, identity, home, lineage)
        elif home in present:
            moved[key] = present[home]
            buried.pop(key, None)
        elif home is None and identity in lineage.graves:
            buried[key] = lineage.graves[identity]
            moved.pop(key, None)
    gone = _titles(tree, mirror, layout, buried, state / _TITLES)
    told, wrong = declared(tree)
    moved |= told
    return Past(moved=moved, gone=_without(gone, moved)), (*findings, *wrong)


def past_of_folder(tree: Tree, live: Generation | None) -> tuple[Past, tuple[Finding, ...]]:
    """Without a history: `redirect_from`, and what the live generation had or knew and the tree has not."""
    moved, findings = declared(tree)
    if live is None:
        return Past(moved=moved), findings
    keys = {article.key for article in tree.articles}
    moved = {k: v for k, v in live.moved.items() if k not in keys and v in keys} | moved
    public = {each.key: each.title for each in live.articles() if each.audience is Audience.PUBLIC}
    gone = {key: title for key, title in {**live.gone, **public}.items() if key not in keys}
    return Past(moved=moved, gone=_without(gone, moved)), findings


def _without(gone: Mapping[str, str], moved: Mapping[str, str]) -> dict[str, str]:
    return {key: title for key, title in gone.items() if key not in moved}


def _layout(tree: Tree, locale: str | None) -> Layout:
    default = tree.site.default_locale if tree.site.configured else FALLBACK_LOCALE
    return Layout(tree.site.locales, locale or default)


def _key(path: str, layout: Layout) -> str:
    place = locate(path, layout)
    return f"{place.locale}/{place.id}"


def _reused(tree: Tree, key: str, identity: int, home: str | None, lineage: Lineage) -> list[Finding]:
    """An id that has another article than it had: old links to it now show something else."""
    article = next(each for each in tree.articles if each.key == key)
    if lineage.alive.get(article.path) == identity:
        return []
    became = f"lives at {home} now" if home else "was deleted"
    return [Finding(
        code="reused-id", severity=Severity.WARNING, path=article.path,
        message=f"the id {key} was that of another article, which {became}; old links lead here instead",
        mend="give the new article a name of its own",
    )]  # fmt: skip


def _titles(
    tree: Tree, mirror: Mirror, layout: Layout, buried: Mapping[str, Grave], cache: Path
) -> dict[str, str]:
    rules = Rules(layout=layout, agents_only=tree.site.agents_only, configured=tree.site.configured)
    known = _read(cache, articles.seed(rules).hex())
    graves = dict(list(buried.items())[-MOST_GRAVES:])
    new = [grave for grave in graves.values() if _name(grave) not in known.known]
    for grave, data in zip(new, contents(mirror, [grave.blob for grave in new]), strict=True):
        source = Source(path=grave.path, data=data, digest="", changed=datetime.fromtimestamp(0, UTC))
        known.known[_name(grave)] = _public_title(articles.read(source, rules).article)
    if new:
        cache.write_bytes(msgspec.msgpack.encode(known))
    return {key: title for key, grave in graves.items() if (title := known.known[_name(grave)])}


def _name(grave: Grave) -> str:
    return f"{grave.blob} {grave.path}"


def _read(cache: Path, seed: str) -> _Titles:
    try:
        known = msgspec.msgpack.decode(cache.read_bytes(), type=_Titles)
    except (OSError, msgspec.MsgspecError):
        known = _Titles()
    return known if known.seed == seed else _Titles(seed=seed)


def _public_title(article: Article | None) -> str:
    if article is None or article.audience is not Audience.PUBLIC or article.status is Status.DRAFT:
        return ""
    return article.title
