"""Whose acts belong together: a random name in a cookie of ours, or one that a program gives itself.

A session says nothing about a person, lives thirty days at most, and is not begun for programs that call
themselves robots nor for readers whose browser asks not to be tracked (DNT, Sec-GPC).
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

import falcon
from itsdangerous import BadData, URLSafeTimedSerializer
from msgspec import Struct

from kb.chance import token_urlsafe
from kb.deflection.facts import Reader
from kb.errors import BadParameter
from kb.roles import Role
from kb.web.guard import cookie, role_of, set_cookie
from kb.web.parts import Parts

HEADER = "X-KB-Session"
COOKIE = "kb_session"
SECONDS = 30 * 86_400
"""Then a new name is given, so that nobody is known for longer."""
REFERENCE_SECONDS = 7 * 86_400
"""How long a ticket filed elsewhere may name a session: the longest window that is reported."""

_GIVEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_OURS = re.compile(r"([0-9a-f]{8})[A-Za-z0-9_-]{22}")
"""Seconds of the epoch at which it was given, then chance."""

_ROBOT = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|archiver|scrapy|facebookexternalhit|bingpreview|whatsapp|skypeuripreview"
    r"|embedly|link ?preview|google-read-aloud|mediapartners|feedfetcher|feedly|pingdom|uptime"
    r"|statuscake|monitor|lighthouse|pagespeed|gtmetrix|semrush|ahrefs|sogou|validator|checker|httrack|nutch|heritrix",
    re.IGNORECASE,
)
"""What calls itself a robot. Libraries (curl, python-requests) are not here: a program of the site's owner
uses them, too; without a session they leave acts that nobody can join. Cubot makes telephones."""


class Visitor(Struct, frozen=True, kw_only=True):
    """Who acts, as facts name them."""

    session: str = ""
    """Empty: nobody can tell."""
    reader: Reader = Reader.CUSTOMER


def visitor_of(req: falcon.Request, resp: falcon.Response, parts: Parts, *, begin: bool = True) -> Visitor:
    """The visitor, the same at each call of a request; `begin` gives a browser without a session one.

    Raises BadParameter for a malformed X-KB-Session.
    """
    given: str | None = req.env.get("HTTP_X_KB_SESSION")
    if given is not None and not _GIVEN.fullmatch(given):
        raise BadParameter(HEADER, "must be 8 to 64 letters, digits, _ or -")
    reader = _reader(req, given)
    if given is not None:
        return Visitor(session=given, reader=reader)
    known: str | None = getattr(req.context, "session", None)
    if known is None:
        known = "" if reader is Reader.BOT or _unwilling(req) else _of_cookie(req)
        if not known and begin and reader is not Reader.BOT and not _unwilling(req):
            known = f"{int(time.time()):08x}{token_urlsafe(16)}"
            set_cookie(req, resp, parts, COOKIE, known, SECONDS)
        if known or begin:
            req.context.session = known
    return Visitor(session=known, reader=reader)


def is_browser(req: falcon.Request) -> bool:
    """Whether a cookie would come back: every browser of the last years says where a request comes from."""
    return "HTTP_SEC_FETCH_SITE" in req.env


def reference(parts: Parts, session: str) -> str:
    """A signed name of a session, for a ticket that is filed elsewhere; empty without one."""
    return str(_signer(parts).dumps(session)) if session else ""


def referred(parts: Parts, kb_token: str) -> str:
    """The session that a reference names; empty when it is forged, altered or too old."""
    try:
        session = _signer(parts).loads(kb_token, max_age=REFERENCE_SECONDS)
    except BadData:
        return ""
    return session if isinstance(session, str) else ""


def _reader(req: falcon.Request, given: str | None) -> Reader:
    role = role_of(req)
    if role is Role.AGENT:
        return Reader.AGENT
    if role is not None:
        return Reader.STAFF
    # a program that names its session acts for somebody
    return Reader.BOT if given is None and _is_robot(req.env.get("HTTP_USER_AGENT", "")) else Reader.CUSTOMER


@lru_cache(maxsize=512)
def _is_robot(user_agent: str) -> bool:
    return _ROBOT.search(user_agent) is not None


def _unwilling(req: falcon.Request) -> bool:
    return req.env.get("HTTP_DNT") == "1" or req.env.get("HTTP_SEC_GPC") == "1"


def _of_cookie(req: falcon.Request) -> str:
    """Empty when there is none, it is not ours, or its time is over."""
    match = _OURS.fullmatch(cookie(req, COOKIE))
    age = time.time() - int(match[1], 16) if match else SECONDS
    # a clock that was set back makes a cookie of the future: one day is let pass
    return match[0] if match and -86_400 < age < SECONDS else ""


def _signer(parts: Parts) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts.secret, salt="kb.session")
