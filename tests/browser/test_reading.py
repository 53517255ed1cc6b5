"""Reading an article: what is measured, what readers answer, links to headings, translations, attacks."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest

from kb.api import create_app
from kb.deflection.facts import ArticleViewed, FeedbackGiven, HitClicked
from kb.deflection.popular import note

from .conftest import listening, sync_api

expect = sync_api.expect


def feedback(page):
    return page.locator("#feedback")


def given(center, comment: str) -> list[FeedbackGiven]:
    facts = [fact for fact in center.facts() if isinstance(fact, FeedbackGiven)]
    last = next(n for n, fact in reversed(list(enumerate(facts))) if fact.comment == comment)
    return [fact for fact in facts[: last + 1] if fact.session == facts[last].session]


def measured(page, center, **named):
    """How an article was read: told when its page is left, so a moment later."""
    for _ in range(50):
        views = [fact for fact in center.facts() if isinstance(fact, ArticleViewed) and fact.measured]
        told = [view for view in views if all(getattr(view, name) == named[name] for name in named)]
        if told:
            return told
        page.wait_for_timeout(100)
    raise AssertionError("nothing was told")


def test_reading_is_told_as_totals_with_the_search_that_led_there(reader, center):
    page = reader("/ja/search?q=返金")
    page.get_by_role("link", name="返金について").click()
    page.wait_for_url("**/articles/**")
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(1100)
    page.evaluate(
        "getSelection().selectAllChildren(document.querySelector('.prose')), document.execCommand('copy')"
    )
    page.get_by_role("link", name="ホーム").first.click()
    page.wait_for_url("**/ja/")
    click = [fact for fact in center.facts() if isinstance(fact, HitClicked)][-1]
    views = measured(page, center, search_id=click.search_id)
    assert views[-1].copied
    assert views[-1].active_ms >= 900
    assert views[-1].session == click.session
    assert len({view.view_id for view in views}) == 1


def test_a_short_article_is_not_half_scrolled_because_it_fits_the_screen(reader, center):
    page = reader("/en/articles/account/id")
    page.wait_for_timeout(1100)
    page.goto("about:blank")
    assert [view.scroll for view in measured(page, center, article="account/id")] == [0]


@pytest.mark.parametrize(
    ("locale", "no", "reason", "send", "thanks", "scripts"),
    [
        ("ja", "いいえ", "実際と違う、古い", "送信する", "ありがとうございました", True),
        ("ja", "いいえ", "実際と違う、古い", "送信する", "ありがとうございました", False),
        ("en", "No", "It is wrong or out of date", "Send", "Thank you", True),
    ],
    ids=["ja", "ja-without-scripts", "en"],
)
def test_who_was_not_helped_can_say_why(reader, center, locale, no, reason, send, thanks, scripts):
    page = reader(f"/{locale}/articles/orders/cancel", width=360, java_script_enabled=scripts)
    feedback(page).get_by_role("button", name=no, exact=True).click()
    feedback(page).get_by_label(reason).check()
    attack = f"<script>alert(1)</script> {locale} {scripts}"
    feedback(page).get_by_role("textbox").fill(attack)
    feedback(page).get_by_role("button", name=send).click()
    expect(feedback(page).get_by_role("heading")).to_have_text(thanks)
    # in place with scripts; without them the address says what was answered
    assert ("feedback=" in page.url) is not scripts
    first, second = given(center, attack)[-2:]
    assert (first.helpful, first.reason, second.helpful, second.reason) == (False, "", False, "wrong")
    assert second.article == "orders/cancel"


def test_a_yes_is_one_press_and_an_answer_that_cannot_be_sent_is_sent_as_a_form(reader, complaints):
    page = reader("/ja/articles/orders/exchange")
    page.route("**/articles/**", lambda route: route.abort() if route.request.resource_type == "fetch"
               else route.continue_())  # fmt: skip
    feedback(page).get_by_role("button", name="はい").press("Enter")
    page.wait_for_url("**feedback=yes**")
    expect(feedback(page).get_by_role("heading")).to_have_text("ありがとうございました")
    complaints.clear()


def test_an_answer_of_another_sites_form_is_refused(center):
    address = f"{center.url}/ja/articles/orders/refund"
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        request = urllib.request.Request(address, b"helpful=no", headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403


@pytest.mark.parametrize(
    ("locale", "heading", "copied"),
    [("ja", "返金の期限", "コピーしました"), ("en", "Refund deadline", "copied")],
    ids=["ja", "en"],
)
def test_the_link_of_a_heading_is_copied_by_keyboard(reader, center, locale, heading, copied):
    page = reader(f"/{locale}/articles/orders/refund")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=center.url)
    page.get_by_role("link", name=heading).last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=copied)).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto(link)
    expect(page.get_by_role("heading", name=heading)).to_be_in_viewport()


def test_an_older_translation_says_so_and_the_switch_warns_of_it(reader):
    page = reader("/ja/articles/manuals/cage/02-build", java_script_enabled=False)
    switch = page.get_by_role("navigation", name="言語").get_by_role("link")
    expect(switch).to_have_text("English (older)")
    switch.click()
    newer = page.get_by_text("The article in 日本語 is newer")
    expect(newer).to_contain_text("1 July 2026")
    newer.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("鳥かごを組み立てる")
    page.get_by_role("link", name="前へ").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("箱をあける")
    expect(page.get_by_role("navigation", name="この記事の内容").get_by_role("link")).to_have_count(8)


def test_what_an_article_is_about_can_be_read_by_search_engines(reader):
    page = reader("/ja/articles/faq/delivery")
    texts = page.locator("script[type='application/ld+json']").all_text_contents()
    faq, way = (json.loads(text) for text in texts)
    assert faq["@type"] == "FAQPage"
    assert faq["mainEntity"][0]["name"] == "送料はいくらですか"
    assert "五百円" in faq["mainEntity"][0]["acceptedAnswer"]["text"]
    assert [each["position"] for each in way["itemListElement"]] == [1, 2, 3]


def test_an_article_cannot_run_anything(reader):
    page = reader("/ja/articles/home/attack")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator(".prose script, [onerror], [onload], a[href^=javascript]").count() == 0
    assert json.loads(page.locator("script[type='application/ld+json']").first.text_content())
    page.goto(page.url.partition("/articles")[0] + "/search?q=攻撃")
    expect(page.locator(".hits")).to_contain_text("<img src=x")


def test_the_home_page_tells_what_was_read_most_this_week(reader, center):
    for n in range(5):
        asked = urllib.request.Request(
            f"{center.url}/ja/articles/orders/receipt", headers={"X-KB-Session": f"many-readers-{n}"}
        )
        urllib.request.urlopen(asked).read()
    center.facts()
    page = reader("/ja/")
    popular = page.get_by_role("region", name="今週よく読まれている記事")
    note(center.store, center.parts.var)
    with listening(create_app(center.parts)) as fresh:
        # all that it loads: it may not be told of a server that has ended meanwhile
        page.goto(f"{fresh}/ja/", wait_until="networkidle")
        expect(popular.get_by_role("link", name="領収書の発行")).to_be_visible()
    latest = page.get_by_role("region", name="新しくなった記事")
    expect(latest.get_by_role("link").first).to_have_text(re.compile("箱をあける|組み立てる"))
