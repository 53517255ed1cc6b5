"""What the insights pages show, gathered from the report, the facts and the live index. Below `insights`.

Nothing is counted here that `kb report` counts: its values are taken as they are, and drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime

from markupsafe import Markup
from msgspec import Struct

from kb.deflection import printing, report
from kb.deflection.about import Speed, speed_of
from kb.deflection.failures import Failures
from kb.deflection.periods import Period
from kb.deflection.report import Sources
from kb.deflection.shape import ArticleReport, Report
from kb.deflection.triage import Cause
from kb.index.generation import Generation
from kb.publish import status as statuses
from kb.web import charts
from kb.web.charts import Band, Line
from kb.web.parts import Parts
from kb.words import Texts

TAKEN = 10_000
"""Facts taken in while somebody waits for a page: about a second. What is left is told as waiting."""
MOST_OVERDUE = 20

OUTCOMES = ("confirmed", "potential", "unknown", "unserved", "failed")
"""As they are stacked, the lowest first."""


class Overdue(Struct, frozen=True):
    """An article whose review is due."""

    locale: str
    article: str
    title: str
    review_by: str


class Fresh(Struct, frozen=True, kw_only=True):
    """How old what readers see is."""

    since: datetime | None
    commit: str
    seconds: float | None
    """From the last push to its being searchable."""
    state: str
    """Of the last publish; empty without one."""
    overdue: tuple[Overdue, ...]
    overdue_all: int


class Figures(Struct, frozen=True, kw_only=True):
    report: Report
    speeds: tuple[Speed, ...]
    fresh: Fresh


def figures_of(parts: Parts, sources: Sources, period: Period) -> Figures:
    """Takes in what has arrived, then asks for everything. Raises the store's errors."""
    sources.catch_up(most=TAKEN)
    return Figures(
        report=report.build(sources, period),
        speeds=tuple(speed_of(sources.store, period, period.locale)),
        fresh=_fresh(parts, sources.generation, period),
    )


def _fresh(parts: Parts, generation: Generation | None, period: Period) -> Fresh:
    last = statuses.last(parts.var) if parts.var else None
    live = last if last and last.state == "live" else None
    if parts.var and live is None:
        live = next(statuses.published(parts.var), None)
    today = datetime.fromtimestamp(period.now / 1000, period.zone).date().isoformat()
    overdue = sorted(
        (
            Overdue(each.locale, each.id, each.title, each.review_by)
            for each in (generation.articles() if generation else ())
            if each.review_by and each.review_by < today and period.locale in ("", each.locale)
        ),
        key=lambda each: (each.review_by, each.locale, each.article),
    )
    return Fresh(
        since=generation.created.astimezone(UTC) if generation else None,
        commit=generation.commit if generation else "",
        seconds=live.searchable_seconds if live else None,
        state=last.state if last else "",
        overdue=tuple(overdue[:MOST_OVERDUE]), overdue_all=len(overdue),
    )  # fmt: skip


# ---------------------------------------------------------------- charts


def outcome_names(t: Texts) -> dict[str, str]:
    """What the outcomes are called."""
    return {
        "confirmed": t("insights.outcome.confirmed"),
        "potential": t("insights.outcome.potential"),
        "unknown": t("insights.outcome.unknown"),
        "unserved": t("insights.outcome.unserved"),
        "failed": t("insights.outcome.failed"),
    }


def cause_names(t: Texts) -> dict[str, str]:
    """What the causes of triage are called."""
    return {
        Cause.MISSING: t("insights.cause.missing"),
        Cause.NOT_RETRIEVED: t("insights.cause.not_retrieved"),
        Cause.RANKED_LOW: t("insights.cause.ranked_low"),
        Cause.SHOWN_NOT_CLICKED: t("insights.cause.shown_not_clicked"),
        Cause.READ_NOT_SOLVED: t("insights.cause.read_not_solved"),
        Cause.UNTRIAGED: t("insights.cause.untriaged"),
    }


def week_names(t: Texts, found: Report) -> list[str]:
    """The first day of each week, cut to the period."""
    first = date.fromisoformat(found.start[:10])
    names = []
    for each in found.by["week"]:
        year, number = each.name.split("-W")
        day = max(first, date.fromisocalendar(int(year), int(number), 1))
        names.append(t("insights.day", month=day.month, day=day.day, name=t(f"month.{day.month}")[:3]))
    return names


def deflection_chart(t: Texts, found: Report) -> Markup:
    """The interval, and coverage beside it, by week."""
    weeks = found.by["week"]
    band = Band(
        t("insights.deflection"),
        charts.shares([week.deflection.low for week in weeks]),
        charts.shares([week.deflection.high for week in weeks]),
        "band",
    )
    coverage = charts.shares([week.coverage for week in weeks])
    line = Line(t("insights.coverage"), coverage, "coverage")
    return charts.over_time(
        t("insights.deflection.title"),
        t("insights.deflection.desc"),
        week_names(t, found),
        band,
        [line],
        100,
        "%",
    )


def outcome_chart(t: Texts, found: Report) -> Markup:
    """What became of needs, by week."""
    weeks = found.by["week"]
    series = [
        (name, look, [getattr(week.outcomes, look) for week in weeks])
        for look, name in outcome_names(t).items()
    ]
    title, text = t("insights.outcomes.title"), t("insights.outcomes.desc")
    return charts.stacked(title, text, week_names(t, found), series)


def causes_of(found: Report) -> dict[str, int]:
    """Tickets by cause over all groups, those too rare to be shown among them."""
    total = Counter(found.hidden.causes)
    for each in found.failures:
        total.update(each.causes)
    return {cause.value: total[cause.value] for cause in Cause}


def triage_chart(t: Texts, found: Report) -> Markup:
    """Why searches ended in tickets."""
    names = cause_names(t)
    rows = [(names[cause], cause.lower(), count) for cause, count in causes_of(found).items()]
    return charts.bars(t("insights.triage.title"), t("insights.triage.desc"), rows)


def speed_chart(t: Texts, figures: Figures) -> Markup:
    """How long searches took, by week."""
    lines = [
        Line(t("insights.median"), [each.p50 for each in figures.speeds], "p50"),
        Line(t("insights.p_slow"), [each.p95 for each in figures.speeds], "p95"),
    ]
    top = charts.rounded_up(max((value for line in lines for value in line.values if value), default=0) * 1.1)
    names = week_names(t, figures.report)
    return charts.over_time(
        t("insights.speed.title"), t("insights.speed.desc"), names, None, lines, top, " ms"
    )


# ---------------------------------------------------------------- files


def as_csv(figures: Figures, part: str, all_articles: Callable[[], tuple[ArticleReport, ...]]) -> str | None:
    """One part of the page as CSV; None for a name that is none. The page itself lists the first articles."""
    found = figures.report
    failures = Failures(failures=found.failures, hidden=found.hidden)
    makers: dict[str, Callable[[], str]] = {
        "deflection": lambda: printing.deflection_csv(found),
        "triage": lambda: printing.table_csv(("cause", "tickets"), causes_of(found).items()),
        "failures": lambda: printing.failures_csv(failures),
        "gaps": lambda: printing.failures_csv(Failures(gaps=found.gaps)),
        "zero": lambda: printing.failures_csv(Failures(zero_results=found.zero_results)),
        "articles": lambda: printing.articles_csv(all_articles()),
        "speed": lambda: printing.table_csv(
            ("week", "searches", "p50_ms", "p95_ms", "p99_ms"),
            ((each.week, each.searches, each.p50, each.p95, each.p99) for each in figures.speeds),
        ),
    }
    return makers[part]() if part in makers else None
