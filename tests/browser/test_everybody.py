"""What holds on every page of customers: axe-core finds nothing serious, nothing moves, nothing is too wide."""

from __future__ import annotations

import re

import pytest

from .conftest import sync_api

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
expect = sync_api.expect

MOVED = """
() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const each of list.getEntries()) sum += each.value; })
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(sum), 150));
})
"""
PAGES = (
    "/{0}/", "/{0}/search?q=refund+返金", "/{0}/search?q=zzqqxxyy", "/{0}/articles/orders/refund?feedback=no",
    "/{0}/articles/manuals/cage/02-build", "/{0}/contact",
)  # fmt: skip


def found(page) -> list[str]:
    """What axe-core calls serious or critical, with the elements."""
    violations = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("locale", "width", "scheme"), [("ja", 320, "light"), ("en", 1280, "dark")])
def test_no_page_keeps_anybody_out_or_moves_under_their_hand(reader, center, locale, width, scheme):
    page = reader(f"/{locale}/", width=width, color_scheme=scheme, reduced_motion="reduce")
    for path in PAGES:
        page.goto(center.url + path.format(locale))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(MOVED) == 0, path
        assert found(page) == [], path


@pytest.mark.parametrize("width", [320, 3840])
def test_no_page_is_wider_than_the_screen(reader, center, width):
    page = reader("/en/", width=width, java_script_enabled=False)
    for path in (
        "/en/search?q=refund",
        "/en/search?q=" + "a" * 300,
        "/ja/articles/home/attack",
        "/en/contact",
    ):
        page.goto(center.url + path)
        assert page.locator("html").bounding_box()["width"] <= width, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_what_opens_over_a_page_keeps_nobody_out(reader, shop, center):
    page = reader("/ja/")
    page.keyboard.type("返金")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()
    assert found(page) == []
    page.goto(f"{center.url}/ja/contact")
    page.get_by_label("件名").fill("返金がまだ")
    page.get_by_role("button", name="返金について").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert found(page) == []


def test_the_widget_keeps_nobody_out_by_day_and_by_night(new_context, shop, center):
    page = new_context(color_scheme="dark").new_page()
    page.goto(f"{shop}/?at={center.url}&locale=ja")
    page.get_by_role("button", name="ヘルプ").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("ヘルプを検索").fill("返金")
    expect(dialog.get_by_role("link", name="返金について")).to_be_visible()
    assert found(page) == []
    dialog.get_by_role("link", name="返金について").click()
    expect(dialog.get_by_role("button", name="いいえ")).to_be_visible()
    assert found(page) == []
    page.emulate_media(color_scheme="light")
    dialog.get_by_role("button", name="いいえ").click()
    dialog.get_by_role("button", name="お問い合わせ").last.click()
    expect(dialog.get_by_label("件名")).to_be_visible()
    assert found(page) == []


def test_everything_that_is_pressed_is_large_enough(reader, center):
    page = reader("/ja/", width=360)
    for path in ("/ja/", "/ja/search?q=返金", "/ja/articles/orders/refund", "/ja/contact"):
        page.goto(center.url + path)
        # links within sentences are excepted (WCAG 2.5.8)
        small = page.evaluate(
            """() => [...document.querySelectorAll("a, button, input, textarea, summary")]
              .filter((each) => !each.closest(".prose p, .prose li, .unseen, .beyond, .unsolved") && !each.matches(".skip"))
              .map((each) => [each.outerHTML.slice(0, 100), each.getBoundingClientRect()])
              .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([html]) => html)"""
        )
        assert small == [], path


def test_on_paper_an_article_is_the_article(reader):
    page = reader("/ja/articles/orders/refund")
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="返金の期限")).to_be_visible()
    for gone in ("#feedback", ".searchbox", ".contents", ".bottom"):
        expect(page.locator(gone).first).to_be_hidden()


def test_a_page_can_be_read_and_asked_by_keyboard_alone(reader):
    page = reader("/ja/articles/orders/refund", width=360)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="本文へ移動")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        ring = page.evaluate("""() => {
          const at = document.activeElement, style = getComputedStyle(at), around = getComputedStyle(at.parentElement);
          return [style.outlineStyle, around.outlineStyle].some((each) => each !== "none");
        }""")
        assert ring, page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("document.activeElement.value") == "no":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#feedback legend")).to_be_visible()
    expect(page.locator("#feedback")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label(re.compile("わかりにくい"))).to_be_checked()


def test_everything_works_when_no_script_arrives(reader, center, complaints):
    page = reader("/ja/", width=360)
    page.context.route("**/*.js*", lambda route: route.abort())
    page.goto(f"{center.url}/ja/")
    page.keyboard.type("返金")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="返金について").click()
    page.locator("#feedback").get_by_role("button", name="いいえ").click()
    page.locator("#feedback").get_by_label("説明がわかりにくい").check()
    page.locator("#feedback").get_by_role("button", name="送信する").click()
    expect(page.locator("#feedback").get_by_role("heading")).to_have_text("ありがとうございました")
    page.get_by_role("main").get_by_role("link", name="お問い合わせ").click()
    page.get_by_label("件名").fill("返金がまだ")
    page.get_by_label("お問い合わせ内容").fill("スクリプトが届きません")
    page.get_by_role("button", name="この内容で送信する").click()
    expect(page.locator(".number")).to_be_visible()
    complaints.clear()  # the browser tells of each script that did not come
