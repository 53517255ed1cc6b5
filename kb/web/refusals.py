"""How a failure reads: RFC 9457 for programs, a page for people. The table is in `kb.api`."""

from __future__ import annotations

import re

import falcon
from msgspec import Struct

from kb.errors import BadParameter, TooManyRequests
from kb.web.answers import HTML, PROBLEM, encode
from kb.web.parts import Parts
from kb.web.rendering import Pages
from kb.web.shapes import FieldError, Problem

FOR_PROGRAMS = re.compile(
    r"/(?:api|media|static)(?:/|$)|/(?:healthz|readyz|version|metrics|openapi\.json)$|.*\.(?:xml|txt|atom|json|md)$"
)
"""Addresses that answer programs, whatever they say they accept."""
DETAILS = {404: "there is nothing at this address", 405: "this address does not take that method; see Allow"}
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Refusal(Struct, frozen=True):
    """A row of the error table."""

    status: int
    title: str
    detail: str = ""
    """What is said instead of `str(error)`, where that names files of the server."""
    retry_after: int = 0
    """Seconds."""


class Refusals:
    """Sends failures; holds what the error page needs."""

    def __init__(self, parts: Parts, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages

    def send(self, req: falcon.Request, resp: falcon.Response, refusal: Refusal, error: Exception) -> None:
        errors = (
            (FieldError(field=error.field, detail=error.detail),) if isinstance(error, BadParameter) else ()
        )
        retry = error.seconds if isinstance(error, TooManyRequests) else refusal.retry_after
        if retry:
            resp.set_header("Retry-After", str(retry))
        kind = "internal-error" if refusal.status == 500 else _WORD.sub("-", type(error).__name__).lower()
        self._write(req, resp, Problem(
            type=f"urn:kb:problem:{kind}", title=refusal.title, status=refusal.status,
            detail=refusal.detail or str(error), errors=errors, request_id=req.context.request_id,
        ))  # fmt: skip

    def send_http(self, req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
        """What Falcon itself refuses: no such route, method not allowed, a malformed header."""
        resp.set_headers(error.headers or {})
        status = error.status_code
        title = falcon.code_to_http_status(status).partition(" ")[2]
        detail = error.description or DETAILS.get(status, title)
        self._write(req, resp, Problem(
            type="about:blank", title=title, status=status, detail=detail, request_id=req.context.request_id
        ))  # fmt: skip

    def _write(self, req: falcon.Request, resp: falcon.Response, problem: Problem) -> None:
        resp.status = falcon.code_to_http_status(problem.status)
        resp.set_header("Cache-Control", "no-store")
        if FOR_PROGRAMS.match(req.path) or not req.client_accepts("text/html"):
            resp.content_type = PROBLEM
            resp.data = encode(problem)
        else:
            resp.append_header("Vary", "Accept")
            resp.content_type = HTML
            resp.text = self._pages.problem(req, problem)
