"""What a request leaves behind: sessions, searches and views, written after the answer."""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode
from urllib.parse import quote

import pytest
from falcon.testing import TestClient

from kb.deflection.facts import ArticleViewed, Entry, HitClicked, Reader, SearchRan, new_search_id
from kb.web import recording, sessions

from .recorded import FIREFOX, GOOGLEBOT

SEARCH = "/api/v1/search"


def test_a_search_is_recorded_scrubbed_with_the_first_fifty_and_what_was_shown(recorded):
    answer = recorded.browser().get(
        SEARCH,
        params={"q": "parrot taro@example.com", "locale": "en", "limit": "3", "offset": "2", "intent": "n1"},
    )
    (fact,) = recorded.facts()
    assert isinstance(fact, SearchRan)
    assert (fact.query, fact.locale, fact.intent) == ("parrot <email>", "en", "n1")
    assert (fact.search_id, fact.strict_hits) == (answer.json["search_id"], answer.json["total"])
    assert len(fact.listed) == 23
    assert fact.shown == 5
    names = [each.rpartition("@") for each in fact.listed]
    assert [name for name, _, _ in names][2:5] == [hit["id"] for hit in answer.json["hits"]]
    assert {version for _, _, version in names} == {answer.json["generation"]}, "there is no commit"
    assert (fact.generation, fact.entry, fact.reader) == (
        answer.json["generation"],
        Entry.API,
        Reader.CUSTOMER,
    )
    assert fact.session == recorded_session(answer)


def test_names_of_searches_begin_with_their_second_and_no_two_are_alike():
    """So that an index of them grows at its end."""
    before = int(time.time())
    names = [new_search_id() for _ in range(5000)]
    seconds = [int.from_bytes(urlsafe_b64decode(name)[:5], "big") for name in names]
    assert before <= min(seconds) <= max(seconds) <= time.time()
    assert len(set(names)) == 5000
    assert all(recording.SEARCH_ID.fullmatch(name) and len(name) == 16 for name in names)


def recorded_session(answer) -> str:
    return answer.cookies[sessions.COOKIE].value


def test_the_answer_is_sent_before_anything_is_recorded(recorded):
    """Whoever reads the body to its end finds the queue empty; the fact is made when the server closes it."""
    sent: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": SEARCH, "QUERY_STRING": "q=parrot&locale=en", "SERVER_NAME": "h",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": None,
        "wsgi.errors": None, "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "",
    }  # fmt: skip
    body = recorded.app(environ, lambda status, headers, exc_info=None: sent.append(status))
    assert b"".join(body)
    assert sent == ["200 OK"]
    assert recorded.facts() == []
    body.close()
    assert len(recorded.facts()) == 1


def test_a_session_is_a_random_cookie_that_stays_the_same_and_says_little(recorded):
    browser = recorded.browser()
    first = browser.get("/ja/articles/returns/refund")
    cookie = first.cookies[sessions.COOKIE]
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.secure) == (True, "Lax", "/", False)
    assert cookie.max_age == 30 * 86_400
    assert "private" in first.headers["cache-control"]
    assert not browser.get("/ja/search", params={"q": "返金"}).cookies
    assert {fact.session for fact in recorded.facts()} == {cookie.value}
    assert browser.get("/ja/articles/returns/refund").headers["cache-control"] == "public, no-cache"


def test_a_cookie_is_only_for_https_where_https_is_used(recorded):
    answer = recorded.browser().get("/ja/articles/returns/refund", protocol="https")
    assert answer.cookies[sessions.COOKIE].secure


@pytest.mark.parametrize("age", [31 * 86_400, -10 * 86_400])
def test_a_name_that_is_too_old_or_of_the_future_is_replaced(recorded, age):
    browser = recorded.browser()
    old = f"{int(time.time()) - age:08x}{'a' * 22}"
    browser.cookies[sessions.COOKIE] = old
    answer = browser.get("/ja/articles/returns/refund")
    assert recorded_session(answer) != old
    assert recorded.facts()[0].session == recorded_session(answer)


@pytest.mark.parametrize("value", ["x", "", "zzzzzzzz" + "a" * 22, "a" * 300, '"; drop'])
def test_a_cookie_that_is_not_ours_is_replaced(recorded, value):
    browser = recorded.browser()
    browser.cookies[sessions.COOKIE] = value
    assert recorded_session(browser.get("/ja/articles/returns/refund")) != value


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
def test_who_asks_not_to_be_tracked_gets_no_cookie_and_no_session(recorded, header):
    answer = recorded.browser(**{header: "1"}).get("/ja/search", params={"q": "返金"})
    assert not answer.cookies
    (fact,) = recorded.facts()
    assert (fact.session, fact.reader) == ("", Reader.CUSTOMER)


def test_a_robot_gets_no_cookie_and_is_recorded_as_one(recorded):
    answer = recorded.browser(**{"User-Agent": GOOGLEBOT}).get("/ja/articles/returns/refund")
    assert not answer.cookies
    (fact,) = recorded.facts()
    assert (fact.session, fact.reader) == ("", Reader.BOT)


def test_a_program_names_its_session_and_is_never_taken_for_a_robot(recorded):
    client = recorded.browser(**{"User-Agent": GOOGLEBOT, "X-KB-Session": "program_0001"})
    assert not client.get(SEARCH, params={"q": "返金"}).cookies
    (fact,) = recorded.facts()
    assert (fact.session, fact.reader) == ("program_0001", Reader.CUSTOMER)


@pytest.mark.parametrize("name", ["short", "a" * 65, "with space", "日本語日本語日本語", "a;b=cdefgh"])
def test_a_malformed_name_of_a_session_is_refused(recorded, name):
    answer = TestClient(recorded.app).simulate_get(
        SEARCH, params={"q": "返金"}, headers={"X-KB-Session": name.encode().decode("latin-1")}
    )
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] == "X-KB-Session"
    assert recorded.facts() == []


def test_a_program_without_a_session_gets_no_cookie(recorded):
    assert not TestClient(recorded.app).simulate_get(SEARCH, params={"q": "返金"}).cookies
    assert recorded.facts()[0].session == ""


def test_a_click_on_a_result_tells_its_search_and_place(recorded):
    browser = recorded.browser()
    page = browser.get("/ja/search", params={"q": "返金"}).text
    link = re.search(r'<h2><a href="([^"#]+)', page)[1].replace("&amp;", "&")
    path, _, query = link.partition("?")
    browser.get(path, query_string=query)
    found = {type(fact): fact for fact in recorded.facts()}
    search, click, view = found[SearchRan], found[HitClicked], found[ArticleViewed]
    assert click.search_id == view.search_id == search.search_id
    assert (click.position, click.article) == (1, search.listed[0].rpartition("@")[0])
    assert not view.measured
    assert (view.active_ms, view.scroll) == (0, 0.0)


@pytest.mark.parametrize(
    "query", ["s=<script>", "s=abc", "s=abcdefgh1234&n=0", "n=3", "s=abcdefgh&s=b", "s=%FF%FE1234567"]
)
def test_what_is_written_into_a_link_by_hand_does_no_harm(recorded, query):
    assert recorded.browser().get("/ja/articles/returns/refund", query_string=query).status_code == 200
    assert [type(fact) for fact in recorded.facts()] == [ArticleViewed]


@pytest.mark.parametrize("header", [{"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}])
def test_what_is_only_loaded_ahead_was_not_read(recorded, header):
    recorded.browser(**header).get("/ja/articles/returns/refund")
    recorded.browser(**header).get("/ja/search", params={"q": "返金"})
    assert recorded.facts() == []


@pytest.mark.parametrize(
    ("referer", "entry"),
    [
        ("", Entry.SEARCH), ("http://falconframework.org/ja/", Entry.HOME),
        ("http://falconframework.org/ja/search?q=x", Entry.SEARCH),
        ("http://falconframework.org/ja/articles/a/b", Entry.ARTICLE),
        ("http://falconframework.org/en/contact", Entry.FORM), ("http://elsewhere.example/ja/", Entry.SEARCH),
        ("http://[", Entry.SEARCH),
    ],
)  # fmt: skip
def test_where_a_search_was_typed_is_known_from_the_page_before(recorded, referer, entry):
    browser = recorded.browser(Referer=referer)
    assert browser.get("/ja/search", params={"q": "返金"}).status_code == 200
    assert recorded.facts()[0].entry is entry


def test_a_need_that_a_proposal_on_the_front_page_answers_began_there(recorded):
    recorded.browser(Referer="http://falconframework.org/ja/").get("/ja/articles/returns/refund")
    recorded.browser(Referer="http://falconframework.org/ja/search?q=x").get("/ja/articles/returns/refund")
    assert [fact.entry for fact in recorded.facts()] == [Entry.HOME, Entry.ARTICLE]


def test_the_widget_says_where_it_was(recorded):
    recorded.browser().get(SEARCH, params={"q": "返金", "entry": "widget"})
    assert recorded.facts()[0].entry is Entry.WIDGET
    assert recorded.browser().get(SEARCH, params={"q": "返金", "entry": "desk"}).status_code == 400


@pytest.mark.parametrize(
    ("role", "reader"), [("agent", Reader.AGENT), ("writer", Reader.STAFF), ("admin", Reader.STAFF)]
)
def test_who_has_a_role_is_recorded_as_agent_or_staff(recorded, role, reader):
    recorded.signed_in(role).get(SEARCH, params={"q": "返金"})
    assert recorded.facts()[0].reader is reader


def test_pages_that_fail_leave_nothing(recorded):
    browser = recorded.browser()
    for path in (
        "/ja/articles/nowhere",
        "/ja/articles/agents/secret",
        "/ja/articles/returns/old",
        "/xx/search?q=a",
    ):
        assert browser.get(path).status_code in (404, 410)
    browser.get(SEARCH, params={"q": ""})
    assert recorded.facts() == []


def test_a_store_that_is_down_is_not_noticed_by_readers(recorded, tmp_path):
    file = tmp_path / "var/kb.sqlite3"
    recorded.store.close()
    file.unlink()
    file.mkdir()
    browser = recorded.browser()
    for _ in range(20):
        assert browser.get(SEARCH, params={"q": "返金"}).status_code == 200
    assert not recorded.spool.flush(0.2)
    assert re.search(r"kb_facts_waiting_bytes [1-9]", browser.get("/metrics").text)
    file.rmdir()
    assert len(recorded.facts()) == 20
    assert 'kb_facts_lost_total{reason="spool"} 0' in browser.get("/metrics").text


def test_a_recorder_that_fails_spoils_no_answer(recorded, monkeypatch):
    def broken(*_: object) -> str:
        raise RuntimeError("bug")

    monkeypatch.setattr(recording, "_scrubbed", broken)
    assert recorded.browser().get(SEARCH, params={"q": "返金"}).status_code == 200
    monkeypatch.undo()
    assert recorded.facts() == []


def test_no_address_of_a_client_is_written_anywhere(recorded, tmp_path):
    client = TestClient(recorded.app, headers={"User-Agent": FIREFOX, "X-Forwarded-For": "198.51.100.77"})
    client.simulate_get("/ja/search", params={"q": "返金"}, remote_addr="127.0.0.1")
    client.simulate_get(f"/ja/articles/{quote('returns/refund')}")
    recorded.facts()
    for file in (tmp_path).rglob("*"):
        if file.is_file():
            assert b"198.51.100.77" not in file.read_bytes()
            assert b"Firefox" not in file.read_bytes()
