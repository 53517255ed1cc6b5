"""Intents counted by UTC day, so that a report over a quarter adds up days instead of intents.

`intents` renews the days that a step has changed, in the step's transaction; `totals` adds up whole days and
looks at single intents only at the ends of a period and where a window has not ended. Below both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from kb.deflection.derived import days, intents, read_days, reads
from kb.deflection.outcomes import WINDOWS
from kb.deflection.retention import DAY_MS
from kb.deflection.store import among

SPANS = tuple(WINDOWS.values())
"""Milliseconds, the shortest first."""

SUMS = ("intents", "asked", "clicked", "unopened", "searches", "zero")
READ_SUMS = ("reads", "useful", "helpful", "unhelpful")

_MOST = 100
"""Days of one statement."""

Range = tuple[int, int]
"""start <= t < end, epoch milliseconds."""


def number(value: int) -> sa.ColumnElement[int]:
    """As a literal: PostgreSQL must see that it groups by the same expression."""
    return sa.literal_column(str(value), sa.BigInteger)


def first_of(cases: Sequence[tuple[sa.ColumnElement[bool], int]], otherwise: int) -> sa.ColumnElement[int]:
    """The number of the first that holds."""
    if not cases:
        return number(otherwise)
    return sa.case(*[(condition, number(value)) for condition, value in cases], else_=number(otherwise))


def counted() -> tuple[sa.ColumnElement[int], dict[str, sa.ColumnElement[int]]]:
    """Of rows of `report_intents`: the number of the shortest window that their ticket falls into (as many as
    there are windows for none), and what is summed."""
    i = intents.c
    asked = i.searches > 0
    sums: dict[str, sa.ColumnElement[int]] = {
        "intents": sa.func.count(),
        "asked": sa.func.sum(sa.case((asked, 1), else_=0)),
        "clicked": sa.func.sum(sa.case((asked, i.clicked), else_=0)),
        "unopened": sa.func.sum(sa.case((sa.and_(asked, i.clicked == 0), i.found), else_=0)),
        "searches": sa.func.sum(i.searches),
        "zero": sa.func.sum(i.zero),
    }
    return _failing(i), sums


def counted_reads() -> tuple[sa.ColumnElement[int], dict[str, sa.ColumnElement[int]]]:
    """The same of rows of `report_reads`."""
    r = reads.c
    sums: dict[str, sa.ColumnElement[int]] = {
        "reads": sa.func.count(),
        "useful": sa.func.sum(r.useful),
        "helpful": sa.func.sum(sa.case((r.verdict > 0, 1), else_=0)),
        "unhelpful": sa.func.sum(sa.case((r.verdict < 0, 1), else_=0)),
    }
    return _failing(r), sums


def _failing(columns: Any) -> sa.ColumnElement[int]:
    return first_of([(columns.lag <= number(span), place) for place, span in enumerate(SPANS)], len(SPANS))


def touched(connection: Connection, column: sa.Column[Any], names: Collection[str]) -> set[int]:
    """Days on which intents with one of these names in a column began."""
    query = sa.select(intents.c.started).where(among(connection, column, names))
    return {day_of(started) for started in connection.scalars(query)}


def day_of(at_ms: int) -> int:
    """When its UTC day began, epoch milliseconds."""
    return at_ms - at_ms % DAY_MS


def renew(connection: Connection, those: Collection[int]) -> None:
    """Count these days again."""
    i, r = intents.c, reads.c
    failing, sums = counted()
    read_failing, read_sums = counted_reads()
    alike = (i.locale, i.entry, i.category, i.evidence, i.form, failing.label("failing"))
    alike_reads = (r.locale, r.article, read_failing.label("failing"))
    ordered = sorted(those)
    for place in range(0, len(ordered), _MOST):
        chunk = ordered[place : place + _MOST]
        _renew(connection, days, chunk, i, alike, (sa.func.max(i.ended), *sums.values()))
        _renew(connection, read_days, chunk, r, alike_reads, tuple(read_sums.values()))


def _renew(
    connection: Connection, table: sa.Table, those: Sequence[int], source: Any, alike: tuple[Any, ...],
    sums: tuple[Any, ...],
) -> None:  # fmt: skip
    day = (source.started - source.started % number(DAY_MS)).label("day")
    connection.execute(sa.delete(table).where(table.c.day.in_(those)))
    query = (
        sa.select(day, *alike, *sums)
        .where(within(source.started, [(each, each + DAY_MS) for each in those]))
        .group_by(sa.literal_column("day"), *alike[:-1], sa.literal_column("failing"))
    )
    connection.execute(sa.insert(table).from_select([column.name for column in table.c], query))


def parted(connection: Connection, bounds: Sequence[int], now: int) -> tuple[list[Range], list[Range]]:
    """What lies between bounds: (whole days whose windows have all ended by `now`, what is to be looked at
    one by one). A day in which a bound lies is no whole day."""
    query = sa.select(days.c.day).where(days.c.day >= day_of(bounds[0]), days.c.day < bounds[-1])
    running = sorted(set(connection.scalars(query.where(days.c.latest > now - SPANS[-1]))))
    whole: list[Range] = []
    rest: list[Range] = []
    for start, end in pairwise(bounds):
        first, last = day_of(start + DAY_MS - 1), day_of(end)
        if first >= last:
            rest.append((start, end))
            continue
        inside = [day for day in running if first <= day < last]
        whole += _between(first, last, inside)
        rest += [(start, first), *((day, day + DAY_MS) for day in inside), (last, end)]
    return whole, [each for each in rest if each[0] < each[1]]


def _between(first: int, last: int, without: Sequence[int]) -> Iterator[Range]:
    for day in (*without, last):
        if first < day:
            yield first, day
        first = day + DAY_MS


def within(column: sa.ColumnElement[int], ranges: Sequence[Range]) -> sa.ColumnElement[bool]:
    """That it lies in one of them."""
    return sa.or_(
        sa.false(), *(sa.and_(column >= number(first), column < number(last)) for first, last in ranges)
    )
