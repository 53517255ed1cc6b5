"""From the outbox to the desk, over every way and through every fault: nothing lost, nothing doubled."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from email import message_from_string, policy

import pytest
import sqlalchemy as sa

from kb.deflection import intents
from kb.deflection.facts import TicketFiled
from kb.deflection.store import EventStore
from kb.desk import outbox, records
from kb.desk.authors import Author
from kb.desk.clerk import Clerk
from kb.desk.senders import senders
from kb.desk.tables import OUTBOX
from kb.desk.wire import retry_after
from kb.errors import BadSetting, TicketNotFound
from kb.settings import Secret, Settings
from kb.tickets import file_ticket

from .desks import HttpDesk, SmtpDesk
from .filing import DRAFT, filed, row, smtp, try_once, webhook, zendesk


def test_a_ticket_reaches_a_webhook_signed_and_the_desks_number_is_kept(
    store: EventStore, desk: HttpDesk
) -> None:
    ticket = filed(store)
    Clerk(store, webhook(desk)).work()
    ((_, path, headers, body),) = desk.requests
    signature = hmac.new(b"key", f"{headers['X-KB-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
    assert path == "/tickets"
    assert headers["X-KB-Signature"] == f"sha256={signature}"
    assert json.loads(body) | {"at": ""} == {
        "event": "ticket.filed", "ticket_id": ticket, "at": "", "locale": "ja",
        "subject": DRAFT.subject, "body": DRAFT.body, "email": DRAFT.email,
    }  # fmt: skip
    assert (row(store, ticket).status, row(store, ticket).ref) == ("delivered", "1001")


def test_the_filed_fact_is_in_the_event_store_once(store: EventStore) -> None:
    ticket = filed(store)
    clerk = Clerk(store, Settings())
    clerk.work()
    clerk.work()
    (fact,) = store.facts_of(tickets=[ticket])
    assert isinstance(fact, TicketFiled)
    assert (fact.session, fact.locale, fact.joined) == ("s" * 16, "ja", True)


def test_a_ticket_reaches_zendesk_with_requester_and_our_number(store: EventStore, desk: HttpDesk) -> None:
    ticket = filed(store)
    Clerk(store, zendesk(desk)).work()
    ((_, path, headers, body),) = desk.requests
    assert path == "/api/v2/tickets.json"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"a@b.example/token:token").decode()
    assert headers["Idempotency-Key"] == ticket
    told = json.loads(body)["ticket"]
    assert (told["external_id"], told["subject"], told["comment"]["body"]) == (
        ticket,
        DRAFT.subject,
        DRAFT.body,
    )
    assert told["requester"] == {"email": DRAFT.email, "name": "hanako..s"}
    assert row(store, ticket).ref == "1001"


@pytest.mark.parametrize("fault", ["500", "503", "429", "401", "hang", "drip", "drop", "refuse", "302"])
@pytest.mark.parametrize("way", [webhook, zendesk])
def test_a_desk_that_fails_gets_the_ticket_once_in_the_end(tmp_path, desk: HttpDesk, fault: str, way) -> None:
    with EventStore(f"sqlite:///{tmp_path}/kb.sqlite3") as store:
        store.migrate()
        settings = way(desk)
        ticket = filed(store)
        desk.faults = [fault] if fault in ("hang", "drip") else [fault, fault]
        try_once(store, settings)
        assert row(store, ticket).status == "pending"
        tries = 1
        while row(store, ticket).status == "pending":
            try_once(store, settings)
            tries += 1
        assert (row(store, ticket).status, list(desk.taken)) == ("delivered", [ticket])
        assert tries <= 3


def test_zendesk_is_asked_before_a_second_try_because_its_keys_expire(
    store: EventStore, desk: HttpDesk
) -> None:
    ticket = filed(store)
    desk.faults = ["drop"]
    try_once(store, zendesk(desk))
    try_once(store, zendesk(desk))
    assert [request[0] for request in desk.requests] == ["POST", "GET"]
    assert desk.taken[ticket]["times"] == 1
    assert (row(store, ticket).status, row(store, ticket).ref) == ("delivered", "1001")


@pytest.mark.parametrize("fault", ["451", "drop", "refuse", "421"])
def test_a_mail_server_that_fails_gets_the_same_message_again(
    store: EventStore, mail_desk: SmtpDesk, fault: str
) -> None:
    ticket = filed(store)
    mail_desk.faults = [fault]
    try_once(store, smtp(mail_desk))
    assert row(store, ticket).status == "pending"
    try_once(store, smtp(mail_desk))
    assert row(store, ticket).status == "delivered"
    assert list(mail_desk.mails) == [f"<{ticket}@shop.example>"]


def test_a_mail_holds_the_words_and_answers_go_to_the_customer(
    store: EventStore, mail_desk: SmtpDesk
) -> None:
    ticket = filed(store)
    Clerk(store, smtp(mail_desk, desk_user="kb", desk_secret=Secret("word"))).work()
    ((text,),) = mail_desk.mails.values()
    mail = message_from_string(text, policy=policy.default)
    assert mail["Subject"] == f"[{ticket}] 返金はいつ"
    assert (mail["To"], mail["Reply-To"]) == ("desk@shop.example", DRAFT.email)
    assert mail.get_content().strip() == DRAFT.body
    assert base64.b64decode(mail_desk.logins[0].split()[-1]) == b"\0kb\0word"


def test_what_a_desk_refuses_is_dead_and_can_be_tried_again_by_hand(
    store: EventStore, desk: HttpDesk
) -> None:
    ticket = filed(store)
    desk.faults = ["422"]
    Clerk(store, webhook(desk)).work()
    (dead,) = records.listing(store, "dead")
    assert (dead.id, dead.error) == (ticket, "refused with 422")
    records.retry(store, ticket)
    Clerk(store, webhook(desk)).work()
    assert row(store, ticket).status == "delivered"
    with pytest.raises(TicketNotFound, match=ticket):
        records.retry(store, ticket)


def test_after_the_last_try_a_ticket_is_dead_and_still_has_its_words(
    store: EventStore, desk: HttpDesk
) -> None:
    ticket = filed(store)
    settings = webhook(desk, desk_tries=2)
    desk.faults = ["500", "500"]
    try_once(store, settings)
    try_once(store, settings)
    dead = row(store, ticket)
    assert (dead.status, dead.error, dead.body) == (
        "dead",
        "answered 500 (given up after 2 tries)",
        DRAFT.body,
    )


def test_retry_after_is_waited_for(store: EventStore, desk: HttpDesk) -> None:
    ticket = filed(store)
    desk.faults, desk.retry_after = ["429"], "4000"
    before = row(store, ticket).due_at
    try_once(store, webhook(desk))
    assert row(store, ticket).due_at - before > 4_000_000
    assert not outbox.deliver_one(store, senders(webhook(desk)), webhook(desk))


def test_retry_after_may_be_a_number_or_a_date_and_nonsense_is_none() -> None:
    assert retry_after("120") == 120
    assert retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert retry_after("Fri, 31 Dec 2199 23:59:59 GMT") == 86400
    assert [retry_after(text) for text in ("", "soon", "-5", "99999999999999")] == [0, 0, 0, 86400]


def test_waiting_doubles_with_chance_up_to_an_hour() -> None:
    for tries, longest in ((1, 5), (2, 10), (5, 80), (60, 3600), (5000, 3600)):
        waits = {outbox.backoff(tries) for _ in range(50)}
        assert len(waits) > 1
        assert all(longest / 2 <= wait <= longest for wait in waits)


def test_a_fault_of_ours_in_an_adapter_neither_blocks_the_line_nor_loses_the_ticket(
    store: EventStore,
) -> None:
    ticket = filed(store)
    settings = Settings(desk_tries=2)

    def broken(_: object) -> str:
        raise ZeroDivisionError

    assert outbox.deliver_one(store, {"ticket": broken}, settings)
    assert (row(store, ticket).status, row(store, ticket).error) == ("pending", "fault: ZeroDivisionError")


def test_without_a_desk_tickets_are_kept_and_may_be_handed_over_later(
    store: EventStore, desk: HttpDesk
) -> None:
    ticket = file_ticket(store, DRAFT, Author(), sent=False)
    Clerk(store, Settings()).work()
    assert row(store, ticket).status == "kept"
    records.retry(store, ticket)
    Clerk(store, webhook(desk)).work()
    assert list(desk.taken) == [ticket]


def test_words_are_erased_some_days_after_delivery_and_not_before(store: EventStore, desk: HttpDesk) -> None:
    delivered = filed(store)
    Clerk(store, webhook(desk)).work()
    pending = filed(store)
    assert records.erase(store, 30) == 0
    with store.writing() as connection:
        connection.execute(sa.update(OUTBOX).values(settled_at=OUTBOX.c.settled_at - 31 * 86_400_000))
    assert records.erase(store, 30) == 1
    gone, kept = row(store, delivered), row(store, pending)
    assert (gone.subject, gone.body, gone.email) == ("", "", "")
    assert kept.body == DRAFT.body


def test_forgetting_a_ticket_leaves_nothing_of_it(store: EventStore) -> None:
    ticket = file_ticket(store, DRAFT, Author(session="abcdefgh"), sent=True, key="k1", repeat_minutes=10)
    Clerk(store, Settings()).work()
    intents.forget(store, lambda article, search: None, ticket=ticket)
    assert records.listing(store) == []
    assert list(store.facts_of(tickets=[ticket])) == []
    assert (
        file_ticket(store, DRAFT, Author(session="abcdefgh"), sent=True, key="k1", repeat_minutes=10)
        != ticket
    )


@pytest.mark.parametrize("settings", [
    Settings(desk="zendesk", desk_url="https://x.example"),
    Settings(desk="webhook", desk_url="smtp://x.example", desk_secret=Secret("s")),
    Settings(desk="smtp", desk_url="smtp://x.example", desk_from="a@b.example"),
    Settings(owner_webhook="https://x.example"),
])  # fmt: skip
def test_settings_that_do_not_fit_together_are_told_at_the_start(settings: Settings) -> None:
    with pytest.raises(BadSetting, match="KB_"):
        senders(settings)


def test_secrets_are_not_shown() -> None:
    settings = Settings(
        desk_secret=Secret("hunter2"), hook_secret=Secret("hunter2"), owner_secret=Secret("hunter2")
    )
    assert "hunter2" not in f"{settings} {settings!r}"
