"""Hooks of help desks: forged, replayed, late and huge ones; any order of arrival; whose ticket it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from datetime import UTC, datetime

import pytest

from kb.deflection.facts import TicketArticleLinked, TicketFiled, TicketSolved
from kb.desk import outbox, records
from kb.desk.senders import senders
from kb.desk.signing import sign_zendesk
from kb.settings import Secret

from .desks import HttpDesk

AT = "2026-05-01T00:00:00Z"


def signed(body: bytes, *, secret: str = "hook", at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-KB-Timestamp": stamp, "X-KB-Signature": f"sha256={mac}"}


def hook(service, event, headers=None, source="generic"):
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return service.http.simulate_post(
        f"/api/v1/hooks/tickets/{source}", body=body, headers=signed(body) if headers is None else headers
    )


def event(kind, ticket="D-1", at=AT, **more):
    return {"event": f"ticket.{kind}", "ticket_id": ticket, "at": at, **more}


def kinds(service) -> list[str]:
    return sorted(type(fact).__name__ for fact in service.facts())


def test_a_ticket_from_elsewhere_is_known_as_unjoinable(service) -> None:
    assert hook(service, event("created")).status_code == 202
    (fact,) = service.facts()
    assert isinstance(fact, TicketFiled)
    assert (fact.ticket, fact.source, fact.joined, fact.session) == ("D-1", "generic", False, "")
    assert fact.at == 1_777_593_600_000


def test_a_ticket_from_elsewhere_joins_by_its_kb_token(service) -> None:
    token = service.http.simulate_get("/api/v1/session/token", headers={"X-KB-Session": "session-one"}).json
    hook(service, event("created", kb_token=token["kb_token"]))
    (fact,) = service.facts()
    assert (fact.session, fact.joined) == ("session-one", True)


def test_a_forged_kb_token_joins_nothing(service) -> None:
    hook(service, event("created", kb_token="InNlc3Npb24i.forged.token"))
    (fact,) = service.facts()
    assert not fact.joined


def test_solved_and_solved_by_an_article_at_a_commit(service) -> None:
    hook(service, event("solved"))
    hook(
        service,
        event("article", article="returns/refund", locale="ja", commit="abc123", relation="solved_by"),
    )
    solved, linked = sorted(service.facts(), key=lambda fact: type(fact).__name__, reverse=True)
    assert isinstance(solved, TicketSolved)
    assert isinstance(linked, TicketArticleLinked)
    assert (linked.ticket, linked.article, linked.commit, linked.relation) == (
        "D-1", "returns/refund", "abc123", "solved_by",
    )  # fmt: skip


def test_without_a_commit_the_live_one_is_noted(service) -> None:
    hook(service, event("article", article="returns/refund", relation="sent"))
    (fact,) = service.facts()
    assert fact.commit == service.parts.live.current().commit


def test_a_wrong_article_reaches_its_owner(service) -> None:
    hook(service, event("article", article="returns/refund", locale="ja", relation="wrong"))
    (wrong,) = records.wrong_articles(service.store)
    assert (wrong.owner, wrong.article, wrong.ticket) == ("hana", "returns/refund", "D-1")


@pytest.mark.parametrize("headers", [
    {},
    {"X-KB-Timestamp": "1"},
    {"X-KB-Timestamp": "now", "X-KB-Signature": "sha256=00"},
    {"X-KB-Timestamp": str(2**80), "X-KB-Signature": "é"},
])  # fmt: skip
def test_an_unsigned_hook_is_refused(service, headers) -> None:
    assert hook(service, event("created"), headers).status_code == 401
    assert service.facts() == []


def test_forged_altered_late_and_early_hooks_are_refused(service) -> None:
    body = json.dumps(event("created")).encode()
    for headers in (
        signed(body, secret="guess"),
        signed(body + b" "),
        signed(body, at=time.time() - 301),
        signed(body, at=time.time() + 310),
        signed(body, secret=""),
    ):
        assert hook(service, body, headers).status_code == 401
    assert service.facts() == []


def test_without_a_secret_no_hook_is_taken_not_even_one_signed_with_nothing(service_with) -> None:
    service = service_with(hook_secret=Secret(""))
    body = json.dumps(event("created")).encode()
    assert hook(service, body, signed(body, secret="")).status_code == 401


def test_a_replay_is_refused_and_counts_nothing(service_with, store) -> None:
    service = service_with(store=store)
    body = json.dumps(event("created")).encode()
    headers = signed(body, at=time.time() - 200)
    assert hook(service, body, headers).status_code == 202
    assert hook(service, body, headers).status_code == 401
    assert len(service.facts()) == 1


def test_what_a_desk_tells_again_with_a_new_signature_is_one_fact(service) -> None:
    body, now = json.dumps(event("solved")).encode(), time.time()
    for seconds in (0, 1, 2):
        assert hook(service, body, signed(body, at=now - seconds)).status_code == 202
    assert len(service.facts()) == 1


def test_huge_hooks_are_refused_before_they_are_read(service) -> None:
    for size in (300_000, 10_000_000):
        body = json.dumps(event("created", kb_token="x" * size)).encode()
        assert hook(service, body).status_code == 413


@pytest.mark.parametrize(("body", "field"), [
    (event("exploded"), "event"),
    (event("created", at="yesterday"), "at"),
    (event("created", at="2026-05-01T00:00:00"), "at"),
    (event("created", at="1970-01-01T00:00:00Z"), "at"),
    (event("created", at="9999-12-31T23:59:59Z"), "at"),
    (event("created", ticket=""), "ticket_id"),
    (event("created", ticket="a\u0000b"), "ticket_id"),
    (event("article", article="x"), "relation"),
    (event("article", relation="solved_by"), "article"),
    (event("article", relation="loved"), "relation"),
])  # fmt: skip
def test_a_signed_hook_with_a_field_at_fault_is_told_which(service, body, field: str) -> None:
    answer = hook(service, body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field
    assert service.facts() == []


def test_an_unknown_source_is_nothing(service) -> None:
    assert hook(service, event("created"), source="jira").status_code == 404


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_order_of_arrival_does_not_matter(service, order) -> None:
    told = [
        event("created"),
        event("solved", at="2026-05-01T02:00:00Z"),
        event(
            "article", at="2026-05-01T01:00:00Z", article="returns/refund", locale="ja", relation="solved_by"
        ),
    ]
    for place in order:
        hook(service, told[place])
        service.clerk.work()
    assert [(type(fact).__name__, fact.ticket) for fact in service.facts()] == [
        ("TicketFiled", "D-1"), ("TicketArticleLinked", "D-1"), ("TicketSolved", "D-1"),
    ]  # fmt: skip


# ---------------------------------------------------------------- tickets that were filed here


def file(service) -> str:
    body = {"subject": "返金", "body": "まだです", "locale": "ja"}
    answer = service.http.simulate_post("/api/v1/tickets", json=body, headers={"X-KB-Session": "session-one"})
    return str(answer.json["id"])


def with_desk(service_with, desk: HttpDesk, store=None):
    return service_with(
        store=store, desk="webhook", desk_url=desk.url, desk_secret=Secret("key"), desk_timeout=1
    )


def test_our_own_number_is_ours_and_the_desks_echo_is_no_second_ticket(service) -> None:
    ticket = file(service)
    hook(service, event("created", ticket))
    hook(service, event("solved", ticket))
    assert [(type(fact).__name__, fact.ticket) for fact in service.facts() if fact.ticket == ticket] == [
        ("TicketSolved", ticket), ("TicketFiled", ticket),
    ]  # fmt: skip


def test_the_desks_number_is_told_apart_as_ours(service_with, desk: HttpDesk, store) -> None:
    service = with_desk(service_with, desk, store)
    ticket = file(service)
    service.clerk.work()
    hook(service, event("created", "1001"))
    hook(service, event("solved", "1001"))
    assert {fact.ticket for fact in service.facts()} == {ticket}
    assert kinds(service) == ["TicketFiled", "TicketSolved"]


def test_a_hook_that_overtakes_the_answer_to_our_delivery_waits_for_it(
    service_with, desk: HttpDesk, store
) -> None:
    service = with_desk(service_with, desk, store)
    ticket = file(service)
    claimed = outbox.claim(store, ("ticket",), service.settings)
    assert claimed is not None
    # the desk has it, its trigger fires, and its answer is still on the way
    hook(service, event("created", "1001"))
    assert kinds(service) == ["TicketFiled"]
    outbox.attempt(store, claimed, senders(service.settings)["ticket"], service.settings)
    assert [fact.ticket for fact in service.facts()] == [ticket]


def test_a_created_that_brings_the_session_later_is_told_again_as_joined(service) -> None:
    hook(service, event("created"))
    service.clerk.work()
    token = service.http.simulate_get("/api/v1/session/token", headers={"X-KB-Session": "session-one"}).json
    hook(service, event("created", kb_token=token["kb_token"]))
    service.clerk.work()
    hook(service, event("created", at="2026-05-01T00:00:09Z"))
    assert sorted(fact.joined for fact in service.facts()) == [False, True]


# ---------------------------------------------------------------- Zendesk


def zendesk(body: bytes, secret: str = "zen", at: float | None = None) -> dict[str, str]:
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    stamp = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    mac = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(mac).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }


@pytest.fixture
def zen(service_with):
    return service_with(hook_secret_zendesk=Secret("zen"))


def test_a_zendesk_trigger_is_verified_by_zendesks_own_scheme(zen) -> None:
    body = json.dumps(event("solved", "77")).encode()
    assert hook(zen, body, zendesk(body), "zendesk").status_code == 202
    assert hook(zen, body, signed(body), "zendesk").status_code == 401
    assert hook(zen, body, zendesk(body, "no"), "zendesk").status_code == 401
    assert hook(zen, body, zendesk(body, at=time.time() - 400), "zendesk").status_code == 401
    (fact,) = zen.facts()
    assert (type(fact), fact.ticket) == (TicketSolved, "77")


def test_zendesks_signature_is_over_timestamp_and_body_without_a_joint() -> None:
    # https://developer.zendesk.com/documentation/event-connectors/webhooks/verifying/
    secret, stamp, body = "s", "2021-07-25T10:00:00Z", b'{"say": "hello"}'
    wanted = base64.b64encode(hmac.new(b"s", stamp.encode() + body, hashlib.sha256).digest()).decode()
    assert sign_zendesk(secret, stamp, body) == wanted


def test_zendesks_own_events_are_understood(zen) -> None:
    def own(kind, current="", number="77"):
        told = {
            "type": f"zen:event-type:ticket.{kind}", "time": AT, "account_id": 1, "subject": "zen:ticket:77",
            "detail": {"id": number, "external_id": None, "status": current}, "event": {"current": current},
        }  # fmt: skip
        body = json.dumps(told).encode()
        return hook(zen, body, zendesk(body), "zendesk")

    answers = [
        own("created"),
        own("status_changed", "OPEN"),
        own("status_changed", "SOLVED"),
        own("tags_changed"),
    ]
    assert [answer.json["accepted"] for answer in answers] == [1, 0, 1, 0]
    assert kinds(zen) == ["TicketFiled", "TicketSolved"]
