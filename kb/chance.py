"""Random names: of requests, searches, sessions and facts. As good as those of `secrets`, and quicker.

Asking the system for each gives up Python's lock, and a thread of a busy worker then waits its turn again, up
to 5 ms: three times a request. So it is asked for some hundred names at once. What a fork's child has of
its parent's is thrown away, else two processes would give the same names.
"""

from __future__ import annotations

import io
import os
from binascii import b2a_base64

_AT_ONCE = 4096

_left = io.BytesIO()
"""Read on by all threads; one read is one step."""


def token_bytes(count: int) -> bytes:
    """Bytes that nobody can guess, each given once."""
    global _left
    taken = _left.read(count)
    if len(taken) < count:
        fresh = io.BytesIO(os.urandom(max(_AT_ONCE, count)))
        taken = fresh.read(count)
        _left = fresh
    return taken


def token_hex(count: int) -> str:
    """Two digits a byte."""
    return token_bytes(count).hex()


def token_urlsafe(count: int, first: bytes = b"") -> str:
    """Letters, digits, - and _; four for three bytes. `first`: known bytes that the name begins with."""
    letters = b2a_base64(first + token_bytes(count), newline=False)
    return letters.translate(_URL_SAFE).rstrip(b"=").decode("ascii")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _forget() -> None:
    global _left
    _left = io.BytesIO()


os.register_at_fork(after_in_child=_forget)
