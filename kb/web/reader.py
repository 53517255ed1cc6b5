"""What the reader of a request may see: audience, generation, locale, article. Every resource asks here.

A hidden article and one that never was must be told apart by nobody, so both raise the same
ArticleNotFound here, and no resource opens a snapshot by another way.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import falcon

from kb.errors import BadParameter, PageNotFound
from kb.index.generation import Generation
from kb.index.snapshot import Snapshot
from kb.model import Article, Audience, Kind, Past
from kb.publish.bygone import Bygone, bygone
from kb.web.guard import audience_of
from kb.web.moved import absent
from kb.web.parts import Parts


def generation_of(req: falcon.Request, parts: Parts) -> Generation:
    """The generation that answers this request, the same from its first line to its last."""
    generation: Generation | None = getattr(req.context, "generation", None)
    if generation is None:
        generation = req.context.generation = parts.live.current()
    return generation


class Shelf:
    """One locale of one generation as one reader sees it."""

    __slots__ = ("_parts", "audience", "generation", "locale", "locales", "snapshot")

    def __init__(
        self, generation: Generation, audience: Audience, locale: str, parts: Parts | None = None
    ) -> None:
        """`parts`: which know of old addresses that the generation does not."""
        self.generation = generation
        self._parts = parts
        self.audience = audience
        self.locale = locale
        self.locales = locales_of(generation, audience)
        self.snapshot: Snapshot = generation.snapshot(locale, audience)

    def find(self, article_id: str) -> int:
        """Number of the article; raises ArticleNotFound, ArticleGone or ArticleMoved."""
        # macOS sends file names decomposed
        article_id = unicodedata.normalize("NFC", article_id)
        number = self.snapshot.find_article(article_id)
        if number >= 0:
            return number
        raise absent(self, article_id)

    def past(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Keys that moved and their present ones, deleted keys and their titles, as git tells of a folder."""
        past = _past(self._parts) if self._parts else None
        known = past.of(self.generation) if past else Past()
        return known.moved, known.gone

    def holds(self, article_id: str) -> bool:
        return self.snapshot.find_article(unicodedata.normalize("NFC", article_id)) >= 0

    def translations(self, article_id: str) -> list[str]:
        """Locales in which this reader finds the same id, this one among them."""
        snapshots = ((locale, self.generation.snapshot(locale, self.audience)) for locale in self.locales)
        return [locale for locale, snapshot in snapshots if snapshot.find_article(article_id) >= 0]

    def chapters(self, article: Article) -> list[Article]:
        """The chapters of the article's manual in their order; none when it is no chapter."""
        if article.kind is not Kind.MANUAL or not article.manual:
            return []
        snapshot = self.snapshot
        found = [
            snapshot.article(n) for n in _around(snapshot, snapshot.find_article(article.id), article.manual)
        ]
        cover = snapshot.find_article(article.manual)
        if cover >= 0 and cover not in (snapshot.find_article(each.id) for each in found):
            found.append(snapshot.article(cover))
        return sorted(
            (each for each in found if each.manual == article.manual), key=lambda each: (each.order, each.id)
        )

    def neighbours(self, article: Article) -> tuple[Article | None, Article | None]:
        """The chapters before and after."""
        chapters = self.chapters(article)
        place = next((n for n, each in enumerate(chapters) if each.id == article.id), None)
        if place is None:
            return None, None
        before = chapters[place - 1] if place else None
        return before, chapters[place + 1] if place + 1 < len(chapters) else None

    def category(self, name: str) -> list[int]:
        """Numbers of the articles of a category, by id."""
        facet = self.snapshot.facets["category"]
        if name not in facet.names:
            return []
        wanted, ptr, values = facet.names.index(name), facet.ptr, facet.values
        return [n for n in range(self.snapshot.meta.articles) if wanted in values[ptr[n] : ptr[n + 1]]]

    def uncategorised(self) -> list[int]:
        ptr = self.snapshot.facets["category"].ptr
        return [n for n in range(self.snapshot.meta.articles) if ptr[n] == ptr[n + 1]]


def _around(snapshot: Snapshot, number: int, manual: str) -> range:
    """Numbers of the articles below a folder: ids are sorted, so they stand together."""
    first = last = number
    while first > 0 and snapshot.card(first - 1).id.startswith(f"{manual}/"):
        first -= 1
    while last + 1 < snapshot.meta.articles and snapshot.card(last + 1).id.startswith(f"{manual}/"):
        last += 1
    return range(first, last + 1)


def locales_of(generation: Generation, audience: Audience) -> tuple[str, ...]:
    """Locales a reader may know of, the site's order first."""
    return generation.shown[audience]


def default_locale(generation: Generation, audience: Audience, parts: Parts) -> str:
    """The one of `kb serve --locale`, the site's, or any."""
    known = locales_of(generation, audience)
    wanted = (parts.locale, generation.site.default_locale, *known)
    return next((locale for locale in wanted if locale in known), generation.site.default_locale)


def api_shelf(req: falcon.Request, parts: Parts, locale: str | None) -> Shelf:
    """The shelf of a parameter `locale`; None is the default. Raises BadParameter for an unknown one."""
    generation, audience = generation_of(req, parts), audience_of(req)
    known = locales_of(generation, audience)
    chosen = default_locale(generation, audience, parts) if locale is None else locale
    if chosen not in known:
        raise BadParameter("locale", f"must be one of {', '.join(known)}")
    return Shelf(generation, audience, chosen, parts)


def page_shelf(req: falcon.Request, parts: Parts, locale: str) -> Shelf:
    """The shelf of a locale within an address. Raises PageNotFound for an unknown one."""
    generation, audience = generation_of(req, parts), audience_of(req)
    if locale not in locales_of(generation, audience):
        raise PageNotFound("there is nothing at this address")
    return Shelf(generation, audience, locale, parts)


def _past(parts: Parts) -> Bygone | None:
    """Only a folder that is served as it is: what was published has its past in the index."""
    return bygone(parts.articles, parts.var, parts.locale) if parts.articles and parts.var else None
