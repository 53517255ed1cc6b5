"""The reports over HTTP, for writers and admins: `/api/v1/reports/…`, as JSON or, by Accept, as CSV.

A report first takes in the facts that have arrived: a moment's work where reports are asked for often.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import falcon
from msgspec import Meta, Struct, field

from kb.deflection.outcomes import WINDOW
from kb.deflection.periods import MIN_SESSIONS, Period, period, zone_of
from kb.errors import IndexDamaged, IndexMismatch, IndexMissing, StoreUnavailable
from kb.index.generation import Generation
from kb.roles import Role
from kb.web.answers import JSON, send_json
from kb.web.guard import require
from kb.web.params import read
from kb.web.parts import Parts
from kb.web.resources import Resource
from kb.web.shapes import Filter

if TYPE_CHECKING:
    from kb.deflection.report import Sources

CSV = "text/csv"
MOST = 50_000
"""Facts taken in while somebody waits, some seconds' work; what is left is told as waiting."""


class ReportParams(Struct, frozen=True, kw_only=True):
    """Dates are days of the site's time zone, both included; without them the last 28 days."""

    start: str = field(name="from", default="")
    end: str = field(name="to", default="")
    window: str = WINDOW
    locale: Filter = ""
    """Only needs of this locale; coverage stays that of all."""
    min_sessions: Annotated[int, Meta(ge=1)] = MIN_SESSIONS


def sources_of(parts: Parts) -> Sources:
    """What reports are made from here. Raises StoreUnavailable."""
    from kb.deflection.report import Sources, spooled  # and with it the database

    if parts.store is None:
        raise StoreUnavailable("nothing is recorded here")
    var = parts.var
    mirror = var / "publish" / "mirror" if var else None
    folders = [folder for folder in (mirror, parts.articles) if folder is not None and folder.is_dir()]
    return Sources(
        store=parts.store,
        generation=_generation(parts),
        repository=next(iter(folders), None),
        spooled=lambda: spooled(var / "spool") if var else 0,
    )


def _generation(parts: Parts) -> Generation | None:
    """Today's index, as far as there is one."""
    try:
        return parts.live.current()
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return None


def period_of(sources: Sources, wanted: ReportParams, now_ms: int) -> Period:
    """Raises BadParameter."""
    zone = zone_of(sources.generation.site.time_zone if sources.generation else "UTC")
    return period(wanted.start, wanted.end, wanted.window, zone, now_ms, wanted.locale)


class _Report(Resource):
    def asked(self, req: falcon.Request) -> tuple[Sources, Period, int]:
        """Checks the role, then the parameters, and takes in what has arrived."""
        require(req, Role.WRITER)
        wanted = read(req.query_string, ReportParams)
        sources = sources_of(self.parts)
        chosen = period_of(sources, wanted, time.time_ns() // 1_000_000)
        sources.catch_up(most=MOST)
        return sources, chosen, wanted.min_sessions


def _send(req: falcon.Request, resp: falcon.Response, answer: Struct, table: str) -> None:
    if req.client_prefers((JSON, CSV)) == CSV:
        resp.content_type = f"{CSV}; charset=utf-8"
        resp.text = table
    else:
        send_json(resp, answer)
    resp.append_header("Vary", "Accept")


class DeflectionReport(_Report):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb.deflection import printing, report

        sources, chosen, min_sessions = self.asked(req)
        found = report.build(sources, chosen, min_sessions)
        _send(req, resp, found, printing.deflection_csv(found))


class FailureReport(_Report):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb.deflection import printing, report
        from kb.deflection.shape import FailuresReport

        sources, chosen, min_sessions = self.asked(req)
        found = report.failures(sources, chosen, min_sessions)
        answer = FailuresReport(
            start=chosen.told(chosen.start), end=chosen.told(chosen.end), window=chosen.window,
            min_sessions=min_sessions, failures=found.failures, hidden=found.hidden, gaps=found.gaps,
            zero_results=found.zero_results, hidden_zero=found.hidden_zero,
        )  # fmt: skip
        _send(req, resp, answer, printing.failures_csv(found))


class ArticleReports(_Report):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb.deflection import printing, report
        from kb.deflection.shape import ArticlesReport

        sources, chosen, _ = self.asked(req)
        found = report.articles(sources, chosen)
        answer = ArticlesReport(
            start=chosen.told(chosen.start), end=chosen.told(chosen.end), window=chosen.window, articles=found
        )
        _send(req, resp, answer, printing.articles_csv(found))
