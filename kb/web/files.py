"""Our own static files, and the images and files of articles."""

from __future__ import annotations

import hashlib
import mimetypes
import re
import unicodedata
from pathlib import Path

import falcon
from msgspec import Struct

from kb.errors import PageNotFound
from kb.model import Audience
from kb.web.answers import send_cached, send_tagged
from kb.web.guard import audience_of
from kb.web.reader import generation_of
from kb.web.resources import Resource

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"

FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
"""Those that mimetypes may not know, or takes from the machine."""
_SHOWN = ("image/", "video/", "audio/", "text/plain", "application/pdf")
"""Shown in the browser; other files are saved, so that none becomes a page of ours."""
_NO_SCRIPTS = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; sandbox"
"""For a writer's SVG: its own styles, no scripts, no forms."""


_IMPORT = re.compile(rb'from "\./(?:static/)?([\w-]+\.js)"')


class StaticFile(Struct, frozen=True):
    body: bytes
    tag: str
    media_type: str


def _type_of(name: str) -> str:
    return (
        _TYPES.get(Path(name).suffix.lower()) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


def _read_static() -> dict[str, StaticFile]:
    """Modules name what they import by its content, too, so that no old one is ever beside a new one."""
    raw = {file.name: file.read_bytes() for file in sorted((HERE / "static").iterdir()) if file.is_file()}
    files: dict[str, StaticFile] = {}

    def named(found: re.Match[bytes]) -> bytes:
        return b'%s?v=%s"' % (found[0][:-1], made(found[1].decode()).tag[:10].encode())

    def made(name: str) -> StaticFile:
        if name not in files:
            body = _IMPORT.sub(named, raw[name]) if name.endswith(".js") else raw[name]
            files[name] = StaticFile(body, hashlib.sha256(body).hexdigest()[:32], _type_of(name))
        return files[name]

    return {name: made(name) for name in raw}


STATIC = _read_static()
"""By name, read once; pages link to them with the beginning of the tag, so they may be kept for ever."""


class Static:
    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        file = STATIC.get(name)
        if file is None:
            raise PageNotFound("there is no such file")
        named = req.query_string == f"v={file.tag[:10]}"
        send_cached(req, resp, file.body, file.media_type, FOREVER if named else "public, no-cache")


class Media(Resource):
    """Files that articles show; those of agents-only articles are not there for others."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, path: str) -> None:
        path = unicodedata.normalize("NFC", path)
        found = generation_of(req, self.parts).media(path)
        if found is None or (found.audience is Audience.AGENT and audience_of(req) is not Audience.AGENT):
            raise PageNotFound("there is no such file")
        media_type = _type_of(path)
        send_tagged(req, resp, found.sha256[:32], media_type)
        resp.set_header("Content-Security-Policy", _NO_SCRIPTS)
        if not media_type.startswith(_SHOWN):
            resp.downloadable_as = path.rpartition("/")[2]
        if resp.status_code == 304:
            return
        try:
            stream = found.file.open("rb")
            resp.set_stream(stream, found.file.stat().st_size)
        except OSError as error:
            raise PageNotFound("there is no such file") from error
