"""The command `kb tickets`: what was filed, what was given up, which articles agents call wrong."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from kb.desk import records
from kb.desk.clerk import Clerk
from kb.options import VAR
from kb.records_cli import LANG, open_store, words
from kb.settings import load
from kb.words import Texts


@click.command()
@click.option("--dead", is_flag=True, help="Only those that were given up; exit status 1 when there are any.")
@click.option("--status", type=click.Choice(records.STATUSES), help="Only those that stand so.")
@click.option("--retry", metavar="ID", help="Hand this one over again; `dead` or `kept`: all of these.")
@click.option("--wrong", is_flag=True, help="Articles that agents called wrong, for their owners.")
@click.option("--deliver", is_flag=True, help="Hand over now what is due, without a running service.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, the words of tickets included.")
@LANG
@VAR
def tickets(
    dead: bool, status: str | None, retry: str | None, wrong: bool, deliver: bool, limit: int,
    as_json: bool, lang: str | None, var: Path,
) -> None:  # fmt: skip
    """Tickets that customers filed, the newest first, and where they stand."""
    if sum((dead, bool(status), bool(retry), wrong, deliver)) > 1:
        raise click.UsageError("give one of --dead, --status, --retry, --wrong and --deliver")
    t = words(lang, var)
    with open_store(var) as store:
        if retry:
            put = records.retry_all if retry in ("dead", "kept") else records.retry
            click.echo(t("tickets.retried", count=put(store, retry)))
            return
        if deliver:
            Clerk(store, load()).work()
        if wrong:
            for mark in records.wrong_articles(store, limit):
                click.echo(_json(mark) if as_json else _wrong(mark, t))
            return
        found = records.listing(store, "dead" if dead else status or "", limit)
        for each in found:
            click.echo(_json(each) if as_json else _line(each, t))
        if dead and found:
            raise click.exceptions.Exit(1)
        if not as_json and not dead and not status:
            click.echo(_sum(records.counts(store), t))


def _json(row: msgspec.Struct) -> str:
    return msgspec.json.encode(row).decode()


def _line(each: records.Listed, t: Texts) -> str:
    """No word but the subject: a terminal's history is not the place for more."""
    said = t(f"tickets.status.{each.status}")
    if each.error and each.status != "delivered":
        said = t("tickets.failed", status=said, error=each.error)
    number = t("tickets.ref", ref=each.ref) if each.ref else ""
    waits = each.status == "pending" and each.tries
    again = t("tickets.again", moment=_moment(each.due_at)) if waits else ""
    return (
        f"{each.id}  {_moment(each.filed_at)}  {said}{number}{again}  {each.subject or t('tickets.erased')}"
    )


def _wrong(mark: records.Wrong, t: Texts) -> str:
    owner = mark.owner or t("tickets.nobody")
    note = f"  {' '.join(mark.note.split())}" if mark.note else ""
    return (
        f"{_moment(mark.at)}  {owner}  {mark.locale}/{mark.article}@{mark.commit[:12]}  {mark.ticket}{note}"
    )


def _sum(counts: dict[str, int], t: Texts) -> str:
    parts = [
        t("tickets.sum", count=counts[status], status=t(f"tickets.status.{status}"))
        for status in records.STATUSES
        if counts.get(status)
    ]
    return t("comma").join(parts) or t("tickets.none")


def _moment(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))
