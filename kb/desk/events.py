"""The bodies of hooks, checked: ours, and Zendesk's own. `hooks` makes facts of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kb.desk.numbers import is_number
from kb.errors import InvalidBody

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Maybe = Annotated[str, Meta(max_length=400, pattern=r"^[^\x00-\x1f\x7f]*$")]
Relations = Literal["solved_by", "sent", "wrong", "missing"]

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD_SECONDS = 86_400
"""A desk's clock may be wrong by hours, not by days."""


class TicketEvent(Struct, frozen=True, kw_only=True):
    """A hook of the source `generic`; what Zendesk's triggers are told to send. More fields may come."""

    event: Literal["ticket.created", "ticket.solved", "ticket.article"]
    ticket_id: Name
    at: Annotated[str, Meta(max_length=40, description="ISO 8601 with time zone.")]
    kb_token: Annotated[str, Meta(max_length=1000)] = ""
    article: Maybe = ""
    locale: Annotated[str, Meta(max_length=35)] = ""
    commit: Annotated[str, Meta(max_length=64, pattern="^[0-9a-zA-Z.+-]*$")] = ""
    relation: Relations | Literal[""] = ""

    def moment_ms(self) -> int:
        return round(_moment(self.at).timestamp() * 1000)


class _Detail(Struct):
    id: str | int
    external_id: str | None = None


class _Change(Struct, frozen=True):
    current: str = ""


class _ZendeskEvent(Struct):
    """https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/"""

    type: str
    time: str
    detail: _Detail
    event: _Change = _Change()


_SOLVED = ("SOLVED", "CLOSED")


def checked(event: TicketEvent) -> TicketEvent:
    """What the types alone cannot say. Raises InvalidBody."""
    errors = []
    try:
        moment = _moment(event.at)
        if moment < _EARLIEST or (moment - datetime.now(UTC)).total_seconds() > _AHEAD_SECONDS:
            errors.append(("at", "is before 2000 or more than a day ahead"))
    except (ValueError, OverflowError):
        errors.append(("at", "must be like 2026-05-01T00:00:00Z"))
    if event.event == "ticket.article":
        if not event.relation:
            errors.append(("relation", "is missing"))
        elif event.relation != "missing" and not event.article:
            errors.append(("article", "is missing"))
    if errors:
        raise InvalidBody(errors)
    return event


def from_zendesk(body: bytes) -> TicketEvent | None:
    """Zendesk's own ticket events; None for those of other kinds, which mean nothing here.

    Raises msgspec.MsgspecError when it is none of Zendesk's own: then it is a trigger's, in our shape.
    """
    told = msgspec.json.decode(body, type=_ZendeskEvent)
    kind = told.type.removeprefix("zen:event-type:")
    if kind == told.type:
        raise msgspec.ValidationError("not an event of Zendesk's own")
    known = {"ticket.created": "ticket.created", "ticket.status_changed": "ticket.solved"}
    if kind not in known or (kind == "ticket.status_changed" and told.event.current not in _SOLVED):
        return None
    values = {
        "event": known[kind],
        # tickets that we filed carry our number; those of other systems carry theirs, which says nothing here
        "ticket_id": told.detail.external_id
        if is_number(told.detail.external_id or "")
        else str(told.detail.id),
        "at": told.time,
    }
    return checked(msgspec.convert(values, TicketEvent))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment
