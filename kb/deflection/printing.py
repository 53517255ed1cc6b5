"""A report as JSON or CSV. The last step; nothing is computed here. For people at a terminal: `sheet`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from kb.deflection.failures import Failures
from kb.deflection.outcomes import Outcomes
from kb.deflection.shape import ArticleReport, Report, Slice
from kb.deflection.triage import Cause

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
