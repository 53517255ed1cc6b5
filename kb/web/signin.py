"""Signing in with a token, for people with a browser: a small page, a signed cookie, and out again."""

from __future__ import annotations

import re

import falcon

from kb.errors import StoreUnavailable
from kb.web.answers import HTML
from kb.web.forms import FIELD, form_token, read_own_form
from kb.web.guard import COOKIE, SIGNED_IN_SECONDS, set_cookie, signer, token_of
from kb.web.pages import Page
from kb.web.recording import now_ms

_HERE = re.compile(r"/(?![/\\])[^\s\\\x00-\x1f\x7f]{0,2000}")
"""A path of ours; `//host` and `/\\host` would lead away."""


class SignIn(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        following = req.params.get("next")
        self._show(req, resp, following if isinstance(following, str) else "", wrong=False)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb import tokens  # and with it the database

        fields = read_own_form(req, self.parts)
        store = self.parts.store
        if store is None:
            raise StoreUnavailable("there is no database to sign in with")
        token = tokens.find(store, fields.get("token", "").strip())
        following = fields.get("next", "")
        if token is None or not token.valid(now_ms()):
            resp.status = falcon.HTTP_401
            self._show(req, resp, following, wrong=True)
            return
        value = str(signer(self.parts).dumps(token.id))
        set_cookie(req, resp, self.parts, COOKIE, value, SIGNED_IN_SECONDS)
        resp.set_header("Cache-Control", "private, no-store")
        resp.status = falcon.HTTP_303
        resp.location = following if _HERE.fullmatch(following) else f"{self.prefix}/signin"

    def _show(self, req: falcon.Request, resp: falcon.Response, following: str, *, wrong: bool) -> None:
        token = token_of(req)
        resp.content_type = HTML
        resp.set_header("Cache-Control", "private, no-store")
        resp.set_header("X-Robots-Tag", "noindex")
        resp.text = self.pages.without_shelf(
            req, "signin.html",
            field=FIELD, form_token=form_token(req, resp, self.parts), wrong=wrong,
            name=token.name if token else "", role=token.role.value if token else "",
            following=following if _HERE.fullmatch(following) else "", robots="noindex",
        )  # fmt: skip


class SignOut(Page):
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_own_form(req, self.parts)
        resp.unset_cookie(COOKIE, path=self.prefix or "/", same_site="Lax")
        resp.set_header("Cache-Control", "private, no-store")
        resp.status = falcon.HTTP_303
        resp.location = f"{self.prefix}/signin"
