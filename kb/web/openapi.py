"""The OpenAPI 3.1 document, made from the very types that `params` validates with and `answers` encodes.

`OPERATIONS` says what each address is for; a test compares it with the routes of the application.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from kb import __version__
from kb.deflection import shape
from kb.web import event_shapes, shapes, zendesk, zendesk_shapes
from kb.web.answers import JSON, PROBLEM
from kb.web.reports import ReportParams

REF = "#/components/schemas/{name}"


class Operation(NamedTuple):
    path: str
    name: str
    summary: str
    answer: type[Struct]
    params: type[Struct] | None = None
    refusals: tuple[int, ...] = ()
    """Statuses with a problem as their body."""
    method: str = "get"
    body: type[Struct] | None = None
    status: int = 200


OPERATIONS: tuple[Operation, ...] = (
    Operation("/api/v1/search", "search", "Ranked articles at their best sections, with excerpts and facets.",
              shapes.SearchAnswer, shapes.SearchParams, (400, 503)),
    Operation("/api/v1/suggest", "suggest", "Questions and titles for what is being typed.",
              shapes.SuggestAnswer, shapes.SuggestParams, (400, 503)),
    Operation("/api/v1/articles", "listArticles", "Articles by id, also of one category.",
              shapes.ArticlesAnswer, shapes.ListParams, (400, 503)),
    Operation("/api/v1/articles/{locale}/{id}", "getArticle",
              "One article; slashes of its id stand as they are. Has an ETag.",
              shapes.ArticleAnswer, None, (404, 410, 503)),
    Operation("/api/v1/articles/{locale}/{id}/related", "relatedArticles", "Articles to read next, and why.",
              shapes.RelatedAnswer, shapes.RelatedParams, (400, 404, 410, 503)),
    Operation("/api/v1/articles/{locale}/{id}/feedback", "giveFeedback",
              "Whether an article helped, and why.",
              shapes.Accepted, None, (400, 404, 410, 413, 422, 503), "post", event_shapes.FeedbackBody, 202),
    Operation("/api/v1/events", "tellEvents",
              "What a reader did: a batch of up to 100, taken whole or not at all.",
              shapes.Accepted, None, (400, 413, 422), "post", event_shapes.EventsBody, 202),
    Operation("/api/v1/session/token", "sessionToken",
              "A signed reference to this session, for a ticket that is filed elsewhere.",
              event_shapes.SessionToken, None, (400,)),
    Operation("/api/v1/tickets/suggest", "suggestForTicket", "Articles for a ticket that is being written.",
              shapes.TicketSuggestions, None, (400, 415, 422, 503), "post", shapes.TicketDraft),
    Operation("/api/v1/tickets", "fileTicket",
              "Files a ticket; 201 once it is stored. Idempotency-Key is honoured.",
              shapes.TicketFiledAnswer, None, (400, 415, 422, 503), "post", shapes.TicketBody, 201),
    Operation("/api/v1/tickets/{ticket}/articles", "markArticle",
              "An agent says what an article was to a ticket.",
              shapes.MarkAnswer, None, (400, 401, 403, 415, 422, 503), "post", shapes.ArticleMark, 201),
    Operation("/api/v1/reports/deflection", "deflectionReport",
              "Deflection as an interval beside its coverage, with rates, failures and gaps; CSV by Accept.",
              shape.Report, ReportParams, (400, 401, 403, 503)),
    Operation("/api/v1/reports/failures", "failuresReport",
              "Searches that ended in tickets, by meaning, and why.",
              shape.FailuresReport, ReportParams, (400, 401, 403, 503)),
    Operation("/api/v1/reports/articles", "articlesReport", "Articles that are read before tickets.",
              shape.ArticlesReport, ReportParams, (400, 401, 403, 503)),
    *(
        Operation(f"{zendesk.ROOT}{place}", f"zendesk{name}", f"Zendesk's shape: {summary}", *more)
        for place, name, summary, *more in (
            ("/articles/search", "Search", "ranked articles.",
             zendesk_shapes.ZendeskResults, zendesk_shapes.ZendeskSearchParams, (400, 503)),
            ("/articles", "Articles", "articles of a language.",
             zendesk_shapes.ZendeskArticles, zendesk_shapes.ZendeskListParams, (400, 503)),
            ("/{locale}/articles", "ArticlesOf", "articles of a language.",
             zendesk_shapes.ZendeskArticles, zendesk_shapes.ZendeskPageParams, (400, 503)),
            *(
                each
                for number, base in enumerate(("/articles/{id}", "/{locale}/articles/{id}"))
                for each in (
                    (base, f"Article{number}", "one article, by number or by id.",
                     zendesk_shapes.ZendeskArticleAnswer, None, (404, 410, 503)),
                    (f"{base}/up", f"Up{number}", "it helped.",
                     zendesk_shapes.ZendeskVoteAnswer, None, (400, 404, 410, 503), "post"),
                    (f"{base}/down", f"Down{number}", "it did not help.",
                     zendesk_shapes.ZendeskVoteAnswer, None, (400, 404, 410, 503), "post"),
                    (f"{base}/votes", f"Votes{number}", "always an empty list.",
                     zendesk_shapes.ZendeskVotes, None, (404, 410, 503)),
                )
            ),
        )
    ),
    Operation("/healthz", "health", "Whether the process answers.", shapes.Health),
    Operation("/readyz", "ready", "Whether an index is live.", shapes.Readiness, None, (503,)),
    Operation("/version", "version", "Versions of the program and of what it serves.", shapes.Version),
)  # fmt: skip


def document(prefix: str, locales: Sequence[str], default: str | None) -> dict[str, Any]:
    """The whole document; `locales` are those of the live index."""
    answers = [each.answer for each in OPERATIONS]
    params = [each.params for each in OPERATIONS if each.params]
    bodies = [each.body for each in OPERATIONS if each.body]
    _, schemas = msgspec.json.schema_components(
        [shapes.Problem, *answers, *params, *bodies], ref_template=REF
    )
    for body in (shapes.TicketDraft, shapes.TicketBody, shapes.ArticleMark):
        schemas[body.__name__]["properties"]["locale"] = _locale(locales, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kb",
            "version": __version__,
            "description": "A knowledge base. Positions in texts count Unicode characters.",
        },
        "servers": [{"url": prefix or "/"}],
        "paths": {
            each.path: {each.method: _operation(each, schemas, locales, default)} for each in OPERATIONS
        },
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if not name.endswith("Params")}
        },
    }


def _operation(
    each: Operation, schemas: dict[str, Any], locales: Sequence[str], default: str | None
) -> dict[str, Any]:
    problem = {PROBLEM: {"schema": {"$ref": REF.format(name="Problem")}}}
    refusals = {
        str(status): {"description": "Refused.", "content": problem} for status in (*each.refusals, 429)
    }
    answer = {JSON: {"schema": {"$ref": REF.format(name=each.answer.__name__)}}}
    described: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "parameters": _parameters(each, schemas, locales, default),
        "responses": {str(each.status): {"description": "The answer.", "content": answer}, **refusals},
    }
    if each.body:
        content = {JSON: {"schema": {"$ref": REF.format(name=each.body.__name__)}}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(
    each: Operation, schemas: dict[str, Any], locales: Sequence[str], default: str | None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{ticket}" in each.path:
        found.append(
            {"name": "ticket", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        )
    if "{locale}" in each.path:
        found.append({"name": "locale", "in": "path", "required": True, "schema": _locale(locales, None)})
    if "{id}" in each.path:
        identified: dict[str, Any] = {"type": "string", "minLength": 1}
        if f"{each.path.partition('{id}')[0]}search" in {other.path for other in OPERATIONS}:
            identified["not"] = {"enum": ["search", "search.json"]}  # another address, not an article
        found.append({"name": "id", "in": "path", "required": True, "schema": identified})
    if each.params:
        declared = schemas[each.params.__name__]
        for name, schema in declared["properties"].items():
            schema = _locale(locales, default) if name == "locale" else _present(schema)
            required = name in declared.get("required", ())
            found.append({"name": name, "in": "query", "required": required, "schema": schema})
    return found


def _locale(locales: Sequence[str], default: str | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if locales:
        schema["enum"] = list(locales)
    if default:
        schema["default"] = default
    return schema


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """A query string cannot hold null: what may be None is what may be left out."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return choices[0] if len(choices) == 1 else schema
