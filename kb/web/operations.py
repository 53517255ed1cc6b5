"""Addresses for those who run the service: is it alive, is it ready, which version, how is it doing."""

from __future__ import annotations

import falcon

from kb import __version__
from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index import kernel
from kb.model import Audience
from kb.web import freshness, metrics, present
from kb.web.answers import JSON, encode, send_cached, send_json
from kb.web.guard import audience_of
from kb.web.reader import default_locale, generation_of, locales_of
from kb.web.resources import Resource
from kb.web.shapes import Health, Readiness, Version


class Healthz(Resource):
    """The process answers; says nothing about the index."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        send_json(resp, Health())


class Readyz(Resource):
    """200 once an index is live; without one the error table answers 503."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        generation = generation_of(req, self.parts)
        counts = {
            locale: generation.snapshot(locale, Audience.PUBLIC).meta.articles
            for locale in locales_of(generation, Audience.PUBLIC)
        }
        send_json(resp, Readiness(status="ready", generation=generation.name, articles=counts))


class VersionOf(Resource):
    """Of the program and of what it serves; answers without an index, too."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            live = generation_of(req, self.parts)
        except (IndexMissing, IndexDamaged, IndexMismatch):
            served = dict[str, str | None](generation=None, commit=None, created_at=None)
        else:
            created = present.iso(live.created)
            served = {"generation": live.name, "commit": live.commit or None, "created_at": created}
        send_json(resp, Version(version=__version__, kernel=kernel.name(), **served))


class Metrics(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = metrics.MEDIA_TYPE
        resp.set_header("Cache-Control", "no-store")
        spool = self.parts.spool
        recorded = metrics.recorded(spool.totals(), spool.waiting()) if spool else b""
        resp.data = metrics.exposition(self.parts.metrics) + freshness.exposition(self.parts.var) + recorded


class OpenApi(Resource):
    """The description of this API, with the locales that the live index has."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb.web.openapi import document  # and with it the shapes of all reports

        try:
            generation = generation_of(req, self.parts)
        except (IndexMissing, IndexDamaged, IndexMismatch):
            described = document(self.prefix, (), None)
        else:
            audience = audience_of(req)
            default = default_locale(generation, audience, self.parts)
            described = document(self.prefix, locales_of(generation, audience), default)
        send_cached(req, resp, encode(described), JSON)
