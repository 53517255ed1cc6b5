"""The body of a request → a checked struct, every field at fault named. `params` does the query strings."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import falcon
import msgspec
from msgspec import Struct

from kb.errors import InvalidBody, MalformedBody

S = TypeVar("S", bound=Struct)

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 50
"""Of a form; ours have ten."""
_PLACE = re.compile(r" - at `\$(.*)`$")


def read_json(req: falcon.Request, kind: type[S]) -> S:
    """The JSON object in the body as a `kind`; unknown fields are let pass, unless it forbids them.

    Raises MalformedBody for what is no JSON object, InvalidBody naming all fields that cannot be taken.
    """
    media_type = (req.content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        # what a page of another site can send without asking us first is not taken for JSON
        raise falcon.HTTPUnsupportedMediaType(description="the body must be application/json")
    return checked(raw_body(req), kind)


def raw_body(req: falcon.Request) -> bytes:
    """The body as it came, at most Content-Length bytes: signatures are over these."""
    body: bytes = req.bounded_stream.read()
    return body


def checked(body: bytes, kind: type[S]) -> S:
    """See `read_json`."""
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise MalformedBody(f"the body is no JSON object: {_sentence(str(error))}") from None
    except (UnicodeError, RecursionError):
        raise MalformedBody("the body is no JSON object") from None
    values, errors = {}, []
    fields = _fields(kind)
    for name, (field_type, required) in fields.items():
        if name in given:
            try:
                values[name] = msgspec.convert(given[name], field_type)
            except msgspec.ValidationError as error:
                errors.append((name + _inner(str(error)), _sentence(str(error))))
        elif required:
            errors.append((name, "is missing"))
    if kind.__struct_config__.forbid_unknown_fields:
        errors += [(name[:100], "is not known here") for name in given if name not in fields]
    if errors:
        raise InvalidBody(errors[:MAX_FIELDS])
    return kind(**values)


@lru_cache
def _fields(kind: type[Struct]) -> dict[str, tuple[Any, bool]]:
    """(type, is required) by name."""
    return {each.encode_name: (each.type, each.required) for each in msgspec.structs.fields(kind)}


def _inner(said: str) -> str:
    """Where within a field: `[3].type`."""
    found = _PLACE.search(said)
    return found[1] if found else ""


def _sentence(said: str) -> str:
    """msgspec's words as ours: "Expected `str` of length <= 200" → "must be text of length <= 200"."""
    said = _PLACE.sub("", said)
    said = said.replace("Expected `str`", "must be text").replace("Expected `bool`", "must be true or false")
    said = re.sub(r"Expected `(?:int|float)`", "must be a number", said)
    return re.sub(r"^Expected ", "must be ", said)


def read_form(req: falcon.Request) -> dict[str, str]:
    """The fields of a form, the last of two of one name. Raises MalformedBody."""
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise falcon.HTTPUnsupportedMediaType(description=f"the body must be {FORM}")
    try:
        text = raw_body(req).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except (UnicodeError, ValueError):
        raise MalformedBody("the form cannot be read") from None
    return dict(pairs)
