"""The commands `kb report`, `kb gap` and `kb forget`; `kb.cli` adds them to its own.

Dates are those of the site's time zone. What the reports need beside the database is found below `--var`: the
live index for today's answers, the articles' checkout or mirror for whether an article existed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kb.deflection import gaps, intents, printing, report, sheet
from kb.deflection.delivery import deliver_left
from kb.deflection.failures import MIN_SESSIONS, Failures
from kb.deflection.outcomes import WINDOW, WINDOWS
from kb.deflection.periods import Period, period, zone_of
from kb.deflection.report import Sources, spooled
from kb.desk import records
from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index.generation import Generation, live_folder
from kb.options import ARTICLES, VAR
from kb.progress import progress
from kb.records_cli import LANG, open_store, words
from kb.terminal import out

_FROM = click.option("--from", "start", default="", metavar="DATE", help="First day; default 28 days ago.")
_TO = click.option("--to", "end", default="", metavar="DATE", help="Last day; default now.")
_WINDOW = click.option("--window", type=click.Choice(list(WINDOWS)), default=WINDOW, show_default=True,
                       help="How long after its last act a ticket fails a need.")  # fmt: skip
_LOCALE = click.option("--locale", default="", metavar="LOCALE", help="Only needs of this locale.")
_MIN = click.option("--min-sessions", type=click.IntRange(1), default=MIN_SESSIONS, show_default=True,
                    help="Show a customer's text only from so many sessions on.")  # fmt: skip


@click.command("report")
@VAR
@ARTICLES
@_FROM
@_TO
@_WINDOW
@_LOCALE
@_MIN
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True
)
@LANG
@click.option("--part", type=click.Choice(["deflection", "failures", "articles"]), default="deflection",
              show_default=True, help="What CSV holds.")  # fmt: skip
@click.option("--rebuild", is_flag=True, help="Make the tables of intents anew from all facts first.")
def report_command(
    var: Path, articles: Path | None, start: str, end: str, window: str, locale: str, min_sessions: int,
    form: str, lang: str | None, part: str, rebuild: bool,
) -> None:  # fmt: skip
    """What became of searches, why some ended in tickets, and which article to write next."""
    with opened(var, articles) as sources:
        asked = asked_period(sources, start, end, window, locale)
        with progress() as step:
            take_in = sources.rebuild if rebuild else sources.catch_up
            take_in(lambda done, total: step("facts", done, total))
        if form == "csv" and part != "deflection":
            click.echo(_part(sources, asked, min_sessions, part), nl=False)
            return
        found = report.build(sources, asked, min_sessions)
    if form == "text":
        sheet.print_report(found, out, words(lang, var))
    elif form == "json":
        click.echo(printing.as_json(found))
    else:
        click.echo(printing.deflection_csv(found), nl=False)


def _part(sources: Sources, asked: Period, min_sessions: int, part: str) -> str:
    if part == "articles":
        return printing.articles_csv(report.articles(sources, asked))
    return printing.failures_csv(report.failures(sources, asked, min_sessions))


@click.command("gap")
@click.argument("query", default="")
@VAR
@ARTICLES
@_FROM
@_TO
@_WINDOW
@_MIN
@click.option(
    "--draft", is_flag=True, help="Write the skeleton of the article for QUERY, or for the first gap."
)
@LANG
def gap_command(
    query: str, var: Path, articles: Path | None, start: str, end: str, window: str, min_sessions: int,
    draft: bool, lang: str | None,
) -> None:  # fmt: skip
    """Articles that are missing, by the tickets they would have saved; --draft writes one's skeleton."""
    with opened(var, articles) as sources:
        asked = asked_period(sources, start, end, window)
        sources.catch_up()
        found: Failures = report.failures(sources, asked, min_sessions)
    if draft:
        click.echo(gaps.write_draft(gaps.chosen(found.gaps, query), articles or Path("articles")))
        return
    for gap in found.gaps:
        click.echo(f"{gap.tickets:6}  {gap.locale:5}  {gap.query}")
    if not found.gaps:
        t = words(lang, var)
        click.echo(t("gap.none"), err=True)


@click.command()
@click.option("--ticket", help="Number of a ticket, ours or the desk's.")
@click.option("--session", help="Name of a session.")
@VAR
@ARTICLES
@LANG
def forget(
    ticket: str | None, session: str | None, var: Path, articles: Path | None, lang: str | None
) -> None:
    """Erase everything that is stored of a ticket or of a session; the reports count without it at once."""
    if bool(ticket) == bool(session):
        raise click.UsageError("give one of --ticket and --session")
    with opened(var, articles) as sources:
        existed = sources.library().existed
        if session:
            deleted = intents.forget(sources.store, existed, session=session)
        else:
            names = records.names_of(sources.store, ticket or "")
            deleted = sum(intents.forget(sources.store, existed, ticket=name) for name in names)
        t = words(lang, var)
        click.echo(t("forget.erased", count=deleted))


@contextmanager
def opened(var: Path, articles: Path | None = None) -> Iterator[Sources]:
    """The store of a state folder and what else stands there; facts that a dead process left are taken in."""
    with open_store(var) as store:
        deliver_left(var / "spool", store)
        yield Sources(
            store=store, generation=live(var), repository=history(var, articles),
            spooled=lambda: spooled(var / "spool"),
        )  # fmt: skip


def live(var: Path) -> Generation | None:
    """Today's index; a report can do without one, and says less then."""
    try:
        return Generation(var, live_folder(var))
    except (IndexMissing, IndexDamaged, IndexMismatch) as error:
        click.echo(f"kb: without today's index: {error}", err=True)
        return None


def history(var: Path, articles: Path | None) -> Path | None:
    """Where git may know the articles: a checkout named or standing here, or what was published from."""
    mirror = var / "publish" / "mirror"
    candidates = [articles] if articles is not None else [mirror, Path("articles")]
    return next((folder for folder in candidates if folder.is_dir()), None)


def asked_period(sources: Sources, start: str, end: str, window: str, locale: str = "") -> Period:
    """Raises BadParameter."""
    zone = zone_of(sources.generation.site.time_zone if sources.generation else "UTC")
    return period(start, end, window, zone, time.time_ns() // 1_000_000, locale)
