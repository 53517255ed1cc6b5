"""The event store: facts in, facts out; the database that tickets and tokens live in, too.

`kb.deflection.spool` appends, `outcomes` and `report` read. Opened in each process after it was forked;
what a driver says is translated in `kb.deflection.engine`.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite

from kb.deflection import engine as engines
from kb.deflection.facts import AnyFact, Encoded, Fact, Head, decode, encode, encoded
from kb.deflection.retention import DAY_MS, day_of, summarised
from kb.deflection.tables import daily, facts, forgotten, losses, marks
from kb.errors import StoreDamaged, StoreReadOnly

Row = tuple[str | int, ...]
"""The columns of `facts` but `seq`."""

_MIGRATION_LOCK = 0x6B622D6D  # any number that only we use


def database_url(var: Path, setting: str = "") -> str:
    """KB_DATABASE_URL, or the SQLite file of this state folder."""
    return setting or f"sqlite:///{(var / 'kb.sqlite3').absolute()}"


class EventStore:
    """One database. Safe in threads; after a fork it opens connections of its own."""

    def __init__(self, url: str) -> None:
        self.url = engines.parse(url)
        self._engine: Engine | None = None
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """For tables of your own. On SQLite each transaction takes the write lock; prefer `reading()`."""
        with self._lock:
            if self._engine is None or self._pid != os.getpid():
                if self._engine is not None:
                    self._engine.dispose(close=False)  # the parent's connections are the parent's
                self._engine = engines.open_engine(self.url)
                self._pid = os.getpid()
            return self._engine

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    def close(self) -> None:
        with self._lock:
            if self._engine is not None and self._pid == os.getpid():
                self._engine.dispose()
            self._engine = None

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; raises StoreUnavailable, StoreDamaged."""
        with self._translated(), self.engine.execution_options(**engines.READING).begin() as found:
            yield found

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, committed durably when the block ends; raises also StoreReadOnly, StoreRefused."""
        with self._translated(), self.engine.begin() as found:
            yield found

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the driver become ours. A database of no use is let go, so that a mended one is found."""
        try:
            with engines.translated(self.url):
                yield
        except (StoreDamaged, StoreReadOnly):
            self.close()
            raise

    def migrate(self) -> None:
        """Create or upgrade the tables; raises StoreTooNew, StoreDamaged, StoreReadOnly, StoreUnavailable."""
        from kb.deflection.migrate import upgrade  # alembic takes 0.2 s to import

        engines.create_file(self.url)
        with self.writing() as connection:
            if self.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            upgrade(connection)

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` of this database."""
        return postgresql.insert(table) if self.dialect == "postgresql" else sqlite.insert(table)

    def append(self, new: Sequence[AnyFact | Encoded]) -> int:
        """Store facts, all or none; those whose id is known are passed over. Returns how many were new.

        Not stored either: what belongs to an erased session or ticket, and what is older than the last prune.
        """
        with self.writing() as connection:
            written = [each if isinstance(each, Encoded) else encoded(encode(each)) for each in new]
            rows = list(map(_row, self._wanted(connection, written)))
            if not rows:
                return 0
            # by id: two writers of the same facts meet in the same order and cannot block each other
            return _insert(connection, sorted(rows))

    def _wanted(self, connection: Connection, new: Sequence[Encoded]) -> Sequence[Encoded]:
        horizon = _mark(connection, "pruned_before")
        lasting = [each for each in new if each.head.at >= horizon]
        digests = {name: _digest(name) for each in lasting for name in _persons(each.head)}
        known = among(connection, forgotten.c.digest, set(digests.values()))
        gone = set(connection.scalars(sa.select(forgotten.c.digest).where(known)))
        if not gone:
            return lasting
        return [each for each in lasting if not any(digests[name] in gone for name in _persons(each.head))]

    def facts(
        self, start_ms: int, end_ms: int, *, types: Collection[type[Fact]] | None = None
    ) -> Iterator[AnyFact]:
        """Facts with start <= at < end, by (at, id); `types=(SearchRan, TicketFiled)` only these."""
        query = sa.select(facts.c.body).where(facts.c.at >= start_ms, facts.c.at < end_ms)
        if types is not None:
            query = query.where(facts.c.type.in_([each.__name__ for each in types]))
        return self._stream(query.order_by(facts.c.at, facts.c.id))

    def facts_of(self, *, sessions: Iterable[str] = (), tickets: Iterable[str] = ()) -> Iterator[AnyFact]:
        """All facts of these sessions, and all that name these tickets, by (at, id)."""
        found: dict[str, tuple[int, str]] = {}
        with self.reading() as connection:
            for column, names in ((facts.c.session, sessions), (facts.c.ticket, tickets)):
                query = sa.select(facts.c.id, facts.c.at, facts.c.body)
                query = query.where(among(connection, column, set(names)), named(column))
                found.update((row.id, (row.at, row.body)) for row in connection.execute(query))
        for key, (_, body) in sorted(found.items(), key=lambda item: (item[1][0], item[0])):
            yield _fact(key, body)

    def _stream(self, query: sa.Select[Any]) -> Iterator[AnyFact]:
        with self.reading() as connection:
            for row in connection.execute(query.execution_options(yield_per=1000)):
                yield _fact("", row.body)

    def erase(self, connection: Connection, kind: str, name: str) -> int:
        """Erase a `session` or a `ticket` from every table that has such a column; returns the rows deleted.

        A ticket takes along the suggestions for its draft, whose query is the draft's subject. Called by
        `kb.deflection.intents.forget`, which also counts anew what stood beside them; `vacuum` afterwards.
        """
        if not name:
            return 0  # the empty name stands for nobody: facts without a session are not one person's
        deleted = 0
        known = {"kind": kind, "digest": _digest(name), "at": time.time_ns() // 1_000_000}
        connection.execute(self.insert(forgotten).values(known).on_conflict_do_nothing())
        if kind == "ticket":
            draft = sa.select(facts.c.suggestion_id)
            draft = draft.where(facts.c.ticket == name, named(facts.c.ticket), facts.c.suggestion_id != "")
            shown = list(connection.scalars(draft))
            drafts = sa.delete(facts).where(facts.c.suggestion_id.in_(shown), named(facts.c.suggestion_id))
            deleted += connection.execute(drafts).rowcount
        for table in _tables_with(connection, kind):
            deleted += connection.execute(
                sa.delete(table).where(table.c[kind] == name, named(table.c[kind]))
            ).rowcount
        return deleted

    def prune(self, before_ms: int) -> int:
        """Delete facts of the UTC days that ended by then, keeping `daily` counts; returns facts deleted."""
        before = before_ms - before_ms % DAY_MS
        with self.writing() as connection:
            query = sa.select(facts.c.body).where(facts.c.at < before).order_by(facts.c.at)
            rows = connection.execute(query.execution_options(yield_per=1000))
            for row in summarised(_fact("", each.body) for each in rows):
                connection.execute(self._adding(daily, row, ("facts", "sessions", "zero", "joined")))
            deleted = int(connection.execute(sa.delete(facts).where(facts.c.at < before)).rowcount)
            connection.execute(sa.delete(forgotten).where(forgotten.c.at < before))
            insert = self.insert(marks).values(name="pruned_before", value=before)
            newer = sa.case((marks.c.value > before, marks.c.value), else_=before)
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": newer}))
        self.vacuum()
        return deleted

    def note_losses(self, lost: dict[str, int], at_ms: int) -> None:
        """Add to the counts of facts that could not be kept."""
        with self.writing() as connection:
            for reason, count in lost.items():
                row = {"day": day_of(at_ms), "reason": reason, "facts": count}
                connection.execute(self._adding(losses, row, ("facts",)))

    def losses(self, start_day: str = "", end_day: str = "9999") -> dict[str, int]:
        """Facts lost on the days start <= day < end (`2026-05-01`), by reason."""
        query = sa.select(losses.c.reason, sa.func.sum(losses.c.facts)).group_by(losses.c.reason)
        with self.reading() as connection:
            rows = connection.execute(query.where(losses.c.day >= start_day, losses.c.day < end_day))
            return {reason: int(count) for reason, count in rows}

    def _adding(self, table: sa.Table, row: dict[str, Any], counts: Sequence[str]) -> Any:
        statement = self.insert(table).values(row)
        sums = {name: table.c[name] + statement.excluded[name] for name in counts}
        return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=sums)

    def vacuum(self) -> None:
        """Let nothing of deleted rows linger: SQLite's log is emptied, PostgreSQL's dead rows are cleared.

        In SQLite the deleted bytes themselves were overwritten (`secure_delete`)."""
        command = "PRAGMA wal_checkpoint(TRUNCATE)" if self.dialect == "sqlite" else "VACUUM"
        with self._translated(), self.engine.connect() as connection:
            raw = connection.execution_options(isolation_level="AUTOCOMMIT").connection
            raw.cursor().execute(command)


def among(
    connection: Connection, column: sa.ColumnElement[str], names: Iterable[str]
) -> sa.ColumnElement[bool]:
    """That it is one of many names, in one parameter: drivers read 500 more slowly than they are answered."""
    listed = sorted(names)
    if connection.dialect.name == "postgresql":
        return column == sa.any_(sa.literal(listed, postgresql.ARRAY(sa.Text)))
    each = sa.func.json_each(msgspec.json.encode(listed).decode()).table_valued("value")
    return column.in_(sa.select(each.c.value))


def named(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """That it is not empty; as a literal the planner sees that the index of those that have one will do."""
    return column != sa.literal_column("''")


_COLUMNS = tuple(column.name for column in facts.c if column.name != "seq")
_MARKS = {"sqlite": "?", "postgresql": "%s"}


def insertion(connection: Connection, table: str, columns: Sequence[str]) -> str:
    """An INSERT as the driver takes it; names of ours only."""
    marks = ", ".join([_MARKS[connection.dialect.name]] * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608


def _insert(connection: Connection, rows: list[Row]) -> int:
    """By the driver's own executemany: SQLAlchemy's does not say how many were new.

    PostgreSQL: 5,000 facts a second and connection; arrays through unnest 1,900, COPY into a temporary
    table 7,000, which is not worth its own table in every connection.
    """
    statement = f"{insertion(connection, facts.name, _COLUMNS)} ON CONFLICT (id) DO NOTHING"
    return int(connection.exec_driver_sql(statement, rows).rowcount)


def _row(fact: Encoded) -> Row:
    """PostgreSQL's text takes no NUL, JSON writes it escaped."""
    head, body = fact
    row: Row = (
        head.id, head.at, head.type, head.reader.value, head.entry.value, head.session, head.intent,
        head.search_id, head.suggestion_id, head.ticket, head.article, head.locale, body.decode(),
    )  # fmt: skip
    if b"\\u0000" not in body:
        return row
    return tuple([each.replace("\0", "") if isinstance(each, str) else each for each in row])


def _fact(key: str, body: str) -> AnyFact:
    try:
        fact: AnyFact = decode(body)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise StoreDamaged(f"a fact in the database cannot be read: {key or body[:60]}: {error}") from error
    return fact


def _persons(head: Head) -> list[str]:
    """The session and the ticket that it names."""
    return [name for name in (head.session, head.ticket) if name]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def _mark(connection: Connection, name: str) -> int:
    return int(connection.scalar(sa.select(marks.c.value).where(marks.c.name == name)) or 0)


def _tables_with(connection: Connection, column: str) -> Iterator[sa.TableClause]:
    """All tables of the database that have it, also those of parts of the program that were not imported."""
    inspector = sa.inspect(connection)
    for name in inspector.get_table_names():
        if any(each["name"] == column for each in inspector.get_columns(name)):
            yield sa.table(name, sa.column(column, sa.Text))
