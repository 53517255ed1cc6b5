"""The values of a report, as the CONTRACT names them: what `report` makes and every output shows."""

from __future__ import annotations

from msgspec import Struct, field

from kb.deflection.failures import Failure, Gap, Hidden, ZeroResult
from kb.deflection.figures import Difference, Rate
from kb.deflection.outcomes import Interval, Outcomes
from kb.deflection.totals import Tickets


class Slice(Struct, frozen=True, kw_only=True):
    """A part of the intents, by what they have in common."""

    name: str
    intents: int
    outcomes: Outcomes
    deflection: Interval
    coverage: float | None
    """Of a week its own; of other parts the whole period's, as nobody knows where other tickets belong."""


class Windowed(Struct, frozen=True, kw_only=True):
    outcomes: Outcomes
    deflection: Interval


class Sampling(Struct, frozen=True, kw_only=True):
    """Where the ends of the deflection interval lie with 95 % confidence, were the period a sample."""

    low: float | None
    high: float | None


class ArticleReport(Struct, frozen=True, kw_only=True):
    """An article, and what came of reading it."""

    article: str
    locale: str
    reads: int
    """Intents that opened it."""
    useful: int
    """… and read it, or called it helpful."""
    tickets: Rate
    """… and ended in a ticket."""
    helpful: int
    unhelpful: int


class Experiment(Struct, frozen=True, kw_only=True):
    """What the form's suggestions do: sessions that saw them against the holdout that did not."""

    treated_sessions: int
    treated_tickets: int
    holdout_sessions: int
    holdout_tickets: int
    difference: Difference | None
    """Tickets per session of the holdout minus those of the treated: what suggestions save."""


class Change(Struct, frozen=True, kw_only=True):
    name: str
    before: float
    now: float
    difference: Difference
    news: bool
    """Zero lies outside the interval; else it may be noise."""


class Previous(Struct, frozen=True, kw_only=True):
    start: str = field(name="from")
    end: str = field(name="to")
    outcomes: Outcomes
    deflection: Interval
    coverage: float | None
    changes: tuple[Change, ...]


class Kept(Struct, frozen=True, kw_only=True):
    """How much of what happened the report knows."""

    waiting: int
    """Facts that have not been delivered yet."""
    dropped: dict[str, int]
    """Facts that could not be kept, by reason."""


class Report(Struct, frozen=True, kw_only=True):
    start: str = field(name="from")
    end: str = field(name="to")
    window: str
    min_sessions: int
    intents: int
    outcomes: Outcomes
    deflection: Interval
    sampling: Sampling
    coverage: float | None
    """Joinable tickets / all tickets; None when there was no ticket."""
    tickets: Tickets
    windows: dict[str, Windowed]
    rates: dict[str, Rate]
    by: dict[str, tuple[Slice, ...]]
    """`locale`, `category`, `entry`, `week`."""
    failures: tuple[Failure, ...]
    hidden: Hidden
    gaps: tuple[Gap, ...]
    zero_results: tuple[ZeroResult, ...]
    hidden_zero: Hidden
    articles: tuple[ArticleReport, ...]
    experiment: Experiment | None
    previous: Previous
    facts: Kept


class FailuresReport(Struct, frozen=True, kw_only=True):
    """`GET /reports/failures`: the part of a report about failed searches."""

    start: str = field(name="from")
    end: str = field(name="to")
    window: str
    min_sessions: int
    failures: tuple[Failure, ...]
    hidden: Hidden
    gaps: tuple[Gap, ...]
    zero_results: tuple[ZeroResult, ...]
    hidden_zero: Hidden


class ArticlesReport(Struct, frozen=True, kw_only=True):
    """`GET /reports/articles`: every article that was opened; those read before most tickets first."""

    start: str = field(name="from")
    end: str = field(name="to")
    window: str
    articles: tuple[ArticleReport, ...]
