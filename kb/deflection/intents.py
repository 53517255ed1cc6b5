"""Keeps the tables that reports are read from up with the facts: step by step, or all anew.

A step takes facts in the order of their arrival (`seq`), finds out whose intents they may change, and makes
all rows of those sessions again with the pure functions of `joining`, `outcomes` and `triage`. So the order
of arrival does not matter, and a rebuild is the same steps over all facts, which a test compares.

Joined across sessions: a ticket may name a search of another session (cookies rotate at night), and a search
may arrive after the ticket that names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from kb.deflection import days, derived
from kb.deflection.derived import TABLES, Row
from kb.deflection.facts import (
    AnyFact,
    Reader,
    SearchRan,
    SuggestionsShown,
    TicketArticleLinked,
    TicketFiled,
    decode,
)
from kb.deflection.joining import by_ticket, intents_of
from kb.deflection.store import EventStore, among, insertion, named
from kb.deflection.tables import facts, marks
from kb.deflection.triage import Existed

VERSION = 3
"""Of the rows; tables of another version are made anew."""
STEP = 5000
"""Facts a transaction: on SQLite it holds the write lock for about 0.3 s, less than writers wait."""
_LOCK = 0x6B622D72
"""PostgreSQL's advisory lock: one process brings the tables up to date, the others wait for it."""

_TICKETS = ("TicketFiled", "TicketSolved", "TicketArticleLinked")
_SEARCHES = ("SearchRan", "SuggestionsShown")

Progress = Callable[[int, int], None]
"""(facts done, facts in all)"""


class Dirty(Struct, frozen=True):
    """What a step makes again."""

    sessions: frozenset[str]
    lone: frozenset[str]
    """Searches and single facts without a session."""
    tickets: frozenset[str]


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
            dirty = _dirty(connection, done, upto)
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
        dirty = _named_by(connection, facts.c[kind], name)
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


# ---------------------------------------------------------------- whose rows change


_HEADS = tuple(
    facts.c[name] for name in ("id", "type", "reader", "session", "search_id", "suggestion_id", "ticket")
)


def _dirty(connection: Connection, done: int, upto: int) -> Dirty:
    """Of the facts that arrived between two places."""
    query = sa.select(*_HEADS).where(facts.c.seq > done, facts.c.seq <= upto)
    return _touched(connection, connection.execute(query).all())


def _named_by(connection: Connection, column: sa.Column[Any], name: str) -> Dirty:
    """Of the facts that name a session or ticket."""
    query = sa.select(*_HEADS).where(column == name, named(column))
    return _touched(connection, connection.execute(query).all())


def _touched(connection: Connection, rows: Iterable[Any]) -> Dirty:
    sessions, lone, searches, tickets = set[str](), set[str](), set[str](), set[str]()
    for row in rows:
        if row.reader != "customer" and row.type not in _TICKETS:
            continue
        named = row.search_id or row.suggestion_id
        if row.type in _TICKETS:
            tickets.add(row.ticket)
        elif row.session:
            sessions.add(row.session)
        else:
            lone.add(named or row.id)
        if row.type in _SEARCHES:
            searches.add(named)
    filed = list(_bodies(connection, facts.c.ticket, tickets, ("TicketFiled",)))
    filed += _naming(connection, searches, ("TicketFiled",))
    sessions |= {fact.session for fact in filed}
    for fact in _naming(connection, _named(filed), _SEARCHES):
        if fact.session:
            sessions.add(fact.session)
        else:
            lone |= _named([fact])
    return Dirty(frozenset(sessions - {""}), frozenset(lone), frozenset(tickets))


def _named(those: Iterable[AnyFact]) -> set[str]:
    """Ids of searches and suggestions that facts are or name."""
    names = {getattr(fact, name, "") for fact in those for name in ("search_id", "suggestion_id")}
    return names - {""}


def _naming(connection: Connection, names: Collection[str], types: Collection[str]) -> list[AnyFact]:
    found = list(_bodies(connection, facts.c.search_id, names, types))
    return found + list(_bodies(connection, facts.c.suggestion_id, names, types))


def _bodies(
    connection: Connection, column: Any, names: Collection[str], types: Collection[str] = ()
) -> Iterator[AnyFact]:
    """Facts with one of these names in a column."""
    query = sa.select(facts.c.body).where(among(connection, column, names), named(column))
    if types:
        # of the expression there is no index: by that of types, SQLite would read most facts of the year
        query = query.where(facts.c.type.concat("").in_(types))
    return map(decode, connection.scalars(query)) if names else iter(())


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
    loaded = _load(connection, dirty)
    lone = {f"~{name}" for name in dirty.lone}
    made = [
        intent
        for intent in intents_of(loaded)
        if (intent.session in dirty.sessions if intent.session else intent.key in lone)
    ]
    failed = {filed.ticket for intent in made for filed in intent.tickets}
    links: defaultdict[str, list[TicketArticleLinked]] = defaultdict(list)
    for fact in _bodies(connection, facts.c.ticket, failed, ("TicketArticleLinked",)):
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


def _load(connection: Connection, dirty: Dirty) -> list[AnyFact]:
    """All facts of the sessions, all that tells of their tickets, and the searches that tickets name."""
    loaded = list(_bodies(connection, facts.c.session, dirty.sessions))
    for column in (facts.c.search_id, facts.c.suggestion_id, facts.c.id):
        loaded += [fact for fact in _bodies(connection, column, dirty.lone) if not fact.session]
    searches = _named(fact for fact in loaded if isinstance(fact, SearchRan | SuggestionsShown))
    loaded += _naming(connection, searches, ("TicketFiled",))
    filed = {fact.ticket for fact in loaded if isinstance(fact, TicketFiled)}
    loaded += _bodies(connection, facts.c.ticket, filed, ("TicketFiled",))
    named = _named(fact for fact in loaded if isinstance(fact, TicketFiled))
    return loaded + _naming(connection, named, _SEARCHES)


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
    told = _bodies(connection, facts.c.ticket, names, ("TicketFiled",))
    customers = [f for f in told if isinstance(f, TicketFiled) and f.reader is Reader.CUSTOMER]
    return map(derived.ticket_row, by_ticket(customers).values())
