"""The tickets' own tables, beside those of the facts in the same database. Times are epoch milliseconds UTC.

The words of a ticket stand in `desk_ticket` and nowhere else, so that erasing them is one statement; other
rows hold names, numbers and states. Every table that knows of a single ticket has a column `ticket`, by which
`EventStore.erase` deletes it (see `kb.deflection.tables`); the migration is 0002_desk.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Table, Text

from kb.deflection.tables import metadata

TICKET = Table(
    "desk_ticket",
    metadata,
    Column("ticket", Text, primary_key=True),
    Column("filed_at", BigInteger, nullable=False),
    Column("locale", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("erased_at", BigInteger, nullable=False),
)
"""What a customer wrote, as it was written; the words are emptied at `erased_at` (0: not yet)."""

ONCE = Table(
    "desk_once",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What must not make a second ticket: Idempotency-Keys, and the same words again within a while."""
Index("desk_once_at", ONCE.c.at)
Index("desk_once_ticket", ONCE.c.ticket)

OUTBOX = Table(
    "desk_outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("claim", Text, nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("settled_at", BigInteger, nullable=False),
    Column("ref", Text, nullable=False),
    Column("error", Text, nullable=False),
)
"""What is to be handed over. `kind`: `ticket` (id: the ticket's) or `wrong` (id: the mark's).
`status`: pending, delivered, dead (given up), or kept (there is no desk). `ref` is the desk's own number."""
Index("desk_outbox_due", OUTBOX.c.status, OUTBOX.c.due_at)
Index("desk_outbox_ref", OUTBOX.c.ref)
Index("desk_outbox_ticket", OUTBOX.c.ticket)

FACT = Table(
    "desk_fact",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("held_until", BigInteger, nullable=False),
    Column("fact", Text, nullable=False),
)
"""Facts written in the transaction of what they tell, until the event store has them. Held ones name a
ticket by a number of the desk's that may turn out to be one of ours."""

FOREIGN = Table(
    "desk_foreign",
    metadata,
    Column("ticket", Text, primary_key=True),
    Column("joined", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Tickets that a desk told of and that were not filed here; `joined`: 1 when it is known whose they are."""

WRONG = Table(
    "desk_wrong",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("locale", Text, nullable=False),
    Column("article", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("note", Text, nullable=False),
)
"""Articles that an agent called wrong, for their owners; the note is scrubbed."""
Index("desk_wrong_at", WRONG.c.at)
Index("desk_wrong_ticket", WRONG.c.ticket)

SIGNATURE = Table(
    "desk_signature",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""Hashes of the signatures of hooks that were taken, for as long as their timestamps would be believed."""
Index("desk_signature_at", SIGNATURE.c.at)


def wrote(connection: Connection, statement: Any, table: Table) -> bool:
    """Whether an INSERT with ON CONFLICT put or changed a row; of these psycopg gives no row count."""
    (key,) = table.primary_key.columns
    return connection.execute(statement.returning(key)).first() is not None


def now_ms() -> int:
    return time.time_ns() // 1_000_000
