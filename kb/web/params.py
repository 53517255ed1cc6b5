"""The query string → a checked struct. Below the resources; the same structs make the OpenAPI document.

Falcon's own reading is lenient (bad escapes become U+FFFD, the last of two wins), and a search for
U+FFFD would find nothing without saying why. Here every doubt is a BadParameter that names its field.
"""

from __future__ import annotations

import re
import unicodedata
from codecs import unicode_escape_decode
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from kb.errors import BadParameter
from kb.text.normalize import BLANKS, MAX_QUERY, clean_query

P = TypeVar("P", bound=Struct)

MAX_FILTER = 200
"""Characters of a parameter other than the query."""
_INTEGER = re.compile(r"-?[0-9]+")
_HUGE = 10**9
"""Larger numbers are as good as this one: no site has so many articles."""
_REMEMBERED_LENGTH = 500
"""Characters of a query string that is remembered; a thousand take less than a megabyte."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def read(query_string: str, kind: type[P]) -> P:
    """The fields of `kind` out of a raw query string; other parameters are ignored.

    A field called `q` or `query` is cleaned as one. Raises BadParameter for what is missing, given twice,
    not UTF-8, or outside the bounds that the type declares.
    """
    # values are frozen, so what was read once may be given again; a failure is not remembered
    remember = len(query_string) <= _REMEMBERED_LENGTH
    return _remembered(query_string, kind) if remember else _read(query_string, kind)


def _read(query_string: str, kind: type[P]) -> P:
    given = _pairs(query_string)
    values: dict[str, Any] = {}
    for name, (is_number, required) in _fields(kind).items():
        raw = given.get(name)
        if raw is None:
            if required:
                raise BadParameter(name, "is missing")
            continue
        if len(raw) > 1:
            raise BadParameter(name, "is given more than once")
        text = _decoded(name, raw[0])
        is_query = name in ("q", "query")
        if is_query and not required and len(text) <= MAX_QUERY and not text.strip(BLANKS):
            continue  # a page's empty search box
        values[name] = (
            _integer(name, text) if is_number else clean_query(text, name) if is_query else _plain(name, text)
        )
    return _converted(values, kind)


_remembered = lru_cache(maxsize=1000)(_read)


def _pairs(query_string: str) -> dict[str, list[str]]:
    """Raw values by name. Ours are plain ASCII, of which some programs escape brackets."""
    pairs: dict[str, list[str]] = {}
    for part in query_string.split("&"):
        name, _, value = part.partition("=")
        pairs.setdefault(unquote(name) if "%" in name else name, []).append(value)
    return pairs


def _decoded(name: str, raw: str) -> str:
    """WSGI gives bytes as Latin-1 characters; unescaped UTF-8, as some programs send it, is taken."""
    try:
        sent = _as_sent(raw.replace("+", " "))
        return (_unescaped(name, sent) if b"%" in sent else sent).decode("utf-8")
    except UnicodeError:
        raise BadParameter(name, "is not UTF-8") from None


def _unescaped(name: str, sent: bytes) -> bytes:
    """By Python's own decoder, where %E3 is written \\xE3: a query in Japanese is nothing but escapes."""
    try:
        return unicode_escape_decode(sent.replace(b"\\", rb"\\").replace(b"%", rb"\x"))[0].encode("latin-1")
    except UnicodeDecodeError:
        raise BadParameter(name, "holds a % that is not followed by two hexadecimal digits") from None


def _as_sent(raw: str) -> bytes:
    try:
        return raw.encode("latin-1")
    except UnicodeEncodeError:
        # no server does this, but a test client may hand over characters
        return raw.encode("utf-8")


def _integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadParameter(name, "must be a whole number")
    number = int(text[:12])
    return number if abs(number) < _HUGE and len(text) <= 12 else _HUGE if number > 0 else -_HUGE


def _plain(name: str, text: str) -> str:
    if len(text) > MAX_FILTER:
        raise BadParameter(name, f"is longer than {MAX_FILTER} characters")
    if not text.isprintable() and _CONTROL.search(text):
        raise BadParameter(name, "holds a control character")
    return unicodedata.normalize("NFC", text)


@lru_cache
def _fields(kind: type[Struct]) -> dict[str, tuple[bool, bool]]:
    """(is a number, is required) by name of field."""
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    required = schema.get("required", ())
    return {
        name: (each.get("type") == "integer", name in required) for name, each in schema["properties"].items()
    }


def _converted(values: dict[str, Any], kind: type[P]) -> P:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        # "Expected `int` <= 50 - at `$.limit`"
        reason, _, place = str(error).partition(" - at `$.")
        reason = reason.replace("Expected `int`", "must be a number").replace(
            "Expected `str`", "must be text"
        )
        raise BadParameter(place.rstrip("`"), reason) from None
