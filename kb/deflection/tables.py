"""The tables of the database, and nothing else: what `kb.deflection.migrations` must build up to.

Times are epoch milliseconds UTC. A table with a column named `session` or `ticket` holds something about
one person: `EventStore.erase` deletes its rows of that name without being told
of the table, wherever it is declared. A test compares this list with what the migrations build.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows up by itself only for a column of exactly this type."""

facts = Table(
    "facts",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("search_id", Text, nullable=False),
    Column("suggestion_id", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("article", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""Every fact as JSON in `body`; the other columns repeat the parts of it that questions are asked by,
empty where a type has no such field. `seq` is the order of arrival, for tables derived step by step."""

Index("facts_at", facts.c.at, facts.c.id)
Index("facts_type_at", facts.c.type, facts.c.at)
Index("facts_session", facts.c.session, facts.c.at)
for _name in ("search_id", "suggestion_id", "ticket"):
    # most facts have none: an index of those that do is a tenth of the size
    Index(
        f"facts_{_name}",
        facts.c[_name],
        sqlite_where=text(f"{_name} <> ''"),
        postgresql_where=text(f"{_name} <> ''"),
    )

daily = Table(
    "daily",
    metadata,
    Column("day", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("locale", Text, primary_key=True),
    Column("entry", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("facts", BigInteger, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    Column("zero", BigInteger, nullable=False),
    Column("joined", BigInteger, nullable=False),
)
"""What is kept of pruned facts: how many on a UTC day (`2026-05-01`), in how many sessions; of SearchRan
also those without a strict hit, of TicketFiled those of a known session."""

forgotten = Table(
    "forgotten",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""SHA-256 of erased sessions and tickets, so that what still waits in a spool is not stored anew."""

marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Numbers about the store itself: `pruned_before`."""

losses = Table(
    "losses",
    metadata,
    Column("day", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("facts", BigInteger, nullable=False),
)
"""Facts that could not be kept, by the day on which this was told (`kb.deflection.spool`)."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
"""Who may sign in; of the token itself only its SHA-256 (`kb.tokens`)."""
