"""Hooks of help desks: verified, written down, 202. What they mean is `kb.desk.hooks`."""

from __future__ import annotations

import time

import falcon
import msgspec

from kb.deflection.facts import AnyFact, TicketArticleLinked
from kb.desk.events import TicketEvent, checked, from_zendesk
from kb.desk.signing import SCHEMES, Scheme, verify
from kb.errors import (
    BadSignature,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    PageNotFound,
    PayloadTooLarge,
)
from kb.index.generation import Generation
from kb.model import Audience
from kb.web import bodies, metrics
from kb.web.answers import send_json
from kb.web.parts import Parts, desk_of
from kb.web.reader import generation_of
from kb.web.resources import Resource
from kb.web.sessions import referred
from kb.web.shapes import Accepted

MAX_BODY = 256_000
"""Zendesk's largest are some 64,000 bytes; whoever sends more before being known is not read."""


class TicketHook(Resource):
    """One message of a help desk."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, source: str) -> None:
        scheme = SCHEMES.get(source)
        if scheme is None:
            raise PageNotFound("there is no such hook")
        try:
            digest, body = self._verified(req, source, scheme)
            event = _event(source, body)
            if event is None:
                metrics.HOOKS.labels(source, "ignored").inc()
            else:
                self._take(req, source, digest, event)
                metrics.HOOKS.labels(source, "taken").inc()
        except BadSignature:
            metrics.HOOKS.labels(source, "refused").inc()
            raise
        resp.status = falcon.HTTP_202
        send_json(resp, Accepted(accepted=int(event is not None)))

    def _verified(self, req: falcon.Request, source: str, scheme: Scheme) -> tuple[str, bytes]:
        """What the message is known again by, and its body. Raises BadSignature, PayloadTooLarge."""
        if (req.content_length or 0) > MAX_BODY:
            raise PayloadTooLarge(f"the body is larger than {MAX_BODY} bytes")
        settings = self.parts.settings
        secret = (source == "zendesk" and settings.hook_secret_zendesk) or settings.hook_secret
        body = bodies.raw_body(req)
        stamp, signature = req.get_header(scheme.timestamp) or "", req.get_header(scheme.signature) or ""
        return verify(scheme, secret.value, stamp, signature, body, time.time()), body

    def _take(self, req: falcon.Request, source: str, digest: str, event: TicketEvent) -> None:
        from kb.desk import hooks  # and with it the database

        store, clerk = desk_of(self.parts)
        generation = _generation(req, self.parts)
        commit = event.commit or (generation.commit if generation else "")
        facts = hooks.facts_of(event, source, referred(self.parts, event.kb_token), commit)
        hooks.take(store, digest, facts, _wrong(generation, facts), "wrong" in clerk.kinds)
        clerk.wake()


def _event(source: str, body: bytes) -> TicketEvent | None:
    """The message; None for one of Zendesk's own that means nothing. Raises MalformedBody, InvalidBody."""
    if source == "zendesk":
        try:
            return from_zendesk(body)
        except msgspec.MsgspecError:
            pass  # a trigger's, written by an administrator in our own shape
    return checked(bodies.checked(body, TicketEvent))


def _generation(req: falcon.Request, parts: Parts) -> Generation | None:
    """None without an index: what a desk tells is written down all the same."""
    try:
        return generation_of(req, parts)
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return None


def _wrong(generation: Generation | None, facts: list[AnyFact]) -> dict[str, str]:
    """The row for the owners' list when an article was called wrong, else empty."""
    (fact,) = facts
    if not isinstance(fact, TicketArticleLinked) or fact.relation != "wrong":
        return {}
    owner = _owner(generation, fact.locale, fact.article) if generation else ""
    return {
        "ticket": fact.ticket, "locale": fact.locale, "article": fact.article, "commit": fact.commit,
        "owner": owner, "note": "",
    }  # fmt: skip


def _owner(generation: Generation, locale: str, article_id: str) -> str:
    """Owner of an article, whoever may read it; empty for an unknown article or one without an owner."""
    if locale not in generation.locales:
        return ""
    snapshot = generation.snapshot(locale, Audience.AGENT)
    number = snapshot.find_article(article_id)
    return snapshot.article(number).owner if number >= 0 else ""
