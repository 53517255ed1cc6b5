"""What every request meets around its resource: the gate, the trace, the headers, one log line.

Headers that few requests have are asked for by WSGI's names: `req.get_header` takes ten times as long to
find none.
"""

from __future__ import annotations

import re
import time

import falcon
import structlog

from kb.chance import token_hex
from kb.errors import LengthRequired, PayloadTooLarge
from kb.settings import Settings
from kb.web import metrics
from kb.web.clients import Limiter

LOG = structlog.get_logger("kb")

UNLIMITED = ("/healthz", "/readyz", "/metrics", "/version", "/static/")
"""What supervisors and browsers ask for again and again, cheap to answer."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_METHODS = frozenset(falcon.HTTP_METHODS)

SECURITY_HEADERS = {
    # no inline script or style, nothing from other hosts, no frame around our pages
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # the address of a search page holds what was typed: other sites must not get it
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def request_id(req: falcon.Request) -> str:
    """The client's own id of this request when it is well-formed, else a new one; the same each time."""
    known: str | None = getattr(req.context, "request_id", None)
    if known is None:
        given = req.env.get("HTTP_X_REQUEST_ID", "")
        known = req.context.request_id = given if _REQUEST_ID.fullmatch(given) else token_hex(8)
    return known


class Trace:
    """Names, times, counts and logs each request; never an address, never a query string."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.started = time.perf_counter()
        # first, so that a resource may set its own
        resp.set_headers(SECURITY_HEADERS)

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        started = getattr(req.context, "started", None)
        if started is None:  # Falcon refuses some methods before any middleware
            self.process_request(req, resp)
            started = req.context.started
        seconds = time.perf_counter() - started
        name, status = request_id(req), resp.status_code
        resp.set_header("X-Request-Id", name)
        resp.set_header("Server-Timing", f"app;dur={seconds * 1000:.2f}")
        generation = getattr(req.context, "generation", None)
        if generation is not None:
            resp.set_header("X-KB-Generation", generation.name)
        route = req.uri_template or "none"
        method = req.method if req.method in _METHODS else "other"
        metrics.answered(route, method, status, seconds)
        # bound, else its proxy fails to find the method in itself, each time
        LOG.bind().info(
            "request", method=method, route=route, status=status, ms=round(seconds * 1000, 2),
            request_id=name, generation=generation.name if generation else None,
        )  # fmt: skip


class Gate:
    """Turns away what is too much, and takes the path prefix off."""

    def __init__(self, settings: Settings) -> None:
        self._max_body = settings.max_body
        self._prefix = falcon.uri.decode(settings.base_url.prefix, unquote_plus=False)
        self._limiter = Limiter(settings)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        # a proxy may leave the prefix on or take it off: both reach the same routes
        if self._prefix and (req.path == self._prefix or req.path.startswith(f"{self._prefix}/")):
            req.path = req.path[len(self._prefix) :] or "/"
        # the body's end is not told, and some servers then give an empty one
        if req.env.get("HTTP_TRANSFER_ENCODING"):
            raise LengthRequired("a body must come with its Content-Length")
        if "CONTENT_LENGTH" in req.env and (req.content_length or 0) > self._max_body:
            raise PayloadTooLarge(f"the body is larger than {self._max_body} bytes")
        if not req.path.startswith(UNLIMITED):
            self._limiter.check(req)
