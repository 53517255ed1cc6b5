"""A manager and a writer at the insights pages, in a real browser."""

from __future__ import annotations

import re

import pytest
from web.insight_facts import COMMENT, MARKUP, WEEK, facts

from .conftest import serving, sync_api
from .test_everybody import found

expect = sync_api.expect
ARTICLE = "orders/refund"


@pytest.fixture(scope="session")
def week(miniature, tmp_path_factory):
    """The service with a week of customers behind it."""
    with serving(miniature.var, tmp_path_factory.mktemp("week")) as service:
        service.store.append(facts(ARTICLE))
        yield service


@pytest.fixture
def insights(new_context, week, complaints):
    def at(path: str, lang: str = "ja", role: str = "writer", **more: object):
        context = new_context(**more)
        context.add_cookies([week.cookie(role)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.goto(f"{week.url}{path}?{WEEK}&lang={lang}")
        return page

    return at


def test_a_manager_filters_reads_the_tables_and_saves_a_file(insights) -> None:
    page = insights("/insights")
    expect(page.get_by_role("img", name="自己解決率の推移")).to_be_visible()
    page.get_by_label("判定までの時間").select_option("7d")
    page.get_by_role("combobox", name="言語").select_option("ja")
    page.get_by_role("button", name="表示").click()
    page.wait_for_url(re.compile("window=7d"))
    assert "locale=ja" in page.url
    region = page.locator("section[aria-labelledby=triage]")
    region.get_by_text("表で見る").click()
    expect(region.get_by_role("row", name="記事がない 6")).to_be_visible()
    with page.expect_download() as saved:
        region.get_by_role("link", name="CSV").click()
    assert saved.value.suggested_filename == "triage.csv"
    assert "MISSING,6" in saved.value.path().read_text("utf-8-sig")


def test_what_customers_typed_is_shown_and_never_run_and_a_gap_becomes_a_draft(insights) -> None:
    page = insights("/insights", lang="en")
    gaps = page.get_by_role("table").filter(has_text="Tickets it would have saved")
    expect(gaps.get_by_role("link", name=MARKUP)).to_be_visible()
    gaps.get_by_role("link", name="Draft").click()
    expect(page.locator("pre")).to_contain_text("status: draft")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the Markdown").click()
    assert saved.value.suggested_filename.endswith(".md")


def test_a_writer_follows_an_article_to_its_own_page(insights, week) -> None:
    page = insights("/insights", lang="en")
    page.get_by_role("table").filter(has_text="Share").get_by_role("link", name=ARTICLE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("返金について")
    expect(page.get_by_role("row", name="返金いつ 6 1.5")).to_be_visible()
    expect(page.get_by_role("row", name="返金 1", exact=True)).to_be_visible()
    expect(page.get_by_text(COMMENT)).to_be_visible()
    assert "from=2026-04-30" in page.url


def test_an_agents_wrong_reaches_the_article_s_page_with_its_note(insights, week, new_context) -> None:
    desk = insights("/agent", role="agent")
    told = desk.request.post(
        f"{week.url}/api/v1/tickets/W-1/articles",
        data={"relation": "wrong", "article": ARTICLE, "locale": "ja", "note": "期限が古い <b>です"},
    )
    assert told.status == 201
    page = insights(f"/insights/articles/ja/{ARTICLE}")
    expect(page.get_by_text("期限が古い <b>です")).to_be_visible()


def test_an_agent_is_told_that_this_is_not_for_them(insights, complaints) -> None:
    page = insights("/insights", role="agent", locale="en")
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not see this")
    complaints.clear()


@pytest.mark.parametrize(("lang", "width", "scheme"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_the_pages_of_staff_keep_nobody_out_and_fit_the_screen(insights, week, lang, width, scheme) -> None:
    page = insights(
        "/insights", lang, "admin", viewport={"width": width, "height": 800}, color_scheme=scheme,
        reduced_motion="reduce",
    )  # fmt: skip
    for path in (
        f"/insights?{WEEK}&lang={lang}", f"/insights/articles/ja/{ARTICLE}?{WEEK}&lang={lang}",
        f"/insights/draft?{WEEK}&lang={lang}", f"/agent?locale={lang}&q=refund+返金",
        "/agent?locale=ja&open=agents/kakapo-refund",
    ):  # fmt: skip
        page.goto(week.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert found(page) == [], path
