"""Whose rows a step of `intents` makes again, and all the facts that those are made of.

Joined across sessions: a ticket may name a search of another session (cookies rotate at night), and a search
may arrive after the ticket that names it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from kb.deflection.facts import AnyFact, SearchRan, SuggestionsShown, TicketFiled, decode
from kb.deflection.store import among, named
from kb.deflection.tables import facts

_TICKETS = ("TicketFiled", "TicketSolved", "TicketArticleLinked")
_SEARCHES = ("SearchRan", "SuggestionsShown")
_HEADS = tuple(
    facts.c[name] for name in ("id", "type", "reader", "session", "search_id", "suggestion_id", "ticket")
)


class Dirty(Struct, frozen=True):
    """What a step makes again."""

    sessions: frozenset[str]
    lone: frozenset[str]
    """Searches and single facts without a session."""
    tickets: frozenset[str]


def by_arrival(connection: Connection, done: int, upto: int) -> Dirty:
    """By the facts that arrived between two places."""
    query = sa.select(*_HEADS).where(facts.c.seq > done, facts.c.seq <= upto)
    return _touched(connection, connection.execute(query).all())


def by_name(connection: Connection, column: sa.Column[Any], name: str) -> Dirty:
    """By the facts that name a session or ticket."""
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
    filed = list(bodies(connection, facts.c.ticket, tickets, ("TicketFiled",)))
    filed += _facts_naming(connection, searches, ("TicketFiled",))
    sessions |= {fact.session for fact in filed}
    for fact in _facts_naming(connection, _searches_of(filed), _SEARCHES):
        if fact.session:
            sessions.add(fact.session)
        else:
            lone |= _searches_of([fact])
    return Dirty(frozenset(sessions - {""}), frozenset(lone), frozenset(tickets))


def _searches_of(those: Iterable[AnyFact]) -> set[str]:
    """Ids of searches and suggestions that facts are or name."""
    names = {getattr(fact, name, "") for fact in those for name in ("search_id", "suggestion_id")}
    return names - {""}


def _facts_naming(connection: Connection, names: Collection[str], types: Collection[str]) -> list[AnyFact]:
    found = list(bodies(connection, facts.c.search_id, names, types))
    return found + list(bodies(connection, facts.c.suggestion_id, names, types))


def load(connection: Connection, dirty: Dirty) -> list[AnyFact]:
    """All facts of the sessions, all that tells of their tickets, and the searches that tickets name."""
    loaded = list(bodies(connection, facts.c.session, dirty.sessions))
    for column in (facts.c.search_id, facts.c.suggestion_id, facts.c.id):
        loaded += [fact for fact in bodies(connection, column, dirty.lone) if not fact.session]
    searches = _searches_of(fact for fact in loaded if isinstance(fact, SearchRan | SuggestionsShown))
    loaded += _facts_naming(connection, searches, ("TicketFiled",))
    filed = {fact.ticket for fact in loaded if isinstance(fact, TicketFiled)}
    loaded += bodies(connection, facts.c.ticket, filed, ("TicketFiled",))
    named = _searches_of(fact for fact in loaded if isinstance(fact, TicketFiled))
    return loaded + _facts_naming(connection, named, _SEARCHES)


def bodies(
    connection: Connection, column: Any, names: Collection[str], types: Collection[str] = ()
) -> Iterator[AnyFact]:
    """Facts with one of these names in a column."""
    query = sa.select(facts.c.body).where(among(connection, column, names), named(column))
    if types:
        # of the expression there is no index: by that of types, SQLite would read most facts of the year
        query = query.where(facts.c.type.concat("").in_(types))
    return map(decode, connection.scalars(query)) if names else iter(())
