"""Signatures of hooks: what we send is signed as we want to be sent to. Used by `webhook` and `hooks`.

generic   X-KB-Timestamp: unix seconds          X-KB-Signature: sha256=<hex HMAC-SHA256 of timestamp.body>
zendesk   X-Zendesk-Webhook-Signature-Timestamp: ISO 8601
          X-Zendesk-Webhook-Signature: base64 of HMAC-SHA256 over timestamp + body
          https://developer.zendesk.com/documentation/webhooks/verifying/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from kb.errors import BadSignature

TOLERANCE = 300
"""Seconds between a hook's timestamp and our clock, either way."""


class Scheme(Struct, frozen=True):
    """How one source signs."""

    timestamp: str
    signature: str
    """Names of the headers."""
    sign: Callable[[str, str, bytes], str]
    """(secret, timestamp, body) → the signature's header."""
    moment: Callable[[str], float]
    """The timestamp as unix seconds; raises ValueError."""


def sign_generic(secret: str, timestamp: str, body: bytes) -> str:
    return f"sha256={_mac(secret, f'{timestamp}.'.encode() + body).hexdigest()}"


def sign_zendesk(secret: str, timestamp: str, body: bytes) -> str:
    return base64.b64encode(_mac(secret, timestamp.encode() + body).digest()).decode()


def _mac(secret: str, message: bytes) -> hmac.HMAC:
    return hmac.new(secret.encode(), message, hashlib.sha256)


def _unix(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("not unix seconds")
    return float(text)


def _iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


SCHEMES = {
    "generic": Scheme("X-KB-Timestamp", "X-KB-Signature", sign_generic, _unix),
    "zendesk": Scheme(
        "X-Zendesk-Webhook-Signature-Timestamp", "X-Zendesk-Webhook-Signature", sign_zendesk, _iso
    ),
}


def verify(scheme: Scheme, secret: str, timestamp: str, signature: str, body: bytes, now: float) -> str:
    """A digest by which this very message is known again. Raises BadSignature, telling no more than it must.

    The signature is compared before the time is looked at, and in constant time: who cannot sign learns
    nothing of our clock.
    """
    if not secret:
        raise BadSignature("no secret is configured for this hook")
    # only ASCII can be compared in constant time, and only ASCII can be right
    given = signature.encode("utf-8", "replace")
    wanted = scheme.sign(secret, timestamp, body).encode()
    if not hmac.compare_digest(given, wanted):
        raise BadSignature("the signature is missing or wrong")
    try:
        moment = scheme.moment(timestamp)
    except (ValueError, OverflowError):
        raise BadSignature(f"{scheme.timestamp} cannot be read") from None
    if abs(now - moment) > TOLERANCE:
        raise BadSignature(f"the message is more than {TOLERANCE // 60} minutes from our clock")
    return hashlib.sha256(wanted).hexdigest()
