"""The pages: each class is one address and gathers what its template shows; `searching` has one more.

All work without JavaScript.
"""

from __future__ import annotations

from urllib.parse import quote

import falcon
from msgspec import Struct

from kb.content.paths import article_url
from kb.errors import PageNotFound
from kb.model import Channel
from kb.related import related
from kb.web import present
from kb.web.answers import HTML, send_cached
from kb.web.guard import audience_of
from kb.web.languages import preferred
from kb.web.reader import Shelf, default_locale, generation_of, locales_of, page_shelf
from kb.web.recording import record_view
from kb.web.rendering import Pages, category_title, localized, updated
from kb.web.resources import Resource
from kb.web.sessions import visitor_of
from kb.web.texts import texts_for

TWIN = ".md"
"""Ending at which an article's Markdown is served."""
UNFILED = 100
"""Articles without a category that the home page lists."""


class Listed(Struct, frozen=True):
    """An article in a list."""

    title: str
    url: str
    description: str = ""


class CategoryCard(Struct, frozen=True):
    id: str
    title: str
    description: str
    url: str
    count: int


class Root(Resource):
    """`/` leads to the reader's language."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        generation, audience = generation_of(req, self.parts), audience_of(req)
        default = default_locale(generation, audience, self.parts)
        chosen = preferred(req, locales_of(generation, audience), default)
        resp.set_header("Vary", "Accept-Language")
        resp.set_header("Cache-Control", "private, no-cache")
        resp.status = falcon.HTTP_302
        resp.location = f"{self.prefix}/{quote(chosen)}/"


class WithoutSlash(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        resp.status = falcon.HTTP_308
        resp.location = f"{self.prefix}/{quote(shelf.locale)}/"


class Page:
    """What every page needs."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.parts = pages.parts
        self.prefix = pages.prefix


class Home(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        body = self.pages.render(
            req, shelf, "home.html",
            categories=category_cards(self.pages, shelf),
            articles=[listed(shelf, number, self.pages) for number in shelf.uncategorised()[:UNFILED]],
            others={each: self.pages.home(each) for each in shelf.locales},
        )  # fmt: skip
        send_cached(req, resp, body, HTML)


class CategoryPage(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, category: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        numbers = shelf.category(category)
        if not numbers:
            raise PageNotFound("there is no such category")
        card = _card(self.pages, shelf, category, len(numbers))
        others = {
            each: self.pages.category(each, category)
            for each in shelf.locales
            if Shelf(shelf.generation, shelf.audience, each).category(category)
        }
        articles = [listed(shelf, number, self.pages) for number in numbers]
        body = self.pages.render(req, shelf, "category.html", category=card, articles=articles, others=others)
        send_cached(req, resp, body, HTML)


class ArticlePage(Page):
    """An article; behind `.md` the Markdown it was written in."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        if article_id.endswith(TWIN) and not shelf.holds(article_id):
            article = shelf.snapshot.article(shelf.find(article_id.removesuffix(TWIN)))
            text = f"# {article.title}\n\n{article.markdown.strip()}\n"
            send_cached(req, resp, text.encode("utf-8", "replace"), "text/markdown; charset=utf-8")
            return
        number = shelf.find(article_id)
        article = shelf.snapshot.article(number)
        record_view(req, self.parts, locale, article.id, visitor_of(req, resp, self.parts))
        before, after = shelf.neighbours(article)
        texts = texts_for(locale)
        body = self.pages.render(
            req, shelf, "article.html",
            article=article,
            content=present.own_links(article.html, self.prefix),
            category=_card(self.pages, shelf, article.category, 0) if article.category else None,
            contents=[each for each in article.sections if each.title and each.level <= 3],
            updated=updated(texts, shelf, article.updated),
            related=[present.related_item(each, self.prefix) for each in related(shelf.snapshot, number, 5)],
            before=present.link(before, self.prefix),
            after=present.link(after, self.prefix),
            twin=self.prefix + article_url(locale, article.id + TWIN),
            others={each: self.pages.article(each, article.id) for each in shelf.translations(article.id)},
        )  # fmt: skip
        send_cached(req, resp, body, HTML)


def listed(shelf: Shelf, number: int, pages: Pages) -> Listed:
    article = shelf.snapshot.article(number)
    return Listed(article.title, pages.article(article.locale, article.id), article.description)


def category_cards(pages: Pages, shelf: Shelf) -> list[CategoryCard]:
    """Categories in which this reader finds something: the site's order first, then by name."""
    facet = shelf.snapshot.facets["category"]
    configured = [each.id for each in shelf.generation.site.categories if each.id in facet.names]
    names = [*configured, *(name for name in facet.names if name not in configured)]
    counts = {name: int((facet.values == facet.names.index(name)).sum()) for name in names}
    return [_card(pages, shelf, name, counts[name]) for name in names if counts[name]]


def _card(pages: Pages, shelf: Shelf, name: str, count: int) -> CategoryCard:
    site = shelf.generation.site
    described = next((each.description for each in site.categories if each.id == name), {})
    title = category_title(site, name, shelf)
    return CategoryCard(
        name, title, localized(described, shelf, ""), pages.category(shelf.locale, name), count
    )


def channel_link(channel: Channel) -> str:
    """What a click on a way to reach people opens; empty for what is only read."""
    value = channel.value
    if value.startswith(("https://", "http://")):
        return value
    if channel.kind == "phone" and value:
        return f"tel:{''.join(character for character in value if character in '+0123456789')}"
    if channel.kind == "mail" and "@" in value:
        return f"mailto:{value}"
    return ""
