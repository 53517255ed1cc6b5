"""The door of the pages for staff: who has no role signs in and comes back. For `agent` and `insights`."""

from __future__ import annotations

from urllib.parse import quote

import falcon

from kb.errors import NotSignedIn
from kb.roles import Role
from kb.web.guard import require, role_of


def let_in(req: falcon.Request, prefix: str, *roles: Role) -> Role:
    """The reader's role, which is one of these or admin.

    Raises falcon.HTTPSeeOther to the sign-in page, NotSignedIn for a program, NotAllowed for another role.
    """
    if role_of(req) is None and req.client_accepts("text/html"):
        raise falcon.HTTPSeeOther(f"{prefix}/signin?next={quote(here(req, prefix), safe='')}")
    return require(req, *roles)


def known(req: falcon.Request, *roles: Role) -> Role:
    """The same for what only a script of ours asks for: no page to be led to."""
    if role_of(req) is None:
        raise NotSignedIn("sign in again: this page has been open for too long")
    return require(req, *roles)


def here(req: falcon.Request, prefix: str) -> str:
    """The address of this request below the host, escaped as a browser sends it."""
    asked = quote(req.query_string.encode("latin-1", "ignore"), safe="/?&=%+:-_.~")
    return f"{prefix}{quote(req.path)}" + (f"?{asked}" if asked else "")
