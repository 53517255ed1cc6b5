"""Tickets, and agents' words about articles, to any program: JSON by POST, signed as our own hooks are.

The receiver answers 2xx, or 409 for what it has already; `{"id": …}` in the answer is kept as its number.
It tells a second arrival by `Idempotency-Key`, which is our id and stays the same at every try.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from kb.desk.parcel import Parcel, Send
from kb.desk.signing import sign_generic
from kb.desk.wire import request


class _Answer(Struct):
    id: str | int = ""


def sender(url: str, secret: str, seconds: float) -> Send:
    """Hands parcels to `url`, signed as our own hooks are; `seconds`: how long an answer is waited for."""

    def send(parcel: Parcel) -> str:
        body = msgspec.json.encode(message(parcel))
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": parcel.id,
            "X-KB-Timestamp": stamp,
            "X-KB-Signature": sign_generic(secret, stamp, body),
        }
        return _number(request("POST", url, headers, body, seconds).body)

    return send


def message(parcel: Parcel) -> dict[str, str]:
    """The JSON that a receiver is sent; docs/tickets.md shows it."""
    at = datetime.fromtimestamp(parcel.at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if parcel.kind == "wrong":
        return {"event": "article.wrong", "id": parcel.id, "at": at, **parcel.mark}
    return {
        "event": "ticket.filed",
        "ticket_id": parcel.id,
        "at": at,
        "locale": parcel.locale,
        "subject": parcel.subject,
        "body": parcel.body,
        "email": parcel.email,
    }


def _number(body: bytes) -> str:
    """What the receiver calls it, if it says so in a way we know."""
    try:
        return str(msgspec.json.decode(body, type=_Answer).id)[:200]
    except msgspec.MsgspecError:
        return ""
