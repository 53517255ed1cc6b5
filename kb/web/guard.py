"""Who is asking, by token or signed cookie, and what that allows. Every resource and page asks here.

`Guard` runs before each resource and leaves the role at the request; nobody else looks at tokens. What a
signed-in reader is answered is kept nowhere.
"""

from __future__ import annotations

import threading
import time
from http.cookies import CookieError

import falcon
from itsdangerous import BadData, URLSafeTimedSerializer

from kb.errors import KbError, NotAllowed, NotSignedIn
from kb.model import Audience
from kb.roles import Role, Token
from kb.web.parts import Parts

COOKIE = "kb_signin"
SIGNED_IN_SECONDS = 12 * 3600
"""A shift; then the token is asked for again."""
KNOWN_SECONDS = 15.0
"""How long a token that was looked up is believed: so long may a revoked one still open."""


class Guard:
    """The middleware."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: dict[str, tuple[float, Token | None]] = {}
        self._lock = threading.Lock()

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.token = None
        header: str = req.env.get("HTTP_AUTHORIZATION", "")
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            req.context.token = self._by_bearer(value.strip())
        elif value := cookie(req, COOKIE):
            req.context.token = self._by_cookie(value)

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        if getattr(req.context, "token", None) is not None:
            resp.set_header("Cache-Control", "private, no-store")
        elif getattr(resp.context, "has_cookie", False) and "no-store" not in _cache_of(resp):
            # a cache in between would give one reader's cookie to the next
            resp.set_header("Cache-Control", "private, no-cache")

    def _by_bearer(self, plain: str) -> Token:
        store = self._parts.store
        token = self._look_up(f"plain {plain}") if store else None
        if token is None:
            raise NotSignedIn("the token is unknown, expired or revoked")
        return token

    def _by_cookie(self, value: str) -> Token | None:
        """None for a cookie that is forged or too old: its bearer is the public again."""
        try:
            token_id = signer(self._parts).loads(value, max_age=SIGNED_IN_SECONDS)
        except BadData:
            return None
        return self._look_up(f"id {token_id}") if self._parts.store and isinstance(token_id, str) else None

    def _look_up(self, key: str) -> Token | None:
        """The valid token; remembered for moments, so that a busy desk does not ask the database."""
        now = time.monotonic()
        with self._lock:
            until, token = self._known.get(key, (0.0, None))
        if now >= until:
            token = self._ask(key)
            with self._lock:
                if len(self._known) > 1000:
                    self._known.clear()
                self._known[key] = (now + KNOWN_SECONDS, token)
        return token if token and token.valid(time.time_ns() // 1_000_000) else None

    def _ask(self, key: str) -> Token | None:
        from kb import tokens  # and with it the database, which most readers never need

        assert self._parts.store is not None
        kind, _, value = key.partition(" ")
        ask = tokens.find if kind == "plain" else tokens.by_id
        return ask(self._parts.store, value)


def _cache_of(resp: falcon.Response) -> str:
    return resp.get_header("Cache-Control") or ""


def signer(parts: Parts) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts.secret, salt="kb.signin")


def token_of(req: falcon.Request) -> Token | None:
    """The valid token of this request, if it came with one."""
    found: Token | None = getattr(req.context, "token", None)
    return found


def role_of(req: falcon.Request) -> Role | None:
    """None: the public."""
    token = token_of(req)
    return token.role if token else None


def audience_of(req: falcon.Request) -> Audience:
    """Whose articles the reader may see: with any role also the agents'."""
    return Audience.AGENT if role_of(req) else Audience.PUBLIC


def require(req: falcon.Request, *roles: Role) -> Role:
    """The role, which is one of these; an admin may everything. Raises NotSignedIn, NotAllowed."""
    role = role_of(req)
    if role is None:
        raise NotSignedIn("this needs a token: `Authorization: Bearer …`, or sign in")
    if role not in (*roles, Role.ADMIN):
        raise NotAllowed(f"this needs the role {' or '.join(each.value for each in roles)}")
    return role


def cookie(req: falcon.Request, name: str) -> str:
    """The first cookie of this name; empty when there is none."""
    if "HTTP_COOKIE" not in req.env:
        return ""
    try:
        values = req.get_cookie_values(name)
    except (CookieError, KbError):
        return ""
    return values[0] if values else ""


def set_cookie(
    req: falcon.Request, resp: falcon.Response, parts: Parts, name: str, value: str, seconds: int
) -> None:
    """A cookie of ours: not for scripts, not for other sites, over https only where https is used."""
    secure = req.scheme == "https" or parts.settings.base_url.origin.startswith("https:")
    resp.set_cookie(
        name, value, max_age=seconds, path=parts.settings.base_url.prefix or "/",
        secure=secure, http_only=True, same_site="Lax",
    )  # fmt: skip
    resp.context.has_cookie = True
