"""The commands around publishing: `publish`, `translations`, `replay`, `bisect`; `kb.cli` adds them.

Exit status 0: done; 1: not in order (blocked, something lost); 2: it could not be done.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from kb import settings
from kb.errors import BadParameter, IndexMissing
from kb.publish import preview as previews
from kb.publish import status as statuses
from kb.publish.orders import order_of
from kb.publish.publish import publish
from kb.publish.status import Status
from kb.terminal import LOCALE, VAR, err, out, progress

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
        out.print(
            f"{status.generation}: {status.articles} articles, {status.sections} sections, "
            f"{status.changed} changed, {status.removed} removed; golden queries: {status.golden.held} of "
            f"{status.golden.queries} hold; {status.errors} errors and {status.warnings} warnings found",
            markup=False,
        )
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


COMMANDS = (publish_command,)
