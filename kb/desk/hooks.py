"""What a help desk tells us → facts. Called by `kb.web.hooks` and by the thread of `clerk`.

`take` writes what was told in the transaction that remembers the signature; `forward` later finds out whose
ticket it is and gives the facts to the event store. That may have to wait: a desk can tell of a ticket
before its answer to our own delivery has arrived, and only then is its number known to be one of ours.
A fact's id is made of what it says, so that a desk may tell a thing as often as it likes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog

from kb.deflection.facts import (
    AnyFact,
    Entry,
    Relation,
    TicketArticleLinked,
    TicketFiled,
    TicketSolved,
    decode,
    encode,
)
from kb.deflection.store import EventStore
from kb.desk import outbox
from kb.desk.events import TicketEvent
from kb.desk.signing import TOLERANCE
from kb.desk.tables import FACT, FOREIGN, OUTBOX, SIGNATURE, TICKET, WRONG, now_ms, wrote
from kb.errors import BadSignature, StoreRefused

HOLD_MS = 3_600_000
"""Longest wait for a delivery under way to tell the desk's number."""
_REMEMBER_MS = 3 * TOLERANCE * 1000
"""A timestamp is believed for twice the tolerance."""
_BATCH = 500

_LOG = structlog.get_logger("kb")


def take(store: EventStore, digest: str, facts: Sequence[AnyFact], wrong: dict[str, str], sent: bool) -> None:
    """Write down what a verified hook told; raises BadSignature for one that was received before.

    `wrong`: see `mark_wrong`, empty for none; `sent`: whether owners are told by a webhook.
    """
    now = now_ms()
    with store.writing() as connection:
        once = store.insert(SIGNATURE).values(digest=digest, at=now).on_conflict_do_nothing()
        if not wrote(connection, once, SIGNATURE):
            raise BadSignature("this message was received before")
        connection.execute(sa.delete(SIGNATURE).where(SIGNATURE.c.at < now - _REMEMBER_MS))
        for fact in facts:
            stage(store, connection, fact, now + HOLD_MS)
        if wrong:
            mark_wrong(store, connection, wrong, sent)


def stage(store: EventStore, connection: sa.Connection, fact: AnyFact, held_until: int = 0) -> None:
    """Put a fact in line within the transaction of what it tells of."""
    row = {"id": fact.id, "ticket": getattr(fact, "ticket", ""), "held_until": held_until}
    connection.execute(store.insert(FACT).values(**row, fact=encode(fact).decode()).on_conflict_do_nothing())


def mark_wrong(store: EventStore, connection: sa.Connection, mark: dict[str, str], sent: bool) -> None:
    """List an article as wrong, once a ticket, and tell its owner. `mark`: the texts of `desk_wrong`."""
    now = now_ms()
    ticket = ours(connection, mark["ticket"]) or mark["ticket"]
    told = "\0".join((ticket, mark["locale"], mark["article"]))
    key = f"wrong-{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    row = {**mark, "id": key, "ticket": ticket, "at": now}
    if wrote(connection, store.insert(WRONG).values(row).on_conflict_do_nothing(), WRONG):
        outbox.put(connection, "wrong", key, ticket, sent, now)


def facts_of(event: TicketEvent, source: str, session: str, commit: str) -> list[AnyFact]:
    """What an event says, as facts about the number it names. `session`: of its kb_token, empty for none."""
    at = event.moment_ms()

    def named(*parts: str) -> dict[str, Any]:
        told = "\0".join((source, event.ticket_id, event.event, *parts))
        key = f"{at:011x}{hashlib.sha256(told.encode()).hexdigest()[:20]}"
        return {
            "id": key, "at": at, "session": session, "entry": Entry.DESK, "locale": event.locale,
            "ticket": event.ticket_id,
        }  # fmt: skip

    if event.event == "ticket.created":
        return [TicketFiled(**named(session), source=source, joined=bool(session))]
    if event.event == "ticket.solved":
        return [TicketSolved(**named())]
    linked = named(event.relation, event.article, event.locale)
    return [
        TicketArticleLinked(**linked, relation=Relation(event.relation), article=event.article, commit=commit)
    ]


def ours(connection: sa.Connection, number: str) -> str:
    """Our number of a ticket that was filed here, by ours or the desk's; empty for any other."""
    ticket = connection.scalar(sa.select(TICKET.c.ticket).where(TICKET.c.ticket == number))
    by_ref = sa.select(OUTBOX.c.ticket).where(OUTBOX.c.kind == "ticket", OUTBOX.c.ref == number)
    return str(ticket or (number and connection.scalar(by_ref)) or "")


def forward(store: EventStore) -> int:
    """Give the event store what is decided; returns how many facts. Any process may, at any time."""
    total = 0
    decided = True
    while decided:
        with store.reading() as connection:
            waiting = connection.execute(
                sa.select(FACT).order_by(FACT.c.held_until, FACT.c.id).limit(_BATCH)
            ).all()
        if any(row.held_until for row in waiting):
            _decide(store)
        with store.reading() as connection:
            query = sa.select(FACT).where(FACT.c.held_until == 0).order_by(FACT.c.id).limit(_BATCH)
            rows = connection.execute(query).all()
        decided = len(rows) == _BATCH
        if rows:
            _append(store, [decode(row.fact) for row in rows])
            with store.writing() as connection:
                # what was told again in between is a row of the same name: nothing is lost with it
                connection.execute(sa.delete(FACT).where(FACT.c.id.in_([row.id for row in rows])))
        total += len(rows)
    return total


def _append(store: EventStore, facts: list[AnyFact]) -> None:
    """All at once; one that the database will never take must not keep the others back."""
    try:
        store.append(facts)
    except StoreRefused:
        for fact in facts:
            try:
                store.append([fact])
            except StoreRefused as error:
                _LOG.error("a fact was refused", fact=fact.id, kind=type(fact).__name__, reason=str(error))


def _decide(store: EventStore) -> None:
    """Find whose ticket each held fact is about, unless a delivery under way may still tell."""
    now = now_ms()
    with store.writing() as connection:
        under_way = connection.execute(
            sa.select(OUTBOX.c.id)
            .where(OUTBOX.c.kind == "ticket", OUTBOX.c.status == "pending", OUTBOX.c.tries > 0)
            .limit(1)
        ).first()
        query = sa.select(FACT).where(FACT.c.held_until > 0).order_by(FACT.c.id).with_for_update()
        for row in connection.execute(query).all():
            ticket = ours(connection, row.ticket)
            if ticket or not under_way or row.held_until <= now:
                _resolve(store, connection, row.id, decode(row.fact), ticket)


def _resolve(store: EventStore, connection: sa.Connection, key: str, fact: AnyFact, ticket: str) -> None:
    """Let a fact go, under our number if the ticket is ours; a desk's echo of our own filing is dropped."""
    here = FACT.c.id == key
    if isinstance(fact, TicketFiled) and (ticket or not _news(store, connection, fact)):
        connection.execute(sa.delete(FACT).where(here))
        return
    if ticket:
        fact = msgspec.structs.replace(fact, ticket=ticket)
    values = {"fact": encode(fact).decode(), "ticket": getattr(fact, "ticket", ""), "held_until": 0}
    connection.execute(sa.update(FACT).where(here).values(values))


def _news(store: EventStore, connection: sa.Connection, fact: TicketFiled) -> bool:
    """Whether a ticket from elsewhere was unknown so far, or known without its session."""
    row = {"ticket": fact.ticket, "joined": int(fact.joined), "at": fact.at}
    statement = store.insert(FOREIGN).values(row)
    better = statement.on_conflict_do_update(
        index_elements=["ticket"], set_={"joined": 1}, where=FOREIGN.c.joined < int(fact.joined)
    )
    return wrote(connection, better, FOREIGN)
