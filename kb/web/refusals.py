"""How a failure reads: RFC 9457 for programs, a page for people. The table is in `kb.api`."""

from __future__ import annotations

import re

import falcon
from msgspec import Struct

from kb.errors import ArticleGone, BadParameter, InvalidBody, TooManyRequests
from kb.web.answers import HTML, PROBLEM, encode
from kb.web.middleware import request_id
from kb.web.rendering import Pages
from kb.web.shapes import ArticleLink, FieldError, Problem

FOR_PROGRAMS = re.compile(
    r"/(?:api|media|static)(?:/|$)|/(?:healthz|readyz|version|metrics|openapi\.json)$|.*\.(?:xml|txt|atom|json|md)$"
)
"""Addresses that answer programs, whatever they say they accept."""
DETAILS = {404: "there is nothing at this address", 405: "this address does not take that method; see Allow"}
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _at_fault(error: Exception) -> tuple[tuple[str, str], ...]:
    """(field, detail) of what a failure says about single fields."""
    if isinstance(error, BadParameter):
        return ((error.field, error.detail),)
    return error.errors if isinstance(error, InvalidBody) else ()


class Refusal(Struct, frozen=True):
    """A row of the error table."""

    status: int
    title: str
    detail: str = ""
    """What is said instead of `str(error)`, where that names files of the server."""
    retry_after: int = 0
    """Seconds."""


class Refusals:
    """Sends failures; holds the templates of the error page."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def send(self, req: falcon.Request, resp: falcon.Response, refusal: Refusal, error: Exception) -> None:
        errors = tuple(FieldError(field=field, detail=detail) for field, detail in _at_fault(error))
        retry = error.seconds if isinstance(error, TooManyRequests) else refusal.retry_after
        if refusal.status == 401:
            resp.set_header("WWW-Authenticate", 'Bearer realm="kb"')
        if retry:
            resp.set_header("Retry-After", str(retry))
        kind = "internal-error" if refusal.status == 500 else _WORD.sub("-", type(error).__name__).lower()
        self._write(req, resp, Problem(
            type=f"urn:kb:problem:{kind}", title=refusal.title, status=refusal.status,
            detail=refusal.detail or str(error), errors=errors, articles=self._near(error),
            request_id=request_id(req),
        ))  # fmt: skip

    def _near(self, error: Exception) -> tuple[ArticleLink, ...]:
        near = error.near if isinstance(error, ArticleGone) else ()
        return tuple(
            ArticleLink(id=each, title=title, url=self._pages.article(locale, each))
            for title, locale, each in near
        )

    def send_http(self, req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
        """What Falcon itself refuses: no such route, method not allowed, a malformed header."""
        resp.set_headers(error.headers or {})
        status = error.status_code
        title = falcon.code_to_http_status(status).partition(" ")[2]
        detail = error.description or DETAILS.get(status, title)
        self._write(req, resp, Problem(
            type="about:blank", title=title, status=status, detail=detail, request_id=request_id(req)
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
