"""The WSGI application: every address in one table, every failure in another. Called by `kb.serve` and tests.

What an address does stands in `kb.web`; how a failure reads stands in `kb.web.refusals`.
"""

from __future__ import annotations

from typing import Any

import falcon
import falcon.routing
import structlog

from kb import errors
from kb.web import (
    agent,
    articles,
    contact,
    discovery,
    events,
    files,
    git_hooks,
    insights,
    metrics,
    moved,
    operations,
    pages,
    reports,
    resources,
    searching,
    signin,
    ticket_hooks,
    tickets,
    widget,
    zendesk,
)
from kb.web.guard import Guard
from kb.web.middleware import Gate, Trace, request_id
from kb.web.parts import Parts
from kb.web.preview import NoIndex
from kb.web.recording import Recorded
from kb.web.refusals import Refusal, Refusals
from kb.web.rendering import Pages

App = falcon.App[falcon.Request, falcon.Response]

RETRY_SECONDS = 10
"""For Retry-After while there is no index: a build of some thousand sections takes about that."""

ERRORS: dict[type[errors.KbError], Refusal] = {
    errors.BadParameter: Refusal(400, "A parameter cannot be taken"),
    errors.NotSignedIn: Refusal(401, "A token is needed"),
    errors.NotAllowed: Refusal(403, "Not allowed"),
    errors.MalformedBody: Refusal(400, "The body cannot be read"),
    errors.BadSignature: Refusal(401, "Not signed as it should be"),
    errors.ArticleNotFound: Refusal(404, "Not found"),
    errors.PageNotFound: Refusal(404, "Not found"),
    errors.ArticleGone: Refusal(410, "Withdrawn"),
    errors.LengthRequired: Refusal(411, "Length required"),
    errors.PayloadTooLarge: Refusal(413, "Body too large"),
    errors.InvalidBody: Refusal(422, "The body cannot be taken"),
    errors.KeyReused: Refusal(422, "Idempotency-Key used before"),
    errors.TooManyRequests: Refusal(429, "Too many requests"),
    errors.StoreUnavailable: Refusal(503, "No database", "the database cannot be reached", RETRY_SECONDS),
    errors.StoreReadOnly: Refusal(503, "No database", "the database cannot be written", RETRY_SECONDS),
    errors.StoreDamaged: Refusal(503, "No database", "the database cannot be used", RETRY_SECONDS),
    errors.StoreTooNew: Refusal(503, "No database", "the database is of another version", RETRY_SECONDS),
    errors.IndexMissing: Refusal(503, "No index yet", "the index is not ready yet", RETRY_SECONDS),
    errors.IndexDamaged: Refusal(503, "No usable index", "the index cannot be used", RETRY_SECONDS),
    errors.IndexMismatch: Refusal(503, "No usable index", "the index is of another version", RETRY_SECONDS),
}
"""What each failure is over HTTP. One that is not named here is a fault of ours: 500."""


def routes(parts: Parts, shown: Pages) -> dict[str, object]:
    """Address → resource."""
    return {
        "/api/v1/search": resources.Search(parts),
        "/api/v1/suggest": resources.Suggest(parts),
        "/api/v1/articles": resources.Articles(parts),
        "/api/v1/articles/{locale}/{article_id:path}": events.ArticleAndFeedback(parts),
        "/api/v1/events": events.Events(parts),
        "/api/v1/session/token": events.SessionReference(parts),
        "/api/v1/tickets": tickets.FileTicket(parts),
        "/api/v1/tickets/suggest": tickets.SuggestForTicket(parts),
        "/api/v1/tickets/{ticket}/articles": tickets.MarkArticle(parts),
        "/api/v1/hooks/git": git_hooks.GitHook(parts),
        "/api/v1/hooks/tickets/{source}": ticket_hooks.TicketHook(parts),
        "/api/v1/reports/deflection": reports.DeflectionReport(parts),
        "/api/v1/reports/failures": reports.FailureReport(parts),
        "/api/v1/reports/articles": reports.ArticleReports(parts),
        **zendesk.routes(parts),
        # operations
        "/healthz": operations.Healthz(parts),
        "/readyz": operations.Readyz(parts),
        "/version": operations.VersionOf(parts),
        "/metrics": operations.Metrics(parts),
        "/openapi.json": operations.OpenApi(parts),
        # files and discovery
        "/static/{name}": files.Static(),
        "/media/{path:path}": files.Media(parts),
        "/widget.js": widget.Widget(shown),
        "/robots.txt": discovery.Robots(parts),
        "/sitemap.xml": discovery.Sitemap(parts),
        "/llms.txt": discovery.LlmsTxt(parts),
        "/opensearch.xml": discovery.OpenSearch(parts),
        "/{locale}/feed.atom": discovery.Feed(parts),
        # pages
        "/signin": signin.SignIn(shown),
        "/signout": signin.SignOut(shown),
        "/agent": agent.Desk(shown),
        "/agent/articles/{locale}/{article_id:path}": agent.DeskPreview(shown),
        "/agent/tickets": agent.DeskMarks(shown),
        **insights.routes(shown),
        "/": pages.Root(parts),
        "/{locale}": pages.WithoutSlash(parts),
        "/{locale}/": pages.Home(shown),
        "/{locale}/search": searching.SearchPage(shown),
        "/{locale}/categories/{category:path}": pages.CategoryPage(shown),
        "/{locale}/articles/{article_id:path}": articles.ArticlePage(shown),
        "/{locale}/contact": contact.Contact(shown),
        "/{locale}/contact/open": contact.Opened(shown),
        "/{locale}/contact/sent": contact.Sent(shown),
    }


class _Router(falcon.routing.CompiledRouter):
    """HEAD wherever there is GET; Falcon leaves the body out."""

    def map_http_methods(self, resource: object, **kwargs: Any) -> Any:
        methods: dict[str, Any] = dict(super().map_http_methods(resource, **kwargs))
        if "GET" in methods:
            methods.setdefault("HEAD", methods["GET"])
        return methods


def _middleware(parts: Parts) -> list[Any]:
    always: list[Any] = [Trace(), Gate(parts.settings), Guard(parts), widget.OtherSites(parts.settings)]
    return [*always, NoIndex()] if parts.preview else always


def create_app(parts: Parts) -> App:
    """The application over `parts`; opens nothing until the first request asks for the index."""
    app: App = Recorded(router=_Router(), middleware=_middleware(parts))
    app.req_options.auto_parse_form_urlencoded = False
    shown = Pages(parts)
    refusals = Refusals(shown)

    def known(req: falcon.Request, resp: falcon.Response, error: errors.KbError, params: Any) -> None:
        refusal = ERRORS.get(type(error))
        if refusal is None:
            unexpected(req, resp, error, params)
        else:
            refusals.send(req, resp, refusal, error)

    def elsewhere(
        req: falcon.Request, resp: falcon.Response, error: errors.ArticleMoved, params: Any
    ) -> None:
        if not moved.send(req, resp, error, parts.settings.base_url.prefix):
            known(req, resp, errors.ArticleNotFound("there is no such article"), params)

    def foreign(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: Any) -> None:
        refusals.send_http(req, resp, error)

    def unexpected(req: falcon.Request, resp: falcon.Response, error: Exception, params: Any) -> None:
        metrics.ERRORS.inc()
        structlog.get_logger("kb").exception("failed", path=req.path, request_id=request_id(req))
        refusals.send(req, resp, Refusal(500, "Internal error", "something went wrong on our side"), error)

    app.add_error_handler(Exception, unexpected)
    app.add_error_handler(falcon.HTTPError, foreign)
    app.add_error_handler(errors.KbError, known)
    app.add_error_handler(errors.ArticleMoved, elsewhere)
    for address, resource in routes(parts, shown).items():
        app.add_route(address, resource)
    return app
