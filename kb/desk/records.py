"""What is kept of tickets, for `kb tickets`; trying again by hand; and the end of KB_TICKET_DAYS."""

from __future__ import annotations

import sqlalchemy as sa
from msgspec import Struct

from kb.deflection.retention import DAY_MS
from kb.deflection.store import EventStore
from kb.desk.drafts import Draft
from kb.desk.tables import ONCE, OUTBOX, TICKET, WRONG, now_ms
from kb.errors import TicketNotFound

KEY_DAYS = 7
"""An Idempotency-Key is remembered so long; clients repeat within minutes."""
STATUSES = ("pending", "delivered", "dead", "kept")


class Listed(Struct, frozen=True, kw_only=True):
    """A row of `kb tickets`: a ticket and where it stands."""

    id: str
    filed_at: int
    status: str
    tries: int
    due_at: int
    ref: str
    error: str
    locale: str
    subject: str
    body: str
    email: str


class Wrong(Struct, frozen=True, kw_only=True):
    """A row of `kb tickets --wrong`."""

    at: int
    locale: str
    article: str
    commit: str
    owner: str
    ticket: str
    note: str


def listing(store: EventStore, status: str = "", limit: int = 100) -> list[Listed]:
    """Tickets, the newest first; `status` only those that are pending, delivered, dead or kept."""
    query = (
        sa.select(TICKET, OUTBOX.c.status, OUTBOX.c.tries, OUTBOX.c.due_at, OUTBOX.c.ref, OUTBOX.c.error)
        .join(OUTBOX, (OUTBOX.c.id == TICKET.c.ticket) & (OUTBOX.c.kind == "ticket"))
        .order_by(TICKET.c.filed_at.desc(), TICKET.c.ticket)
        .limit(limit)
    )
    if status:
        query = query.where(OUTBOX.c.status == status)
    names = [name for name in Listed.__struct_fields__ if name != "id"]
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return [Listed(id=row.ticket, **{name: getattr(row, name) for name in names}) for row in rows]


def counts(store: EventStore) -> dict[str, int]:
    """Number of tickets by status."""
    query = sa.select(OUTBOX.c.status, sa.func.count()).where(OUTBOX.c.kind == "ticket")
    with store.reading() as connection:
        return {status: int(number) for status, number in connection.execute(query.group_by(OUTBOX.c.status))}


def wrong_articles(store: EventStore, limit: int = 100, locale: str = "", article: str = "") -> list[Wrong]:
    """What agents called wrong, the newest first; of one article only, when it is named."""
    query = sa.select(WRONG).order_by(WRONG.c.at.desc(), WRONG.c.id).limit(limit)
    if article:
        query = query.where(WRONG.c.locale == locale, WRONG.c.article == article)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return [Wrong(**{name: getattr(row, name) for name in Wrong.__struct_fields__}) for row in rows]


def words_of(store: EventStore, ticket: str) -> Draft | None:
    """What the customer wrote, by our number or the desk's; None for another ticket, or once it is erased."""
    ours = names_of(store, ticket)[0]
    with store.reading() as connection:
        row = connection.execute(sa.select(TICKET).where(TICKET.c.ticket == ours)).first()
    if row is None or row.erased_at:
        return None
    return Draft(subject=row.subject, body=row.body, locale=row.locale)


_AGAIN = {
    # not 0: an earlier try may have arrived, and the adapters ask before a second one
    "tries": sa.case((OUTBOX.c.tries > 0, 1), else_=0),
    "status": "pending", "claim": "", "claimed_until": 0, "settled_at": 0,
}  # fmt: skip
_ERASED = sa.select(TICKET.c.ticket).where(TICKET.c.erased_at > 0)


def retry(store: EventStore, key: str) -> int:
    """Put a dead or kept parcel in line again; raises TicketNotFound when it is neither."""
    waiting = (OUTBOX.c.id == key) & OUTBOX.c.status.in_(("dead", "kept")) & OUTBOX.c.id.not_in(_ERASED)
    if not _put_in_line(store, waiting):
        raise TicketNotFound(f"{key}: there is no ticket of this number that was given up or kept")
    return 1


def retry_all(store: EventStore, status: str) -> int:
    """Put all of a status in line again, but those whose words were erased; returns how many."""
    return _put_in_line(store, (OUTBOX.c.status == status) & OUTBOX.c.id.not_in(_ERASED))


def _put_in_line(store: EventStore, which: sa.ColumnElement[bool]) -> int:
    with store.writing() as connection:
        change = sa.update(OUTBOX).where(which).values(_AGAIN | {"due_at": now_ms()})
        return int(connection.execute(change).rowcount)


def names_of(store: EventStore, ticket: str) -> tuple[str, ...]:
    """Every number by which a ticket is known here: ours first, then the desk's."""
    with store.reading() as connection:
        ours = str(connection.scalar(sa.select(OUTBOX.c.ticket).where(OUTBOX.c.ref == ticket)) or ticket)
        refs = connection.scalars(sa.select(OUTBOX.c.ref).where(OUTBOX.c.ticket == ours, OUTBOX.c.ref != ""))
        return tuple(dict.fromkeys((ours, ticket, *refs)))


def erase(store: EventStore, days: int) -> int:
    """Empty the words of tickets that were delivered (or kept, without a desk) so many days ago.

    What was not delivered is never erased here. Notes of keys that count no more go, too.
    """
    now = now_ms()
    over = sa.select(OUTBOX.c.ticket).where(
        OUTBOX.c.kind == "ticket",
        OUTBOX.c.status.in_(("delivered", "kept")),
        OUTBOX.c.settled_at <= now - days * DAY_MS,
    )
    empty = {"subject": "", "body": "", "email": "", "erased_at": now}
    with store.writing() as connection:
        change = sa.update(TICKET).where(TICKET.c.erased_at == 0, TICKET.c.ticket.in_(over)).values(empty)
        erased = int(connection.execute(change).rowcount)
        connection.execute(sa.delete(ONCE).where(ONCE.c.at < now - KEY_DAYS * DAY_MS))
    if erased:
        store.vacuum()
    return erased
