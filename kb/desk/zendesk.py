"""Tickets into Zendesk, by its tickets API.

Nothing is doubled: the Idempotency-Key makes Zendesk give its first answer again for two hours, and
before any second try the ticket is looked for by `external_id`, which is our number, so that a try may
also come days later. https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency
"""

from __future__ import annotations

import base64
from typing import Annotated, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from kb.desk.parcel import NotNow, Parcel, Send
from kb.desk.wire import request
from kb.settings import Settings

T = TypeVar("T")


class _Ticket(Struct):
    id: Annotated[int, Meta(ge=1)]


class _One(Struct):
    ticket: _Ticket


class _Many(Struct):
    tickets: list[_Ticket]


def sender(settings: Settings) -> Send:
    """Needs KB_DESK_URL (https://example.zendesk.com), KB_DESK_USER and KB_DESK_SECRET (an API token)."""
    credentials = f"{settings.desk_user}/token:{settings.desk_secret.value}".encode()
    headers = {
        "Authorization": f"Basic {base64.b64encode(credentials).decode()}",
        "Content-Type": "application/json",
    }
    root = f"{settings.desk_url.rstrip('/')}/api/v2/tickets.json"

    def send(parcel: Parcel) -> str:
        if parcel.tries > 1 and (known := _known(root, headers, parcel.id, settings.desk_timeout)):
            return known
        reply = request(
            "POST", root, headers | {"Idempotency-Key": parcel.id}, _body(parcel), settings.desk_timeout
        )
        if reply.status == 409:
            raise NotNow("answered 409")  # Zendesk's word for two writes at once
        return str(_read(reply.body, _One).ticket.id)

    return send


def _known(root: str, headers: dict[str, str], ticket: str, seconds: float) -> str:
    """Zendesk's number of a ticket that an earlier try made, else an empty string."""
    reply = request("GET", f"{root}?external_id={quote(ticket)}", headers, None, seconds)
    found = _read(reply.body, _Many).tickets
    return str(found[0].id) if found else ""


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise NotNow("the answer is not Zendesk's") from error


def _body(parcel: Parcel) -> bytes:
    """The same bytes at every try: with other ones Zendesk refuses the key."""
    ticket: dict[str, object] = {
        "subject": parcel.subject,
        "comment": {"body": parcel.body},
        "external_id": parcel.id,
        "tags": ["kb", f"kb-{parcel.locale}"],
    }
    if parcel.email:
        # a new requester needs a name, and we know of none
        ticket["requester"] = {"email": parcel.email, "name": parcel.email.partition("@")[0]}
    return msgspec.json.encode({"ticket": ticket})
