"""Tickets: what customers file and what agents say of them. Called by `kb.web`; the desk is in `kb.desk`.

file_ticket    its words, its place in the outbox and its fact, in one transaction; only then 201
mark           an agent's word on what an article was to a ticket
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from kb.deflection.facts import Relation, TicketArticleLinked, TicketFiled, new_id
from kb.deflection.retention import DAY_MS
from kb.deflection.store import EventStore
from kb.desk import hooks, outbox
from kb.desk.authors import Author
from kb.desk.drafts import Draft
from kb.desk.numbers import new_number
from kb.desk.records import KEY_DAYS
from kb.desk.tables import FOREIGN, ONCE, TICKET, now_ms, wrote
from kb.errors import KeyReused

KEY_MS = KEY_DAYS * DAY_MS


def file_ticket(
    store: EventStore, draft: Draft, author: Author, *, sent: bool, key: str = "", repeat_minutes: int = 0,
    number: str = "",
) -> str:  # fmt: skip
    """The number under which the draft is stored, durably, when this returns.

    `sent`: whether there is a desk to hand it to. `key`: an Idempotency-Key; with the same draft the number
    of the first time comes back, with another one KeyReused is raised. The same words of the same person
    within `repeat_minutes` are the same ticket, too. `number`: that of a ticket that is new, one of chance
    when left out.
    """
    now, number = now_ms(), number or new_number()
    with store.writing() as connection:
        known = _known(store, connection, draft, author, key, number, now, repeat_minutes)
        if known:
            return known
        row = {
            "ticket": number, "filed_at": now, "locale": draft.locale, "subject": draft.subject,
            "body": draft.body, "email": draft.email, "erased_at": 0,
        }  # fmt: skip
        connection.execute(TICKET.insert().values(row))
        outbox.put(connection, "ticket", number, number, sent, now)
        hooks.stage(store, connection, _filed(number, now, draft, author))
    return number


def _filed(number: str, now: int, draft: Draft, author: Author) -> TicketFiled:
    return TicketFiled(
        id=new_id(), at=now, session=author.session, reader=author.reader,
        entry=author.entry, locale=draft.locale, ticket=number, suggestion_id=draft.suggestion_id,
        joined=bool(author.session or draft.suggestion_id),
    )  # fmt: skip


def _known(
    store: EventStore, connection: sa.Connection, draft: Draft, author: Author, key: str, number: str,
    now: int, repeat_minutes: int,
) -> str:  # fmt: skip
    """The number of the ticket of which this would be a second; else notes `number` and returns nothing."""
    words = _digest(draft.subject, draft.body, draft.email, draft.locale)
    if key:
        stands = _once(store, connection, f"key:{_digest(key)}", words, number, now, KEY_MS)
        if stands is not None:
            if stands[0] != words:
                raise KeyReused(stands[1])
            return stands[1]
    # without an address only the session tells whose words they are
    whose = draft.email or (author.session and f"session:{author.session}")
    if not repeat_minutes or not whose:
        return ""
    said = f"said:{_digest(words, whose)}"
    stands = _once(store, connection, said, words, number, now, repeat_minutes * 60_000)
    if stands is None:
        return ""
    connection.execute(sa.update(ONCE).where(ONCE.c.key == f"key:{_digest(key)}").values(ticket=stands[1]))
    return stands[1]


def _once(
    store: EventStore, connection: sa.Connection, key: str, digest: str, ticket: str, now: int, window_ms: int
) -> tuple[str, str] | None:
    """Notes a key in one statement; (digest, ticket) that stand under it within the window, else None."""
    statement = store.insert(ONCE).values(key=key, digest=digest, ticket=ticket, at=now)
    renewed = {"digest": digest, "ticket": ticket, "at": now}
    statement = statement.on_conflict_do_update(
        index_elements=["key"], set_=renewed, where=ONCE.c.at <= now - window_ms
    )
    if wrote(connection, statement, ONCE):
        return None
    row = connection.execute(sa.select(ONCE.c.digest, ONCE.c.ticket).where(ONCE.c.key == key)).one()
    return row.digest, row.ticket


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def mark(
    store: EventStore, ticket: str, relation: Relation, told: dict[str, str], author: Author, *, sent: bool
) -> bool:
    """An agent's word on what an article was to a ticket; returns whether the ticket is known here.

    `told`: article, locale, commit, owner, note (scrubbed). An unknown number is kept as well: it may be of a
    telephone call that the desk has not told of yet. `sent`: whether owners are told by a webhook.
    """
    fact = TicketArticleLinked(
        id=new_id(), at=now_ms(), session="", reader=author.reader, entry=author.entry, locale=told["locale"],
        ticket=ticket, relation=relation, article=told["article"], commit=told["commit"],
    )  # fmt: skip
    with store.writing() as connection:
        hooks.stage(store, connection, fact, fact.at + hooks.HOLD_MS)
        if relation is Relation.WRONG:
            hooks.mark_wrong(store, connection, {**told, "ticket": ticket}, sent)
        foreign = sa.select(FOREIGN.c.ticket).where(FOREIGN.c.ticket == ticket)
        return bool(hooks.ours(connection, ticket) or connection.scalar(foreign))
