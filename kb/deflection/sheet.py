"""A report as text with small charts, in the reader's language. The last step; nothing is computed here.

Tables are `rich`'s, which knows that a Japanese character takes two columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kb.deflection.failures import Failure
from kb.deflection.figures import Rate
from kb.deflection.outcomes import Interval, Outcomes
from kb.deflection.shape import Report, Slice
from kb.deflection.triage import Cause
from kb.words import Texts

BAR = 20
"""Characters of a chart's line."""
LISTED = 10
"""Rows of each table; JSON and CSV have all."""
_INDENT = " " * 7
_STYLES = {
    "confirmed": ("█", "green"),
    "potential": ("▓", "cyan"),
    "failed": ("█", "red"),
    "unserved": ("▒", "yellow"),
    "unknown": ("░", "dim"),
}


def print_report(report: Report, out: Console, t: Texts) -> None:
    """The report for people at a terminal."""
    out.print(t("report.title", start=report.start, end=report.end, window=report.window), style="bold")
    interval, coverage = _interval(report.deflection, t), _share(report.coverage, t)
    joined, tickets = report.tickets.joined, report.tickets.all
    out.print(t(
        "report.summary",
        interval=interval, coverage=coverage, joined=joined, all=tickets, intents=report.intents,
    ))  # fmt: skip
    _outcomes(report, out, t)
    _rates(report.rates, out, t)
    for part, head in (
        ("week", t("report.head.week")),
        ("locale", t("report.head.locale")),
        ("category", t("report.head.category")),
        ("entry", t("report.head.entry")),
    ):
        _slices(part, head, report.by[part], out, t)
    _failures(report, out, t)
    _gaps(report, out, t)
    _articles(report, out, t)
    _experiment(report, out, t)
    _changes(report, out, t)
    lost = [
        t("report.dropped", count=count, reason=t(f"report.dropped.{reason}"))
        for reason, count in report.facts.dropped.items()
    ]
    dropped = t("comma").join(lost) or t("report.none")
    out.print(t("report.facts", waiting=report.facts.waiting, dropped=dropped))


def _interval(interval: Interval, t: Texts) -> str:
    if interval.low is None or interval.high is None:
        return t("report.not_known")
    return t("report.interval", low=f"{interval.low:.1%}", high=f"{interval.high:.1%}")


def _share(share: float | None, t: Texts) -> str:
    return t("report.not_known") if share is None else f"{share:.1%}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _outcomes(report: Report, out: Console, t: Texts) -> None:
    table = _table(t("report.head.window"), *report.windows)
    table.add_row("", *(_stacked(each.outcomes) for each in report.windows.values()))
    for name in Outcomes.__struct_fields__:
        counts = (str(getattr(each.outcomes, name)) for each in report.windows.values())
        table.add_row(t(f"report.outcome.{name}"), *counts)
    deflections = (_interval(each.deflection, t) for each in report.windows.values())
    table.add_row(t("report.head.deflection"), *deflections)
    out.print(table)
    for name in Outcomes.__struct_fields__:
        _explain(t(f"report.outcome.{name}"), t(f"report.meaning.{name}"), out, t)


def _explain(name: str, meaning: str, out: Console, t: Texts) -> None:
    out.print(_INDENT + t("report.legend", name=name, meaning=meaning), style="dim")


def _stacked(outcomes: Outcomes) -> Text:
    """The five outcomes as one line; whatever occurs has at least one character."""
    bar = Text()
    for name, (mark, style) in _STYLES.items():
        count = getattr(outcomes, name)
        bar.append(mark * (max(1, round(BAR * count / outcomes.intents)) if count else 0), style)
    return bar


def _rates(rates: dict[str, Rate], out: Console, t: Texts) -> None:
    table = _table(t("report.head.rate"), "", t("report.head.sampling"), t("report.head.of"))
    for name, each in rates.items():
        if each.value is not None:
            between = f"{each.low:.1%} – {each.high:.1%}"
            counts = t("report.of", count=each.count, of=each.of)
            table.add_row(t(f"report.figure.{name}"), f"{each.value:.1%}", between, counts)
    if table.row_count:
        out.print(table)


def _slices(part: str, head: str, slices: Sequence[Slice], out: Console, t: Texts) -> None:
    shares = (t("report.head.deflection"), t("report.head.coverage"))
    table = _table(head, t("report.head.intents"), "", *shares)
    for each in slices:
        if each.intents:
            name = t(f"report.entry.{each.name}") if part == "entry" else each.name
            table.add_row(
                Text(name or t("report.nameless")), str(each.intents), _range(each.deflection),
                _interval(each.deflection, t), _share(each.coverage, t),
            )  # fmt: skip
    if table.row_count:
        out.print(table)


def _range(interval: Interval) -> Text:
    """The interval on a line from 0 to 100 %."""
    if interval.low is None or interval.high is None:
        return Text("·" * BAR, "dim")
    first, last = round(interval.low * (BAR - 1)), round(interval.high * (BAR - 1))
    return Text("·" * first + "█" * (last - first + 1) + "·" * (BAR - 1 - last), "cyan")


def _failures(report: Report, out: Console, t: Texts) -> None:
    shown, hidden = report.failures[:LISTED], report.hidden
    if shown:
        out.print(t("report.failures"), style="bold")
    for each in shown:
        tickets, sessions = t.count("report.tickets", each.tickets), t.count("report.sessions", each.sessions)
        out.print(Text(f"  {t('report.failure', tickets=tickets, sessions=sessions, query=each.query)}"))
        out.print(Text(_INDENT + _detail(each, t)), style="dim")
    if hidden.groups:
        groups, tickets = t.count("report.groups", hidden.groups), t.count("report.tickets", hidden.tickets)
        causes, least = _causes(hidden.causes, t), report.min_sessions
        line = t("report.hidden", least=least, groups=groups, tickets=tickets, causes=causes)
        out.print(line, style="dim")
    told = set(hidden.causes).union(*(each.causes for each in shown))
    for cause in Cause:
        if cause in told:
            _explain(_cause(cause, t), t(f"report.why.{cause.lower()}"), out, t)


def _detail(failure: Failure, t: Texts) -> str:
    article = failure.best_article or t("report.no_article")
    told = t("report.failure.detail", causes=_causes(failure.causes, t), article=article)
    if failure.answers_today is None:
        return told
    return told + t("comma") + (t("report.answers") if failure.answers_today else t("report.answers_not"))


def _causes(causes: dict[str, int], t: Texts) -> str:
    return t("comma").join(f"{_cause(cause, t)} {count}" for cause, count in causes.items())


def _cause(cause: str, t: Texts) -> str:
    return t(f"report.cause.{cause.lower()}")


def _gaps(report: Report, out: Console, t: Texts) -> None:
    sessions = t("report.head.sessions")
    table = _table(t("report.head.gaps"), t("report.head.tickets"), sessions, t("report.head.nearest"))
    for gap in report.gaps[:LISTED]:
        table.add_row(Text(gap.query), str(gap.tickets), str(gap.sessions), Text(gap.nearest or "–"))
    if table.row_count:
        out.print(table)
    zero = _table(t("report.head.zero"), t("report.head.searches"), sessions, t("report.head.finds"))
    for each in report.zero_results[:LISTED]:
        zero.add_row(Text(each.query), str(each.searches), str(each.sessions), Text(each.finds_today or "–"))
    if zero.row_count:
        out.print(zero)


def _articles(report: Report, out: Console, t: Texts) -> None:
    heads = (t("report.head.reads"), t("report.head.tickets"), "", t("report.head.helpful"))
    table = _table(t("report.head.articles"), *heads)
    for each in report.articles[:LISTED]:
        if each.tickets.count:
            share = f"{each.tickets.value:.1%} ({each.tickets.low:.1%} – {each.tickets.high:.1%})"
            name = Text(f"{each.locale}/{each.article}")
            votes = t("report.of", count=each.helpful, of=each.helpful + each.unhelpful)
            table.add_row(name, str(each.reads), str(each.tickets.count), share, votes)
    if table.row_count:
        out.print(table)


def _experiment(report: Report, out: Console, t: Texts) -> None:
    found = report.experiment
    if found is None or not found.holdout_sessions:
        return
    out.print(t(
        "report.holdout",
        held=t.count("report.tickets", found.holdout_tickets),
        held_sessions=t.count("report.sessions", found.holdout_sessions),
        treated=t.count("report.tickets", found.treated_tickets),
        treated_sessions=t.count("report.sessions", found.treated_sessions),
    ))  # fmt: skip
    if found.difference:
        d = found.difference
        out.print(t("report.saved", value=f"{d.value:+.3f}", low=f"{d.low:+.3f}", high=f"{d.high:+.3f}"))


def _changes(report: Report, out: Console, t: Texts) -> None:
    since = report.previous
    heads = (t("report.head.before"), t("report.head.now"), t("report.head.change"), "")
    table = _table(t("report.head.since", start=since.start[:10]), *heads)
    for each in since.changes:
        d = each.difference
        change = f"{d.value:+.1%} ({d.low:+.1%} – {d.high:+.1%})"
        word = Text(t("report.changed"), "bold") if each.news else Text(t("report.chance"), "dim")
        name = t(f"report.figure.{each.name}")
        table.add_row(name, f"{each.before:.1%}", f"{each.now:.1%}", change, word)
    if table.row_count:
        out.print(table)
