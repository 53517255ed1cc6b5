"""The commands around publishing, from `publish` to `synonyms`; `kb.cli` adds them.

Exit status 0: done; 1: not in order (blocked, something lost); 2: it could not be done.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from kb import indexer, settings
from kb.content.findings import counted
from kb.content.tree import read_tree
from kb.deflection.facts import AnyFact
from kb.deflection.failures import MIN_SESSIONS
from kb.deflection.retention import DAY_MS
from kb.deflection.store import EventStore, database_url
from kb.errors import BadParameter, IndexMissing
from kb.evaluate import GOLDEN_RANK
from kb.index.generation import Generation, open_live
from kb.model import Audience, Tree
from kb.options import ARTICLES, LOCALE, VAR
from kb.progress import progress
from kb.publish import bisect as bisecting
from kb.publish import preview as previews
from kb.publish import replay, synonyms, translations, wordings, workshop
from kb.publish import status as statuses
from kb.publish.git import FETCH_ALL, Mirror, toplevel
from kb.publish.orders import order_of
from kb.publish.publish import publish
from kb.publish.status import Status
from kb.terminal import err, out

_FROM = click.option("--from", "place", metavar="GIT_URL_OR_DIR",
                     help="Repository or folder; default KB_GIT_URL, else ./articles.")  # fmt: skip
_PATH = click.option("--path", help="Folder of the repository with the articles; default: found by looking.")


@click.command("publish")
@_FROM
@click.option("--ref", help="Branch, tag or commit; an older one is gone back to.")
@_PATH
@VAR
@LOCALE
@click.option("--accept-loss", metavar="REASON", default="", help="Publish although golden queries are lost.")
@click.option("--status", "asked", is_flag=True, help="Only tell what the last publish did.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def publish_command(
    place: str | None, ref: str | None, path: str | None, var: Path, locale: str | None, accept_loss: str,
    asked: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fetch, check, build beside, compare golden queries, switch. Nothing changes when a step fails."""
    if asked:
        found = statuses.last(var)
        if found is None:
            raise IndexMissing(f"{statuses.folder(var)}: nothing has been published yet")
    else:
        found = _publish(place, ref, path, var, locale, accept_loss)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        print_status(found)
    if found.state == "running" or found.good:
        return
    sys.exit(1 if found.state == "blocked" else 2)


def _publish(
    place: str | None, ref: str | None, path: str | None, var: Path, locale: str | None, reason: str
) -> Status:
    if reason and not reason.strip():
        raise BadParameter("--accept-loss", "needs a reason")
    order = order_of(
        settings.load(), place=place or "", ref=ref, path=path, locale=locale, accept_loss=reason.strip()
    )
    with progress() as step:
        return publish(order, var, step)


def print_status(status: Status) -> None:
    """For people: what became live or why nothing did, what was lost, where the seconds went."""
    colour = "green" if status.good else "yellow" if status.state == "running" else "red"
    what = f"{status.state}: {status.source}" + (f" at {status.ref}" if status.ref else "")
    if status.commit:
        what += f", commit {status.commit[:12]}"
    when = datetime.fromtimestamp(status.finished or status.started, UTC)
    out.print(f"{what} ({when:%Y-%m-%d %H:%M:%S} UTC)", style=colour, markup=False)
    if status.state in ("live", "unchanged", "superseded"):
        out.print(_done(status), markup=False)
    else:
        at = f" ({status.step})" if status.step else ""
        if status.state == "blocked":
            for finding in status.findings:
                err.print(str(finding), style="red", markup=False)
        elif status.error:
            err.print(f"kb: {status.error}{at}", style="red", markup=False)
        if status.previous:
            out.print(f"still serving {status.previous}", markup=False)
    for finding in status.golden.lost if status.golden.accepted else ():
        err.print(f"accepted ({status.golden.accepted}): {finding}", style="yellow", markup=False)
    steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in status.steps.items())
    if steps:
        out.print(f"seconds: {steps}", style="dim", markup=False)
    if status.posted:
        out.print(f"KB_PUBLISH_STATUS_URL was {status.posted}", style="dim", markup=False)


def _done(status: Status) -> str:
    """What is live, and of the steps those that were taken: on the way back nothing is read or checked."""
    told = f"{status.generation}: {status.articles} articles, {status.sections} sections, "
    read = "read" in status.steps
    told += f"{status.changed} changed, {status.removed} removed" if read else "as they were live before"
    told += f"; golden queries: {status.golden.held} of {status.golden.queries} hold"
    if "check" in status.steps:
        told += f"; {counted(status.errors, 'error')} and {counted(status.warnings, 'warning')} found"
    return told


@contextmanager
def preview(
    configured: settings.Settings, articles: Path | None, ref: str, locale: str | None
) -> Iterator[Path]:
    """A state folder with the index of a branch, for as long as it is served."""
    with TemporaryDirectory(prefix="kb-preview-") as name:
        order = order_of(configured, place=str(articles or ""), ref=ref, locale=locale)
        with progress() as step:
            commit, wrong = previews.build(order, Path(name), step)
        for finding in wrong:
            err.print(f"would block a publish: {finding}", style="yellow", markup=False)
        out.print(f"preview of {ref or 'the default branch'} at {commit[:12]}, drafts included", markup=False)
        yield Path(name)


@click.command("translations")
@click.option("--articles", type=click.Path(path_type=Path), help="Folder of Markdown articles.")
@LOCALE
@click.option("--diff", "with_diff", is_flag=True, help="What changed in the source since, for those behind.")
@click.option("--json", "as_json", is_flag=True, help="The gaps as JSON.")
def translations_command(articles: Path | None, locale: str | None, with_diff: bool, as_json: bool) -> None:
    """Per locale: which translations are missing, behind their source, or without one."""
    root = articles or Path("articles")
    tree = read_tree(root, processes=2)
    place = toplevel(root)
    mirror, below = (Mirror(place[0]), place[1]) if place else (None, "")
    commit = mirror.head() if mirror else ""
    found = translations.gaps(tree, mirror if commit else None, commit, below)
    found = [gap for gap in found if locale in (None, gap.locale)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for gap in found:
        commits = counted(gap.commits, "commit")
        about = f" ({commits} to {gap.source} since {gap.since[:12]})" if gap.commits else ""
        out.print(f"{gap.locale} {gap.state:8} {gap.path}{about}", markup=False)
        if with_diff and gap.diff:
            click.echo(gap.diff)
    counts = Counter((gap.locale, gap.state) for gap in found)
    if any(gap.state == "unknown" for gap in found):
        told = f"unknown whether it is behind: the history of this clone is cut off ({FETCH_ALL})"
        err.print(told, style="yellow", markup=False)
    summary = ", ".join(f"{locale}: {count} {state}" for (locale, state), count in sorted(counts.items()))
    out.print(summary or "every article is translated and up to date", style="bold", markup=False)


@click.command("replay")
@_FROM
@_PATH
@VAR
@LOCALE
@click.option("--base", required=True, metavar="REF", help="The version to compare with.")
@click.option("--head", required=True, metavar="REF", help="The version that is judged.")
@click.option("--days", type=click.IntRange(1, 3650), default=28, show_default=True, help="Of searches.")
@click.option("--queries", type=click.File(encoding="utf-8"), help="A query a line, a tab, its count.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def replay_command(
    place: str | None, path: str | None, var: Path, locale: str | None, base: str, head: str, days: int,
    queries: Iterable[str] | None, as_json: bool,
) -> None:  # fmt: skip
    """What was searched, on two versions: won, lost, nothing found, another first hit; as Markdown.

    The exit status is 1 when something got worse.
    """
    order = order_of(settings.load(), place=place or "", ref=base, path=path, locale=locale)
    with workshop.opened(order, var) as shop:
        (before, old), (after, new) = (shop.at(shop.commit(ref)) for ref in (base, head))
        moved = shop.past(new.commit).moved
        language = locale or after.site.default_locale
        listed = replay.of_lines(queries or (), language)
        asked = [*replay.of_golden((old, new)), *listed, *replay.of_facts(_told(var, days))]
        found = replay.compare(asked, before, after, moved)
    click.echo(msgspec.json.encode(found).decode() if as_json else replay.markdown(found))
    sys.exit(0 if found.good else 1)


def _told(var: Path, days: int) -> list[AnyFact]:
    """What customers did in the last days; nothing where nothing was ever recorded."""
    setting = settings.load().database_url.value
    if not setting and not (var / "kb.sqlite3").exists():
        return []
    now = time.time_ns() // 1_000_000
    with EventStore(database_url(var, setting)) as store:
        store.migrate()
        return list(store.facts(now - days * DAY_MS, now + 1))


@click.command("bisect")
@click.argument("query")
@click.option("--article", "article", required=True, metavar="ID", help="The article that lost its rank.")
@_FROM
@_PATH
@VAR
@LOCALE
@click.option("--head", default="", metavar="REF", help="Where it is lost; default: the default branch.")
@click.option("--good", default="", metavar="REF", help="Where it still held; default: it is looked for.")
@click.option("--within", type=click.IntRange(1, 50), default=GOLDEN_RANK, show_default=True,
              help="The rank that it should have at least.")  # fmt: skip
@click.option("--audience", type=click.Choice([a.value for a in Audience]), default="public")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def bisect_command(
    query: str, article: str, place: str | None, path: str | None, var: Path, locale: str | None, head: str,
    good: str, within: int, audience: str, as_json: bool,
) -> None:  # fmt: skip
    """The commit after which an article lost its rank for QUERY, and why it stands where it does."""
    order = order_of(settings.load(), place=place or "", ref=head, path=path)
    with workshop.opened(order, var) as shop:
        generation, _ = shop.at(shop.commit(head))
        key = f"{locale or generation.site.default_locale}/{article}"
        found = bisecting.bisect(
            shop, query, key, head=head, good=good, within=within, audience=Audience(audience),
            progress=lambda each: err.print(f"{each.commit[:12]}: {_place(each)}", style="dim", markup=False),
        )  # fmt: skip
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    out.print(f"{found.commit} lost it: {found.about}", style="bold", markup=False)
    for line in found.files:
        out.print(f"  {line}", markup=False)
    for name, standing in (("before", found.before), ("after", found.after)):
        out.print(f"{name} {standing.commit[:12]}: {standing.article} {_place(standing)}", markup=False)
        _print_why(standing)
    looked_at = f"{found.looked_at} commit{'s were' if found.looked_at > 1 else ' was'} looked at"
    out.print(looked_at, style="dim", markup=False)


def _place(standing: bisecting.Standing) -> str:
    if standing.rank == bisecting.MISSING:
        return "is not there"
    return f"is at {standing.rank}" if standing.rank else "is not found"


def _print_why(standing: bisecting.Standing) -> None:
    if standing.why is None:
        return
    for part in sorted(standing.why.parts, key=lambda part: -part.score)[:6]:
        line = f"    {part.score:6.2f}  {part.kind:9} {part.field:9} {part.term}"
        out.print(line, style="dim", markup=False)
    for name, score in standing.why.above[:3]:
        out.print(f"    above it: {score:6.2f}  {name}", style="dim", markup=False)


@click.command("synonyms")
@VAR
@ARTICLES
@LOCALE
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Of searches.")
@click.option("--queries", type=click.File(encoding="utf-8"), help="A query a line, a tab, its count.")
@click.option("--min-sessions", type=click.IntRange(1), default=MIN_SESSIONS, show_default=True,
              help="Show what customers typed only from so many sessions on.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The candidates as JSON.")
def synonyms_command(
    var: Path, articles: Path | None, locale: str | None, days: int, queries: Iterable[str] | None,
    min_sessions: int, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Candidates for synonyms.yml, from searches and articles, and the queries that each would change.

    Of the published index, or of the folder --articles, which is indexed for this.
    """
    with _opened(var, articles, locale) as generation:
        known, told = tuple(generation.articles()), _told(var, days)
        tree = Tree(root="", site=generation.site, articles=known)
        language = locale or generation.site.default_locale
        asked = [*replay.of_golden([tree]), *replay.of_lines(queries or (), language), *replay.of_facts(told)]
        sources = (wordings.of_facts(told), wordings.of_articles(known))
        found = synonyms.candidates(
            synonyms.merged(sources), generation, asked, min_sessions=min_sessions, most=limit
        )
    click.echo(msgspec.json.format(msgspec.json.encode(found)) if as_json else synonyms.text(found))


@contextmanager
def _opened(var: Path, articles: Path | None, locale: str | None) -> Iterator[Generation]:
    if articles is None:
        yield open_live(var)
        return
    with TemporaryDirectory(prefix="kb-synonyms-") as name, progress() as step:
        tree = read_tree(articles, locale=locale, progress=lambda done, of: step("reading", done, of))
        indexer.build(tree, Path(name), progress=step)
        yield open_live(Path(name))


COMMANDS = (publish_command, translations_command, replay_command, bisect_command, synonyms_command)
