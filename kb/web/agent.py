"""The agents' desk for a call: one input, results and preview side by side. Without scripts: links and forms.

    GET  /agent                         ?q= or ?ticket= fills the search in, ?open= and ?at= name what is read
    GET  /agent/articles/{locale}/{id}  the preview alone, as `agent.js` asks for it
    POST /agent/tickets                 what an article was to a ticket, said by a form

With scripts the results come from `/api/v1/search`, and marks go to `/api/v1/tickets/{ticket}/articles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, urlencode

import falcon
import msgspec
from msgspec import Meta, Struct

from kb.deflection.facts import Entry, new_search_id
from kb.desk.drafts import Draft
from kb.errors import ArticleGone, ArticleMoved, ArticleNotFound, BadParameter, InvalidBody
from kb.model import Article, Audience
from kb.roles import Role
from kb.search import Hit, Query, Results
from kb.web import present
from kb.web.answers import HTML
from kb.web.drafting import author_of, impersonal_query
from kb.web.entrance import known, let_in
from kb.web.forms import FIELD, form_token, read_own_form
from kb.web.guard import token_of
from kb.web.languages import preferred
from kb.web.pages import Page
from kb.web.params import read
from kb.web.plain import plain_text, shortened
from kb.web.reader import Shelf, default_locale, generation_of, locales_of, page_shelf
from kb.web.recording import record_search
from kb.web.rendering import absolute, category_title, localized, updated
from kb.web.resources import run_search
from kb.web.sessions import visitor_of
from kb.web.shapes import ArticleMark, Filter, SearchHit
from kb.web.tickets import marked
from kb.words import Texts, language_name, texts_for

STAFF = (Role.AGENT, Role.WRITER)
LISTED = 10
"""Results; a page of them is seen without scrolling on a usual screen."""
EXCERPT = 320
"""Characters of an article that a reply quotes: what a customer reads before clicking."""


class DeskParams(Struct, frozen=True, kw_only=True):
    """Of the desk's address; everything may be left out."""

    q: Annotated[str, Meta(max_length=400)] = ""
    locale: Filter = ""
    ticket: Filter = ""
    open: Annotated[str, Meta(max_length=400)] = ""
    at: Annotated[str, Meta(max_length=400)] = ""
    said: Filter = ""
    """What was just said of the ticket: a relation."""


class PreviewParams(Struct, frozen=True, kw_only=True):
    at: Annotated[str, Meta(max_length=400)] = ""


class Preview(Struct, frozen=True, kw_only=True):
    """An article as an agent on a call needs it."""

    article: Article
    content: str
    category: str
    updated: str
    at: str
    """Anchor of the section that is meant; empty for the whole."""
    public: bool
    page: str
    """Path of the article's own page."""
    plain: str
    link: str
    """For customers; empty for what they cannot open."""
    reply: str
    translations: tuple[tuple[str, str], ...]
    """(locale, name) of the other languages that have it."""


class DeskHit(Struct, frozen=True, kw_only=True):
    """A result, its place in the desk, and what its category is called."""

    hit: SearchHit
    url: str
    category: str
    current: bool


class Desk(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        role = let_in(req, self.prefix, *STAFF)
        asked = read(req.query_string, DeskParams)
        draft = self._ticket(asked)
        shelf = self._shelf(req, asked.locale or (draft.locale if draft else ""))
        asked = msgspec.structs.replace(asked, locale=shelf.locale)
        if draft and not asked.q:
            asked = msgspec.structs.replace(asked, q=impersonal_query(shelf, draft))
        results = self._search(req, resp, shelf, asked) if asked.q else None
        hits = results.hits if results else ()
        opened = asked.open or (hits[0].card.id if hits else "")
        at = asked.at if asked.open else hits[0].section.anchor if hits else ""
        preview, gone = self._preview(req, shelf, opened, at)
        resp.content_type = HTML
        resp.set_header("X-Robots-Tag", "noindex")
        resp.data = self.pages.render(
            req, shelf, "agent.html",
            asked=asked, results=results, hits=self._hits(shelf, asked, hits, opened),
            opened=preview, gone=gone, said=f"agent.said.{asked.said}" if asked.said in _SAID else "",
            token=token_of(req), may_mark=role is not Role.WRITER, may_report=role is not Role.AGENT,
            field=FIELD, form_token=form_token(req, resp, self.parts), query=asked.q, robots="noindex",
            categories={each.id: category_title(shelf.generation.site, each.id, shelf)
                        for each in shelf.generation.site.categories},
            others={each: self.address(asked, locale=each) for each in shelf.locales},
        )  # fmt: skip

    def _ticket(self, asked: DeskParams) -> Draft | None:
        """What the customer wrote in the ticket that the address names."""
        from kb.desk.records import words_of  # and with it the database

        if not asked.ticket or asked.q or self.parts.store is None:
            return None
        return words_of(self.parts.store, asked.ticket.upper()) or words_of(self.parts.store, asked.ticket)

    def _shelf(self, req: falcon.Request, locale: str) -> Shelf:
        generation = generation_of(req, self.parts)
        has = locales_of(generation, Audience.AGENT)
        if locale not in has:
            locale = preferred(req, has, default_locale(generation, Audience.AGENT, self.parts))
        return Shelf(generation, Audience.AGENT, locale)

    def _search(self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, asked: DeskParams) -> Results:
        results, took_ms = run_search(shelf, Query(text=asked.q, limit=LISTED))
        record_search(
            req, self.parts, shelf, visitor_of(req, resp, self.parts), results, new_search_id(),
            entry=Entry.AGENT, took_ms=took_ms, shown=len(results.records),
        )  # fmt: skip
        return results

    def _hits(self, shelf: Shelf, asked: DeskParams, hits: Sequence[Hit], opened: str) -> list[DeskHit]:
        site = shelf.generation.site
        found = [present.search_hit(hit, self.prefix) for hit in hits]
        return [
            DeskHit(
                hit=hit, url=self.address(asked, open=hit.id, at=hit.section.anchor),
                category=category_title(site, hit.category, shelf), current=hit.id == opened,
            )
            for hit in found
        ]  # fmt: skip

    def _preview(
        self, req: falcon.Request, shelf: Shelf, article: str, at: str
    ) -> tuple[Preview | None, bool]:
        """The article to show, and whether one was asked for that is not there in this language."""
        if not article:
            return None, False
        try:
            return preview_of(req, self, shelf, article, at), False
        except (ArticleNotFound, ArticleGone, ArticleMoved):
            return None, True

    def address(self, asked: DeskParams, **changes: str) -> str:
        """The desk as it stands, with something else in it."""
        values = msgspec.structs.asdict(asked) | {"said": ""} | changes
        kept = {name: value for name, value in values.items() if value}
        return f"{self.prefix}/agent?{urlencode(kept, quote_via=quote)}"


_SAID = ("solved_by", "sent", "wrong", "missing")


class DeskPreview(Page):
    """What `agent.js` puts beside the results."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        known(req, *STAFF)
        asked = read(req.query_string, PreviewParams)
        shelf = page_shelf(req, self.parts, locale)
        preview = preview_of(req, self, shelf, article_id, asked.at)
        resp.content_type = HTML
        resp.data = self.pages.render(
            req, shelf, "agent_preview.html", opened=preview,
            asked=DeskParams(locale=locale, open=article_id, at=asked.at),
        )  # fmt: skip


def preview_of(req: falcon.Request, page: Page, shelf: Shelf, article_id: str, at: str) -> Preview:
    """Raises ArticleNotFound, ArticleGone or ArticleMoved. A section that is not there means the whole."""
    article = shelf.snapshot.article(shelf.find(article_id))
    if at not in (section.anchor for section in article.sections):
        at = ""
    public = article.audience is Audience.PUBLIC
    path = page.pages.article(article.locale, article.id, at)
    texts = texts_for(shelf.locale)
    link = absolute(req, page.parts, path) if public else ""
    site = shelf.generation.site
    return Preview(
        article=article,
        content=present.own_links(article.html, page.prefix),
        category=category_title(site, article.category, shelf) if article.category else "",
        updated=updated(texts, shelf, article.updated),
        at=at,
        public=public,
        page=path,
        plain=_plain(article, at),
        link=link,
        reply=reply(texts, article, at, link, localized(site.site_name, shelf, "")) if public else "",
        translations=tuple(
            (each, language_name(each)) for each in shelf.translations(article.id) if each != shelf.locale
        ),
    )


def _plain(article: Article, at: str) -> str:
    text = plain_text(article.html, at)
    return text if at else f"{article.title}\n\n{text}"


def reply(texts: Texts, article: Article, at: str, link: str, site_name: str) -> str:
    """A courteous answer to a customer: greeting, what the article says, where to read on."""
    if at:
        below = plain_text(article.html, at).partition("\n")[2].strip()
    else:
        below = article.sections[0].text if article.sections else ""
    return texts(
        "agent.reply", title=article.title, url=link, site=site_name,
        excerpt=shortened(below or plain_text(article.html), EXCERPT),
    ).strip()  # fmt: skip


class DeskMarks(Page):
    """For pages without scripts: marks, and comes back to the desk as it was."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        let_in(req, self.prefix, Role.AGENT)
        fields = read_own_form(req, self.parts)
        ticket = fields.get("ticket", "").strip()
        try:
            body = msgspec.convert(
                {name: fields.get(name, "") for name in ("relation", "article", "locale", "note")},
                ArticleMark,
            )
        except msgspec.ValidationError:
            raise InvalidBody([("relation", "must be solved_by, sent, wrong or missing")]) from None
        if not ticket or len(ticket) > 200 or not ticket.isprintable():
            raise BadParameter("ticket", "must be 1 to 200 printable characters")
        if body.relation == "missing":
            body = msgspec.structs.replace(body, article="")
        told = marked(req, self.parts, ticket, body, author_of(req, resp, self.parts, Entry.AGENT))
        back = {
            "q": fields.get("q", ""), "locale": body.locale, "ticket": told.ticket,
            "open": fields.get("article", ""), "at": fields.get("at", ""), "said": body.relation,
        }  # fmt: skip
        resp.status = falcon.HTTP_303
        kept = {name: value for name, value in back.items() if value}
        resp.location = f"{self.prefix}/agent?{urlencode(kept, quote_via=quote)}"
