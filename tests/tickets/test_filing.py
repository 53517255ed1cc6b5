"""POST /tickets and /tickets/suggest: stored before 201, once however often it is sent, errors per field."""

from __future__ import annotations

import re
import threading

import pytest

from kb.deflection.facts import Entry, SuggestionsShown, TicketFiled
from kb.deflection.store import EventStore
from kb.desk import records
from kb.desk.authors import in_holdout
from kb.desk.drafts import query_of
from kb.desk.numbers import is_number
from kb.index.live import LiveIndex
from kb.model import Audience

SESSION = {"X-KB-Session": "session-one"}
BODY = {"subject": "返金がまだ", "body": "お世話になっております。返金がまだ届きません。", "locale": "ja"}


def post(service, body=BODY, path="/api/v1/tickets", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.http.simulate_post(path, json=body, headers=SESSION | headers)


def counted(service, *outcomes: str) -> tuple[float, ...]:
    shown = service.http.simulate_get("/metrics").text
    found = dict(re.findall(r'kb_tickets_total{outcome="(\w+)"} ([0-9.]+)', shown))
    return tuple(float(found.get(outcome, 0)) for outcome in outcomes)


def test_a_ticket_is_on_disk_when_201_is_answered(service) -> None:
    answer = post(service, BODY | {"email": "hana..s@example.jp"})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    (kept,) = records.listing(service.store)
    assert answer.json == {"id": kept.id}
    assert is_number(kept.id)
    assert (kept.subject, kept.body, kept.email, kept.status) == (
        BODY["subject"], BODY["body"], "hana..s@example.jp", "kept",
    )  # fmt: skip


def test_the_fact_of_a_ticket_names_session_and_suggestions_but_no_words(service) -> None:
    answer = post(service, BODY | {"suggestion_id": "s-1"})
    (fact,) = service.facts()
    assert isinstance(fact, TicketFiled)
    assert (fact.ticket, fact.session, fact.suggestion_id) == (answer.json["id"], "session-one", "s-1")
    assert (fact.joined, fact.source, fact.locale) == (True, "form", "ja")


def test_where_a_ticket_was_written_is_told_by_its_client(service) -> None:
    post(service, BODY | {"entry": "widget"}, "/api/v1/tickets/suggest")
    post(service, BODY | {"entry": "widget"})
    post(service, BODY | {"subject": "別の件"})
    assert [fact.entry for fact in service.facts()] == [Entry.WIDGET, Entry.WIDGET, Entry.API]
    assert post(service, BODY | {"entry": "desk"}).status_code == 422


def test_the_same_key_and_body_give_the_same_answer(service) -> None:
    filed, repeated = counted(service, "filed", "repeated")
    first = post(service, Idempotency_Key="k-1")
    second = post(service, Idempotency_Key="k-1")
    assert (first.status_code, first.json) == (second.status_code, second.json)
    assert len(records.listing(service.store)) == 1
    assert len(service.facts()) == 1
    assert counted(service, "filed", "repeated") == (filed + 1, repeated + 1)


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(service) -> None:
    post(service, Idempotency_Key="k-1")
    answer = post(service, BODY | {"body": "別の話"}, Idempotency_Key="k-1")
    assert (answer.status_code, answer.json["type"]) == (422, "urn:kb:problem:key-reused")
    assert len(records.listing(service.store)) == 1


def test_other_keys_are_other_tickets_even_with_the_same_words(service) -> None:
    assert post(service, Idempotency_Key="a").json != post(service, Idempotency_Key="b").json


@pytest.mark.parametrize("key", ["", " ", "ä", "x" * 256, "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(service, key: str) -> None:
    answer = post(service, Idempotency_Key=key)
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_one_key_sent_by_many_at_once_is_one_ticket(service_with, store) -> None:
    service = service_with(store=store, rate_limit="")
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(service, Idempotency_Key="k").json))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert all(answer == answers[0] for answer in answers)
    assert len(records.listing(store)) == 1


def test_the_same_words_of_one_session_within_the_window_are_one_ticket(service) -> None:
    first = post(service)
    assert post(service).json == first.json
    assert post(service, X_KB_Session="session-two").json != first.json
    assert post(service, BODY | {"body": "ほかの話"}).json != first.json


def test_the_same_words_of_one_address_are_one_ticket_whatever_the_session(service) -> None:
    body = BODY | {"email": "a@b.example"}
    assert post(service, body).json == post(service, body, X_KB_Session="session-two").json


def test_every_field_at_fault_is_named(service) -> None:
    answer = post(service, {"subject": " \n", "body": 7, "email": "x", "locale": "fr", "mail": "a@b.c"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {each["field"] for each in answer.json["errors"]} == {"subject", "body", "email", "mail"}
    answer = post(service, {"subject": " \n", "body": "x" * 20_001, "email": "x", "locale": "ja"})
    assert [each["field"] for each in answer.json["errors"]] == ["subject", "body", "email"]
    assert answer.json["errors"][1]["detail"] == "must be text of length <= 20000"
    assert post(service, BODY | {"locale": "fr"}).json["errors"][0]["field"] == "locale"
    assert records.listing(service.store) == []


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"x"', b"\xff", b'{"subject": "\\ud800"}', b"[" * 5000])
def test_a_body_that_is_no_json_object_is_told_so(service, raw: bytes) -> None:
    answer = service.http.simulate_post(
        "/api/v1/tickets", body=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


def test_a_form_of_another_site_is_not_taken_for_json(service) -> None:
    answer = service.http.simulate_post(
        "/api/v1/tickets", body=b'{"subject": "a"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


def test_control_characters_are_taken_out_and_lines_kept(service_with, store) -> None:
    service = service_with(store=store)
    post(service, BODY | {"subject": "a\x00b\r\nc", "body": "one\r\ntwo\x00\x0b\n\tthree"})
    (kept,) = records.listing(store)
    assert (kept.subject, kept.body) == ("a b c", "one\ntwo\n\tthree")


def test_a_program_that_fills_the_trap_is_told_201_and_dropped(service) -> None:
    answer = post(service, BODY | {"website": "https://spam.example"})
    assert answer.status_code == 201
    assert is_number(answer.json["id"])
    assert records.listing(service.store) == []
    assert 'kb_tickets_total{outcome="trapped"}' in service.http.simulate_get("/metrics").text


def test_too_many_tickets_of_one_address_are_told_to_wait(service_with) -> None:
    service = service_with(ticket_rate="2/minute")
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    answers = [post(service, BODY | {"body": f"話 {n}"}, **elsewhere) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["Retry-After"]) >= 1


def test_without_a_database_a_ticket_is_refused_for_now_and_suggestions_go_on(service_with, tmp_path) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    service = service_with(store=EventStore(f"sqlite:///{tmp_path}/file/kb.sqlite3"))
    answer = post(service)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert post(service, path="/api/v1/tickets/suggest").status_code == 200


# ---------------------------------------------------------------- suggestions


def test_suggestions_answer_the_draft_and_are_recorded_scrubbed(service) -> None:
    draft = {"subject": "返金 090-1234-5678", "body": "山田様、返金はいつですか", "locale": "ja"}
    answer = post(service, draft, path="/api/v1/tickets/suggest")
    assert answer.json["hits"][0]["id"] == "returns/refund"
    assert answer.json["kb_token"]
    (fact,) = service.facts()
    assert isinstance(fact, SuggestionsShown)
    assert fact.suggestion_id == answer.json["suggestion_id"]
    assert "1234" not in fact.query
    assert fact.listed[0].startswith("returns/refund@")
    assert (fact.shown, fact.holdout, fact.session) == (len(answer.json["hits"]), False, "session-one")


def test_agents_articles_are_never_suggested(service) -> None:
    draft = {"subject": "ヤマガラ", "body": "返金の合言葉", "locale": "ja"}
    answer = post(service, draft, path="/api/v1/tickets/suggest")
    assert all("agents" not in hit["id"] for hit in answer.json["hits"])


def test_a_session_of_the_holdout_is_shown_nothing_and_what_it_missed_is_recorded(service_with) -> None:
    service = service_with(holdout=1.0)
    draft = {"subject": "返金", "body": "", "locale": "ja"}
    assert post(service, draft, path="/api/v1/tickets/suggest").json["hits"] == []
    (fact,) = service.facts()
    assert (fact.holdout, fact.shown) == (True, 0)
    assert fact.listed[0].startswith("returns/refund@")


def test_the_holdout_is_a_fixed_share_of_sessions() -> None:
    sessions = [f"session-{n}" for n in range(20_000)]
    held = [session for session in sessions if in_holdout(session, 0.05)]
    assert 850 < len(held) < 1150
    assert held == [session for session in sessions if in_holdout(session, 0.05)]
    assert not in_holdout("", 1.0)


@pytest.mark.parametrize(
    ("subject", "body", "words"),
    [
        ("返金について", "お世話になっております。山田です。", {"返金について"}),
        ("かいやく", "", {"かいやく"}),
        ("", "いつもお世話になっております。先日の荷物の追跡番号が分かりません。", {"荷物", "追跡番号"}),
        ("", "qqq", set()),
    ],
)
def test_the_query_of_a_draft_is_made_of_its_rarest_known_words(var, subject, body, words) -> None:
    snapshot = LiveIndex(var).current().snapshot("ja", Audience.PUBLIC)
    assert words <= set(query_of(snapshot, subject, body).split())
    assert bool(query_of(snapshot, subject, body)) == bool(words)


def test_a_draft_of_any_length_makes_a_query_that_can_be_searched(var) -> None:
    snapshot = LiveIndex(var).current().snapshot("ja", Audience.PUBLIC)
    assert len(query_of(snapshot, "返金 " * 50, "荷物が届かない。" * 2000)) <= 400
