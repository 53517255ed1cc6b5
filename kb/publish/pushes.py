"""A push as GitHub, GitLab or anybody tells it: is it genuine, is it new, does it concern what is published.

    github    X-Hub-Signature-256: sha256=<hex HMAC-SHA256 of the body>
    gitlab    X-Gitlab-Token: the secret itself
    generic   X-KB-Timestamp, X-KB-Signature as all our hooks

Only the generic scheme has a time in what it signs. Of all three a message that was taken before is not
taken again, by its digest; what GitHub and GitLab repeat on purpose has another id, or other times.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from kb.desk.signing import SCHEMES, verify
from kb.errors import BadSignature, InvalidBody, MalformedBody
from kb.publish import status as statuses

MAX_BODY = 1_000_000
SEEN_SECONDS = 7 * 86_400
_ZERO = set("0")

Header = Callable[[str], str]
"""Value of a header of the request, empty without."""


class Push(Struct, frozen=True, kw_only=True):
    """What a genuine message says."""

    ref: str
    """`refs/heads/main`"""
    deleted: bool = False
    default_branch: str = ""
    digest: str = ""
    """By which the message is known again."""
    ignored: str = ""
    """Why it is no push that could matter."""


def genuine(header: Header, body: bytes, secret: str, now: float) -> str:
    """Digest of a message that was signed by one of the three. Raises BadSignature."""
    if not secret:
        raise BadSignature("KB_HOOK_SECRET is not set, so no hook is taken")
    if header("X-Hub-Signature-256"):
        mac = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        _same(header("X-Hub-Signature-256"), mac)
        return _digest("github", header("X-GitHub-Delivery"), body)
    if header("X-Gitlab-Token"):
        _same(header("X-Gitlab-Token"), secret)
        return _digest("gitlab", header("X-Gitlab-Event-UUID"), body)
    scheme = SCHEMES["generic"]
    return verify(scheme, secret, header(scheme.timestamp), header(scheme.signature), body, now)


def _same(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise BadSignature("the signature is wrong")


def _digest(kind: str, delivery: str, body: bytes) -> str:
    # the delivery's id is not signed by GitHub: another id on the same body must not make it new
    unsigned = "" if kind == "github" else delivery
    return hashlib.sha256(f"{kind}\0{unsigned}\0".encode() + body).hexdigest()


@contextmanager
def taken(var: Path, digest: str, now: float) -> Iterator[None]:
    """Remember a message, unless the block fails. Raises BadSignature when it was taken before, by anyone."""
    seen = statuses.make_folder(var) / "seen"
    seen.mkdir(exist_ok=True, mode=0o700)
    for file in seen.iterdir():
        with suppress(OSError):
            if now - file.stat().st_mtime > SEEN_SECONDS:
                file.unlink()
    try:
        (seen / digest).touch(exist_ok=False)
    except FileExistsError:
        raise BadSignature("this message was received before") from None
    try:
        yield
    except BaseException:
        (seen / digest).unlink(missing_ok=True)  # so that it may be sent again
        raise


def read(header: Header, body: bytes, digest: str) -> Push:
    """The push that a message tells of. Raises MalformedBody, InvalidBody."""
    event = header("X-GitHub-Event") or header("X-Gitlab-Event")
    if event and event.lower() not in ("push", "push hook", "tag push hook", "create", "delete"):
        return Push(ref="", digest=digest, ignored=f"{event} is no push")
    told = _object(header, body)
    ref = told.get("ref")
    if not isinstance(ref, str) or not ref:
        raise InvalidBody([("ref", "must be a text like refs/heads/main")])
    if event.lower() in ("create", "delete"):
        return Push(ref=ref, digest=digest, ignored=f"{event} comes with a push of its own")
    home = told.get("repository") or told.get("project") or {}
    default = (told.get("project") or home).get("default_branch") if isinstance(home, dict) else ""
    after = told.get("after")
    deleted = told.get("deleted") is True or (isinstance(after, str) and bool(after) and set(after) == _ZERO)
    branch = default if isinstance(default, str) else ""
    return Push(ref=ref, deleted=deleted, digest=digest, default_branch=branch)


def _object(header: Header, body: bytes) -> dict[str, Any]:
    """GitHub sends a form unless it is told otherwise; others say so of what is none."""
    form = header("Content-Type").startswith("application/x-www-form-urlencoded")
    if form and body.startswith(b"payload="):
        with suppress(ValueError, UnicodeError):
            body = parse_qs(body.decode(), max_num_fields=5).get("payload", [""])[0].encode()
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise MalformedBody("the body is no JSON object") from None


def why_not(push: Push, published: str) -> str:
    """Why a push changes nothing of what is published; empty when it does. `published`: KB_GIT_REF."""
    if push.ignored:
        return push.ignored
    wanted = published or push.default_branch
    names = {wanted, f"refs/heads/{wanted}", f"refs/tags/{wanted}"} if wanted else {push.ref}
    if push.ref not in names:
        return f"{push.ref[:200]} is not what is published ({wanted})"
    if push.deleted:
        return f"{push.ref[:200]} was deleted; what was published stays"
    return ""
