"""A report as JSON, CSV, or text with small charts. The last step; nothing is computed here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kb.deflection.failures import Failures
from kb.deflection.figures import Rate
from kb.deflection.outcomes import Interval, Outcomes
from kb.deflection.shape import ArticleReport, Report, Slice
from kb.deflection.triage import Cause

BAR = 20
"""Characters of a chart's line."""
LISTED = 10
"""Rows of each table in the text; JSON and CSV have all."""
_STYLES = {
    "confirmed": ("█", "green"),
    "potential": ("▓", "cyan"),
    "failed": ("█", "red"),
    "unserved": ("▒", "yellow"),
    "unknown": ("░", "dim"),
}
_MEANINGS = {
    "confirmed": "the reader said that it helped",
    "potential": "something was read, no ticket came",
    "failed": "a ticket came",
    "unserved": "nothing was found, opened or read; counts neither way",
    "unknown": "nobody can tell; counts neither way",
    "open": "of these, a ticket may still come",
}
_CAUSES = {
    Cause.MISSING: "there was no article",
    Cause.NOT_RETRIEVED: "there was one that the search did not find",
    Cause.RANKED_LOW: "found, below what was shown",
    Cause.SHOWN_NOT_CLICKED: "shown, not opened",
    Cause.READ_NOT_SOLVED: "opened, and it did not help",
    Cause.UNTRIAGED: "no agent said which article solves it",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(report: msgspec.Struct) -> bytes:
    return msgspec.json.encode(report)


# ---------------------------------------------------------------- CSV


def deflection_csv(report: Report) -> str:
    """A line for the whole period, and one for each locale, category, entry and week."""
    whole = Slice(
        name=f"{report.start} – {report.end}", intents=report.intents, outcomes=report.outcomes,
        deflection=report.deflection, coverage=report.coverage,
    )  # fmt: skip
    names = Outcomes.__struct_fields__
    rows = [
        (part, each.name, each.intents, *(getattr(each.outcomes, name) for name in names),
         each.deflection.low, each.deflection.high, each.coverage)
        for part, slices in {"all": (whole,), **report.by}.items()
        for each in slices
    ]  # fmt: skip
    return table_csv(
        ("part", "name", "intents", *names, "deflection_low", "deflection_high", "coverage"), rows
    )


def failures_csv(found: Failures) -> str:
    """A line a group that ended in tickets, gaps and zero results after them (`kind`)."""
    causes = [cause.value for cause in Cause]
    head = ("kind", "query", "locale", "searches", "sessions", "tickets", "triage", "article", *causes)
    rows: list[tuple[object, ...]] = [
        ("failure", f.query, f.locale, f.searches, f.sessions, f.tickets, f.triage, f.best_article,
         *(f.causes.get(cause, 0) for cause in causes))
        for f in found.failures
    ]  # fmt: skip
    blank = ("",) * len(causes)
    rows += [
        ("gap", g.query, g.locale, "", g.sessions, g.tickets, Cause.MISSING, g.nearest, *blank)
        for g in found.gaps
    ]
    rows += [
        ("zero_result", z.query, z.locale, z.searches, z.sessions, z.tickets, "", z.finds_today, *blank)
        for z in found.zero_results
    ]
    return table_csv(head, rows)


def articles_csv(found: Iterable[ArticleReport]) -> str:
    """One line an article."""
    head = ("article", "locale", "reads", "useful", "tickets", "rate", "low", "high", "helpful", "unhelpful")
    return table_csv(head, (
        (a.article, a.locale, a.reads, a.useful, a.tickets.count, a.tickets.value, a.tickets.low,
         a.tickets.high, a.helpful, a.unhelpful)
        for a in found
    ))  # fmt: skip


def table_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines as RFC 4180 has them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(head)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return out.getvalue()


def _plain(value: object) -> object:
    """What customers typed must not become a formula when a spreadsheet opens it."""
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


# ---------------------------------------------------------------- text


def print_report(report: Report, out: Console) -> None:
    """The report for people at a terminal."""
    out.print(f"Deflection {report.start} – {report.end}, window {report.window}", style="bold")
    out.print(
        f"deflection {_interval(report.deflection)}, coverage {_share(report.coverage)} "
        f"({report.tickets.joined} of {report.tickets.all} tickets joinable), {report.intents} intents"
    )
    _outcomes(report, out)
    _rates(report.rates, out)
    for part in ("week", "locale", "category", "entry"):
        _slices(part, report.by[part], out)
    _failures(report, out)
    _gaps(report, out)
    _articles(report, out)
    _experiment(report, out)
    _changes(report, out)
    dropped = ", ".join(f"{count} {reason}" for reason, count in report.facts.dropped.items()) or "none"
    out.print(f"facts waiting: {report.facts.waiting}; dropped: {dropped}")


def _interval(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "not known yet"
    return f"{interval.low:.1%} to {interval.high:.1%}"


def _share(share: float | None) -> str:
    return "not known" if share is None else f"{share:.1%}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _outcomes(report: Report, out: Console) -> None:
    table = _table("window", *report.windows)
    table.add_row("", *(_stacked(each.outcomes) for each in report.windows.values()))
    for name in Outcomes.__struct_fields__:
        counts = (str(getattr(each.outcomes, name)) for each in report.windows.values())
        table.add_row(name, *counts)
    table.add_row("deflection", *(_interval(each.deflection) for each in report.windows.values()))
    out.print(table)
    for name, meaning in _MEANINGS.items():
        out.print(f"       {name}: {meaning}", style="dim")


def _stacked(outcomes: Outcomes) -> Text:
    """The five outcomes as one line; whatever occurs has at least one character."""
    bar = Text()
    for name, (mark, style) in _STYLES.items():
        count = getattr(outcomes, name)
        bar.append(mark * (max(1, round(BAR * count / outcomes.intents)) if count else 0), style)
    return bar


def _rates(rates: dict[str, Rate], out: Console) -> None:
    table = _table("rate", "", "95 %", "of")
    for name, each in rates.items():
        if each.value is not None:
            between = f"{each.low:.1%} – {each.high:.1%}"
            table.add_row(name.replace("_", " "), f"{each.value:.1%}", between, f"{each.count} of {each.of}")
    if table.row_count:
        out.print(table)


def _slices(part: str, slices: Sequence[Slice], out: Console) -> None:
    table = _table(part, "intents", "", "deflection", "coverage")
    for each in slices:
        if each.intents:
            name = Text(each.name or "(none)")
            range_ = _range(each.deflection)
            table.add_row(name, str(each.intents), range_, _interval(each.deflection), _share(each.coverage))
    if table.row_count:
        out.print(table)


def _range(interval: Interval) -> Text:
    """The interval on a line from 0 to 100 %."""
    if interval.low is None or interval.high is None:
        return Text("·" * BAR, "dim")
    first, last = round(interval.low * (BAR - 1)), round(interval.high * (BAR - 1))
    return Text("·" * first + "█" * (last - first + 1) + "·" * (BAR - 1 - last), "cyan")


def _failures(report: Report, out: Console) -> None:
    if report.failures:
        out.print("searches that ended in tickets", style="bold")
    for each in report.failures[:LISTED]:
        out.print(Text(f"{each.tickets:6} tickets, {each.sessions} sessions: {each.query}"))
        today = {None: "", True: ", answers today", False: ", does not answer today"}[each.answers_today]
        out.print(
            Text(f"       {_causes(each.causes)}; {each.best_article or 'no article'}{today}"), style="dim"
        )
    if report.hidden.groups:
        out.print(
            f"not shown (under {report.min_sessions} sessions, or too many): {report.hidden.groups} groups, "
            f"{report.hidden.tickets} tickets ({_causes(report.hidden.causes)})",
            style="dim",
        )
    told = set(report.hidden.causes).union(*(each.causes for each in report.failures[:LISTED]))
    for cause, meaning in _CAUSES.items():
        if cause in told:
            out.print(f"       {cause}: {meaning}", style="dim")


def _causes(causes: dict[str, int]) -> str:
    return ", ".join(f"{cause} {count}" for cause, count in causes.items())


def _gaps(report: Report, out: Console) -> None:
    table = _table("articles to write", "tickets", "sessions", "nearest today")
    for gap in report.gaps[:LISTED]:
        table.add_row(Text(gap.query), str(gap.tickets), str(gap.sessions), Text(gap.nearest or "–"))
    if table.row_count:
        out.print(table)
    zero = _table("searches without a result", "searches", "sessions", "finds today")
    for each in report.zero_results[:LISTED]:
        zero.add_row(Text(each.query), str(each.searches), str(each.sessions), Text(each.finds_today or "–"))
    if zero.row_count:
        out.print(zero)


def _articles(report: Report, out: Console) -> None:
    table = _table("read before tickets", "reads", "tickets", "", "helpful")
    for each in report.articles[:LISTED]:
        if each.tickets.count:
            share = f"{each.tickets.value:.1%} ({each.tickets.low:.1%} – {each.tickets.high:.1%})"
            name = Text(f"{each.locale}/{each.article}")
            votes = f"{each.helpful} of {each.helpful + each.unhelpful}"
            table.add_row(name, str(each.reads), str(each.tickets.count), share, votes)
    if table.row_count:
        out.print(table)


def _experiment(report: Report, out: Console) -> None:
    found = report.experiment
    if found is None or not found.holdout_sessions:
        return
    out.print(
        f"holdout: {found.holdout_tickets} tickets of {found.holdout_sessions} sessions without suggestions, "
        f"{found.treated_tickets} of {found.treated_sessions} with them"
    )
    if found.difference:
        d = found.difference
        out.print(f"suggestions save {d.value:+.3f} tickets a session (95 %: {d.low:+.3f} to {d.high:+.3f})")


def _changes(report: Report, out: Console) -> None:
    since = report.previous
    table = _table(f"since {since.start}", "before", "now", "change", "")
    for each in since.changes:
        d = each.difference
        change = f"{d.value:+.1%} ({d.low:+.1%} to {d.high:+.1%})"
        word = Text("changed", "bold") if each.news else Text("may be chance", "dim")
        table.add_row(each.name.replace("_", " "), f"{each.before:.1%}", f"{each.now:.1%}", change, word)
    if table.row_count:
        out.print(table)
