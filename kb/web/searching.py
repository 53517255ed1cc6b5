"""The search page: results with their excerpts, links that narrow them, and help where nothing was found."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import falcon
from msgspec import Meta, Struct

from kb.deflection.facts import new_search_id
from kb.search import Query, Results, search
from kb.suggest import suggest
from kb.web import present
from kb.web.answers import HTML
from kb.web.pages import Page, category_cards
from kb.web.params import read
from kb.web.reader import Shelf, page_shelf
from kb.web.recording import entry_of_page, is_prefetch, record_search
from kb.web.rendering import category_title, localized
from kb.web.resources import run_search
from kb.web.sessions import visitor_of
from kb.web.shapes import Filter, SuggestionItem
from kb.words import language_name, texts_for

PER_PAGE = 10


class PageParams(Struct, frozen=True, kw_only=True):
    """Of the search page; an empty box is no mistake."""

    q: Annotated[str, Meta(max_length=400)] = ""
    category: Filter = ""
    tag: Filter = ""
    product: Filter = ""
    page: Annotated[int, Meta(ge=1)] = 1


class Facet(Struct, frozen=True):
    """A link that narrows the results, or widens them again."""

    title: str
    count: int | None
    url: str
    current: bool


class SearchPage(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        asked = read(req.query_string, PageParams)
        shelf = page_shelf(req, self.parts, locale)
        values = self._found(req, resp, shelf, asked) if asked.q else {"results": None}
        terms = f"search?{urlencode({'q': asked.q})}" if asked.q else "search"
        resp.content_type = HTML
        resp.set_header("Cache-Control", "private, no-cache")
        resp.set_header("X-Robots-Tag", "noindex")
        resp.data = self.pages.render(
            req, shelf, "search.html",
            query=asked.q, asked=asked, robots="noindex",
            categories=category_cards(self.pages, shelf),
            hours=localized(shelf.generation.site.hours, shelf, ""),
            others={each: self.pages.home(each) + terms for each in shelf.locales},
            **values,
        )  # fmt: skip

    def _found(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, asked: PageParams
    ) -> dict[str, object]:
        """Results of one page and what stands around them; one hit more tells of a next page."""
        offset = (asked.page - 1) * PER_PAGE
        results, took_ms = run_search(shelf, Query(
            text=asked.q, limit=PER_PAGE + 1, offset=offset,
            category=asked.category, tag=asked.tag, product=asked.product,
        ))  # fmt: skip
        search_id = self._record(req, resp, shelf, asked, results, took_ms)
        site = shelf.generation.site
        lost, hits = not results.total and asked.page == 1, results.hits
        return {
            "results": results,
            "hits": [present.search_hit(hit, self.prefix) for hit in hits[:PER_PAGE]],
            "titles": {hit.card.category: category_title(site, hit.card.category, shelf) for hit in hits},
            "facets": self._facets(shelf, asked, results),
            "first": offset + 1,
            "search_id": search_id,
            "previous": self._url(shelf, asked, page=asked.page - 1) if asked.page > 1 else "",
            "next": self._url(shelf, asked, page=asked.page + 1) if len(results.records) > PER_PAGE else "",
            "unfiltered": self._url(shelf, asked, category="", tag="", product="", page=1),
            "filtered": bool(asked.category or asked.tag or asked.product),
            "suggestions": _nearest(shelf, asked, self.prefix) if lost and not results.records else [],
            "elsewhere": self._elsewhere(shelf, asked) if lost else [],
        }

    def _record(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, asked: PageParams, results: Results,
        took_ms: float,
    ) -> str:  # fmt: skip
        """The search's id, which the links of its hits carry."""
        search_id = new_search_id()
        if not is_prefetch(req):
            shown = (asked.page - 1) * PER_PAGE + min(len(results.records), PER_PAGE)
            record_search(
                req, self.parts, shelf, visitor_of(req, resp, self.parts), results, search_id,
                entry=entry_of_page(req, self.parts), took_ms=took_ms, shown=shown, category=asked.category,
            )  # fmt: skip
        return search_id

    def _facets(self, shelf: Shelf, asked: PageParams, results: Results) -> list[Facet]:
        texts, site = texts_for(shelf.locale), shelf.generation.site
        pairs = results.facets.get("category", ())
        if len(pairs) < 2 and not asked.category:
            return []
        everything = Facet(
            texts("search.all"), None, self._url(shelf, asked, category="", page=1), not asked.category
        )
        return [everything] + [
            Facet(
                category_title(site, name, shelf),
                count,
                self._url(shelf, asked, category=name, page=1),
                name == asked.category,
            )
            for name, count in pairs
        ]

    def _elsewhere(self, shelf: Shelf, asked: PageParams) -> list[tuple[str, int, str]]:
        """(language, articles, address) of the locales that have an answer."""
        found = []
        for locale in shelf.locales:
            if locale != shelf.locale:
                other = Shelf(shelf.generation, shelf.audience, locale)
                # not `run_search`: nobody asked for this one, so it is not counted
                total = search(other.snapshot, Query(text=asked.q, limit=1)).total
                if total:
                    found.append((language_name(locale), total, self._url(other, PageParams(q=asked.q))))
        return found

    def _url(self, shelf: Shelf, asked: PageParams, **changes: str | int) -> str:
        values = {
            "q": asked.q,
            "category": asked.category,
            "tag": asked.tag,
            "product": asked.product,
            "page": asked.page,
        }
        values |= changes
        kept = {name: value for name, value in values.items() if value and (name, value) != ("page", 1)}
        return f"{self.pages.home(shelf.locale)}search?{urlencode(kept)}"


def _nearest(shelf: Shelf, asked: PageParams, prefix: str) -> list[SuggestionItem]:
    return [present.suggestion(each, shelf.locale, prefix) for each in suggest(shelf.snapshot, asked.q, 5)]
