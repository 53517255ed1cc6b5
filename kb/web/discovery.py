"""For crawlers, feed readers and language models: what the public may read, and where.

Nothing hidden is named here: every list comes from the public shelf, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import falcon

from kb.content.paths import article_url
from kb.index.generation import Generation
from kb.index.snapshot import Card
from kb.model import Audience
from kb.web import present
from kb.web.answers import send_cached
from kb.web.reader import Shelf, default_locale, generation_of, locales_of, page_shelf
from kb.web.rendering import absolute, category_title, localized
from kb.web.resources import Resource
from kb.words import texts_for

XML = "application/xml; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
MAX_SITEMAP = 50_000
"""Addresses in one file, by the protocol."""
FEED_ENTRIES = 30


def public_shelves(generation: Generation) -> list[Shelf]:
    return [Shelf(generation, Audience.PUBLIC, each) for each in locales_of(generation, Audience.PUBLIC)]


def cards(shelf: Shelf) -> Iterator[Card]:
    return (shelf.snapshot.card(n) for n in range(shelf.snapshot.meta.articles))


class Robots(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        if self.parts.preview:
            send_cached(req, resp, b"User-agent: *\nDisallow: /\n", PLAIN)
            return
        rows = ["User-agent: *", f"Disallow: {self.prefix}/api/", f"Disallow: {self.prefix}/*/search", "",
                f"Sitemap: {absolute(req, self.parts, self.prefix + '/sitemap.xml')}", ""]  # fmt: skip
        send_cached(req, resp, "\n".join(rows).encode(), PLAIN)


class Sitemap(Resource):
    """Every public article, with its translations as alternates."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        root = absolute(req, self.parts, self.prefix + "/")[:-1]
        shelves = public_shelves(generation_of(req, self.parts))
        rows = [_entry(root, shelf, card) for shelf in shelves for card in cards(shelf)]
        homes = [f"<url><loc>{escape(root)}/{shelf.locale}/</loc></url>" for shelf in shelves]
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">\n'
            + "\n".join([*homes, *rows][:MAX_SITEMAP])
            + "\n</urlset>\n"
        )
        send_cached(req, resp, body.encode(), XML)


def _entry(root: str, shelf: Shelf, card: Card) -> str:
    translations = shelf.translations(card.id)
    alternates = "".join(
        f'<xhtml:link rel="alternate" hreflang="{each}" href={quoteattr(root + article_url(each, card.id))}/>'
        for each in (translations if len(translations) > 1 else ())
    )
    place = escape(root + article_url(card.locale, card.id))
    return f"<url><loc>{place}</loc><lastmod>{card.updated}</lastmod>{alternates}</url>"


class Feed(Resource):
    """The articles changed last, as Atom."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        shelf = Shelf(shelf.generation, Audience.PUBLIC, locale)
        root = absolute(req, self.parts, self.prefix + "/")[:-1]
        texts, site = texts_for(locale), shelf.generation.site
        newest = sorted(
            enumerate(cards(shelf)), key=lambda each: (each[1].updated, each[1].id), reverse=True
        )[:FEED_ENTRIES]
        name = localized(site.site_name, shelf, texts("site"))
        last = newest[0][1].updated if newest else present.iso(shelf.generation.created)
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{locale}">\n'
            f"<title>{escape(texts('feed.title', site=name))}</title>\n<id>{escape(root)}/{locale}/</id>\n"
            f"<updated>{last}</updated>\n<author><name>{escape(name)}</name></author>\n"
            f"<link href={quoteattr(f'{root}/{locale}/')}/>\n"
            f'<link rel="self" href={quoteattr(f"{root}/{locale}/feed.atom")}/>\n'
        )
        entries = "".join(_feed_entry(root, shelf, number, card) for number, card in newest)
        send_cached(req, resp, f"{head}{entries}</feed>\n".encode(), "application/atom+xml; charset=utf-8")


def _feed_entry(root: str, shelf: Shelf, number: int, card: Card) -> str:
    place = root + article_url(card.locale, card.id)
    summary = shelf.snapshot.article(number).description
    category = f"<category term={quoteattr(card.category)}/>" if card.category else ""
    return (
        f"<entry><title>{escape(card.title)}</title><id>{escape(place)}</id><link href={quoteattr(place)}/>"
        f"<updated>{card.updated}</updated>{category}<summary>{escape(summary)}</summary></entry>\n"
    )


class LlmsTxt(Resource):
    """llmstxt.org: the site in one Markdown page of links to the articles' own Markdown."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        root = absolute(req, self.parts, self.prefix + "/")[:-1]
        generation = generation_of(req, self.parts)
        default = default_locale(generation, Audience.PUBLIC, self.parts)
        shelves = sorted(public_shelves(generation), key=lambda shelf: shelf.locale != default)
        fallback = texts_for(default)("site")
        name = localized(generation.site.site_name, shelves[0], fallback) if shelves else fallback
        parts = [f"# {name}\n"]
        for shelf in shelves:
            parts += _chapter(root, shelf)
        send_cached(req, resp, "\n".join(parts).encode(), PLAIN)


def _chapter(root: str, shelf: Shelf) -> list[str]:
    """One locale's articles, a list a category."""
    by_category: dict[str, list[str]] = {}
    for number, card in enumerate(cards(shelf)):
        about = _plain(shelf.snapshot.article(number).description)
        line = f"- [{_plain(card.title)}]({root}{article_url(card.locale, card.id + '.md')})"
        by_category.setdefault(card.category, []).append(f"{line}: {about}" if about else line)
    site, other = shelf.generation.site, texts_for(shelf.locale)("articles.other")
    ids = [each.id for each in site.categories]
    lines: list[str] = []
    for name in sorted(by_category, key=lambda name: (ids.index(name) if name in ids else len(ids), name)):
        title = category_title(site, name, shelf) if name else other
        lines += [f"## {title} ({shelf.locale})\n", *by_category[name], ""]
    return lines


def _plain(text: str) -> str:
    return " ".join(text.replace("[", "(").replace("]", ")").split())


class OpenSearch(Resource):
    """Lets a browser search here from its address bar."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        root = absolute(req, self.parts, self.prefix + "/")[:-1]
        generation = generation_of(req, self.parts)
        locale = default_locale(generation, Audience.PUBLIC, self.parts)
        shelf = Shelf(generation, Audience.PUBLIC, locale)
        name = localized(generation.site.site_name, shelf, texts_for(locale)("site"))
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">\n'
            # the format allows 16 characters of a name
            f"<ShortName>{escape(name[:16])}</ShortName><Description>{escape(name)}</Description>\n"
            "<InputEncoding>UTF-8</InputEncoding>\n"
            f'<Url type="text/html" template={quoteattr(f"{root}/{locale}/search?q={{searchTerms}}")}/>\n'
            "</OpenSearchDescription>\n"
        )
        send_cached(req, resp, body.encode(), "application/opensearchdescription+xml; charset=utf-8")
