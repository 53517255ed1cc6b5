"""Forms of pages: telling our own from one that another site made a reader's browser send.

The page holds a signed copy of a random cookie: another site can make a browser send the cookie, but
cannot read it, nor sign. Used by `signin` and every page with a form.
"""

from __future__ import annotations

import re
import secrets

import falcon
from itsdangerous import BadData, URLSafeTimedSerializer

from kb.errors import NotAllowed
from kb.web.bodies import read_form
from kb.web.guard import cookie, set_cookie
from kb.web.parts import Parts

FIELD = "form_token"
COOKIE = "kb_form"
SECONDS = 12 * 3600
"""How long a page with a form may stand open."""
_VALUE = re.compile(r"[A-Za-z0-9_-]{20,40}")


def form_token(req: falcon.Request, resp: falcon.Response, parts: Parts) -> str:
    """What the hidden field FIELD of a form holds; the page must not be kept by caches."""
    value = cookie(req, COOKIE)
    if not _VALUE.fullmatch(value):
        value = secrets.token_urlsafe(18)
        set_cookie(req, resp, parts, COOKIE, value, SECONDS)
    return str(_signer(parts).dumps(value))


def read_own_form(req: falcon.Request, parts: Parts) -> dict[str, str]:
    """The fields of a form of ours. Raises MalformedBody, NotAllowed for one that another site made."""
    fields = read_form(req)
    given = fields.pop(FIELD, "")
    try:
        value = _signer(parts).loads(given, max_age=SECONDS)
    except BadData:
        value = ""
    if not value or not secrets.compare_digest(str(value).encode(), cookie(req, COOKIE).encode()):
        raise NotAllowed("the form is too old, or cookies are off: load the page again and send it once more")
    return fields


def _signer(parts: Parts) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts.secret, salt="kb.form")


def read_form_from_here(req: falcon.Request, parts: Parts) -> dict[str, str]:
    """The fields of a form on a page that is the same for everybody, and so holds no token.

    Browsers say from which site a form comes. Raises MalformedBody, NotAllowed for one of another site.
    """
    site, origin = req.get_header("Sec-Fetch-Site"), req.get_header("Origin")
    ours = {f"{req.scheme}://{req.netloc}", parts.settings.base_url.origin}
    if site not in (None, "same-origin") or (site is None and origin not in (None, *ours)):
        raise NotAllowed("the form was sent from another site")
    return read_form(req)
