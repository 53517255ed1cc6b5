"""The commands about what is recorded: `kb token`, `kb prune`; and for others of them database and words.

Put together in `kb.cli`.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from kb import tokens
from kb.deflection import intents
from kb.deflection.retention import DAY_MS
from kb.deflection.store import EventStore, database_url
from kb.desk import records
from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.options import VAR
from kb.roles import Role
from kb.settings import language, load
from kb.words import Texts, languages, texts_for

LANG = click.option("--lang", type=click.Choice(languages()),
                    help="Language of what is printed; default that of LANG, else the site's.")  # fmt: skip


def words(lang: str | None, var: Path) -> Texts:
    """The words to print with: as asked, else as the terminal speaks, else as the site does."""
    return texts_for(lang or language() or _site_language(var))


def _site_language(var: Path) -> str:
    from kb.index.generation import Generation, live_folder  # who says the language does without numpy

    try:
        return Generation(var, live_folder(var)).site.default_locale
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return ""


def open_store(var: Path) -> EventStore:
    """The database of KB_DATABASE_URL or of this folder, with its tables at this version."""
    store = EventStore(database_url(var, load().database_url.value))
    store.migrate()
    return store


@click.group()
def token() -> None:
    """Tokens of agents, writers and admins."""


@token.command("create")
@click.option("--role", type=click.Choice([each.value for each in Role]), required=True)
@click.option("--name", required=True, help="Whose it is, or what for.")
@click.option("--days", type=int, default=tokens.DAYS, show_default=True, help="Days until it expires.")
@VAR
def create_token(role: str, name: str, days: int, var: Path) -> None:
    """Print a new token, alone, once: only its hash is kept."""
    with open_store(var) as store:
        click.echo(tokens.create(store, Role(role), name, days))


@token.command("list")
@VAR
def list_tokens(var: Path) -> None:
    """All tokens with their ids."""
    now = time.time_ns() // 1_000_000
    with open_store(var) as store:
        for each in tokens.listed(store):
            state = "valid" if each.valid(now) else "revoked" if each.revoked_at else "expired"
            until = time.strftime("%Y-%m-%d", time.gmtime(each.expires_at / 1000))
            click.echo(f"{each.id}  {each.role.value:6}  {state:7}  until {until}  {each.name}")


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@VAR
def revoke_token(token_id: str, var: Path) -> None:
    """Token ID (see `kb token list`) opens nothing any more; processes that serve notice within seconds."""
    with open_store(var) as store:
        revoked = tokens.revoke(store, token_id)
        click.echo(f"revoked: {revoked.id} ({revoked.role.value}, {revoked.name})")


@click.command()
@click.option("--days", type=click.IntRange(1, 3650), help="Keep so many days; default KB_FACT_DAYS.")
@VAR
@LANG
def prune(days: int | None, var: Path, lang: str | None) -> None:
    """Delete facts that are older than the retention, keeping counts a day."""
    settings = load()
    kept = settings.fact_days if days is None else days
    t = words(lang, var)
    with open_store(var) as store:
        before = time.time_ns() // 1_000_000 - kept * DAY_MS
        deleted = store.prune(before)
        with store.writing() as connection:
            # whole days, as the store prunes them
            intents.prune(connection, before - before % DAY_MS)
        click.echo(t("prune.facts", count=deleted, days=kept))
        erased = records.erase(store, settings.ticket_days)
        click.echo(t("prune.tickets", count=erased, days=settings.ticket_days))
