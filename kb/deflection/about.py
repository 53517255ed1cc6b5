"""What is known of one article, and how quick searches were: asked of the facts themselves, for insights.

The report (`report`) has no place for these: they are looked at one article, or one sample, at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from kb.deflection.facts import (
    AnyFact,
    FeedbackGiven,
    Reader,
    Relation,
    SearchRan,
    TicketArticleLinked,
    decode,
)
from kb.deflection.periods import Period, weeks
from kb.deflection.store import EventStore
from kb.deflection.tables import facts

SAMPLE = 400
"""Searches a week that are looked at for their time: enough for a 95th percentile."""
MOST_COMMENTS = 50
MOST_QUERIES = 30

F = TypeVar("F")


class Leading(Struct, frozen=True):
    """Words that led to the article: somebody searched them and clicked it."""

    query: str
    sessions: int
    places: float
    """Mean place at which it stood, from 1."""


class Led(Struct, frozen=True, kw_only=True):
    queries: tuple[Leading, ...] = ()
    hidden: int = 0
    """Wordings of too few sessions to be shown."""


class Votes(Struct, frozen=True, kw_only=True):
    helpful: int = 0
    unhelpful: int = 0
    comments: tuple[FeedbackGiven, ...] = ()
    """The latest with words or a reason; scrubbed when they were stored."""


class Speed(Struct, frozen=True, kw_only=True):
    """How long searches of a week took, in milliseconds; None without any."""

    week: str
    searches: int
    p50: float | None
    p95: float | None
    p99: float | None


def led_to(store: EventStore, period: Period, locale: str, article: str, at_least: int) -> Led:
    """Queries whose hit on the article was clicked; shown when `at_least` sessions typed that very text."""
    click, asked = facts.alias("click"), facts.alias("asked")
    query = (
        sa.select(click.c.session, click.c.body, asked.c.body)
        .join(asked, sa.and_(asked.c.search_id == click.c.search_id, asked.c.type == "SearchRan"))
        .where(*_customers("HitClicked", period, click), click.c.article == article,
               click.c.locale == locale, asked.c.search_id != "", click.c.session != "")
    )  # fmt: skip
    sessions: defaultdict[str, set[str]] = defaultdict(set)
    places: defaultdict[str, list[int]] = defaultdict(list)
    with store.reading() as connection:
        for session, clicked, body in connection.execute(query):
            ran = decode(body)
            if isinstance(ran, SearchRan):
                sessions[ran.query].add(session)
                places[ran.query].append(getattr(decode(clicked), "position", 0))
    found = [
        Leading(text, len(those), sum(places[text]) / len(places[text])) for text, those in sessions.items()
    ]
    shown = sorted(
        (each for each in found if each.sessions >= at_least), key=lambda each: (-each.sessions, each.query)
    )
    return Led(queries=tuple(shown[:MOST_QUERIES]), hidden=len(found) - len(shown[:MOST_QUERIES]))


def votes_for(store: EventStore, period: Period, locale: str, article: str) -> Votes:
    """What customers said below the article."""
    with store.reading() as connection:
        given = list(_facts(connection, FeedbackGiven, period, locale, article))
    spoken = [each for each in given if each.comment or each.reason]
    return Votes(
        helpful=sum(each.helpful for each in given),
        unhelpful=sum(not each.helpful for each in given),
        comments=tuple(sorted(spoken, key=lambda each: -each.at)[:MOST_COMMENTS]),
    )


def links_of(store: EventStore, period: Period, locale: str, article: str) -> dict[Relation, int]:
    """What agents said the article was to tickets: how many tickets by relation."""
    tickets: defaultdict[Relation, set[str]] = defaultdict(set)
    with store.reading() as connection:
        for link in _facts(connection, TicketArticleLinked, period, locale, article, customers=False):
            tickets[link.relation].add(link.ticket)
    return {relation: len(those) for relation, those in tickets.items()}


def speed_of(store: EventStore, period: Period, locale: str = "") -> list[Speed]:
    """Times of searches week by week, of a sample from the end of each."""
    found = []
    with store.reading() as connection:
        for week, start, end in weeks(period):
            query = sa.select(facts.c.body).where(*_typed("SearchRan", start, end))
            if locale:
                query = query.where(facts.c.locale == locale)
            bodies = connection.scalars(query.order_by(facts.c.at.desc()).limit(SAMPLE)).all()
            times = sorted(ran.took_ms for ran in map(decode, bodies) if isinstance(ran, SearchRan))
            p50, p95, p99 = (_at(times, share) for share in (0.5, 0.95, 0.99))
            found.append(Speed(week=week, searches=len(times), p50=p50, p95=p95, p99=p99))
    return found


def _at(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _facts(
    connection: Connection, kind: type[F], period: Period, locale: str, article: str, customers: bool = True
) -> Iterator[F]:
    """Facts of one type about the article; a link whose locale nobody told counts, too."""
    where: list[Any] = list(_typed(kind.__name__, period.start, period.end))
    if customers:
        where.append(facts.c.reader == Reader.CUSTOMER.value)
    query = sa.select(facts.c.body).where(
        *where, facts.c.article == article, facts.c.locale.in_((locale, ""))
    )
    for body in connection.scalars(query):
        fact: AnyFact = decode(body)
        if isinstance(fact, kind):
            yield fact


def _customers(name: str, period: Period, table: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_typed(name, period.start, period.end, table), table.c.reader == Reader.CUSTOMER.value)


def _typed(
    name: str, start: int, end: int, table: sa.FromClause = facts
) -> tuple[sa.ColumnElement[bool], ...]:
    """The index `facts_type_at` answers this."""
    return (table.c.type == name, table.c.at >= start, table.c.at < end)
