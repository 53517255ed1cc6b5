"""The deflection report: what became of needs, why searches ended in tickets, which article to write next.

`build` asks the derived tables (`totals`), groups failed searches (`failures`) and puts everything into one
`Report`, which `kb report`, the API and the dashboard show. Its fields are those of the CONTRACT.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import Struct

from kb.deflection import intents, totals
from kb.deflection.failures import MIN_SESSIONS, Failures, failures_of
from kb.deflection.figures import Rate, Sample, mean_difference, newcombe, rate, wilson
from kb.deflection.outcomes import WINDOWS, Outcomes, deflection
from kb.deflection.periods import Period, utc_day, weeks
from kb.deflection.segments import written
from kb.deflection.shape import (
    ArticleReport,
    Change,
    Experiment,
    Kept,
    Previous,
    Report,
    Sampling,
    Slice,
    Windowed,
)
from kb.deflection.store import EventStore
from kb.deflection.tables import facts
from kb.deflection.totals import ArticleReads, Cell, Need, Tickets, failed_of, outcomes_of
from kb.deflection.triage import Library
from kb.index.generation import Generation

MOST_ARTICLES = 200
"""Listed in the whole report; `articles` has all."""


class Sources(Struct, frozen=True, kw_only=True):
    """What a report is made from. Only the store is needed."""

    store: EventStore
    generation: Generation | None = None
    repository: Path | None = None
    """The checkout or mirror that the articles come from."""
    spooled: Callable[[], int] = lambda: 0
    """Facts that wait on disk."""

    def library(self) -> Library:
        first_seen: dict[tuple[str, str], int] = {}

        def seen(article: str, locale: str, before_ms: int) -> bool:
            key = article, locale
            if key not in first_seen:
                first_seen[key] = self._first_view(*key)
            return first_seen[key] < before_ms

        return Library(repository=self.repository, generation=self.generation, seen=seen)

    def _first_view(self, article: str, locale: str) -> int:
        """When a reader first opened it; the end of time for never."""
        f = facts.c
        query = sa.select(sa.func.min(f.at)).where(f.type == "ArticleViewed")
        with self.store.reading() as connection:
            first = connection.scalar(query.where(f.article == article, f.locale == locale))
        return sys.maxsize if first is None else int(first)

    def catch_up(self, progress: intents.Progress | None = None, most: int = 0) -> int:
        """Bring the derived tables up to the facts, or nearer by `most`; returns how many were taken in."""
        return intents.update(self.store, self.library().existed, progress, most)

    def rebuild(self, progress: intents.Progress | None = None) -> int:
        """Make the derived tables anew."""
        return intents.rebuild(self.store, self.library().existed, progress)


def spooled(folder: Path) -> int:
    """Facts in the files of a spool, a line each; some of the oldest file's may just have been delivered."""
    count = 0
    for file in written(folder):
        try:
            count += file.read_bytes().count(b"\n")
        except OSError:
            continue  # delivered and removed meanwhile
    return count


class Counted(Struct, frozen=True, kw_only=True):
    """What the tables say of a period, and of the one before."""

    cells: list[Cell]
    weeks: list[tuple[str, Tickets]]
    articles: list[ArticleReads]
    treated: Sample
    holdout: Sample
    before: list[Cell]
    tickets_before: Tickets


def count(store: EventStore, period: Period) -> Counted:
    """What a period holds, counted by the database."""
    start, end, now, past = period.start, period.end, period.now, period.before
    with store.reading() as connection:
        treated, holdout = totals.exposed(connection, start, end)
        parts = list(weeks(period))
        begins = [first for _, first, _ in parts]
        return Counted(
            cells=_chosen(period, totals.cells(connection, start, end, now, totals.DIMENSIONS, begins)),
            weeks=[(name, totals.tickets_of(connection, first, last)) for name, first, last in parts],
            articles=_chosen(period, totals.articles_of(connection, start, end, period.window_ms)),
            treated=treated,
            holdout=holdout,
            before=_chosen(period, totals.cells(connection, past.start, past.end, now, _LOCALE)),
            tickets_before=totals.tickets_of(connection, past.start, past.end),
        )  # fmt: skip


_LOCALE = ("locale",)
Of = TypeVar("Of", Cell, Need, ArticleReads)


def _chosen(period: Period, those: Iterable[Of]) -> list[Of]:
    """Of the period's locale."""
    return [each for each in those if not period.locale or each.locale == period.locale]


def build(sources: Sources, period: Period, min_sessions: int = MIN_SESSIONS) -> Report:
    """The whole report; call `sources.catch_up()` before."""
    with ThreadPoolExecutor(1) as beside:
        # the database adds up on one processor while the failed searches are grouped on another
        counting = beside.submit(count, sources.store, period)
        found = failures(sources, period, min_sessions)
        counted = counting.result()
    cells = counted.cells
    tickets = Tickets(sum(t.joined for _, t in counted.weeks), sum(t.all for _, t in counted.weeks))
    outcomes = outcomes_of(cells, period.window_ms)
    return Report(
        start=period.told(period.start), end=period.told(period.end), window=period.window,
        min_sessions=min_sessions, intents=outcomes.intents, outcomes=outcomes,
        deflection=deflection(outcomes), sampling=_sampling(outcomes), coverage=tickets.coverage,
        tickets=tickets,
        windows={name: _windowed(cells, span) for name, span in WINDOWS.items()},
        rates=_rates(cells, period.window_ms),
        by=_by(cells, counted, tickets.coverage, period.window_ms),
        failures=found.failures, hidden=found.hidden, gaps=found.gaps, zero_results=found.zero_results,
        hidden_zero=found.hidden_zero,
        articles=tuple(map(_article, counted.articles[:MOST_ARTICLES])),
        experiment=_experiment(counted.treated, counted.holdout),
        previous=_previous(period.before, counted, cells, tickets),
        facts=_kept(sources, period),
    )  # fmt: skip


def failures(sources: Sources, period: Period, min_sessions: int = MIN_SESSIONS) -> Failures:
    """The part of the report about failed searches alone."""
    with sources.store.reading() as connection:
        needs = _chosen(period, totals.needs_of(connection, period.start, period.end, period.window_ms))
    return failures_of(needs, sources.generation, min_sessions)


def articles(sources: Sources, period: Period) -> tuple[ArticleReport, ...]:
    """The part about articles alone, all of them."""
    with sources.store.reading() as connection:
        read = totals.articles_of(connection, period.start, period.end, period.window_ms)
        return tuple(map(_article, _chosen(period, read)))


# ---------------------------------------------------------------- parts


def _windowed(cells: list[Cell], span: int) -> Windowed:
    outcomes = outcomes_of(cells, span)
    return Windowed(outcomes=outcomes, deflection=deflection(outcomes))


def _sampling(outcomes: Outcomes) -> Sampling:
    if not outcomes.judged:
        return Sampling(low=None, high=None)
    return Sampling(
        low=wilson(outcomes.confirmed, outcomes.judged)[0],
        high=wilson(outcomes.confirmed + outcomes.potential, outcomes.judged)[1],
    )


def _total(cells: Iterable[Cell], what: str) -> int:
    return sum(int(getattr(cell, what)) for cell in cells)


def _rates(cells: list[Cell], window_ms: int) -> dict[str, Rate]:
    """Of searches, of intents with a search, and of intents with a form.

    `form_explicit`: of the intents that opened the form, those whose reader said that it is solved;
    `form_implicit`: those that left without a ticket and without a word, which proves nothing.
    """
    asked = _total(cells, "asked")
    opened = [cell for cell in cells if cell.form == 2]
    form = outcomes_of(opened, window_ms)
    return {
        "strict_zero": rate(_total(cells, "zero"), _total(cells, "searches")),
        "click_through": rate(_total(cells, "clicked"), asked),
        "no_click": rate(_total(cells, "unopened"), asked),
        "search_to_ticket": rate(failed_of(cells, window_ms, "asked"), asked),
        "form_opened": rate(form.intents, _total(cells, "intents")),
        "form_shown": rate(_total((c for c in cells if c.form == 1), "intents"), _total(cells, "intents")),
        "form_explicit": rate(form.confirmed, form.intents),
        "form_implicit": rate(form.intents - form.confirmed - form.failed, form.intents),
        "form_to_ticket": rate(form.failed, form.intents),
    }


def _by(
    cells: list[Cell], counted: Counted, coverage: float | None, window_ms: int
) -> dict[str, tuple[Slice, ...]]:
    found: dict[str, tuple[Slice, ...]] = {}
    for name in ("locale", "category", "entry"):
        slices = [_slice(value, some, coverage, window_ms) for value, some in _alike(cells, name).items()]
        found[name] = tuple(sorted(slices, key=lambda each: (-each.intents, each.name)))
    of_week = _alike(cells, "week")
    found["week"] = tuple(
        _slice(name, of_week.get(number, []), tickets.coverage, window_ms)
        for number, (name, tickets) in enumerate(counted.weeks)
    )
    return found


def _alike(cells: list[Cell], name: str) -> dict[Any, list[Cell]]:
    alike: dict[Any, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(getattr(cell, name), []).append(cell)
    return alike


def _slice(name: str, cells: list[Cell], coverage: float | None, window_ms: int) -> Slice:
    outcomes = outcomes_of(cells, window_ms)
    return Slice(
        name=name, intents=outcomes.intents, outcomes=outcomes, deflection=deflection(outcomes),
        coverage=coverage,
    )  # fmt: skip


def _article(read: ArticleReads) -> ArticleReport:
    return ArticleReport(
        article=read.article, locale=read.locale, reads=read.reads, useful=read.useful,
        tickets=rate(read.failed, read.reads), helpful=read.helpful, unhelpful=read.unhelpful,
    )  # fmt: skip


def _experiment(treated: Sample, holdout: Sample) -> Experiment | None:
    if not treated.n and not holdout.n:
        return None
    return Experiment(
        treated_sessions=treated.n, treated_tickets=treated.total,
        holdout_sessions=holdout.n, holdout_tickets=holdout.total,
        difference=mean_difference(holdout, treated),
    )  # fmt: skip


def _previous(past: Period, counted: Counted, cells: list[Cell], tickets: Tickets) -> Previous:
    before, tickets_before = counted.before, counted.tickets_before
    then, now = outcomes_of(before, past.window_ms), outcomes_of(cells, past.window_ms)
    compared = (
        ("deflection_low", now.confirmed, now.judged, then.confirmed, then.judged),
        ("deflection_high", now.confirmed + now.potential, now.judged,
         then.confirmed + then.potential, then.judged),
        ("failed", now.failed, now.intents, then.failed, then.intents),
        ("unserved", now.unserved, now.intents, then.unserved, then.intents),
        ("strict_zero", _total(cells, "zero"), _total(cells, "searches"),
         _total(before, "zero"), _total(before, "searches")),
        ("coverage", tickets.joined, tickets.all, tickets_before.joined, tickets_before.all),
    )  # fmt: skip
    changes = [_change(*each) for each in compared]
    return Previous(
        start=past.told(past.start), end=past.told(past.end), outcomes=then, deflection=deflection(then),
        coverage=tickets_before.coverage, changes=tuple(filter(None, changes)),
    )  # fmt: skip


def _change(name: str, count: int, of: int, before: int, of_before: int) -> Change | None:
    difference = newcombe(count, of, before, of_before)
    if difference is None:
        return None
    return Change(
        name=name, before=before / of_before, now=count / of, difference=difference, news=difference.is_news
    )


def _kept(sources: Sources, period: Period) -> Kept:
    dropped = sources.store.losses(utc_day(period.start), utc_day(period.end + 86_400_000 - 1))
    return Kept(waiting=sources.spooled() + intents.waiting(sources.store), dropped=dropped)
