"""What readers' browsers and programs tell: clicks, reading, copying, forms, "solved"; and their opinions.

An event becomes a fact only here: texts are scrubbed, times checked, the reader's kind and session come
from the request, never from the body.
"""

from __future__ import annotations

import hashlib
from typing import Any

import falcon
import msgspec

from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    Entry,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    MarkedSolved,
    SuggestionOpened,
    new_id,
)
from kb.deflection.scrub import scrub
from kb.errors import InvalidBody, MalformedBody, PayloadTooLarge
from kb.web.answers import send_json
from kb.web.bodies import checked
from kb.web.event_shapes import (
    AnyEvent,
    Click,
    Copy,
    EventsBody,
    FeedbackBody,
    FormOpen,
    SessionToken,
    Solved,
    SuggestionOpen,
    View,
)
from kb.web.reader import Shelf, page_shelf
from kb.web.recording import now_ms, record
from kb.web.resources import Article, Resource
from kb.web.sessions import Visitor, is_browser, reference, visitor_of
from kb.web.shapes import Accepted

FEEDBACK = "/feedback"
MAX_BYTES = 65_536
OLDEST_MS = 86_400_000
"""An event may have waited in a browser that was offline; what claims to be older has a wrong clock."""
NEWEST_MS = 120_000


class Events(Resource):
    """A batch, taken whole or not at all."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        visitor = visitor_of(req, resp, self.parts, begin=is_browser(req))
        body = _body(_bytes(req))
        now = now_ms()
        record(req, self.parts, *(fact_of(event, visitor, now) for event in body.events))
        resp.status = falcon.HTTP_202
        send_json(resp, Accepted(accepted=len(body.events)))


class SessionReference(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        visitor = visitor_of(req, resp, self.parts)
        send_json(resp, SessionToken(kb_token=reference(self.parts, visitor.session)))


class ArticleAndFeedback(Article):
    """An article, and behind `/feedback` a reader's opinion of it."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        if not article_id.endswith(FEEDBACK):
            raise falcon.HTTPMethodNotAllowed(["GET", "HEAD", "OPTIONS"])
        shelf = page_shelf(req, self.parts, locale)
        article = shelf.snapshot.article(shelf.find(article_id.removesuffix(FEEDBACK)))
        visitor = visitor_of(req, resp, self.parts, begin=is_browser(req))
        body = checked(_bytes(req), FeedbackBody)
        entry = Entry(body.entry or "api")
        record(req, self.parts, feedback_fact(body, shelf, article.id, visitor, entry))
        resp.status = falcon.HTTP_202
        send_json(resp, Accepted(accepted=1))


def feedback_fact(
    body: FeedbackBody, shelf: Shelf, article: str, visitor: Visitor, entry: Entry
) -> FeedbackGiven:
    return FeedbackGiven(
        id=new_id(), at=now_ms(), session=visitor.session, reader=visitor.reader, entry=entry,
        locale=shelf.locale, article=article, helpful=body.helpful, search_id=body.search_id or "",
        intent=body.intent or "",
        reason=scrub(body.reason, names=True), comment=scrub(body.comment, names=True),
    )  # fmt: skip


def fact_of(event: AnyEvent, visitor: Visitor, now: int) -> AnyFact:
    """The fact that an event tells."""
    at = event.at if event.at is not None and now - OLDEST_MS <= event.at <= now + NEWEST_MS else now
    common: dict[str, Any] = {
        "id": _fact_id(event, visitor), "at": at, "session": visitor.session, "reader": visitor.reader,
        "intent": event.intent or "", "locale": event.locale or "", "entry": Entry(event.entry or "api"),
    }  # fmt: skip
    match event:
        case Click():
            return HitClicked(
                search_id=event.search_id, article=event.article, position=event.position, **common
            )
        case View() | Copy():
            return _viewed(event, common)
        case FormOpen():
            return FormOpened(explicit=event.explicit, article=event.article or "", **common)
        case SuggestionOpen():
            return SuggestionOpened(
                suggestion_id=event.suggestion_id, article=event.article, position=event.position, **common
            )
        case Solved():
            return MarkedSolved(
                article=event.article or "", suggestion_id=event.suggestion_id or "",
                search_id=event.search_id or "", **common,
            )  # fmt: skip


def _viewed(event: View | Copy, common: dict[str, Any]) -> ArticleViewed:
    measures: dict[str, Any] = {"copied": True}
    if isinstance(event, View):
        measures = {"active_ms": event.active_ms, "scroll": event.scroll, "copied": event.copied}
    names: dict[str, Any] = {
        "article": event.article,
        "search_id": event.search_id or "",
        "view_id": event.view_id or "",
    }
    return ArticleViewed(measured=True, **names, **measures, **common)


def _fact_id(event: AnyEvent, visitor: Visitor) -> str:
    """Of an event with an id always the same; of two sessions never the same."""
    if event.id is None:
        return new_id()
    return hashlib.sha256(f"{visitor.session}\n{type(event).__name__}\n{event.id}".encode()).hexdigest()[:31]


def _bytes(req: falcon.Request) -> bytes:
    """The body, whatever media type it claims: `sendBeacon` sends JSON as text/plain."""
    if (req.content_length or 0) > MAX_BYTES:
        raise PayloadTooLarge(f"the body is larger than {MAX_BYTES} bytes")
    body: bytes = req.bounded_stream.read()
    return body


def _body(data: bytes) -> EventsBody:
    try:
        # not strict: to JSON 3.0 is as whole a number as 3
        return msgspec.json.decode(data, type=EventsBody, strict=False)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        raise InvalidBody([(place.rstrip("`").lstrip(".") or "events", said)]) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise MalformedBody("the body is no JSON object") from None
