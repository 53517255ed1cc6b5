"""The deflection report: what became of needs, why searches ended in tickets, which article to write next.

`build` asks the derived tables (`totals`), groups failed searches (`failures`) and puts everything into one
`Report`, which `kb report`, the API and the dashboard show. Its fields are those of the CONTRACT.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from kb.deflection import intents, totals
from kb.deflection.failures import MIN_SESSIONS, Failures, failures_of
from kb.deflection.figures import Rate, Sample, mean_difference, newcombe, rate, wilson
from kb.deflection.outcomes import WINDOWS, Outcomes, deflection
from kb.deflection.periods import Period, utc_day, weeks
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
from kb.deflection.totals import Cell, Tickets, failed_of, outcomes_of
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

    def catch_up(self, rebuild: bool = False, progress: intents.Progress | None = None) -> int:
        """Bring the derived tables up to the facts; returns how many were taken in."""
        run = intents.rebuild if rebuild else intents.update
        return run(self.store, self.library().existed, progress)


def build(sources: Sources, period: Period, min_sessions: int = MIN_SESSIONS) -> Report:
    """The whole report; call `sources.catch_up()` before."""
    with sources.store.reading() as connection:
        parts = [
            (name, totals.cells(connection, start, end, period.now, by_category=False),
             totals.tickets_of(connection, start, end))
            for name, start, end in weeks(period)
        ]  # fmt: skip
        categories = totals.cells(connection, period.start, period.end, period.now, by_category=True)
        needs = list(totals.needs_of(connection, period.start, period.end, period.window_ms))
        read = totals.articles_of(connection, period.start, period.end, period.window_ms)
        treated, holdout = totals.exposed(connection, period.start, period.end)
        past = period.before
        before = totals.cells(connection, past.start, past.end, period.now, by_category=False)
        tickets_before = totals.tickets_of(connection, past.start, past.end)
    cells = [cell for _, those, _ in parts for cell in those]
    tickets = Tickets(sum(t.joined for *_, t in parts), sum(t.all for *_, t in parts))
    outcomes = outcomes_of(cells, period.window_ms)
    found = failures_of(needs, sources.generation, min_sessions)
    return Report(
        start=period.told(period.start), end=period.told(period.end), window=period.window,
        min_sessions=min_sessions, intents=outcomes.intents, outcomes=outcomes,
        deflection=deflection(outcomes), sampling=_sampling(outcomes), coverage=tickets.coverage,
        tickets=tickets,
        windows={name: _windowed(cells, span) for name, span in WINDOWS.items()},
        rates=_rates(cells, period.window_ms),
        by=_by(cells, categories, parts, tickets.coverage, period.window_ms),
        failures=found.failures, hidden=found.hidden, gaps=found.gaps, zero_results=found.zero_results,
        hidden_zero=found.hidden_zero,
        articles=tuple(map(_article, read[:MOST_ARTICLES])),
        experiment=_experiment(treated, holdout) if treated.n or holdout.n else None,
        previous=_previous(past, before, tickets_before, cells, tickets),
        facts=_kept(sources, period),
    )  # fmt: skip


def failures(sources: Sources, period: Period, min_sessions: int = MIN_SESSIONS) -> Failures:
    """The part of the report about failed searches alone."""
    with sources.store.reading() as connection:
        needs = list(totals.needs_of(connection, period.start, period.end, period.window_ms))
    return failures_of(needs, sources.generation, min_sessions)


def articles(sources: Sources, period: Period) -> tuple[ArticleReport, ...]:
    """The part about articles alone, all of them."""
    with sources.store.reading() as connection:
        return tuple(
            map(_article, totals.articles_of(connection, period.start, period.end, period.window_ms))
        )


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
    cells: list[Cell],
    categories: list[Cell],
    parts: list[tuple[str, list[Cell], Tickets]],
    coverage: float | None,
    window_ms: int,
) -> dict[str, tuple[Slice, ...]]:
    found: dict[str, tuple[Slice, ...]] = {}
    for name, those in (("locale", cells), ("category", categories), ("entry", cells)):
        alike: dict[str, list[Cell]] = {}
        for cell in those:
            alike.setdefault(getattr(cell, name), []).append(cell)
        slices = [_slice(value, some, coverage, window_ms) for value, some in alike.items()]
        found[name] = tuple(sorted(slices, key=lambda each: (-each.intents, each.name)))
    found["week"] = tuple(_slice(name, those, t.coverage, window_ms) for name, those, t in parts)
    return found


def _slice(name: str, cells: list[Cell], coverage: float | None, window_ms: int) -> Slice:
    outcomes = outcomes_of(cells, window_ms)
    return Slice(
        name=name, intents=outcomes.intents, outcomes=outcomes, deflection=deflection(outcomes),
        coverage=coverage,
    )  # fmt: skip


def _article(read: totals.ArticleReads) -> ArticleReport:
    return ArticleReport(
        article=read.article, locale=read.locale, reads=read.reads, useful=read.useful,
        tickets=rate(read.failed, read.reads), helpful=read.helpful, unhelpful=read.unhelpful,
    )  # fmt: skip


def _experiment(treated: Sample, holdout: Sample) -> Experiment:
    return Experiment(
        treated_sessions=treated.n, treated_tickets=treated.total,
        holdout_sessions=holdout.n, holdout_tickets=holdout.total,
        difference=mean_difference(holdout, treated),
    )  # fmt: skip


def _previous(
    past: Period, before: list[Cell], tickets_before: Tickets, cells: list[Cell], tickets: Tickets
) -> Previous:
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
