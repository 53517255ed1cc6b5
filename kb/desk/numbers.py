"""Numbers of tickets: short enough to be read out on the telephone, chance enough not to be guessed."""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no I, L, O or U, which are misread or misheard."""
_SHAPE = re.compile(rf"[{_ALPHABET}]{{5}}-[{_ALPHABET}]{{5}}")


def new_number() -> str:
    """Ten letters of chance, 50 bits: at a million tickets two are alike once in two thousand such desks."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def is_number(text: str) -> bool:
    """Whether it may be a number of ours."""
    return _SHAPE.fullmatch(text) is not None
