"""`POST /api/v1/hooks/git`: a push is verified, noted, and published by another process. Nobody waits."""

from __future__ import annotations

import time

import falcon
from msgspec.structs import replace

from kb.errors import BadSignature, PageNotFound, PayloadTooLarge
from kb.publish import background, pushes
from kb.publish.orders import Order, order_of
from kb.web import bodies, metrics
from kb.web.answers import send_json
from kb.web.resources import Resource
from kb.web.shapes import PushTaken


class GitHook(Resource):
    """One push."""

    _order: Order | None = None
    """Of a repository: to find that of a folder takes git."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            answer = self._take(req)
        except BadSignature:
            metrics.HOOKS.labels("git", "refused").inc()
            raise
        metrics.HOOKS.labels("git", "taken" if answer.accepted else "ignored").inc()
        resp.status = falcon.HTTP_202 if answer.accepted else falcon.HTTP_200
        send_json(resp, answer)

    def _take(self, req: falcon.Request) -> PushTaken:
        if (req.content_length or 0) > pushes.MAX_BODY:
            raise PayloadTooLarge(f"the body is larger than {pushes.MAX_BODY} bytes")
        settings, var, now = self.parts.settings, self.parts.var, time.time()
        body = bodies.raw_body(req)

        def header(name: str) -> str:
            return req.get_header(name) or ""

        digest = pushes.genuine(header, body, settings.hook_secret.value, now)
        push = pushes.read(header, body, digest)
        reason = pushes.why_not(push, settings.git_ref)
        if reason:
            return PushTaken(accepted=False, reason=reason)
        if var is None or not settings.git_url:
            raise PageNotFound("KB_GIT_URL is not set, so there is nothing to publish")
        with pushes.taken(var, digest, now):
            order = self._order or order_of(settings, cause="hook")
            self._order = order if order.source.url else None
            background.push(replace(order, asked=now), var, self.parts.ring)
        return PushTaken(accepted=True)
