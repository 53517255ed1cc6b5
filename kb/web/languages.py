"""Accept-Language → one of the locales we have."""

from __future__ import annotations

import re
from collections.abc import Sequence

import falcon

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")


def preferred(req: falcon.Request, locales: Sequence[str], default: str) -> str:
    """The locale that the reader likes best; `en-GB` is content with `en`, and `pt` with `pt-BR`."""
    wanted = []
    for part in (req.get_header("Accept-Language") or "").split(",")[:20]:
        match = _RANGE.fullmatch(part)
        if match and (quality := float(match[2] or 1)) > 0:
            wanted.append((-quality, match[1].lower()))
    for _, language in sorted(wanted, key=lambda each: each[0]):
        if language == "*":
            return default
        for locale in locales:
            if locale.lower() == language:
                return locale
        for locale in locales:
            if locale.lower().partition("-")[0] == language.partition("-")[0]:
                return locale
    return default
