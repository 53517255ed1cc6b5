"""The contact form without JavaScript: write, look once more, send; never lost, never twice."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import pytest

from kb.deflection.facts import Entry
from kb.deflection.store import EventStore
from kb.desk import records

BOT = "Mozilla/5.0 (compatible; Googlebot/2.1)"


class Browser:
    """A reader's browser: sends what the form on the last page holds."""

    def __init__(self, service, locale: str = "ja", **headers: str) -> None:
        self.service = service
        self.path = f"/{locale}/contact"
        self.headers = {"X-KB-Session": "session-one", **headers}
        self.answer = self.get()

    def get(self, path: str = ""):
        self.answer = self.service.http.simulate_get(path or self.path, headers=self.headers)
        return self.answer

    @property
    def fields(self) -> dict[str, str]:
        found = {}
        for tag in re.findall(r"<input [^>]*>", self.answer.text.partition('class="ticket"')[2]):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            found[pairs["name"]] = html.unescape(pairs["value"])
        area = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", self.answer.text, re.S)
        return found | ({"body": html.unescape(area[1])} if area else {})

    def press(self, action: str = "", **changes: str):
        values = self.fields | ({"action": action} if action else {}) | changes
        return self.post(values)

    def post(self, values: dict[str, str]):
        headers = {**self.headers, "Content-Type": "application/x-www-form-urlencoded"}
        self.answer = self.service.http.simulate_post(self.path, body=urlencode(values), headers=headers)
        return self.answer


WORDS = {"subject": "返金がまだ", "body": "一行目 <b>\n\n二行目 & 終わり", "email": "a@b.example"}


def kinds(service) -> list[str]:
    return [type(fact).__name__ for fact in service.facts()]


def test_writing_looking_and_sending_files_one_ticket_and_shows_its_number(service) -> None:
    browser = Browser(service)
    review = browser.press("review", **WORDS)
    assert review.status_code == 200
    assert "返金について" in review.text
    assert records.listing(service.store) == [], "nothing is stored before it is sent"
    sent = browser.press("send")
    assert sent.status_code == 303
    (kept,) = records.listing(service.store)
    assert (kept.subject, kept.body, kept.email) == tuple(WORDS.values())
    assert kept.id in service.http.simulate_get(sent.headers["Location"]).text
    facts = service.facts()
    assert kinds(service) == ["FormOpened", "SuggestionsShown", "TicketFiled"]
    assert facts[2].suggestion_id == facts[1].suggestion_id
    assert {fact.entry for fact in facts} == {Entry.FORM}


def test_sending_the_same_form_twice_is_one_ticket_with_one_number(service) -> None:
    browser = Browser(service)
    browser.press("review", **WORDS)
    values = browser.fields | {"action": "send"}
    first, second = browser.post(values), browser.post(values)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(records.listing(service.store)) == 1


def test_going_back_and_writing_something_else_asks_before_a_second_ticket(service) -> None:
    browser = Browser(service)
    browser.press("review", **WORDS)
    values = browser.fields | {"action": "send"}
    browser.post(values)
    again = browser.post(values | {"body": "ほかの話です"})
    assert again.status_code == 200
    assert "別の内容をすでに送信しています" in again.text
    assert browser.press("send").status_code == 303
    assert sorted(each.body for each in records.listing(service.store)) == sorted(
        [WORDS["body"], "ほかの話です"]
    )


def test_a_suggestion_that_helps_ends_without_a_ticket(service) -> None:
    browser = Browser(service)
    browser.press("review", **WORDS)
    opened = html.unescape(re.search(r'href="([^"]*contact/open[^"]*)"', browser.answer.text)[1])
    fields = browser.fields
    article = browser.get(opened)
    assert article.headers["Location"] == "/ja/articles/returns/refund"
    assert browser.post(fields | {"solved": "returns/refund"}).status_code == 200
    assert kinds(service) == ["FormOpened", "SuggestionsShown", "SuggestionOpened", "MarkedSolved"]
    assert service.facts()[3].article == "returns/refund"
    assert records.listing(service.store) == []


def test_opening_leads_to_our_articles_only(service) -> None:
    for article in ("https://evil.example", "//evil.example", "agents/secret", "no/such"):
        query = urlencode({"suggestion": "x" * 31, "article": article})
        assert service.http.simulate_get(f"/ja/contact/open?{query}").status_code == 404


def test_what_was_written_comes_back_with_what_is_wrong(service) -> None:
    browser = Browser(service)
    answer = browser.press("send", subject="", body="本文 <b>", email="壊れた")
    assert answer.status_code == 422
    assert "件名を入力してください" in answer.text
    assert "メールアドレスをお確かめください" in answer.text
    assert browser.fields["body"] == "本文 <b>"
    assert 'aria-invalid="true"' in answer.text
    assert records.listing(service.store) == []


def test_changing_brings_the_words_back_into_the_form(service) -> None:
    browser = Browser(service)
    browser.press("review", **WORDS)
    assert browser.press("change").status_code == 200
    assert {name: browser.fields[name] for name in WORDS} == WORDS


def test_a_leading_empty_line_and_spaces_survive_the_form(service) -> None:
    browser = Browser(service)
    browser.press("review", **WORDS | {"body": "a\n  b\n\nc"})
    browser.press("send")
    assert records.listing(service.store)[0].body == "a\n  b\n\nc"


def test_an_address_typed_in_full_width_is_taken_as_meant(service) -> None:
    browser = Browser(service)
    browser.press("send", **WORDS | {"email": " ｈａｎａ＠ｅｘａｍｐｌｅ．ｊｐ "})
    assert records.listing(service.store)[0].email == "hana@example.jp"


def test_sending_works_without_cookies_and_without_the_second_page(service) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.http.simulate_post(
        "/en/contact", body=urlencode(WORDS | {"action": "send"}), headers=headers
    )
    assert answer.status_code == 303


def test_a_session_of_the_holdout_has_the_same_steps_without_suggestions(service_with) -> None:
    service = service_with(holdout=1.0)
    browser = Browser(service)
    review = browser.press("review", **WORDS)
    assert "contact/open" not in review.text
    assert browser.press("send").status_code == 303
    assert service.facts()[1].holdout


def test_a_program_that_fills_the_trap_sees_a_confirmation_and_files_nothing(service) -> None:
    browser = Browser(service)
    browser.press("review", **WORDS, website="https://spam.example")
    assert browser.press("send").status_code == 303
    assert records.listing(service.store) == []


def test_too_many_messages_are_told_to_wait_with_their_words_kept(service_with) -> None:
    service = service_with(ticket_rate="1/minute")
    browser = Browser(service, **{"X-Forwarded-For": "203.0.113.9"})
    browser.press("review", **WORDS)
    values = browser.fields | {"action": "send"}
    browser.post(values)
    answer = browser.post(values | {"token": "n" * 22})
    assert (answer.status_code, "数分待って" in answer.text) == (429, True)
    assert browser.fields["body"] == WORDS["body"]


def test_a_database_that_is_away_loses_no_words(service_with, tmp_path) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    service = service_with(store=EventStore(f"sqlite:///{tmp_path}/file/kb.sqlite3"))
    browser = Browser(service)
    browser.press("review", **WORDS)
    answer = browser.press("send")
    assert (answer.status_code, "もう一度送信してください" in answer.text) == (503, True)
    assert browser.fields["body"] == WORDS["body"]


@pytest.mark.parametrize("number", ["", "x", "<script>", "11111-1111", "11111-1111I"])
def test_the_confirmation_shows_only_what_can_be_a_number(service, number: str) -> None:
    answer = service.http.simulate_get("/ja/contact/sent", query_string=urlencode({"number": number}))
    assert answer.status_code in (400, 404)


def test_the_english_form_speaks_english(service) -> None:
    browser = Browser(service, "en")
    assert "Write to us" in browser.answer.text
    assert "Please enter a subject." in browser.press("review", subject="").text


def test_a_robot_opens_no_form(service) -> None:
    service.http.simulate_get("/ja/contact", headers={"User-Agent": BOT})
    assert all(fact.reader == "bot" for fact in service.facts())


@pytest.mark.parametrize("body", [b"%", b"subject=%ff", b"\xff=1", b"a=1&" * 60, b""])
def test_a_form_that_is_none_is_told_so(service, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.http.simulate_post("/ja/contact", body=body, headers=headers)
    assert answer.status_code in (400, 422)
