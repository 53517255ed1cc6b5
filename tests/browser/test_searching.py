"""Searching as customers do: proposals while typing, input methods, going back, a net that fails."""

from __future__ import annotations

import re

import pytest

from kb.deflection.facts import Entry, SearchRan

from .conftest import sync_api

expect = sync_api.expect

LANGUAGES = pytest.mark.parametrize(
    ("locale", "label", "typed", "count", "title"),
    [
        ("ja", "ヘルプを検索", "返金", "候補が", "返金について"),
        ("en", "Search the help center", "refu", "suggestions", "When you get your refund"),
    ],
    ids=["ja", "en"],
)


def box(page):
    return page.get_by_role("combobox")


def options(page):
    return page.get_by_role("option")


@LANGUAGES
def test_proposals_are_chosen_by_keyboard_while_the_focus_stays_in_the_box(
    reader, locale, label, typed, count, title
):
    page = reader(f"/{locale}/", width=360)
    expect(page.get_by_role("combobox", name=label)).to_be_focused()
    expect(box(page)).to_have_attribute("aria-expanded", "false")
    page.keyboard.type(typed)
    expect(options(page).first).to_be_visible()
    expect(box(page)).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("status").filter(has_text=count)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    first = options(page).first
    expect(first).to_have_attribute("aria-selected", "true")
    assert box(page).get_attribute("aria-activedescendant") == first.get_attribute("id")
    expect(box(page)).to_be_focused()
    expect(box(page)).to_have_value(typed)
    page.keyboard.press("ArrowUp")
    assert box(page).get_attribute("aria-activedescendant") is None
    page.keyboard.press("ArrowUp")
    expect(options(page).last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(box(page)).to_have_value(typed)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/{locale}/articles/orders/refund"))
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


@LANGUAGES
def test_enter_without_a_choice_searches_and_the_address_can_be_shared(
    reader, center, locale, label, typed, count, title
):
    page = reader(f"/{locale}/")
    page.keyboard.type(f"{typed} /")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{locale}/search\?q=[^&]+$"))
    hit = page.get_by_role("link", name=title)
    expect(hit).to_be_visible()
    hit.click()
    page.wait_for_url("**/articles/**")
    # who is sent the address has not searched, and is not counted
    expect(page).to_have_url(re.compile(rf"/{locale}/articles/orders/refund(#.*)?$"))
    searches = [fact for fact in center.facts() if isinstance(fact, SearchRan) and fact.locale == locale]
    assert searches[-1].entry is Entry.HOME


def compose(page, text: str) -> None:
    page.context.new_cdp_session(page).send(
        "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
    )


def test_proposals_follow_the_reading_while_every_key_belongs_to_the_input_method(reader):
    page = reader("/ja/")
    for reading in ("ｈ", "へ", "へん", "へんｋ", "へんき"):
        compose(page, reading)
    expect(options(page).filter(has_text="返金について")).to_be_visible()
    devtools = page.context.new_cdp_session(page)
    for key, code in (("ArrowDown", 40), ("Enter", 13), ("Escape", 27)):
        devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Process", "code": key,
                                                 "windowsVirtualKeyCode": 229})  # fmt: skip
        devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": key,
                                                 "windowsVirtualKeyCode": code})  # fmt: skip
    expect(options(page).filter(has_text="返金について")).to_be_visible()
    assert box(page).get_attribute("aria-activedescendant") is None
    devtools.send("Input.insertText", {"text": "返金"})
    expect(box(page)).to_have_value("返金")
    assert page.url.endswith("/ja/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ja/articles/**")


def test_the_enter_that_commits_a_conversion_opens_nothing(reader):
    page = reader("/ja/")
    page.keyboard.type("返金")
    page.keyboard.press("ArrowDown")
    # Safari ends the composition before its Enter, and tells 229
    for told in ({"isComposing": True}, {"keyCode": 229}):
        prevented = box(page).evaluate(
            "(input, told) => !input.dispatchEvent(new KeyboardEvent('keydown',"
            " {key: 'Enter', bubbles: true, cancelable: true, ...told}))",
            told,
        )
        assert not prevented
    assert page.url.endswith("/ja/")


def test_an_answer_that_comes_late_is_thrown_away(reader):
    page = reader("/ja/")
    held = []
    page.route(re.compile(r"/suggest\?q=%E8%BF%94&"), lambda route: held.append(route))
    page.keyboard.type("返")
    page.wait_for_timeout(200)
    box(page).fill("パスワード")
    expect(options(page).first).to_contain_text("パスワード")
    for route in held:
        route.fulfill(json={"suggestions": [{"text": "遅れた答え", "kind": "title", "url": "/"}]})
    page.wait_for_timeout(100)
    expect(options(page).first).to_contain_text("パスワード")
    expect(page.get_by_text("遅れた答え")).to_have_count(0)
    assert held


def test_without_an_answer_the_box_still_searches(reader, complaints):
    page = reader("/ja/")
    page.route("**/api/v1/suggest*", lambda route: route.abort())
    page.keyboard.type("返金")
    page.wait_for_timeout(250)
    expect(options(page)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="返金について")).to_be_visible()
    complaints.clear()  # the browser tells of each request that failed


def test_back_brings_query_results_and_place(reader):
    page = reader("/ja/search?q=返金", width=360)
    last = page.locator(".hits > li").last.get_by_role("link").first
    last.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    last.click()
    page.wait_for_url("**/articles/**")
    page.go_back()
    expect(box(page)).to_have_value("返金")
    expect(page.locator(".hits > li").last).to_be_in_viewport()
    assert abs(page.evaluate("scrollY") - before) < 5
    page.go_forward()
    page.wait_for_url("**/articles/**")


def test_what_was_typed_at_home_is_there_again_after_going_back(reader):
    page = reader("/en/")
    page.keyboard.type("parcel")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search**")
    page.go_back()
    expect(box(page)).to_have_value("parcel")


@pytest.mark.parametrize(
    ("locale", "query", "said", "elsewhere"),
    [("ja", "policies", "見つかりませんでした", "English"), ("en", "巣箱", "nothing", "日本語")],
)
def test_a_search_without_an_answer_helps_on_without_scripts(reader, locale, query, said, elsewhere):
    page = reader(f"/{locale}/search?q={query}", width=360, java_script_enabled=False)
    main = page.get_by_role("main")
    expect(main).to_contain_text(said)
    expect(main.get_by_role("link", name=elsewhere)).to_be_visible()
    expect(main.get_by_role("link", name=re.compile("お問い合わせ|Contact"))).to_be_visible()
    expect(main).to_contain_text(re.compile("平日9時|Weekdays"))


def test_facets_narrow_and_widen_again_and_what_was_searched_instead_is_said(reader):
    page = reader("/en/search?q=refund+password", java_script_enabled=False)
    page.get_by_role("navigation", name="Narrow by category").get_by_role("link", name="Account").click()
    assert "category=account" in page.url
    page.get_by_role("link", name="All", exact=True).click()
    assert "category" not in page.url
    page.goto(page.url.partition("?")[0] + "?q=refnd")
    expect(page.get_by_role("status").first).to_contain_text("Showing results for refund")


def test_a_query_is_never_more_than_text(reader):
    attack = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"
    page = reader("/ja/")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.keyboard.type(attack)
    page.wait_for_timeout(250)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search**")
    expect(box(page)).to_have_value(attack)
    assert page.locator("main img, main script").count() == 0
