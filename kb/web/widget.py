"""`/widget.js` for other sites, and which of them may ask the API from a browser (KB_WIDGET_ORIGINS).

The script finds this service by its own address; words and locales are written into it.
"""

from __future__ import annotations

import re

import falcon
import msgspec

from kb.model import Audience
from kb.settings import Settings
from kb.web.answers import send_cached
from kb.web.files import STATIC
from kb.web.reader import Shelf, default_locale, generation_of, locales_of
from kb.web.rendering import Pages, localized
from kb.words import texts_for

WORDS = (
    "contact", "feedback.ask", "feedback.no", "feedback.thanks", "feedback.yes", "none.title",
    "search.corrected", "search.empty", "search.found.many", "search.found.one", "search.label",
    "search.near", "search.placeholder", "ticket.body", "ticket.body.hint", "ticket.close", "ticket.email",
    "ticket.email.hint", "ticket.flaw.body.empty", "ticket.flaw.email.address", "ticket.flaw.subject.empty",
    "ticket.proposed", "ticket.said.later", "ticket.said.wait", "ticket.send", "ticket.sent",
    "ticket.sent.hint", "ticket.sent.number", "ticket.subject", "ticket.subject.hint", "widget.back",
    "widget.failed", "widget.home", "widget.open", "widget.title",
)  # fmt: skip
"""Keys of the catalogues that the script speaks."""

CALLS = re.compile(r"/api/v1/(?:search|suggest|events|tickets|tickets/suggest|articles(?:/.*)?)")
"""What other sites may ask: what the script needs, nothing of agents or reports."""
ALLOWED_HEADERS = "Content-Type, X-KB-Session, Idempotency-Key"
PREFLIGHT_SECONDS = 600
_FILES = ("/widget.js", "/static/")
_PLACE = b"/*site*/ {}"
CACHE = "public, max-age=300"


class Widget:
    """The script, with what this site is."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        generation, parts = generation_of(req, self._pages.parts), self._pages.parts
        site = {
            "default": default_locale(generation, Audience.PUBLIC, parts),
            "locales": {
                each: self._locale(Shelf(generation, Audience.PUBLIC, each))
                for each in locales_of(generation, Audience.PUBLIC)
            },
        }
        body = STATIC["widget.js"].body.replace(_PLACE, msgspec.json.encode(site), 1)
        send_cached(req, resp, body, STATIC["widget.js"].media_type, CACHE)

    def _locale(self, shelf: Shelf) -> dict[str, object]:
        texts, site = texts_for(shelf.locale), shelf.generation.site
        return {
            "words": {key: texts.raw(key) for key in WORDS},
            "language": texts.language,
            "home": self._pages.home(shelf.locale),
            "incident": localized(site.incident, shelf, ""),
            "hours": localized(site.hours, shelf, ""),
        }


class OtherSites:
    """The middleware: CORS for the listed origins on the calls that the script makes; never with cookies."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.widget_origins)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        if req.method == "OPTIONS" and req.get_header("Access-Control-Request-Method") and self._may(req):
            resp.set_header("Access-Control-Allow-Methods", "GET, POST")
            resp.set_header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            resp.set_header("Access-Control-Max-Age", str(PREFLIGHT_SECONDS))
            resp.status = falcon.HTTP_204
            resp.complete = True

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        if req.path.startswith(_FILES):
            # modules are fetched with CORS; what stands in these files is no secret
            resp.set_header("Access-Control-Allow-Origin", "*")
            resp.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        elif self._origins and CALLS.fullmatch(req.path):
            resp.append_header("Vary", "Origin")
            if self._may(req):
                resp.set_header("Access-Control-Allow-Origin", req.get_header("Origin") or "")
                resp.set_header("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")

    def _may(self, req: falcon.Request) -> bool:
        return req.get_header("Origin") in self._origins and CALLS.fullmatch(req.path) is not None
