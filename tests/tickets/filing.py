"""Tickets to hand over, and the settings of each way to do so, for tests of one process and of several."""

from __future__ import annotations

import sqlalchemy as sa

from kb.deflection.store import EventStore
from kb.desk import outbox, records
from kb.desk.authors import Author
from kb.desk.drafts import Draft
from kb.desk.senders import senders
from kb.desk.tables import OUTBOX
from kb.settings import Secret, Settings
from kb.tickets import file_ticket

from .desks import HttpDesk, SmtpDesk

DRAFT = Draft(
    subject="返金はいつ",
    body="注文 <A-1> の返金が\n届きません。",
    locale="ja",
    email="hanako..s@docomo.example.jp",
)


def webhook(desk: HttpDesk, **more: object) -> Settings:
    return Settings(
        desk="webhook", desk_url=f"{desk.url}/tickets", desk_secret=Secret("key"), desk_timeout=1, **more
    )


def zendesk(desk: HttpDesk) -> Settings:
    return Settings(
        desk="zendesk",
        desk_url=desk.url,
        desk_user="a@b.example",
        desk_secret=Secret("token"),
        desk_timeout=1,
    )


def smtp(desk: SmtpDesk, **more: object) -> Settings:
    return Settings(
        desk="smtp", desk_url=desk.url, desk_from="Help <kb@shop.example>", desk_to="desk@shop.example",
        desk_timeout=2, **more,
    )  # fmt: skip


def filed(store: EventStore, draft: Draft = DRAFT) -> str:
    return file_ticket(store, draft, Author(session="s" * 16), sent=True)


def make_due(store: EventStore) -> None:
    """As if the waiting were over."""
    with store.writing() as connection:
        connection.execute(sa.update(OUTBOX).where(OUTBOX.c.status == "pending").values(due_at=0))


def row(store: EventStore, ticket: str) -> records.Listed:
    return next(each for each in records.listing(store) if each.id == ticket)


def try_once(store: EventStore, settings: Settings) -> None:
    make_due(store)
    assert outbox.deliver_one(store, senders(settings), settings)
