"""`/widget.js` on another site under a policy of its own: search, article, contact; and where it may not be."""

from __future__ import annotations

import gzip
import json

import pytest
from falcon.testing import TestClient

from kb.api import create_app
from kb.deflection.facts import ArticleViewed, Entry, FeedbackGiven, HitClicked, SearchRan, TicketFiled
from kb.web.files import STATIC

from .conftest import sync_api

expect = sync_api.expect


@pytest.fixture
def embedded(new_context, shop, center, complaints):
    """The shop's page in a language, the widget open."""

    def at(locale: str, **more: object):
        page = new_context(**more).new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{shop}/?at={center.url}&locale={locale}")
        return page

    return at


def session_of(page) -> str:
    return json.loads(page.evaluate("localStorage.getItem('kb-session')"))["name"]


@pytest.mark.parametrize(
    ("locale", "name", "label", "query", "hit", "yes", "thanks"),
    [
        (
            "ja",
            "ヘルプ",
            "ヘルプを検索",
            "返金",
            "返金について",
            "はい、解決しました",
            "ありがとうございました",
        ),
        ("en", "Help", "Search the help center", "refund", "When you get", "Yes, it did", "Thank you"),
    ],
    ids=["ja", "en"],
)
def test_a_search_on_another_site_opens_an_article_in_place(
    embedded, center, locale, name, label, query, hit, yes, thanks
):
    page = embedded(locale, viewport={"width": 360, "height": 740})
    page.get_by_role("button", name=name).press("Enter")
    dialog = page.get_by_role("dialog", name=name)
    box = dialog.get_by_label(label)
    expect(box).to_be_focused()
    box.press_sequentially(query)
    expect(dialog.get_by_role("link", name=hit)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading", level=2).first).to_be_focused()
    page.wait_for_timeout(1100)
    dialog.get_by_role("button", name=yes).click()
    expect(dialog.get_by_role("status").filter(has_text=thanks)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name=name)).to_be_focused()
    page.wait_for_timeout(100)
    assert page.context.cookies() == []
    mine = [fact for fact in center.facts() if fact.session == session_of(page)]
    assert {type(fact) for fact in mine} == {SearchRan, HitClicked, ArticleViewed, FeedbackGiven}
    # one need, however many keystrokes
    assert len({fact.intent for fact in mine}) == 1
    assert {fact.entry for fact in mine} == {Entry.WIDGET}
    click = next(fact for fact in mine if isinstance(fact, HitClicked))
    assert click.search_id in {fact.search_id for fact in mine if isinstance(fact, SearchRan)}


def test_a_ticket_is_written_on_another_site_and_sent_once(embedded, center, complaints):
    page = embedded("ja")
    page.get_by_role("link", name="?").click()
    dialog = page.get_by_role("dialog", name="ヘルプ")
    dialog.get_by_label("ヘルプを検索").fill("荷物がまだ")
    dialog.get_by_role("button", name="お問い合わせ").click()
    expect(dialog.get_by_label("件名")).to_have_value("荷物がまだ")
    dialog.get_by_role("button", name="この内容で送信する").click()
    expect(dialog.get_by_role("alert")).to_contain_text("お問い合わせ内容を入力してください")
    dialog.get_by_label("お問い合わせ内容").fill("返金はいつですか")
    expect(dialog.get_by_role("button", name="返金について")).to_be_visible()
    dialog.get_by_role("button", name="この内容で送信する").dblclick()
    number = dialog.locator(".number")
    expect(number).to_be_visible()
    mine = [fact for fact in center.facts() if fact.session == session_of(page)]
    assert {fact.entry for fact in mine} == {Entry.WIDGET}
    filed = [fact for fact in mine if isinstance(fact, TicketFiled)]
    assert [fact.ticket for fact in filed] == [number.text_content()]
    assert filed[0].suggestion_id
    complaints.clear()  # the browser tells of the ticket that was refused


def test_links_of_an_article_are_followed_within_the_widget(embedded, center):
    page = embedded("ja")
    page.get_by_role("button", name="ヘルプ").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("大雪のため")
    dialog.get_by_label("ヘルプを検索").fill("鳥かごを組み立てる")
    dialog.get_by_role("link", name="鳥かごを組み立てる").click()
    # the result that was just pressed holds these words, too
    dialog.get_by_role("link", name="箱の中身", exact=True).click()
    expect(dialog.get_by_role("heading", level=2).first).to_have_text("箱をあける")
    expect(dialog.get_by_role("heading", name="手順 3")).to_be_in_viewport()
    dialog.get_by_role("button", name="検索に戻る").click()
    expect(dialog.get_by_label("ヘルプを検索")).to_have_value("鳥かごを組み立てる")
    assert len(page.context.pages) == 1


def test_what_is_found_nowhere_and_what_cannot_be_asked_is_said(embedded, complaints):
    page = embedded("ja")
    page.get_by_role("button", name="ヘルプ").click()
    box = page.get_by_label("ヘルプを検索")
    box.fill("<b>ぬるぽ")
    expect(page.get_by_role("status")).to_contain_text("<b>ぬるぽ")
    page.route("**/api/v1/search*", lambda route: route.abort())
    box.fill("返金")
    expect(page.get_by_role("status")).to_contain_text("検索できませんでした")
    complaints.clear()


def test_a_site_that_is_not_listed_is_answered_nothing(center, shop):
    client = TestClient(create_app(center.parts))
    listed = client.simulate_get("/api/v1/search", params={"q": "返金"}, headers={"Origin": shop})
    assert listed.headers["access-control-allow-origin"] == shop
    assert "access-control-allow-credentials" not in listed.headers
    other = client.simulate_get("/api/v1/search", params={"q": "返金"}, headers={"Origin": shop + "0"})
    assert "access-control-allow-origin" not in other.headers
    assert "Origin" in other.headers["vary"]
    ask = {"Origin": shop, "Access-Control-Request-Method": "POST"}
    assert client.simulate_options("/api/v1/tickets", headers=ask).status_code == 204
    for path in ("/api/v1/reports/deflection", "/api/v1/tickets/1/articles", "/agent", "/ja/"):
        answer = client.simulate_options(path, headers=ask)
        assert "access-control-allow-origin" not in answer.headers, path


def test_the_widget_is_small_and_of_this_site(center):
    answer = TestClient(create_app(center.parts)).simulate_get("/widget.js")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert '"default":"ja"' in answer.text
    assert len(gzip.compress(answer.content + STATIC["reading.js"].body)) < 25_000
