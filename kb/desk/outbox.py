"""Who tries to hand a parcel over, when, and what came of it. Rows are put in by `kb.tickets`.

    pending --claim--> one process tries --+--> delivered
       ^                                   +--> dead    refused for good, or KB_DESK_TRIES are over
       +---- later, with back-off ---------+

A row is claimed by one UPDATE, so that of many processes one tries; a claim ends by itself after twice the
time a try may take, so that a killed process loses nothing. A try that may have arrived is tried again
under the same name, by which the receiver knows it (see the adapters): nothing is lost, nothing doubled.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping

import sqlalchemy as sa
import structlog
from msgspec import Struct

from kb.deflection.store import EventStore
from kb.desk.parcel import NotEver, NotNow, Parcel, Send
from kb.desk.tables import OUTBOX, TICKET, WRONG, now_ms
from kb.settings import Settings

FIRST_WAIT = 5.0
"""Seconds after the first failure; doubled after each further one."""
LONGEST_WAIT = 3600.0
"""With 60 tries a desk may be away for two days."""

_CHANCE = random.SystemRandom()
_LOG = structlog.get_logger("kb")


class Claimed(Struct, frozen=True):
    """One try, ours alone until the claim ends."""

    parcel: Parcel
    claim: str


def put(connection: sa.Connection, kind: str, key: str, ticket: str, sent: bool, now: int) -> None:
    """A new parcel, within the transaction that stores its content; not `sent`: it is kept."""
    connection.execute(OUTBOX.insert().values(
        id=key, kind=kind, ticket=ticket, status="pending" if sent else "kept", created_at=now, due_at=now,
        tries=0, claim="", claimed_until=0, settled_at=0 if sent else now, ref="", error="",
    ))  # fmt: skip


def deliver_one(store: EventStore, ways: Mapping[str, Send], settings: Settings) -> bool:
    """Try what has been due longest, if anything is."""
    claimed = claim(store, tuple(ways), settings)
    if claimed is None:
        return False
    attempt(store, claimed, ways[claimed.parcel.kind], settings)
    return True


def claim(store: EventStore, kinds: tuple[str, ...], settings: Settings) -> Claimed | None:
    """The parcel that has been due longest, for this process alone; None when nothing is."""
    now, name = now_ms(), secrets.token_hex(8)
    if not kinds or not _any_due(store, kinds, now):
        return None
    free = sa.and_(
        OUTBOX.c.status == "pending",
        OUTBOX.c.kind.in_(kinds),
        OUTBOX.c.due_at <= now,
        OUTBOX.c.claimed_until <= now,
    )
    # SKIP LOCKED: on PostgreSQL two processes at once get a row each; SQLite writes one after the other
    next_one = (
        sa.select(OUTBOX.c.id).where(free).order_by(OUTBOX.c.due_at, OUTBOX.c.id).limit(1)
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    taken = (
        sa.update(OUTBOX).where(OUTBOX.c.id == next_one.scalar_subquery(), free)
        .values(claim=name, claimed_until=now + 2000 * settings.desk_timeout, tries=OUTBOX.c.tries + 1)
        .returning(OUTBOX)
    )  # fmt: skip
    with store.writing() as connection:
        row = connection.execute(taken).one_or_none()
        return None if row is None else Claimed(_parcel(connection, row), name)


def _any_due(store: EventStore, kinds: tuple[str, ...], now: int) -> bool:
    """Asked first, because it takes no lock: an idle process shall not disturb those who write."""
    due = sa.select(OUTBOX.c.id).where(
        OUTBOX.c.status == "pending", OUTBOX.c.kind.in_(kinds), OUTBOX.c.due_at <= now,
        OUTBOX.c.claimed_until <= now,
    )  # fmt: skip
    with store.reading() as connection:
        return connection.execute(due.limit(1)).first() is not None


def _parcel(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> Parcel:
    head = {"id": row.id, "kind": row.kind, "at": row.created_at, "tries": row.tries}
    if row.kind == "ticket":
        ticket = connection.execute(sa.select(TICKET).where(TICKET.c.ticket == row.ticket)).one()
        return Parcel(
            **head, locale=ticket.locale, subject=ticket.subject, body=ticket.body, email=ticket.email
        )
    mark = connection.execute(sa.select(WRONG).where(WRONG.c.id == row.id)).one()
    names = ("article", "locale", "commit", "owner", "ticket", "note")
    return Parcel(**head, mark={name: getattr(mark, name) for name in names})


def attempt(store: EventStore, claimed: Claimed, send: Send, settings: Settings) -> None:
    """One try, and what is written down of it. No word of a ticket and no address is logged."""
    parcel = claimed.parcel
    try:
        ref = send(parcel)
    except NotEver as error:
        _settle(store, claimed, "dead", error=str(error))
    except NotNow as error:
        _later(store, claimed, str(error), error.after, settings)
    except Exception as error:
        # a fault of ours in an adapter: it waits like any other failure, so that it neither blocks the
        # line nor is tried without end
        _LOG.exception("handing over failed", kind=parcel.kind, id=parcel.id)
        _later(store, claimed, f"fault: {type(error).__name__}", 0.0, settings)
    else:
        _settle(store, claimed, "delivered", ref=ref)


def _settle(store: EventStore, claimed: Claimed, status: str, ref: str = "", error: str = "") -> None:
    parcel = claimed.parcel
    change = sa.update(OUTBOX).where(OUTBOX.c.id == parcel.id, OUTBOX.c.status == "pending")
    if status == "dead":
        # another process may have the claim by now, and more luck
        change = change.where(OUTBOX.c.claim == claimed.claim)
    with store.writing() as connection:
        connection.execute(
            change.values(
                status=status, ref=ref[:200], error=error, settled_at=now_ms(), claim="", claimed_until=0
            )
        )
    log = _LOG.info if status == "delivered" else _LOG.error
    log("handed over" if status == "delivered" else "given up", kind=parcel.kind, id=parcel.id,
        tries=parcel.tries, reason=error)  # fmt: skip


def _later(store: EventStore, claimed: Claimed, reason: str, after: float, settings: Settings) -> None:
    if claimed.parcel.tries >= settings.desk_tries:
        _settle(store, claimed, "dead", error=f"{reason} (given up after {claimed.parcel.tries} tries)")
        return
    wait = backoff(claimed.parcel.tries, after)
    change = (
        sa.update(OUTBOX)
        .where(OUTBOX.c.id == claimed.parcel.id, OUTBOX.c.claim == claimed.claim)
        .values(claim="", claimed_until=0, due_at=now_ms() + round(1000 * wait), error=reason)
    )
    with store.writing() as connection:
        connection.execute(change)
    _LOG.warning(
        "not handed over yet", kind=claimed.parcel.kind, id=claimed.parcel.id, tries=claimed.parcel.tries,
        reason=reason, again_in=round(wait),
    )  # fmt: skip


def backoff(tries: int, after: float = 0.0) -> float:
    """Seconds until the next try: doubling, with chance in it so that many do not come back at once.

    What the desk asks for (`after`) is waited for at least.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 20))
    return max(wait * _CHANCE.uniform(0.5, 1.0), after + (wait * _CHANCE.uniform(0.0, 0.1) if after else 0.0))
