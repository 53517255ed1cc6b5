"""The pages of managers and writers: the report's own figures, drawn; who may see them; what is never shown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import quote

import falcon
import pytest

from kb.deflection.store import EventStore, database_url
from kb.index.live import LiveIndex
from kb.web import charts
from kb.web.charts import Band, Line
from kb.web.insights import Recent

from .insight_facts import COMMENT, WEEK, facts
from .recorded import Browser, Recorded

ARTICLE = "returns/refund"
PAGES = ("/insights", "/insights/deflection.csv", "/insights/draft", f"/insights/articles/ja/{ARTICLE}")


@pytest.fixture(scope="module")
def insight(live: LiveIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The application with a week behind it."""
    state = tmp_path_factory.mktemp("insight")
    with EventStore(database_url(state)) as store:
        store.migrate()
        store.append(facts(ARTICLE))
        found = Recorded(live, state, store)
        yield found
        found.spool.close()


@pytest.fixture(scope="module")
def writer(insight: Recorded) -> Browser:
    return insight.signed_in("writer")


@pytest.fixture(scope="module")
def page(writer: Browser) -> Callable[..., str]:
    def get(path: str = "/insights", **more: str) -> str:
        answer = writer.get(
            path, query_string=f"{WEEK}&lang=en" + "".join(f"&{k}={quote(v)}" for k, v in more.items())
        )
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    return get


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(insight, path: str) -> None:
    answer = insight.browser().get(path, query_string=WEEK)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/signin?next={quote(f'{path}?{WEEK}', safe='')}"


@pytest.mark.parametrize("path", PAGES)
def test_a_program_without_a_token_is_401_and_an_agent_403(insight, path: str) -> None:
    assert insight.browser(Accept="application/json").get(path).status_code == 401
    assert insight.signed_in("agent").get(path, query_string=WEEK).status_code == 403


@pytest.mark.parametrize("role", ["writer", "admin"])
def test_writers_and_admins_may_and_nothing_is_kept_in_caches(insight, role: str) -> None:
    for path in PAGES:
        answer = insight.signed_in(role).get(path, query_string=WEEK)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "query", ["from=yesterday", "window=2h", "locale=fr", "from=2026-05-07&to=2026-05-01"]
)
def test_a_filter_that_cannot_be_is_refused(writer, query: str) -> None:
    assert writer.get("/insights", query_string=query).status_code == 400


def test_a_filter_that_is_empty_means_everything(writer) -> None:
    assert writer.get("/insights", query_string="from=&to=&window=&locale=&lang=").status_code == 200


# ---------------------------------------------------------------- the same figures


def test_page_and_file_say_what_the_report_says(insight, page, writer) -> None:
    told = writer.get("/api/v1/reports/deflection", query_string=WEEK).json
    text = page()
    low, high = (f"{100 * told['deflection'][end]:.1f}%" for end in ("low", "high"))
    assert f"<dd>{low} – {high}</dd>" in text
    assert f"<dd>{told['intents']}</dd>" in text
    assert f"{told['tickets']['joined']} of {told['tickets']['all']} tickets" in text
    csv_told = insight.signed_in("writer").get(
        "/api/v1/reports/deflection", query_string=WEEK, headers={"Accept": "text/csv"}
    )
    file = writer.get("/insights/deflection.csv", query_string=WEEK)
    assert file.headers["content-disposition"] == 'attachment; filename="deflection.csv"'
    # the periods end at the same minute
    assert file.text.removeprefix("\ufeff").splitlines()[2:] == csv_told.text.splitlines()[2:]


def test_only_the_needs_of_one_locale_are_counted_when_it_is_named(writer, page) -> None:
    assert page(locale="ja") != page(locale="en")
    counts = [
        writer.get("/api/v1/reports/deflection", query_string=f"{WEEK}&locale={locale}").json["intents"]
        for locale in ("", "ja", "en")
    ]
    assert counts == [14, 14, 0]
    assert "Nothing is recorded for this period" in page(locale="en")


@pytest.mark.parametrize(
    ("part", "head", "cell"),
    [
        ("triage", "cause", "MISSING"), ("failures", "kind", "failure"), ("gaps", "kind", "gap"),
        ("zero", "kind", "zero_result"), ("articles", "article", ARTICLE), ("speed", "week", "2026-W18"),
    ],
)  # fmt: skip
def test_each_part_has_a_file_of_its_own(writer, part: str, head: str, cell: str) -> None:
    answer = writer.get(f"/insights/{part}.csv", query_string=WEEK)
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0][0] == head
    assert cell in {row[0] for row in rows[1:]}


def test_there_is_no_file_of_another_name(writer) -> None:
    assert writer.get("/insights/secrets.csv", query_string=WEEK).status_code == 404


def test_every_chart_is_named_described_and_has_a_table_behind_it(page) -> None:
    text = page()
    assert text.count('role="img"') == 4
    drawn = re.findall(r'<svg class="chart.*?aria-labelledby="(\S+) (\S+)".*?</svg>', text, re.S)
    for title, desc in drawn:
        assert re.search(f'<title id="{title}">[^<]+</title><desc id="{desc}">[^<]+</desc>', text)
    assert len(drawn) == text.count("<summary>Show as a table</summary>") == 4
    weeks = re.findall(r'<th scope="row">(\d+ \w{3})</th>', text)
    assert weeks[:2] == ["30 Apr", "4 May"]


def test_no_style_or_script_stands_in_the_page(page) -> None:
    for text in (page(), page(f"/insights/articles/ja/{ARTICLE}"), page("/insights/draft")):
        assert " style=" not in text
        assert "<style" not in text
        assert re.findall(r"<script(?![^>]* src=)", text) == []
        assert "alert(1)</script>" not in text
        assert "<img src=x" not in text


# ---------------------------------------------------------------- gaps


def test_a_gap_leads_to_the_draft_that_the_command_writes(insight, writer, page) -> None:
    link = unescape(re.search(r'href="(/insights/draft\?[^"]+)"', page())[1])
    text = writer.get(*[link.partition("?")[0]], query_string=link.partition("?")[2]).text
    assert "status: draft" in text
    saved = writer.get("/insights/draft", query_string=f"{WEEK}&download=1")
    assert saved.headers["content-type"].startswith("text/markdown")
    assert saved.text in unescape(text)
    assert "attachment" in saved.headers["content-disposition"]


def test_a_draft_of_what_is_no_gap_is_refused(writer) -> None:
    assert writer.get("/insights/draft", query_string=f"{WEEK}&query=nothing").status_code == 400


# ---------------------------------------------------------------- one article


def test_a_writer_sees_what_leads_to_an_article_from_five_sessions_on(page) -> None:
    text = page(f"/insights/articles/ja/{ARTICLE}")
    assert re.search(r'<th scope="row" lang="ja">返金いつ</th><td>6</td><td>1.5</td>', text)
    assert "めずらしい聞き方" not in text
    assert "fewer than 5 sessions are not shown: 1 more" in text


def test_votes_comments_and_tickets_after_reading_are_told(page) -> None:
    text = page(f"/insights/articles/ja/{ARTICLE}")
    assert "<dd>1 / 2</dd>" in text
    assert unescape(text).count(COMMENT) == 1
    assert "&lt;img src=x" in text
    assert re.search(r"Tickets after reading</dt><dd>1</dd>", text)
    assert re.search(r"Solved by</dt><dd>1</dd>", text)


def test_translations_and_missing_ones_are_told(page) -> None:
    assert "older than this article" in page(f"/insights/articles/ja/{ARTICLE}") or "up to date" in page(
        f"/insights/articles/ja/{ARTICLE}"
    )
    assert "missing" in page("/insights/articles/ja/returns/conditions")


def test_an_agents_article_has_its_page_too_and_no_article_is_404(page, writer) -> None:
    assert "Agents only" in page("/insights/articles/ja/agents/secret")
    assert writer.get("/insights/articles/ja/no/such", query_string=WEEK).status_code == 404
    assert writer.get("/insights/articles/fr/no/such", query_string=WEEK).status_code == 404


# ---------------------------------------------------------------- small parts


def test_what_was_computed_a_moment_ago_is_taken_again() -> None:
    recent, made = Recent(), []

    def make():
        made.append(1)
        return falcon  # any value: nothing looks into it

    for key in ("a", "a", "b", "a"):
        recent.figures(key, make)
    assert len(made) == 2


def test_charts_escape_what_they_are_given_and_leave_out_what_is_not_known() -> None:
    band = Band("<b>", (None, 10, None), (None, 20, None), "band")
    line = Line("x", (1, None, 3), "line")
    drawn = charts.over_time("<t>", "<d>", ["<1>", "2", "3"], band, [line], 100, "%")
    assert "<b>" not in drawn
    assert "<t>" not in drawn
    assert "<1>" not in drawn
    assert drawn.count("<polygon") == 1
    assert drawn.count("<circle") == 4
    assert "nan" not in drawn.lower()


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (0.4, 0.4), (7, 8), (11, 15), (1234, 1500), (99, 100)]
)
def test_the_upper_edge_is_a_round_number(value: float, top: float) -> None:
    assert charts.rounded_up(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("count", "top"), [(0, 4), (1, 4), (3, 4), (9, 20), (13, 20), (150, 200), (1234, 1500)]
)
def test_the_lines_behind_counts_stand_for_whole_numbers(count: int, top: float) -> None:
    assert charts.whole_up(count) == top
