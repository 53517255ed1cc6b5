"""The API of tickets: suggestions for a draft, filing it, and agents' words on what an article was to one."""

from __future__ import annotations

import re

import falcon

from kb.deflection.facts import Entry, Relation
from kb.deflection.scrub import scrub
from kb.desk.authors import Author
from kb.desk.drafts import Draft, Flaw, cleaned, flaws
from kb.desk.numbers import is_number, new_number
from kb.errors import ArticleGone, ArticleNotFound, BadParameter, InvalidBody
from kb.roles import Role
from kb.web import metrics, present
from kb.web.answers import send_json
from kb.web.bodies import read_json
from kb.web.clients import Limiter
from kb.web.drafting import author_of, suggested
from kb.web.guard import audience_of, require
from kb.web.parts import Parts, desk_of
from kb.web.reader import Shelf, default_locale, generation_of, locales_of
from kb.web.recording import record
from kb.web.resources import Resource
from kb.web.sessions import reference
from kb.web.shapes import (
    ArticleMark,
    MarkAnswer,
    TicketBody,
    TicketDraft,
    TicketFiledAnswer,
    TicketSuggestions,
)

_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_NUMBER = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class SuggestForTicket(Resource):
    """Called while a ticket is being written, so there is one suggestion_id a call and no harm in many."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        body = read_json(req, TicketDraft)
        shelf = _shelf(req, self.parts, body.locale)
        draft = cleaned(Draft(subject=body.subject, body=body.body, locale=shelf.locale))
        refuse(flaws(draft, whole=False))
        author = author_of(req, resp, self.parts, Entry(body.entry))
        hits, fact = suggested(self.parts, shelf, draft, author)
        record(req, self.parts, fact)
        send_json(resp, TicketSuggestions(
            suggestion_id=fact.suggestion_id,
            hits=[present.search_hit(hit, self.prefix) for hit in hits],
            kb_token=reference(self.parts, author.session),
        ))  # fmt: skip


class FileTicket(Resource):
    """201 once the ticket is on disk; the help desk is told afterwards."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._limiter = Limiter(parts.settings, parts.settings.ticket_rate)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        key = idempotency_key(req)
        body = read_json(req, TicketBody)
        self._limiter.check(req)
        resp.status = falcon.HTTP_201
        if body.website:
            # who fills in what people cannot see is a program; it is told what it wants to hear
            metrics.TICKETS.labels("trapped").inc()
            send_json(resp, TicketFiledAnswer(id=new_number()))
            return
        shelf = _shelf(req, self.parts, body.locale)
        draft = cleaned(Draft(
            subject=body.subject, body=body.body, email=body.email, locale=shelf.locale,
            suggestion_id=body.suggestion_id,
        ))  # fmt: skip
        refuse(flaws(draft))
        author = author_of(req, resp, self.parts, Entry(body.entry))
        # a client that names its requests knows which are the same
        number = filed(self.parts, draft, author, key, 0 if key else self.parts.settings.ticket_repeat)
        send_json(resp, TicketFiledAnswer(id=number))


def filed(parts: Parts, draft: Draft, author: Author, key: str, repeat_minutes: int) -> str:
    """The number of a ticket that is stored now; raises KeyReused, and the store's errors."""
    from kb.tickets import file_ticket  # and with it the database

    store, clerk = desk_of(parts)
    sent = "ticket" in clerk.kinds
    new = new_number()
    number = file_ticket(store, draft, author, sent=sent, key=key, repeat_minutes=repeat_minutes, number=new)
    metrics.TICKETS.labels("filed" if number == new else "repeated").inc()
    clerk.wake()
    return number


def idempotency_key(req: falcon.Request) -> str:
    """The client's own name of its request; empty without one. Raises BadParameter."""
    key: str | None = req.get_header("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadParameter("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
    return f"api:{key}" if key else ""


def refuse(found: list[Flaw]) -> None:
    """Raises InvalidBody when anything was found."""
    if found:
        raise InvalidBody([(flaw.field, flaw.detail) for flaw in found])


class MarkArticle(Resource):
    """An agent says, in one call, what an article was to a ticket."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, ticket: str) -> None:
        require(req, Role.AGENT)
        author = author_of(req, resp, self.parts, Entry.AGENT)
        if not _NUMBER.fullmatch(ticket):
            raise BadParameter("id", "must be 1 to 200 characters, none of them a control character")
        body = read_json(req, ArticleMark)
        resp.status = falcon.HTTP_201
        send_json(resp, marked(req, self.parts, ticket, body, author))


def marked(req: falcon.Request, parts: Parts, ticket: str, body: ArticleMark, author: Author) -> MarkAnswer:
    """Store an agent's word; raises InvalidBody for an article or locale that there is not."""
    from kb.tickets import mark  # and with it the database

    shelf = _shelf(req, parts, body.locale)
    owner = _owner(shelf, body)
    number = ticket.upper() if is_number(ticket.upper()) else ticket
    told = {
        "locale": shelf.locale, "article": body.article, "commit": shelf.generation.commit,
        "owner": owner, "note": scrub(body.note, names=True, shapes=parts.settings.order_shapes),
    }  # fmt: skip
    store, clerk = desk_of(parts)
    known = mark(store, number, Relation(body.relation), told, author, sent="wrong" in clerk.kinds)
    clerk.wake()
    return MarkAnswer(
        ticket=number, relation=body.relation, article=body.article, commit=told["commit"], known=known
    )


def _owner(shelf: Shelf, body: ArticleMark) -> str:
    """Owner of the article; raises InvalidBody for one that this agent cannot find."""
    if not body.article:
        if body.relation != "missing":
            raise InvalidBody([("article", "is missing")])
        return ""
    try:
        return shelf.snapshot.article(shelf.find(body.article)).owner
    except (ArticleNotFound, ArticleGone):
        raise InvalidBody([("article", "there is no such article")]) from None


def _shelf(req: falcon.Request, parts: Parts, locale: str) -> Shelf:
    """The shelf of a locale within a body; an empty one is the site's. Raises InvalidBody."""
    generation = generation_of(req, parts)
    audience = audience_of(req)
    known = locales_of(generation, audience)
    locale = locale or default_locale(generation, audience, parts)
    if locale not in known:
        raise InvalidBody([("locale", f"must be one of {', '.join(known)}")])
    return Shelf(generation, audience, locale)
