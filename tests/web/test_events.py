"""What browsers and programs tell by POST /events and …/feedback, and what becomes of bad batches."""

from __future__ import annotations

import json
import time

import pytest

from kb.deflection.facts import (
    ArticleViewed,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    MarkedSolved,
    Reader,
    SuggestionOpened,
)
from kb.web import sessions

from .recorded import GOOGLEBOT

EVENTS = "/api/v1/events"
FEEDBACK = "/api/v1/articles/ja/returns/refund/feedback"
CLICK = {"type": "click", "search_id": "abcdefgh", "locale": "ja", "article": "returns/refund", "position": 1}
VIEW = {"type": "view", "locale": "ja", "article": "returns/refund", "active_ms": 21000, "scroll": 0.8}


def send(browser, *events, **more):
    return browser.post(EVENTS, json={"events": list(events)}, **more)


def test_each_type_becomes_its_fact(recorded):
    answer = send(
        recorded.browser(),
        CLICK,
        {**VIEW, "search_id": "abcdefgh", "view_id": "v1", "copied": False},
        {"type": "copy", "locale": "ja", "article": "returns/refund"},
        {"type": "form_opened", "locale": "ja", "explicit": False, "article": "returns/refund"},
        {"type": "suggestion_opened", "suggestion_id": "g1", "article": "returns/refund", "position": 2},
        {"type": "solved", "article": "returns/refund"},
    )
    assert (answer.status_code, answer.json) == (202, {"accepted": 6})
    found = {
        type(fact): fact for fact in recorded.facts() if not (isinstance(fact, ArticleViewed) and fact.copied)
    }
    assert found.keys() == {HitClicked, ArticleViewed, FormOpened, SuggestionOpened, MarkedSolved}
    view = found[ArticleViewed]
    assert (view.active_ms, view.scroll, view.measured, view.view_id) == (21000, 0.8, True, "v1")
    assert {fact.session for fact in recorded.facts()} == {answer.cookies[sessions.COOKIE].value}
    assert any(fact.copied for fact in recorded.facts() if isinstance(fact, ArticleViewed))


def test_a_beacon_is_read_whatever_its_media_type(recorded):
    answer = recorded.browser().post(
        EVENTS, body=json.dumps({"events": [CLICK]}), headers={"Content-Type": "text/plain;charset=UTF-8"}
    )
    assert answer.json == {"accepted": 1}


def test_an_empty_batch_is_taken(recorded):
    assert send(recorded.browser()).json == {"accepted": 0}
    assert recorded.facts() == []


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "mind_read"}, ""),
        ({"type": 7}, ""),
        ({}, ""),
        (None, ""),
        ({"type": "click", "article": "a", "position": 1}, ""),
        ({**CLICK, "position": 0}, ".position"),
        ({**CLICK, "search_id": "a b"}, ".search_id"),
        ({**CLICK, "search_id": "a\n"}, ".search_id"),
        ({**CLICK, "entry": "desk"}, ".entry"),
        ({**VIEW, "scroll": 1.5}, ".scroll"),
        ({**VIEW, "active_ms": -1}, ".active_ms"),
        ({**VIEW, "article": ""}, ".article"),
        ({**VIEW, "article": "x" * 401}, ".article"),
        ({**VIEW, "locale": "../.."}, ".locale"),
    ],
)
def test_one_bad_event_is_named_and_the_whole_batch_is_left_out(recorded, event, field):
    answer = send(recorded.browser(), CLICK, event)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["errors"][0]["field"].startswith(f"events[1]{field}")
    assert recorded.facts() == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"events": 3}', b"[" * 60_000])
def test_what_is_no_batch_is_refused(recorded, body):
    assert recorded.browser().post(EVENTS, body=body).status_code in (400, 422)
    assert recorded.facts() == []


def test_batches_have_bounds(recorded):
    assert send(recorded.browser(), *[VIEW] * 101).status_code == 422
    assert send(recorded.browser(), *[VIEW] * 100).json == {"accepted": 100}
    assert recorded.browser().post(EVENTS, body=b" " * 65_537).status_code == 413
    assert recorded.browser().post(EVENTS, body=b"x" * 10_000_000).status_code == 413


def test_a_batch_that_is_sent_twice_counts_once_by_its_ids(recorded):
    browser = recorded.browser()
    events = [{**CLICK, "id": "e1"}, {**VIEW, "id": "e1"}, {**VIEW, "id": "e2"}]
    assert send(browser, *events).json == send(browser, *events).json == {"accepted": 3}
    assert len(recorded.facts()) == 3
    # another session's ids are its own
    send(recorded.browser(), *events)
    assert len(recorded.facts()) == 6


@pytest.mark.parametrize(
    ("ago", "kept"), [(3_600_000, True), (-60_000, True), (40 * 86_400_000, False), (-(10**10), False)]
)
def test_a_time_that_cannot_be_is_the_time_of_arrival(recorded, ago, kept):
    now = time.time_ns() // 1_000_000
    assert send(recorded.browser(), {**CLICK, "at": now - ago}).status_code == 202
    (fact,) = recorded.facts()
    assert (fact.at == now - ago) is kept
    assert kept or abs(fact.at - now) < 60_000


def test_a_huge_number_for_a_time_is_no_harm(recorded):
    assert send(recorded.browser(), {**CLICK, "at": 10**18}, {**CLICK, "at": -(10**18)}).status_code == 202
    assert len(recorded.facts()) == 2


def test_an_event_for_a_search_that_nobody_made_is_kept_and_joins_nothing(recorded):
    assert send(recorded.browser(), {**CLICK, "search_id": "never-made"}).status_code == 202
    assert recorded.facts()[0].search_id == "never-made"


def test_a_robot_s_events_are_a_robot_s(recorded):
    assert send(recorded.browser(**{"User-Agent": GOOGLEBOT}), CLICK).status_code == 202
    assert [(fact.reader, fact.session) for fact in recorded.facts()] == [(Reader.BOT, "")]


def test_a_body_cannot_say_who_its_reader_is(recorded):
    send(recorded.browser(), {**CLICK, "reader": "agent", "session": "of-somebody-else", "type": "click"})
    (fact,) = recorded.facts()
    assert fact.reader is Reader.CUSTOMER
    assert fact.session != "of-somebody-else"


def test_feedback_is_scrubbed_and_needs_an_article_that_the_reader_can_see(recorded):
    browser = recorded.browser()
    body = {
        "helpful": False,
        "reason": "old",
        "comment": "田中さんに 090-1234-5678 へ電話した",
        "search_id": "abcdefgh",
    }
    assert browser.post(FEEDBACK, json=body).status_code == 202
    (fact,) = recorded.facts()
    assert isinstance(fact, FeedbackGiven)
    assert (fact.article, fact.helpful, fact.locale) == ("returns/refund", False, "ja")
    assert fact.comment == "<name>さんに <phone> へ電話した"
    for article, status in (("nowhere", 404), ("agents/secret", 404), ("returns/old", 410)):
        answer = browser.post(f"/api/v1/articles/ja/{article}/feedback", json=body)
        assert answer.status_code == status
    assert len(recorded.facts()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"helpful": "yes"}, 422),
        ({"helpful": True, "comment": "x" * 2001}, 422),
        ([], 400),
        ("x", 400),
    ],
)
def test_bad_feedback_is_refused(recorded, body, status):
    assert recorded.browser().post(FEEDBACK, json=body).status_code == status
    assert recorded.facts() == []


def test_only_feedback_can_be_posted_below_an_article(recorded):
    answer = recorded.browser().post("/api/v1/articles/ja/returns/refund", json={"helpful": True})
    assert answer.status_code == 405


def test_a_session_s_reference_is_signed_and_names_it(recorded):
    browser = recorded.browser()
    parts = recorded.parts
    token = browser.get("/api/v1/session/token").json["kb_token"]
    assert sessions.referred(parts, token) == browser.cookies[sessions.COOKIE]
    assert sessions.referred(parts, token[:-2] + "xx") == ""
    assert sessions.referred(parts, "x") == ""
    program = recorded.browser(**{"X-KB-Session": "program_0001"})
    assert sessions.referred(parts, program.get("/api/v1/session/token").json["kb_token"]) == "program_0001"


def test_there_is_no_reference_without_a_session(recorded):
    robot = recorded.browser(**{"User-Agent": GOOGLEBOT})
    assert robot.get("/api/v1/session/token").json == {"kb_token": ""}
    assert recorded.browser(DNT="1").get("/api/v1/session/token").json == {"kb_token": ""}
