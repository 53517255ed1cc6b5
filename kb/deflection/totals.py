"""Counts of a period, asked of the derived tables: the only SQL of the report. Below `report`.

Each row that comes back stands for many intents. Two numbers tell what a window makes of them: `failing`,
the first of the windows (1 h, 24 h, 7 d) that their ticket falls into, and `closing`, how many have not
ended.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from kb.deflection.days import (
    READ_SUMS,
    SPANS,
    SUMS,
    counted,
    counted_reads,
    first_of,
    number,
    parted,
    within,
)
from kb.deflection.derived import days, exposures, intents, needs, read_days, reads, tickets
from kb.deflection.figures import Sample
from kb.deflection.outcomes import Outcomes

_WINDOWS = len(SPANS) + 1
_BETWEEN = "\x1f"
DIMENSIONS = ("locale", "entry", "category")


class Cell(Struct, frozen=True, kw_only=True):
    """Intents that are alike in all that was asked for."""

    locale: str = ""
    entry: str = ""
    category: str = ""
    form: int = 0
    week: int = 0
    evidence: str
    failing: int
    """Number of the shortest window with a ticket in it; as many as there are windows for none."""
    closing: int
    """How many of the windows, the longest first, have not ended."""
    intents: int
    asked: int
    """Of these, with a search."""
    clicked: int
    """Of `asked`, something was opened."""
    unopened: int
    """Of `asked`, something was shown and nothing opened."""
    searches: int
    zero: int


class Tickets(Struct, frozen=True):
    joined: int = 0
    all: int = 0

    @property
    def coverage(self) -> float | None:
        return self.joined / self.all if self.all else None


class Need(Struct, frozen=True, gc=False):
    """A search that ended in a ticket, or found nothing."""

    locale: str
    query: str
    session: str
    ticket: str
    """Of the window; empty for a search that found nothing and no ticket followed."""
    cause: str
    article: str
    zero: bool
    at: int


class ArticleReads(Struct, frozen=True):
    locale: str
    article: str
    reads: int
    """Intents that opened it."""
    useful: int
    failed: int
    """Of these intents, that ended in a ticket."""
    helpful: int
    unhelpful: int


def outcomes_of(cells: list[Cell], window_ms: int) -> Outcomes:
    """What a window makes of them."""
    place = SPANS.index(window_ms)
    counts = dict.fromkeys(Outcomes.__struct_fields__, 0)
    for cell in cells:
        failed = cell.failing <= place
        counts["failed" if failed else cell.evidence] += cell.intents
        if not failed and cell.closing >= len(SPANS) - place:
            counts["open"] += cell.intents
    return Outcomes(**counts)


def failed_of(cells: list[Cell], window_ms: int, what: str) -> int:
    """Sum of a field over those that a ticket of the window failed."""
    place = SPANS.index(window_ms)
    return sum(int(getattr(cell, what)) for cell in cells if cell.failing <= place)


def cells(
    connection: Connection, start: int, end: int, now: int, by: Sequence[str] = (), weeks: Sequence[int] = ()
) -> list[Cell]:
    """Intents that began in start <= t < end, alike in `by` (names of `DIMENSIONS`) and week.

    `weeks`: when each begins. Whole days are taken from `report_days`, the rest intent by intent. What they
    are alike in makes one text and one number, because SQLite sorts the rows by them.
    """
    if connection.dialect.name == "postgresql":
        # its default of 4 MB sorts a quarter of a year on disk: 0.9 s instead of 0.4
        connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
    begins = weeks or (start,)
    whole, rest = parted(connection, (*begins, end), now)
    both = sa.union_all(
        _of_days(by, begins).where(within(days.c.day, whole)),
        _of_intents(by, begins, now).where(within(intents.c.started, rest)),
    ).subquery()
    sums = [sa.func.sum(both.c[name]) for name in SUMS]
    query = sa.select(both.c.text, both.c.number, *sums).group_by(both.c.text, both.c.number)
    return [_cell(row, by) for row in connection.execute(query)]


def _week(at: sa.ColumnElement[int], begins: Sequence[int]) -> sa.ColumnElement[int]:
    return first_of([(at < number(begin), n) for n, begin in enumerate(begins[1:])], len(begins) - 1)


def _of_days(by: Sequence[str], begins: Sequence[int]) -> sa.Select[Any]:
    d = days.c
    code = (_week(d.day, begins) * 3 + d.form) * _WINDOWS + d.failing
    return _alike(d, by, code, number(0), [sa.func.sum(d[name]).label(name) for name in SUMS])


def _of_intents(by: Sequence[str], begins: Sequence[int], now: int) -> sa.Select[Any]:
    i = intents.c
    failing, sums = counted()
    closing = first_of(
        [(i.ended > number(now - span), len(SPANS) - place) for place, span in enumerate(SPANS)], 0
    )
    code = (_week(i.started, begins) * 3 + i.form) * _WINDOWS + failing
    return _alike(i, by, code, closing, [each.label(name) for name, each in sums.items()])


def _alike(
    columns: Any,
    by: Sequence[str],
    code: sa.ColumnElement[int],
    closing: sa.ColumnElement[int],
    sums: list[Any],
) -> sa.Select[Any]:
    text: sa.ColumnElement[str] = columns.evidence
    for name in by:
        text = text + sa.literal_column(f"'{_BETWEEN}'") + columns[name]
    query = sa.select(text.label("text"), (code * _WINDOWS + closing).label("number"), *sums)
    return query.group_by(sa.literal_column("text"), sa.literal_column("number"))


def _cell(row: Any, by: Sequence[str]) -> Cell:
    evidence, *names = row[0].split(_BETWEEN)
    rest, closing = divmod(int(row[1]), _WINDOWS)
    rest, failing = divmod(rest, _WINDOWS)
    week, form = divmod(rest, 3)
    # PostgreSQL's sums are decimals
    alike: dict[str, Any] = {
        **dict(zip(by, names, strict=True)),
        **dict(zip(SUMS, map(int, row[2:]), strict=True)),
    }
    return Cell(**alike, evidence=evidence, form=form, week=week, failing=failing,
                closing=closing)  # fmt: skip


def tickets_of(connection: Connection, start: int, end: int) -> Tickets:
    """Tickets filed from `start` to before `end`, epoch milliseconds, and how many of them are joined."""
    t = tickets.c
    query = sa.select(sa.func.count(), sa.func.sum(t.joined)).where(t.at >= start, t.at < end)
    count, joined = connection.execute(query).one()
    return Tickets(int(joined or 0), int(count))


def needs_of(connection: Connection, start: int, end: int, window_ms: int) -> Iterator[Need]:
    """Searches of intents that began in the period; a ticket after the window counts as none."""
    n = needs.c
    inside = sa.and_(n.ticket != "", n.lag <= window_ms)
    ticket = sa.case((inside, n.ticket), else_="")
    columns: tuple[Any, ...] = (n.locale, n.query, n.session, ticket, n.cause, n.article, n.zero, n.at)
    query = sa.select(*columns).where(n.started >= start, n.started < end, sa.or_(inside, n.zero == 1))
    for row in connection.execute(query).all():
        yield Need(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6]), int(row[7]))


def articles_of(connection: Connection, start: int, end: int, window_ms: int) -> list[ArticleReads]:
    """By locale and article; those after which most tickets came first."""
    # whether a window has ended does not matter here
    whole, rest = parted(connection, (start, end), sys.maxsize)
    both = sa.union_all(
        _reads_of_days().where(within(read_days.c.day, whole)),
        _reads_one_by_one().where(within(reads.c.started, rest)),
    ).subquery()
    failed = sa.func.sum(sa.case((both.c.failing <= SPANS.index(window_ms), both.c.reads), else_=0))
    sums = [sa.func.sum(both.c[name]) for name in READ_SUMS]
    query = sa.select(both.c.locale, both.c.article, failed, *sums)
    rows = connection.execute(query.group_by(both.c.locale, both.c.article))
    found = [
        ArticleReads(
            locale=locale, article=article, failed=int(failed), reads=int(reads), useful=int(useful),
            helpful=int(helpful), unhelpful=int(unhelpful),
        )
        for locale, article, failed, reads, useful, helpful, unhelpful in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: (-each.failed, -each.reads, each.locale, each.article))


def _reads_of_days() -> sa.Select[Any]:
    d = read_days.c
    return sa.select(d.locale, d.article, d.failing, *(d[name] for name in READ_SUMS))


def _reads_one_by_one() -> sa.Select[Any]:
    r = reads.c
    failing, sums = counted_reads()
    columns = (each.label(name) for name, each in sums.items())
    query = sa.select(r.locale, r.article, failing.label("failing"), *columns)
    return query.group_by(r.locale, r.article, sa.literal_column("failing"))


def exposed(connection: Connection, start: int, end: int) -> tuple[Sample, Sample]:
    """Tickets per session: those who were shown suggestions, and the holdout."""
    e = exposures.c
    query = (
        sa.select(
            e.holdout, sa.func.count(), sa.func.sum(e.tickets), sa.func.sum(e.tickets * e.tickets),
            sa.func.max(e.tickets),
        )
        .where(e.at >= start, e.at < end)
        .group_by(e.holdout)
    )  # fmt: skip
    found = {int(row[0]): Sample(*map(int, row[1:])) for row in connection.execute(query)}
    return found.get(0, Sample()), found.get(1, Sample())
