"""An agent on a call: search, read, say, copy and record, by keyboard; and the same without scripts."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from kb.deflection.facts import Reader, SearchRan, TicketArticleLinked
from kb.desk.drafts import Draft
from kb.tickets import Author, file_ticket

from .conftest import sync_api, wait_for_focus

expect = sync_api.expect


@pytest.fixture
def desk(signed_in, service, context):
    """The desk of an agent in Japanese; `at` takes what stands behind the question mark."""
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service.url)
    page = signed_in("agent")

    def at(query: str = "locale=ja"):
        page.goto(f"{service.url}/agent?{query}")
        wait_for_focus(page)
        return page

    return at


def options(page):
    return page.get_by_role("option")


def clipboard(page) -> str:
    return page.evaluate("navigator.clipboard.readText()")


def read(page, query: str) -> None:
    """Search and open the first result, so that the keys act on it."""
    page.get_by_role("combobox").fill(query)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name=re.compile("^(記事|Article)$"))).to_be_focused()


# ---------------------------------------------------------------- signing in


@pytest.mark.parametrize(
    ("language", "name", "button"), [("ja", "トークン", "サインイン"), ("en", "Token", "Sign in")]
)
def test_who_signs_in_comes_back_to_what_was_asked(service, new_context, language, name, button) -> None:
    page = new_context(locale=language).new_page()
    page.goto(f"{service.url}/agent?locale={language}&q=返金")
    assert "/signin?next=" in page.url
    page.get_by_label(name).fill(service.token("agent"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox")).to_have_value("返金")
    assert page.url.startswith(f"{service.url}/agent?")


def test_a_sign_in_that_ran_out_is_noticed_while_typing(desk, context, service) -> None:
    page = desk()
    context.clear_cookies(name="kb_signin")
    page.get_by_role("combobox").press_sequentially("返金")
    page.wait_for_url(f"{service.url}/signin?next=*")


# ---------------------------------------------------------------- a call


def test_a_call_by_keyboard_alone(desk, service) -> None:
    page = desk()
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("払い戻し")
    page.wait_for_url(f"**q={quote('払い戻し')}*")  # all letters are searched
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", "desk-option-1")
    expect(page.get_by_role("combobox")).to_be_focused()
    title = options(page).nth(1).get_attribute("data-title")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="記事", exact=True)).to_be_focused()
    expect(page.locator("#desk-preview")).to_have_css("outline-style", "solid")
    expect(page.get_by_role("heading", level=2, name=title)).to_be_visible()
    page.keyboard.press("t")
    page.keyboard.type("CALL-1")
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("s")
    expect(page.get_by_text("CALL-1：この記事で解決したと記録しました")).to_be_visible()
    linked = [fact for fact in service.facts() if isinstance(fact, TicketArticleLinked)][-1]
    assert (linked.ticket, linked.relation.value, linked.reader) == ("CALL-1", "solved_by", Reader.AGENT)
    assert linked.article == options(page).nth(1).get_attribute("data-id")


def test_wrong_and_missing_are_one_key_each(desk, service) -> None:
    page = desk("locale=ja&ticket=CALL-2")
    read(page, "返金について")
    for key, relation, said in (("w", "wrong", "誤りがある"), ("m", "missing", "答える記事がない")):
        page.keyboard.press(key)
        expect(page.locator("#desk-status")).to_contain_text(said)
        linked = [fact for fact in service.facts() if isinstance(fact, TicketArticleLinked)][-1]
        assert (linked.ticket, linked.relation.value) == ("CALL-2", relation)
    assert linked.article == "", "what is missing has no name"


def test_without_a_number_the_field_for_it_is_shown(desk) -> None:
    page = desk()
    read(page, "返金について")
    page.keyboard.press("s")
    expect(page.get_by_label("チケット番号")).to_be_focused()
    expect(page.locator("#desk-status")).to_have_text("先にチケット番号を入力してください")


def test_single_keys_type_letters_in_a_field_and_can_be_switched_off(desk) -> None:
    page = desk()
    page.keyboard.type("crs?")
    expect(page.get_by_role("combobox")).to_have_value("crs?")
    read(page, "返金について")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="キーボード操作").get_by_label("一文字のキーを使う").press("Space")
    page.keyboard.press("Escape")
    page.reload()
    read(page, "返金について")
    for key in ("p", "?", "/"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="ピン留め")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="キーボード操作").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_same_in_english_and_the_query_stays_when_the_language_changes(desk) -> None:
    page = desk("locale=en")
    read(page, "refund")
    expect(page.get_by_role("heading", level=2, name="When you get your refund")).to_be_visible()
    page.keyboard.press("e")
    page.wait_for_url("**/agent?locale=ja*")
    expect(page.get_by_role("combobox")).to_have_value("refund")
    expect(page.get_by_role("heading", level=2, name="返金について")).to_be_visible()
    expect(options(page).first).to_be_visible()


# ---------------------------------------------------------------- input methods, slow networks


def test_nothing_reacts_while_an_input_method_converts_but_results_follow_the_reading(desk, context) -> None:
    page = desk()
    keys = context.new_cdp_session(page)
    field = page.get_by_role("combobox")

    def press(key: str, code: int = 229) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            keys.send(
                "Input.dispatchKeyEvent",
                {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code},
            )

    for reading in ("へ", "へん", "へんき", "へんきん"):
        keys.send(
            "Input.imeSetComposition",
            {"text": reading, "selectionStart": len(reading), "selectionEnd": len(reading)},
        )
    expect(options(page).first).to_be_visible()
    first = options(page).first
    press("ArrowDown")
    press("ArrowDown", 40)
    press("Enter")
    press("Escape")
    expect(first).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") is None
    expect(field).to_be_focused()
    keys.send("Input.insertText", {"text": "返金"})
    expect(field).to_have_value("返金")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="記事", exact=True)).to_be_focused()


def test_an_answer_that_comes_too_late_is_dropped(desk) -> None:
    page = desk()
    held = []
    page.route("**/api/v1/search?q=%E8%BF%94%E9%87%91&*", lambda route: held.append(route))
    page.get_by_role("combobox").fill("返金")
    page.wait_for_timeout(100)
    page.get_by_role("combobox").fill("パスワード")
    expect(options(page).first).to_have_attribute("data-id", "account/password")
    for route in held:
        route.continue_()
    page.wait_for_timeout(100)
    expect(options(page).first).to_have_attribute("data-id", "account/password")


def test_a_service_that_cannot_be_reached_is_told_and_tried_again(desk, complaints) -> None:
    page = desk()
    page.route(
        "**/api/v1/search?*", lambda route: route.fulfill(status=503, headers={"Cache-Control": "private"})
    )
    page.get_by_role("combobox").fill("返金")
    expect(page.locator("#desk-status")).to_contain_text("つながりません")
    page.unroute("**/api/v1/search?*")
    page.keyboard.press("Enter")
    expect(options(page).first).to_be_visible()
    complaints.clear()


# ---------------------------------------------------------------- agents only, copying


def test_what_is_for_agents_only_says_so_in_words_and_gives_nothing_for_customers(desk) -> None:
    page = desk()
    read(page, "カカポ手順")
    option = options(page).first
    expect(option).to_have_attribute("data-audience", "agent")
    expect(option).to_contain_text("応対係用")
    expect(page.get_by_role("note").first).to_contain_text("お客様には見せない・送らない")
    page.evaluate("navigator.clipboard.writeText('before')")
    for key in ("l", "r"):
        page.keyboard.press(key)
        expect(page.locator("#desk-status")).to_contain_text("お客様用のリンクと返信文はありません")
        assert clipboard(page) == "before"
        page.keyboard.press("p")  # says something else in between
    page.keyboard.press("c")
    expect(page.locator("#desk-status")).to_contain_text("お客様には送らないでください")
    assert "合言葉はヤンバルクイナ" in clipboard(page)


def test_the_call_card_stands_above_the_article(desk) -> None:
    page = desk()
    read(page, "カカポ手順")
    card = page.get_by_role("region", name="電話応対カード")
    expect(card).to_contain_text("カカポのせりふ")
    assert card.bounding_box()["y"] < page.locator("#desk-preview .prose").bounding_box()["y"]
    expect(card).to_be_in_viewport()


def test_text_link_and_courteous_reply_are_copied_by_one_key_each(desk, service) -> None:
    page = desk()
    read(page, "口座への振込")
    page.keyboard.press("c")
    expect(page.locator("#desk-status")).to_have_text("本文をコピーしました")
    assert clipboard(page) == "口座への振込\n\n銀行の口座へお振り込みします。口座番号を入力してください。"
    page.keyboard.press("l")
    expect(page.locator("#desk-status")).to_have_text("リンクをコピーしました")
    link = clipboard(page)
    assert re.fullmatch(rf"{service.url}/ja/articles/orders/refund#%E5%8F%A3.*", link)
    page.keyboard.press("r")
    expect(page.locator("#desk-status")).to_have_text("返信文をコピーしました")
    reply = clipboard(page)
    assert reply.startswith("お問い合わせいただき、誠にありがとうございます。")
    assert "銀行の口座へお振り込みします。" in reply
    assert link in reply
    assert reply.endswith("ことりや ヘルプ")


def test_a_page_without_a_clipboard_of_its_own_copies_too(desk) -> None:
    page = desk()
    read(page, "返金について")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.keyboard.press("l")
    expect(page.locator("#desk-status")).to_have_text("リンクをコピーしました")


# ---------------------------------------------------------------- what is remembered, what fills the search in


def test_pinned_and_recent_articles_stand_where_nothing_is_typed(desk) -> None:
    page = desk()
    read(page, "返金について")
    page.keyboard.press("p")
    expect(page.locator("#desk-status")).to_have_text("ピン留めしました")
    read(page, "退会")
    desk()
    expect(page.get_by_role("group", name="ピン留め").get_by_role("option")).to_have_text(["返金について"])
    expect(page.get_by_role("group", name="最近開いた記事").get_by_role("option").first).to_contain_text(
        "退会"
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="返金について")).to_be_visible()


def test_a_pinned_article_that_is_gone_leaves_the_list(desk, complaints) -> None:
    page = desk()
    page.evaluate(
        """localStorage.setItem('kb.desk.pins', JSON.stringify([{id: 'no/such', locale: 'ja', title: '<img src=x onerror=alert(1)>', audience: 'public'}]))"""
    )
    page.route("**/agent/articles/ja/no/such?*", lambda route: route.fulfill(status=410, body=""))
    desk()
    expect(options(page)).to_have_text(["<img src=x onerror=alert(1)>"])
    options(page).click()
    expect(page.locator("#desk-status")).to_contain_text("見つかりません")
    complaints.clear()
    desk()
    expect(options(page)).to_have_count(0)


def test_a_ticket_in_the_address_fills_in_its_number_and_a_search_for_its_words(desk, service) -> None:
    draft = Draft(
        subject="返金がまだ来ない", body="090-1234-5678 の山田です。返金はいつですか。", locale="ja"
    )
    number = file_ticket(service.store, draft, Author(), sent=False)
    page = desk(f"ticket={number}")
    expect(page.get_by_label("チケット番号")).to_have_value(number)
    asked = page.get_by_role("combobox").input_value()
    assert "返金" in asked
    assert "1234" not in asked
    expect(page.get_by_role("heading", level=2, name="返金について")).to_be_visible()
    expect(options(page).first).to_have_attribute("data-id", "orders/refund")
    assert any(isinstance(fact, SearchRan) and fact.reader is Reader.AGENT for fact in service.facts())


def test_a_link_within_an_article_opens_beside_the_results(desk, service) -> None:
    page = desk("locale=ja&open=orders/refund")
    page.evaluate(
        "document.querySelector('.prose').innerHTML = '<a href=\"/ja/articles/account/password\">x</a>'"
    )
    page.get_by_role("link", name="x").click()
    expect(page.get_by_role("heading", level=2, name="パスワードを忘れたとき")).to_be_visible()
    assert page.url.startswith(f"{service.url}/agent?")


@pytest.mark.parametrize("query", ["<img src=x onerror=alert(1)>", "\"'><script>alert(1)</script>返金"])
def test_what_is_typed_is_never_taken_for_markup(desk, query: str) -> None:
    page = desk()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.get_by_role("combobox").fill(query)
    page.wait_for_url("**q=*")
    page.reload()
    expect(page.get_by_role("combobox")).to_have_value(query)
    assert page.locator("img[src=x], .desk script").count() == 0


# ---------------------------------------------------------------- without scripts, small screens


def test_without_scripts_it_is_a_form_with_links_and_marks_by_a_form(new_context, service) -> None:
    context = new_context(java_script_enabled=False, locale="ja-JP")
    context.add_cookies([service.cookie("agent")])
    page = context.new_page()
    page.goto(f"{service.url}/agent")
    page.get_by_role("textbox", name="記事を検索").fill("返金")
    page.get_by_role("button", name="検索").click()
    page.get_by_role("link", name=re.compile("返金の権限とカカポ手順")).click()
    expect(page.get_by_role("heading", level=2, name="返金の権限とカカポ手順")).to_be_visible()
    expect(page.get_by_role("note").first).to_contain_text("応対係用")
    page.get_by_role("link", name=re.compile("^返金について")).click()
    page.get_by_label("チケット番号").fill("CALL-9")
    page.get_by_role("button", name="解決").click()
    expect(page.get_by_text("CALL-9：この記事で解決したと記録しました")).to_be_visible()
    expect(page.get_by_role("textbox", name="記事を検索")).to_have_value("返金")
    linked = [fact for fact in service.facts() if isinstance(fact, TicketArticleLinked)][-1]
    assert (linked.ticket, linked.article) == ("CALL-9", "orders/refund")


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_no_desk_is_wider_than_its_screen(desk, width: int) -> None:
    page = desk("locale=ja&q=返金&open=agents/kakapo-refund")
    page.set_viewport_size({"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_writer_reads_at_the_desk_but_does_not_mark(signed_in, service) -> None:
    page = signed_in("writer")
    page.goto(f"{service.url}/agent?locale=ja&q=返金")
    expect(options(page).first).to_be_visible()
    expect(page.get_by_label("チケット番号")).to_have_count(0)
    expect(page.get_by_role("link", name="分析")).to_be_visible()
