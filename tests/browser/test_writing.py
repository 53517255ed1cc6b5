"""Writing to us: articles proposed over a draft that nothing loses, sent once, or not at all."""

from __future__ import annotations

import pytest

from kb.deflection.facts import MarkedSolved, SuggestionOpened, SuggestionsShown, TicketFiled
from kb.desk import records

from .conftest import sync_api

expect = sync_api.expect

LANGUAGES = pytest.mark.parametrize(
    ("locale", "subject", "body", "article", "solved", "send"),
    [
        ("ja", "件名", "お問い合わせ内容", "返金について", "これで解決した", "この内容で送信する"),
        ("en", "Subject", "Message", "When you get your refund", "This solved it", "Send this message"),
    ],
    ids=["ja", "en"],
)
WORDS = {
    "ja": ("返金がまだ", "一か月待っています <b>"),
    "en": ("Where is my refund", "I wait for a month <b>"),
}


def of_this(center, page, kind):
    session = next(each["value"] for each in page.context.cookies() if each["name"] == "kb_session")
    return [fact for fact in center.facts() if isinstance(fact, kind) and fact.session == session]


@LANGUAGES
def test_an_article_opens_over_the_draft_and_solves_it_in_one_press(
    reader, center, locale, subject, body, article, solved, send
):
    page = reader(f"/{locale}/contact", width=360)
    before = len(records.listing(center.store))
    page.get_by_label(subject).fill(WORDS[locale][0])
    page.get_by_label(body).fill(WORDS[locale][1])
    page.get_by_role("button", name=article).press("Enter")
    dialog = page.get_by_role("dialog", name=article)
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading", level=2).first).to_have_text(article)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_label(body)).to_have_value(WORDS[locale][1])
    page.get_by_role("button", name=article).click()
    dialog.get_by_role("button", name=solved).click()
    expect(page.get_by_role("button", name=send)).to_be_hidden()
    expect(page.locator("#solved")).to_be_focused()
    page.wait_for_timeout(100)
    (fact,) = of_this(center, page, MarkedSolved)
    shown = {each.suggestion_id for each in of_this(center, page, SuggestionsShown)}
    assert fact.article == "orders/refund"
    assert fact.suggestion_id in shown
    assert [each.article for each in of_this(center, page, SuggestionOpened)] == ["orders/refund"] * 2
    assert len(records.listing(center.store)) == before
    # who finds that it was not solved after all has lost nothing
    page.locator("#still").click()
    expect(page.get_by_label(subject)).to_have_value(WORDS[locale][0])


@LANGUAGES
def test_a_draft_outlives_a_reload_and_is_sent_once(
    reader, center, locale, subject, body, article, solved, send
):
    page = reader(f"/{locale}/contact")
    attack = f"<script>alert('{locale}')</script>"
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.get_by_label(subject).fill(attack)
    page.get_by_label(body).fill("二行\n&amp; 二行目")
    page.keyboard.press("Tab")
    page.reload()
    expect(page.get_by_label(subject)).to_have_value(attack)
    # Enter in a line commits a conversion, and often once more by accident
    page.get_by_label(subject).press("Enter")
    posted = []
    page.on(
        "request",
        lambda request: (
            posted.append(request) if request.method == "POST" and "/api/" not in request.url else None
        ),
    )
    page.get_by_role("button", name=send).dblclick()
    number = page.locator(".number")
    expect(number).to_be_visible()
    assert len(posted) == 1
    (filed,) = of_this(center, page, TicketFiled)
    assert filed.ticket == number.text_content()
    kept = next(each for each in records.listing(center.store) if each.id == filed.ticket)
    assert (kept.subject, kept.body) == (attack, "二行\n&amp; 二行目")
    page.goto(f"{center.url}/{locale}/contact")
    expect(page.get_by_label(subject)).to_have_value("")


def test_the_form_works_when_nothing_can_be_proposed(reader, center, complaints):
    page = reader("/ja/contact", width=360)
    page.route("**/api/v1/**", lambda route: route.abort())
    page.get_by_label("件名").fill("荷物が来ない")
    page.get_by_label("お問い合わせ内容").fill("三日待ちました")
    page.wait_for_timeout(800)
    page.get_by_role("button", name="この内容で送信する").click()
    expect(page.locator(".number")).to_be_visible()
    complaints.clear()


def test_what_is_missing_is_said_and_nothing_is_lost(reader, complaints):
    page = reader("/en/contact")
    page.get_by_label("Message").fill("No subject")
    page.get_by_role("button", name="Send this message").click()
    expect(page.get_by_role("alert").filter(has_text="subject")).to_be_visible()
    expect(page.get_by_label("Message")).to_have_value("No subject")
    complaints.clear()


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_without_scripts_there_is_a_review_step(reader, center, locale):
    page = reader(f"/{locale}/contact", width=360, java_script_enabled=False)
    subject, body = WORDS[locale]
    page.locator("#subject").fill(subject)
    page.locator("#body").fill(body)
    expect(page.locator(".proposed")).to_be_hidden()
    page.locator("button[value=review]").click()
    expect(page.get_by_role("heading", level=3).first).to_have_text(
        {"ja": "返金について", "en": "When you get your refund"}[locale]
        + {"ja": " (新しいタブで開きます)", "en": " (opens in a new tab)"}[locale]
    )
    page.locator("button[value=send]").click()
    expect(page.locator(".number")).to_be_visible()
