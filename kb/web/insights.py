"""Insights, for writers and admins: whether readers are helped, why not, and what to write next.

    GET /insights                         the figures of `kb report`, drawn; ?from= ?to= ?window= ?locale=
    GET /insights/{part}.csv              one part of them as a file
    GET /insights/draft                   the skeleton of a missing article, as `kb gap --draft` writes it
    GET /insights/articles/{locale}/{id}  one article: what leads to it, what came of it, its past

`locale` names whose needs are counted, `lang` the language of the page itself. What the pages show comes from
`insight_figures` and `insight_article`, which are imported when somebody asks, and with them the database.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import falcon
import msgspec
from msgspec import Struct, field

from kb.deflection.outcomes import WINDOW, WINDOWS
from kb.deflection.periods import DAYS, MIN_SESSIONS, Period
from kb.errors import BadParameter, PageNotFound
from kb.model import Audience
from kb.roles import Role
from kb.web import charts, present
from kb.web.answers import HTML
from kb.web.entrance import let_in
from kb.web.guard import token_of
from kb.web.languages import preferred
from kb.web.pages import Page
from kb.web.params import read
from kb.web.reader import Shelf, default_locale, generation_of, locales_of
from kb.web.rendering import Pages
from kb.web.reports import ReportParams, period_of, sources_of
from kb.web.shapes import Filter
from kb.words import language_name, texts_for

if TYPE_CHECKING:
    from kb.deflection.report import Sources
    from kb.web.insight_figures import Figures

LISTED = 20
"""Rows of each table on the page; its file has all."""
PERIODS = (7, DAYS, 91)
"""Days that one click asks for."""
MINUTE = 60_000
KEPT_SECONDS = 60.0
KEPT = 8
"""Periods whose figures are kept."""


class InsightParams(Struct, frozen=True, kw_only=True):
    """The filters, as a form leaves them: everything may be empty."""

    start: Filter = field(name="from", default="")
    end: Filter = field(name="to", default="")
    window: Filter = WINDOW
    locale: Filter = ""
    lang: Filter = ""

    def query(self, **changes: str) -> str:
        """As the query string of a link; what says nothing is left out."""
        values = msgspec.to_builtins(self) | changes
        kept = {
            name: value for name, value in values.items() if value and (name, value) != ("window", WINDOW)
        }
        return urlencode(kept, quote_via=quote)


class DraftParams(InsightParams, frozen=True, kw_only=True):
    query_text: Filter = field(name="query", default="")
    download: Filter = ""


class Asked(Struct, frozen=True):
    """A request that may be answered: its filters, checked, and what they are answered from."""

    params: InsightParams
    period: Period
    sources: Sources
    shelf: Shelf


class InsightPage(Page):
    """What all of these pages need."""

    def asked(self, req: falcon.Request, params: InsightParams) -> Asked:
        """Raises what `let_in` raises, BadParameter, and StoreUnavailable without a database."""
        let_in(req, self.prefix, Role.WRITER)
        sources = sources_of(self.parts)
        wanted = ReportParams(
            start=params.start, end=params.end, window=params.window or WINDOW, locale=params.locale
        )
        now = time.time_ns() // 1_000_000
        # the same figures for a minute
        chosen = period_of(sources, wanted, now - now % MINUTE)
        shelf = self._shelf(req, params.lang)
        if params.locale and params.locale not in shelf.locales:
            raise BadParameter("locale", f"must be one of {', '.join(shelf.locales)}")
        return Asked(params, chosen, sources, shelf)

    def _shelf(self, req: falcon.Request, language: str) -> Shelf:
        generation = generation_of(req, self.parts)
        has = locales_of(generation, Audience.AGENT)
        if language not in has:
            language = preferred(req, has, default_locale(generation, Audience.AGENT, self.parts))
        return Shelf(generation, Audience.AGENT, language)

    def show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        asked: Asked,
        template: str,
        path: str,
        **values: Any,
    ) -> None:
        """A page with the filters, the way between the staff's pages, and itself in other languages."""
        params = asked.params
        token = token_of(req)
        resp.content_type = HTML
        resp.set_header("X-Robots-Tag", "noindex")
        resp.data = self.pages.render(
            req, asked.shelf, template,
            params=params, period=asked.period, path=path, windows=tuple(WINDOWS), token=token,
            may_report=True,
            locales=[(each, language_name(each)) for each in asked.shelf.locales], robots="noindex",
            others={each: f"{path}?{params.query(lang=each)}" for each in asked.shelf.locales},
            periods=self._periods(asked), min_sessions=MIN_SESSIONS, swatch=charts.swatch,
            here_query=params.query(), page_of=self._page_of(params),
            **values,
        )  # fmt: skip

    def _page_of(self, params: InsightParams) -> Any:
        """(locale, article) → address of the article's own insights."""

        def address(locale: str, article: str) -> str:
            kept = params.query(locale="")
            return f"{self.prefix}/insights/articles/{quote(locale)}/{quote(article)}" + (
                f"?{kept}" if kept else ""
            )

        return address

    def _periods(self, asked: Asked) -> list[tuple[int, str, bool]]:
        """(days, query of the link, is shown now)"""
        today = datetime.fromtimestamp(asked.period.now / 1000, asked.period.zone).date()
        found = []
        for days in PERIODS:
            start, end = (today - timedelta(days=days - 1)).isoformat(), today.isoformat()
            now = (asked.params.start, asked.params.end) == (start, end)
            found.append((days, asked.params.query(**{"from": start, "to": end}), now))
        return found


class Recent:
    """The last figures, for a minute: a page, its files and a draft are asked for one after another."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, Figures]] = OrderedDict()
        self._lock = threading.Lock()

    def figures(self, key: Hashable, make: Callable[[], Figures]) -> Figures:
        """Those of `key`, made anew after a minute; who asks for the same meanwhile waits for the first."""
        with self._lock:
            made, figures = self._kept.get(key, (0.0, None))
            if figures is None or time.monotonic() - made > KEPT_SECONDS:
                figures = make()
                self._kept[key] = time.monotonic(), figures
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return figures


class WithFigures(InsightPage):
    """Pages and files that the whole report is needed for."""

    def __init__(self, pages: Pages, recent: Recent) -> None:
        super().__init__(pages)
        self._recent = recent

    def figures(self, asked: Asked) -> Figures:
        from kb.web.insight_figures import figures_of

        period, name = asked.period, asked.shelf.generation.name
        key = (period.start, period.end, period.window, period.locale, name)
        return self._recent.figures(key, lambda: figures_of(self.parts, asked.sources, period))


class Insights(WithFigures):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb.web import insight_figures as drawn

        asked = self.asked(req, read(req.query_string, InsightParams))
        figures = self.figures(asked)
        t = texts_for(asked.shelf.locale)
        self.show(
            req, resp, asked, "insights.html", f"{self.prefix}/insights",
            figures=figures, report=figures.report, fresh=figures.fresh, listed=LISTED,
            outcomes=drawn.outcome_names(t), causes=drawn.cause_names(t),
            causes_of=drawn.causes_of(figures.report),
            weeks=drawn.week_names(t, figures.report),
            deflection_chart=drawn.deflection_chart(t, figures.report),
            outcome_chart=drawn.outcome_chart(t, figures.report),
            triage_chart=drawn.triage_chart(t, figures.report), speed_chart=drawn.speed_chart(t, figures),
        )  # fmt: skip


class InsightsFile(WithFigures):
    def on_get(self, req: falcon.Request, resp: falcon.Response, part: str) -> None:
        from kb.deflection import report
        from kb.web.insight_figures import as_csv

        asked = self.asked(req, read(req.query_string, InsightParams))
        table = as_csv(self.figures(asked), part, lambda: report.articles(asked.sources, asked.period))
        if table is None:
            raise PageNotFound("there is no such table")
        resp.content_type = "text/csv; charset=utf-8"
        resp.downloadable_as = f"{part}.csv"
        # spreadsheets take UTF-8 for what it is only behind this mark
        resp.data = b"\xef\xbb\xbf" + table.encode()


class GapDraft(WithFigures):
    """The Markdown of an article that is missing, to be filled in and committed."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        from kb.deflection import gaps

        params = read(req.query_string, DraftParams)
        asked = self.asked(req, params)
        gap = gaps.chosen(self.figures(asked).report.gaps, params.query_text)
        text, name = gaps.skeleton(gap), gaps.file_name(gap)
        if params.download:
            resp.content_type = "text/markdown; charset=utf-8"
            resp.downloadable_as = name.rpartition("/")[2]
            resp.text = text
            return
        path = f"{self.prefix}/insights/draft"
        self.show(req, resp, asked, "insights_draft.html", path, gap=gap, text=text, name=name)


class ArticleInsights(InsightPage):
    """What is known of one article, agents-only ones among them."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        from kb.web.insight_article import about

        asked = self.asked(req, read(req.query_string, InsightParams))
        if locale not in asked.shelf.locales:
            raise PageNotFound("there is nothing at this address")
        own = Shelf(asked.shelf.generation, Audience.AGENT, locale)
        article = own.snapshot.article(own.find(article_id))
        found = about(asked.sources, own, article, msgspec.structs.replace(asked.period, locale=locale))
        path = f"{self.prefix}/insights/articles/{quote(locale)}/{quote(article_id)}"
        self.show(
            req, resp, asked, "insights_article.html", path,
            article=article, found=found, page=self.pages.article(locale, article.id), iso=present.iso,
        )  # fmt: skip


def routes(shown: Pages) -> dict[str, object]:
    """Their addresses; what one page had to compute, another takes."""
    recent = Recent()
    return {
        "/insights": Insights(shown, recent),
        "/insights/{part}.csv": InsightsFile(shown, recent),
        "/insights/draft": GapDraft(shown, recent),
        "/insights/articles/{locale}/{article_id:path}": ArticleInsights(shown),
    }
