"""What is to be indexed of a tree, and how it differs from the previous generation. For the indexer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from kb.index.former import Former
from kb.index.generation import Generation
from kb.index.layout import locale_folder
from kb.index.schema import fingerprint
from kb.index.state import Media
from kb.index.vectors import is_public, version_of
from kb.model import Article, Audience, Past, Status, Tree


class Changes(Struct, frozen=True, kw_only=True):
    """How the wanted articles differ from those of the previous generation."""

    fresh: tuple[Article, ...]
    """New or changed; ordered by audience and locale, as they are written."""
    gone: frozenset[str]
    """Keys that no longer are."""
    withdrawn: frozenset[str]
    """Locales where an article that was public no longer is, be it gone or for agents only."""

    @property
    def stale(self) -> set[str]:
        """Keys whose documents are deleted, wherever they are."""
        return {article.key for article in self.fresh} | self.gone

    @property
    def locales(self) -> set[str]:
        """Those that something changed in."""
        return {key.partition("/")[0] for key in self.stale}


def indexable(tree: Tree, now: datetime) -> tuple[list[Article], dict[str, int]]:
    """Published articles whose time has come, by key; and how many are none, by reason."""
    wanted: list[Article] = []
    left_out: dict[str, int] = {}
    for article in tree.articles:
        if article.status is not Status.PUBLISHED:
            reason = article.status.value
        elif article.publish_at and article.publish_at > now:
            reason = "not yet published"
        elif article.unpublish_at and article.unpublish_at <= now:
            reason = "no longer published"
        else:
            wanted.append(article)
            continue
        left_out[reason] = left_out.get(reason, 0) + 1
    return wanted, left_out


def compare(wanted: Sequence[Article], before: Mapping[str, bytes]) -> Changes:
    """How the wanted articles differ from those of before, given by key with their version."""
    new = {article.key: article for article in wanted}
    public = {key for key, version in before.items() if is_public(version)}
    still = {key for key, article in new.items() if article.audience is Audience.PUBLIC}
    fresh = [article for article in wanted if before.get(article.key) != version_of(article)]
    return Changes(
        fresh=tuple(sorted(fresh, key=_place)),
        gone=frozenset(before.keys() - new.keys()),
        withdrawn=frozenset(key.partition("/")[0] for key in public - still),
    )


def versions_of(var: Path, generation: Generation) -> dict[str, bytes]:
    """Version of every article of a generation, by key."""
    found: dict[str, bytes] = {}
    for locale in generation.locales:
        former = Former(locale_folder(var, generation.folder, Audience.AGENT, locale))
        ids = map(bytes.decode, former.items("article_ids"))
        found |= {
            f"{locale}/{each}": version for each, version in zip(ids, former.items("versions"), strict=True)
        }
    return found


def _place(article: Article) -> tuple[int, str, str]:
    """The index that an article is written to, and its key: `en/b` comes before `en-GB/a`."""
    return list(Audience).index(article.audience), article.locale, article.key


def name_of(
    tree: Tree,
    wanted: Sequence[Article],
    media: Media,
    moved: Mapping[str, str],
    gone: Mapping[str, str],
    following: datetime | None,
) -> str:
    """`<commit or digest of the articles>-<digest of all that the generation is made of>`."""
    content = _digest(article.digest for article in wanted)
    site = [repr(tree.site), repr(tree.synonyms), repr(sorted(media.items()))]
    old = [repr(sorted(each.items())) for each in (moved, gone)]
    inputs = _digest([fingerprint(), content, *site, *old, str(following)])
    return f"{tree.commit[:12] or content[:12]}-{inputs[:8]}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def gone_of(tree: Tree, past: Past, now: datetime) -> dict[str, str]:
    """Titles of public articles that were archived or deleted, or whose time is over, by key."""
    withdrawn = (each for each in tree.articles if each.audience is Audience.PUBLIC and _withdrawn(each, now))
    gone = past.gone | {article.key: article.title for article in withdrawn}
    return {key: title for key, title in gone.items() if key not in past.moved}


def _withdrawn(article: Article, now: datetime) -> bool:
    """Whether readers once could open it; a draft, and what was over before it began, were never there."""
    if article.status is not Status.PUBLISHED:
        return article.status is Status.ARCHIVED
    first, last = article.publish_at, article.unpublish_at
    return last is not None and last <= now and (first is None or first < last)


def next_change_of(tree: Tree, now: datetime) -> datetime | None:
    """When the next article is to appear or to go, if nobody edits anything."""
    published = [article for article in tree.articles if article.status is Status.PUBLISHED]
    times = [time for each in published for time in (each.publish_at, each.unpublish_at) if time]
    return min((time for time in times if time > now), default=None)
