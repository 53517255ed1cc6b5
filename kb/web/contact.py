"""The contact page: hours, ways to reach people, and the form, which works without JavaScript and cookies.

    GET  /contact            the form
    POST /contact  review    the draft once more, with articles that may answer it; nothing is stored
                   change    back to the form
                   solved    an article answered it: MarkedSolved, no ticket
                   send      stored → 303 to /contact/sent
    GET  /contact/open       from a suggestion to its article (SuggestionOpened)

A form holds a random name: sent twice it is one ticket. Whatever goes wrong, what was written is shown again.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote, urlencode

import falcon
from msgspec import Struct

from kb.deflection.facts import Entry, FormOpened, MarkedSolved, SuggestionOpened, new_id
from kb.desk.authors import Author
from kb.desk.drafts import MAX_EMAIL, MAX_MESSAGE, MAX_SUBJECT, Draft, Flaw, cleaned, flaws
from kb.desk.numbers import is_number, new_number
from kb.errors import (
    KeyReused,
    PageNotFound,
    StoreDamaged,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
    TooManyRequests,
)
from kb.web import metrics, present
from kb.web.answers import HTML
from kb.web.bodies import read_form
from kb.web.clients import Limiter
from kb.web.drafting import author_of, suggested
from kb.web.pages import Page, channel_link, listed
from kb.web.params import read
from kb.web.reader import Shelf, page_shelf
from kb.web.recording import is_prefetch, now_ms, record
from kb.web.rendering import Pages, localized
from kb.web.shapes import SearchHit
from kb.web.tickets import filed

_NAME = re.compile(r"[A-Za-z0-9_-]{16,64}")
STORE_FAILURES = (StoreUnavailable, StoreReadOnly, StoreDamaged, StoreTooNew)
_LIMITS = {"subject": MAX_SUBJECT, "body": MAX_MESSAGE, "email": MAX_EMAIL}


class Written(Struct, frozen=True, kw_only=True):
    """What a form holds."""

    draft: Draft
    token: str
    """Name of this form; becomes the ticket's idempotency key."""
    trap: str = ""


class OpenParams(Struct, frozen=True, kw_only=True):
    suggestion: str
    article: str
    position: int = 0


class SentParams(Struct, frozen=True, kw_only=True):
    number: str


class Contact(Page):
    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self._limiter = Limiter(self.parts.settings, self.parts.settings.ticket_rate)

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        author = author_of(req, resp, self.parts, Entry.FORM, begin=True)
        if not is_prefetch(req):
            record(req, self.parts, FormOpened(
            id=new_id(), at=now_ms(), session=author.session, reader=author.reader,
            entry=Entry.FORM, locale=locale,
        ))  # fmt: skip
        self._form(req, resp, shelf, _empty(locale))

    def on_post(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        fields = read_form(req)
        written = _written(fields, locale)
        action = "solved" if "solved" in fields else fields.get("action", "review")
        found = flaws(written.draft)
        if action == "change" or found:
            self._form(req, resp, shelf, written, () if action == "change" else found)
        elif action == "solved":
            self._solved(req, resp, shelf, written, fields["solved"])
        elif action == "send":
            self._send(req, resp, shelf, written)
        else:
            self._review(req, resp, shelf, written)

    def _form(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, written: Written,
        found: tuple[Flaw, ...] | list[Flaw] = (),
    ) -> None:  # fmt: skip
        site = shelf.generation.site
        resp.status = falcon.HTTP_422 if found else falcon.HTTP_200
        self._show(
            req, resp, shelf, "contact.html",
            written=written, flaws={flaw.field: flaw.code for flaw in found}, most=_LIMITS,
            hours=localized(site.hours, shelf, ""),
            channels=[(each, channel_link(each), localized(each.note, shelf, "")) for each in site.channels],
            articles=[listed(shelf, number, self.pages) for number in shelf.category("contact")],
            others={each: f"{self.pages.home(each)}contact" for each in shelf.locales},
        )  # fmt: skip

    def _review(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, written: Written, said: str = ""
    ) -> None:
        """The draft once more; `said`: why it was not sent yet, a key `ticket.said.…`."""
        hits: list[SearchHit] = []
        if not said:
            author = author_of(req, resp, self.parts, Entry.FORM, begin=True)
            found, fact = suggested(self.parts, shelf, written.draft, author)
            record(req, self.parts, fact)
            hits = [present.search_hit(hit, self.prefix) for hit in found]
            written = _with_suggestion(written, fact.suggestion_id)
        self._show(
            req, resp, shelf, "contact_review.html",
            written=written, hits=hits, said=said, opened=self._opening(shelf, written, hits),
        )  # fmt: skip

    def _opening(self, shelf: Shelf, written: Written, hits: list[SearchHit]) -> list[str]:
        """Address of each suggestion, by way of `Opened`."""
        root = f"{self.pages.home(shelf.locale)}contact/open?"
        given = written.draft.suggestion_id
        return [
            root + urlencode({"suggestion": given, "article": hit.id, "position": place})
            for place, hit in enumerate(hits, 1)
        ]

    def _solved(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, written: Written, article: str
    ) -> None:
        if not shelf.holds(article):
            raise PageNotFound("there is no such article")
        author = author_of(req, resp, self.parts, Entry.FORM, begin=True)
        record(req, self.parts, MarkedSolved(
            id=new_id(), at=now_ms(), session=author.session, reader=author.reader,
            entry=Entry.FORM, locale=shelf.locale, article=article,
            suggestion_id=written.draft.suggestion_id,
        ))  # fmt: skip
        self._show(req, resp, shelf, "contact_solved.html")

    def _send(self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, written: Written) -> None:
        try:
            number = self._filed(req, author_of(req, resp, self.parts, Entry.FORM, begin=True), written)
        except TooManyRequests as error:
            resp.status = falcon.HTTP_429
            resp.set_header("Retry-After", str(error.seconds))
            self._review(req, resp, shelf, written, "wait")
        except KeyReused:
            # the reader went back and wrote something else: a ticket of its own, if they say so
            self._review(req, resp, shelf, _renamed(written), "another")
        except STORE_FAILURES:
            resp.status = falcon.HTTP_503
            self._review(req, resp, shelf, written, "later")
        else:
            resp.status = falcon.HTTP_303
            resp.location = f"{self.pages.home(shelf.locale)}contact/sent?number={quote(number)}"
            resp.set_header("Cache-Control", "no-store")

    def _filed(self, req: falcon.Request, author: Author, written: Written) -> str:
        self._limiter.check(req)
        if written.trap:
            metrics.TICKETS.labels("trapped").inc()
            return new_number()
        key = f"form:{written.token}"
        return filed(self.parts, written.draft, author, key, self.parts.settings.ticket_repeat)

    def _show(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, template: str, **values: object
    ) -> None:
        """One may go back to the empty form, with what was typed in it; pages with words are kept nowhere."""
        resp.content_type = HTML
        resp.set_header("Cache-Control", f"private, {'no-cache' if req.method == 'GET' else 'no-store'}")
        robots = "" if template == "contact.html" else "noindex"
        resp.data = self.pages.render(req, shelf, template, robots=robots, **values)


class Opened(Page):
    """Leads to a suggested article, and knows that it was opened; to nowhere else."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        asked = read(req.query_string, OpenParams)
        shelf = page_shelf(req, self.parts, locale)
        card = shelf.snapshot.card(shelf.find(asked.article))
        if _NAME.fullmatch(asked.suggestion) and not is_prefetch(req):
            author = author_of(req, resp, self.parts, Entry.FORM, begin=True)
            record(req, self.parts, SuggestionOpened(
                id=new_id(), at=now_ms(), session=author.session,
                reader=author.reader, entry=Entry.FORM, locale=locale, suggestion_id=asked.suggestion,
                article=card.id, position=max(0, min(asked.position, 50)),
            ))  # fmt: skip
        resp.status = falcon.HTTP_303
        resp.location = self.pages.article(locale, card.id)
        resp.set_header("Cache-Control", "no-store")
        resp.set_header("X-Robots-Tag", "noindex")


class Sent(Page):
    """The confirmation; says nothing but the number that it is given."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str) -> None:
        asked = read(req.query_string, SentParams)
        shelf = page_shelf(req, self.parts, locale)
        if not is_number(asked.number):
            raise PageNotFound("there is no such number")
        resp.content_type = HTML
        resp.set_header("Cache-Control", "private, no-store")
        resp.data = self.pages.render(
            req, shelf, "contact_sent.html", number=asked.number, robots="noindex",
            hours=localized(shelf.generation.site.hours, shelf, ""),
        )  # fmt: skip


def _empty(locale: str) -> Written:
    return Written(draft=Draft(subject="", body="", locale=locale), token=secrets.token_urlsafe(16))


def _written(fields: dict[str, str], locale: str) -> Written:
    given = fields.get("suggestion_id", "")
    draft = Draft(
        subject=fields.get("subject", ""), body=fields.get("body", ""), email=fields.get("email", ""),
        locale=locale, suggestion_id=given if _NAME.fullmatch(given) else "",
    )  # fmt: skip
    token = fields.get("token", "")
    return Written(
        draft=cleaned(draft),
        token=token if _NAME.fullmatch(token) else secrets.token_urlsafe(16),
        trap=fields.get("website", "")[:1],
    )


def _with_suggestion(written: Written, suggestion_id: str) -> Written:
    draft = written.draft
    draft = Draft(
        subject=draft.subject, body=draft.body, email=draft.email, locale=draft.locale,
        suggestion_id=suggestion_id,
    )  # fmt: skip
    return Written(draft=draft, token=written.token, trap=written.trap)


def _renamed(written: Written) -> Written:
    return Written(draft=written.draft, token=secrets.token_urlsafe(16), trap=written.trap)
