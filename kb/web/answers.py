"""How an answer is sent: typed JSON, HTML or bytes, with an ETag where the same answer may come again."""

from __future__ import annotations

import hashlib

import falcon
import msgspec

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"
REVALIDATE = "public, no-cache"
"""May be kept, must be asked for: an edited article is seen at once, an unchanged one costs a 304."""

encode = msgspec.json.Encoder().encode


def send_json(resp: falcon.Response, answer: msgspec.Struct) -> None:
    """An answer of this moment only."""
    send_once(resp, encode(answer))


def send_once(resp: falcon.Response, body: bytes) -> None:
    """The same, encoded already."""
    resp.content_type = JSON
    resp.data = body
    resp.set_header("Cache-Control", "no-store")


def send_cached(
    req: falcon.Request, resp: falcon.Response, body: bytes, media_type: str, cache: str = REVALIDATE
) -> None:
    """`body` with an ETag over its bytes, or 304 when the reader has it."""
    send_body(req, resp, tagged(body), media_type, cache)


class Tagged(msgspec.Struct, frozen=True):
    """A body that may be sent many times, with its tag."""

    body: bytes
    tag: str


def tagged(body: bytes) -> Tagged:
    return Tagged(body, hashlib.sha256(body).hexdigest()[:32])


def send_body(
    req: falcon.Request, resp: falcon.Response, made: Tagged, media_type: str, cache: str = REVALIDATE
) -> None:
    """The same with a tag that was made before."""
    send_tagged(req, resp, made.tag, media_type, cache)
    if resp.status_code != 304:
        resp.data = made.body


def send_tagged(
    req: falcon.Request, resp: falcon.Response, tag: str, media_type: str, cache: str = REVALIDATE
) -> None:
    """Headers of an answer known by `tag`; 304 when the reader has it, else the caller adds the body."""
    resp.etag = tag
    resp.set_header("Cache-Control", cache)
    if _has(req, tag):
        resp.status = falcon.HTTP_304
    else:
        resp.content_type = media_type


def _has(req: falcon.Request, tag: str) -> bool:
    """Whether If-None-Match names it; compared weakly, as RFC 9110 wants."""
    wanted = req.get_header("If-None-Match") or ""
    if not wanted:
        return False
    given = [each.strip().removeprefix("W/") for each in wanted.split(",")]
    return wanted.strip() == "*" or f'"{tag}"' in given
