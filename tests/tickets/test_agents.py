"""Agents' evidence: what an article was to a ticket, in one call; wrong ones reach their owner."""

from __future__ import annotations

import json

import pytest

from kb import tokens
from kb.deflection import intents
from kb.deflection.facts import Reader, TicketArticleLinked
from kb.desk import records
from kb.desk.clerk import Clerk
from kb.roles import Role
from kb.settings import Secret

from .desks import HttpDesk
from .test_hooks import event, file, hook


def mark(service, ticket, body, role=Role.AGENT):
    headers = {}
    if role:
        headers["Authorization"] = f"Bearer {tokens.create(service.store, role, 'test')}"
    return service.http.simulate_post(f"/api/v1/tickets/{ticket}/articles", json=body, headers=headers)


def test_an_agent_says_which_article_solved_a_ticket(service) -> None:
    ticket = file(service)
    answer = mark(
        service, ticket.lower(), {"relation": "solved_by", "article": "returns/refund", "locale": "ja"}
    )
    commit = service.parts.live.current().commit
    assert answer.status_code == 201
    assert answer.json == {
        "ticket": ticket, "relation": "solved_by", "article": "returns/refund", "commit": commit,
        "known": True,
    }  # fmt: skip
    linked = next(fact for fact in service.facts() if isinstance(fact, TicketArticleLinked))
    assert (linked.ticket, linked.article, linked.commit) == (ticket, "returns/refund", commit)
    assert linked.reader is Reader.AGENT


def test_an_agents_article_can_have_solved_it_too(service) -> None:
    body = {"relation": "solved_by", "article": "agents/secret", "locale": "ja"}
    assert mark(service, file(service), body).status_code == 201


def test_missing_needs_no_article(service) -> None:
    assert mark(service, file(service), {"relation": "missing"}).json["article"] == ""


def test_a_wrong_article_is_listed_for_its_owner_once_and_its_note_is_scrubbed(service) -> None:
    ticket = file(service)
    body = {"relation": "wrong", "article": "returns/refund", "note": "090-1234-5678 の客によると期限が違う"}
    for _ in range(2):
        assert mark(service, ticket, body).status_code == 201
    (wrong,) = records.wrong_articles(service.store)
    assert (wrong.owner, wrong.ticket, wrong.locale) == ("hana", ticket, "ja")
    assert "1234" not in wrong.note
    assert "期限が違う" in wrong.note


def test_a_wrong_article_reaches_the_owners_webhook_whatever_it_takes(service_with, desk: HttpDesk) -> None:
    service = service_with(owner_webhook=f"{desk.url}/owners", owner_secret=Secret("o"), desk_timeout=1)
    mark(service, file(service), {"relation": "wrong", "article": "returns/refund"})
    service.clerk.work()
    told = json.loads(desk.requests[0][3])
    assert (told["event"], told["article"], told["owner"]) == ("article.wrong", "returns/refund", "hana")
    assert records.counts(service.store) == {"kept": 1}, "the ticket itself stays here"


def test_a_number_that_no_desk_has_told_of_yet_is_kept(service) -> None:
    body = {"relation": "sent", "article": "returns/refund"}
    assert mark(service, "PHONE-9", body).json["known"] is False
    hook(service, event("created", "PHONE-9"))
    service.clerk.work()
    assert mark(service, "PHONE-9", body).json["known"] is True


@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.WRITER, 403), (Role.ADMIN, 201)])
def test_it_takes_the_role_of_an_agent(service, role, status: int) -> None:
    assert mark(service, file(service), {"relation": "missing"}, role).status_code == status


@pytest.mark.parametrize(("body", "field"), [
    ({"relation": "loved", "article": "returns/refund"}, "relation"),
    ({"relation": "sent"}, "article"),
    ({"relation": "sent", "article": "no/such"}, "article"),
    ({"relation": "sent", "article": "returns/refund", "locale": "fr"}, "locale"),
    ({"article": "returns/refund"}, "relation"),
])  # fmt: skip
def test_what_cannot_be_is_named(service, body, field: str) -> None:
    answer = mark(service, file(service), body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field


def test_forgetting_a_ticket_takes_the_marks_with_it(service) -> None:
    ticket = file(service)
    mark(service, ticket, {"relation": "wrong", "article": "returns/refund", "note": "x"})
    Clerk(service.store, service.settings).work()
    intents.forget(service.store, lambda article, search: None, ticket=ticket)
    assert records.wrong_articles(service.store) == []
    assert service.facts() == []
