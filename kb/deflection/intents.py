"""Keeps the tables that reports are read from up with the facts: step by step, or all anew.

A step takes facts in the order of their arrival (`seq`), finds out whose intents they may change, and makes
all rows of those sessions again with the pure functions of `joining`, `outcomes` and `triage`. So the order
of arrival does not matter, and a rebuild is the same steps over all facts, which a test compares. `touched`
reads the facts, here their rows are written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from kb.deflection import days, derived, touched
from kb.deflection.derived import TABLES, Row
from kb.deflection.facts import AnyFact, Reader, SuggestionsShown, TicketArticleLinked, TicketFiled
from kb.deflection.joining import by_ticket, intents_of
from kb.deflection.store import EventStore, among, insertion
from kb.deflection.tables import facts, marks
from kb.deflection.touched import Dirty
from kb.deflection.triage import Existed

VERSION = 3
"""Of the rows; tables of another version are made anew."""
STEP = 5000
"""Facts a transaction: on SQLite it holds the write lock for about 0.3 s, less than writers wait."""
_LOCK = 0x6B622D72
"""PostgreSQL's advisory lock: one process brings the tables up to date, the others wait for it."""

Progress = Callable[[int, int], None]
"""(facts done, facts in all)"""


def update(store: EventStore, existed: Existed, progress: Progress | None = None, most: int = 0) -> int:
    """Take in what arrived since the last time, or about the first `most` of it; returns how many facts."""
    last = _last_seq(store)
    taken = 0
    while not most or taken < most:
        with store.writing() as connection:
            if store.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            done = _current(connection)
            if done >= last:
                return taken
            upto = _step_end(connection, done, last)
            dirty = touched.by_arrival(connection, done, upto)
            days.renew(connection, _days_of(connection, dirty) | _make(connection, dirty, existed))
            _set_mark(connection, store, "report_seq", upto)
            _set_mark(connection, store, "report_version", VERSION)
        taken += upto - done
        if progress:
            progress(upto, last)
    return taken


def rebuild(store: EventStore, existed: Existed, progress: Progress | None = None) -> int:
    """Throw all rows away and make them from the facts."""
    with store.writing() as connection:
        _clear(connection)
    return update(store, existed, progress)


def waiting(store: EventStore) -> int:
    """Facts that have arrived and are not in the tables yet."""
    with store.reading() as connection:
        newest = int(connection.scalar(sa.select(sa.func.max(facts.c.seq))) or 0)
        return max(0, newest - _mark(connection, "report_seq"))


def forget(store: EventStore, existed: Existed, *, session: str = "", ticket: str = "") -> int:
    """Erase a session or a ticket, facts and rows, in one transaction; returns the rows deleted.

    What else stood in their intents is counted anew without them: a search whose ticket is erased has not
    failed any more, and a ticket whose search is erased cannot be joined.
    """
    kind, name = ("session", session) if session else ("ticket", ticket)
    with store.writing() as connection:
        if store.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        dirty = touched.by_name(connection, facts.c[kind], name)
        changed = _days_of(connection, dirty)
        deleted = store.erase(connection, kind, name)
        if _mark(connection, "report_seq"):
            changed |= _make(connection, dirty, existed)
        days.renew(connection, changed)
    store.vacuum()
    return deleted


def prune(connection: Connection, before_ms: int) -> int:
    """Delete the rows whose facts were pruned; returns how many."""
    deleted = 0
    for table in TABLES:
        when = next(table.c[name] for name in ("started", "at", "day") if name in table.c)
        deleted += connection.execute(sa.delete(table).where(when < before_ms)).rowcount
    return deleted


# ---------------------------------------------------------------- where we are


def _last_seq(store: EventStore) -> int:
    """The newest fact below which none is still being written.

    PostgreSQL gives numbers out before it commits. A table lock that no writer can share waits for those who
    have one; it is held for the microseconds that this look takes.
    """
    if store.dialect == "sqlite":
        with store.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.max(facts.c.seq))) or 0)
    with store.writing() as connection:
        connection.exec_driver_sql("LOCK TABLE facts IN SHARE MODE")
        return int(connection.scalar(sa.select(sa.func.max(facts.c.seq))) or 0)


def _current(connection: Connection) -> int:
    """Up to where the tables hold the facts; tables of another version are emptied, pruned facts' rows go."""
    if _mark(connection, "report_version") not in (0, VERSION):
        _clear(connection)
    pruned = _mark(connection, "pruned_before")
    if pruned:
        prune(connection, pruned)
    return _mark(connection, "report_seq")


def _clear(connection: Connection) -> None:
    for table in TABLES:
        connection.execute(sa.delete(table))
    connection.execute(sa.delete(marks).where(marks.c.name.in_(("report_seq", "report_version"))))


def _mark(connection: Connection, name: str) -> int:
    return int(connection.scalar(sa.select(marks.c.value).where(marks.c.name == name)) or 0)


def _set_mark(connection: Connection, store: EventStore, name: str, value: int) -> None:
    insert = store.insert(marks).values(name=name, value=value)
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def _step_end(connection: Connection, done: int, last: int) -> int:
    query = sa.select(facts.c.seq).where(facts.c.seq > done, facts.c.seq <= last)
    end = connection.scalar(query.order_by(facts.c.seq).offset(STEP - 1).limit(1))
    return last if end is None else int(end)


# ---------------------------------------------------------------- making rows


def _days_of(connection: Connection, dirty: Dirty) -> set[int]:
    """Days on which the intents that will be made again began so far."""
    found: set[int] = set()
    lone = {f"~{name}" for name in dirty.lone}
    for column, names in ((derived.intents.c.session, dirty.sessions), (derived.intents.c.key, lone)):
        found |= days.touched(connection, column, names)
    return found


def _make(connection: Connection, dirty: Dirty, existed: Existed) -> set[int]:
    """Make rows again; returns the days on which their intents began."""
    loaded = touched.load(connection, dirty)
    lone = {f"~{name}" for name in dirty.lone}
    made = [
        intent
        for intent in intents_of(loaded)
        if (intent.session in dirty.sessions if intent.session else intent.key in lone)
    ]
    failed = {filed.ticket for intent in made for filed in intent.tickets}
    links: defaultdict[str, list[TicketArticleLinked]] = defaultdict(list)
    for fact in touched.bodies(connection, facts.c.ticket, failed, ("TicketArticleLinked",)):
        assert isinstance(fact, TicketArticleLinked)
        links[fact.ticket].append(fact)
    _delete(connection, dirty, lone)
    _insert(connection, derived.intents, map(derived.intent_row, made))
    _insert(connection, derived.reads, (row for intent in made for row in derived.read_rows(intent)))
    needs = (row for intent in made for row in derived.need_rows(intent, links, existed))
    _insert(connection, derived.needs, needs)
    _insert(connection, derived.exposures, _exposures(loaded, dirty.sessions))
    _insert(connection, derived.tickets, _tickets(connection, dirty.tickets))
    return {days.day_of(intent.started) for intent in made}


def _delete(connection: Connection, dirty: Dirty, lone: Collection[str]) -> None:
    for table in (derived.intents, derived.needs, derived.reads, derived.exposures):
        _delete_where(connection, table.c.session, dirty.sessions)
    _delete_where(connection, derived.intents.c.key, lone)
    for table in (derived.needs, derived.reads):
        _delete_where(connection, table.c.intent, lone)
    _delete_where(connection, derived.tickets.c.ticket, dirty.tickets)


def _delete_where(connection: Connection, column: sa.Column[Any], names: Collection[str]) -> None:
    if names:
        connection.execute(sa.delete(column.table).where(among(connection, column, names)))


def _insert(connection: Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    """By the driver's own executemany: SQLAlchemy looks at every value first, and takes longer for it."""
    columns = [column.name for column in table.c]
    listed = [tuple(row[name] for name in columns) for row in rows]
    if listed:
        connection.exec_driver_sql(insertion(connection, table.name, columns), listed)


def _exposures(loaded: Iterable[AnyFact], sessions: Collection[str]) -> Iterator[Row]:
    shown: defaultdict[str, dict[str, SuggestionsShown]] = defaultdict(dict)
    filed: defaultdict[str, dict[str, int]] = defaultdict(dict)
    ours = [fact for fact in loaded if fact.reader is Reader.CUSTOMER]
    for fact in ours:
        if fact.session in sessions and isinstance(fact, SuggestionsShown):
            shown[fact.session][fact.id] = fact
    for ticket, told in by_ticket(fact for fact in ours if isinstance(fact, TicketFiled)).items():
        whose = next((fact.session for fact in told if fact.joined and fact.session), "")
        filed[whose][ticket] = told[0].at
    for session, those in sorted(shown.items()):
        yield derived.exposure_row(session, list(those.values()), filed[session])


def _tickets(connection: Connection, names: Collection[str]) -> Iterator[Row]:
    told = touched.bodies(connection, facts.c.ticket, names, ("TicketFiled",))
    customers = [f for f in told if isinstance(f, TicketFiled) and f.reader is Reader.CUSTOMER]
    return map(derived.ticket_row, by_ticket(customers).values())
