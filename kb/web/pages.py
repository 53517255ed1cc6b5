"""Home and categories: each class is one address and gathers what its template shows.

`articles`, `searching` and `contact` are pages of their own.

All work without JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from urllib.parse import quote
from weakref import WeakKeyDictionary

import falcon
from msgspec import Struct

from kb.errors import PageNotFound
from kb.index.snapshot import Snapshot
from kb.model import Channel
from kb.web.answers import HTML, Tagged, send_body, send_cached, tagged
from kb.web.guard import audience_of
from kb.web.languages import preferred
from kb.web.popular import MostRead
from kb.web.reader import Shelf, default_locale, generation_of, locales_of, page_shelf
from kb.web.remembered import Remembered
from kb.web.rendering import Pages, category_title, localized, origin, updated
from kb.web.resources import Resource
from kb.words import Texts, texts_for

SHOWN = 5
"""Articles in each short list of the home page."""
UNFILED = 100
"""Articles without a category that the home page lists."""


class Listed(Struct, frozen=True):
    """An article in a list."""

    title: str
    url: str
    description: str = ""
    """Or the day on which it was changed."""


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
        self._rendered = Remembered[Tagged]()

    def rendered(
        self, req: falcon.Request, shelf: Shelf, key: Hashable, render: Callable[[], bytes]
    ) -> Tagged:
        """What `render` makes, once a generation; `key` names all that it depends on but reader and host."""
        whole = (shelf.audience, shelf.locale, origin(req, self.parts), key)
        known = self._rendered.get(shelf.generation, whole)
        if known is not None:
            return known
        made = tagged(render())
        return self._rendered.keep(shelf.generation, whole, made, len(made.body))


class Home(Page):
    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self.most_read = MostRead(self.parts.var)

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        popular = tuple(self.most_read.of(shelf, SHOWN))
        page = self.rendered(req, shelf, popular, lambda: self._render(req, shelf, popular))
        send_body(req, resp, page, HTML)

    def _render(self, req: falcon.Request, shelf: Shelf, popular: Sequence[int]) -> bytes:
        texts = texts_for(shelf.locale)
        return self.pages.render(
            req, shelf, "home.html",
            categories=category_cards(self.pages, shelf),
            popular=[listed(shelf, number, self.pages) for number in popular],
            latest=[dated(shelf, number, self.pages, texts) for number in newest(shelf)],
            articles=[listed(shelf, number, self.pages) for number in shelf.uncategorised()[:UNFILED]],
            others={each: self.pages.home(each) for each in shelf.locales},
        )  # fmt: skip


class CategoryPage(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, category: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        numbers = shelf.category(category)
        if not numbers:
            raise PageNotFound("there is no such category")
        card = card_of(self.pages, shelf, category, len(numbers))
        others = {
            each: self.pages.category(each, category)
            for each in shelf.locales
            if Shelf(shelf.generation, shelf.audience, each).category(category)
        }
        articles = [listed(shelf, number, self.pages) for number in numbers]
        body = self.pages.render(req, shelf, "category.html", category=card, articles=articles, others=others)
        send_cached(req, resp, body, HTML)


def listed(shelf: Shelf, number: int, pages: Pages) -> Listed:
    """An article as lists show it."""
    article = shelf.snapshot.article(number)
    return Listed(article.title, pages.article(article.locale, article.id), article.description)


def newest(shelf: Shelf) -> list[int]:
    """Numbers of the articles changed last; looked for once in each snapshot."""
    order = _NEWEST.get(shelf.snapshot)
    if order is None:
        cards = [shelf.snapshot.card(number) for number in range(shelf.snapshot.meta.articles)]
        order = sorted(range(len(cards)), key=lambda n: (cards[n].updated, cards[n].id), reverse=True)
        order = _NEWEST[shelf.snapshot] = order[:SHOWN]
    return order


_NEWEST: WeakKeyDictionary[Snapshot, list[int]] = WeakKeyDictionary()


def dated(shelf: Shelf, number: int, pages: Pages, texts: Texts) -> Listed:
    """An article in a list of what is new."""
    card = shelf.snapshot.card(number)
    day = updated(texts, shelf, datetime.fromisoformat(card.updated))
    return Listed(card.title, pages.article(card.locale, card.id), day)


def category_cards(pages: Pages, shelf: Shelf) -> list[CategoryCard]:
    """Categories in which this reader finds something: the site's order first, then by name."""
    facet = shelf.snapshot.facets["category"]
    configured = [each.id for each in shelf.generation.site.categories if each.id in facet.names]
    names = [*configured, *(name for name in facet.names if name not in configured)]
    counts = {name: int((facet.values == facet.names.index(name)).sum()) for name in names}
    return [card_of(pages, shelf, name, counts[name]) for name in names if counts[name]]


def card_of(pages: Pages, shelf: Shelf, name: str, count: int) -> CategoryCard:
    """A category as its pages show it, with that many articles."""
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
