"""The report: what it counts, what it hides, what it calls news; as JSON, CSV, text and over HTTP."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from click.testing import CliRunner
from falcon.testing import TestClient
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from kb import tokens
from kb.api import create_app
from kb.cli import cli
from kb.content.tree import read_tree
from kb.deflection import printing, report, sheet
from kb.deflection.facts import Entry, Relation
from kb.deflection.figures import Sample, mean_difference, newcombe, rate, wilson
from kb.deflection.gaps import chosen, file_name, skeleton, write_draft
from kb.deflection.periods import Period, period, weeks
from kb.deflection.report import Sources
from kb.deflection.shape import Report
from kb.errors import BadParameter, ContentError
from kb.index.live import LiveIndex
from kb.model import Status
from kb.roles import Role
from kb.web.parts import Parts
from kb.words import texts_for

from .making import DAY, HOUR, MINUTE, START, Facts, filed, linked, said, searched, solved, suggested, viewed

MONTH = Period(start=START, end=START + 28 * DAY, now=START + 60 * DAY)


def reported(store, facts: Facts, generation=None, when: Period = MONTH, at_least: int = 5) -> Report:
    store.append(facts)
    sources = Sources(store=store, generation=generation)
    sources.catch_up()
    return report.build(sources, when, at_least)


def complaints(query: str, count: int, first: int = 0, **search: object) -> Facts:
    """`count` sessions that search, find nothing of use, and file a ticket."""
    found: Facts = []
    for number in range(first, first + count):
        session, at = f"{query}-{number}", number * HOUR
        found.append(searched(at, query, session, search_id=f"q-{session}", **search))
        found.append(filed(at + MINUTE, f"T-{session}", session))
    return found


# ---------------------------------------------------------------- what is counted


def test_an_empty_report_knows_nothing_and_says_so(store):
    found = reported(store, [])
    assert (found.deflection.low, found.deflection.high, found.coverage) == (None, None, None)
    assert found.failures == found.gaps == found.articles == ()
    assert found.experiment is None


def test_coverage_is_joinable_tickets_of_all(store):
    found = reported(store, [*complaints("返金", 3), filed(HOUR, "P1", "", joined=False)])
    assert found.coverage == 0.75
    assert (found.tickets.joined, found.tickets.all) == (3, 4)


def test_a_ticket_told_of_twice_is_one_ticket(store):
    twice = [filed(MINUTE, "T1", "", joined=False), filed(2 * MINUTE, "T1", "s1")]
    assert reported(store, [searched(0), *twice]).coverage == 1.0


def test_an_intent_belongs_to_the_period_in_which_it_began(store):
    facts = [
        searched(-MINUTE, session="before"),
        searched(0, session="first"),
        searched(28 * DAY, session="after"),
    ]
    found = reported(store, facts)
    assert found.intents == 1
    assert found.previous.outcomes.unserved == 1


def test_parts_sum_to_the_whole(sqlite_store):
    facts = [*complaints("返金", 7), solved(DAY, "a"), viewed(9 * DAY, 30, "home/network", "b", locale="en")]
    found = reported(sqlite_store, facts)
    for part, slices in found.by.items():
        total = sum((each.outcomes for each in slices[1:]), slices[0].outcomes)
        assert total == found.outcomes, part
    assert {each.name: each.intents for each in found.by["category"]} == {"orders": 7, "home": 1, "": 1}


def test_weeks_of_a_report_know_their_own_coverage(sqlite_store):
    found = reported(sqlite_store, [*complaints("返金", 1), filed(8 * DAY, "P1", "", joined=False)])
    assert [each.coverage for each in found.by["week"][:2]] == [1.0, 0.0]


def test_articles_are_listed_by_the_tickets_that_followed_on_reading_them(store):
    facts = [
        *complaints("返金", 2),
        viewed(1, 40, "a/read", "返金-0"),
        viewed(HOUR + 1, 2, "a/read", "返金-1"),
    ]
    facts += [viewed(DAY, 40, "a/fine", "c"), said(DAY + MINUTE, True, "a/fine", "c")]
    found = reported(store, facts)
    told = [(a.article, a.reads, a.useful, a.tickets.count, a.helpful) for a in found.articles]
    assert told == [("a/read", 2, 1, 2, 0), ("a/fine", 1, 1, 0, 1)]


def test_the_holdout_tells_what_suggestions_save(store):
    facts: Facts = []
    for number in range(40):
        session = f"s{number}"
        facts.append(suggested(number * HOUR, session, holdout=number < 20))
        if number < 18 or number % 2:
            facts.append(filed(number * HOUR + MINUTE, f"T{number}", session))
    found = reported(store, facts).experiment
    assert (found.holdout_tickets, found.holdout_sessions) == (19, 20)
    assert (found.treated_tickets, found.treated_sessions) == (10, 20)
    assert found.difference.value == pytest.approx(0.45)
    assert found.difference.low > 0


def test_facts_that_wait_or_were_lost_are_shown(store):
    store.note_losses({"spool": 3}, START + DAY)
    store.append([searched(0)])
    found = report.build(Sources(store=store, spooled=lambda: 2), MONTH)
    assert found.facts.waiting == 3
    assert found.facts.dropped == {"spool": 3}


# ---------------------------------------------------------------- failures


def test_failed_searches_of_one_meaning_are_one_line(store, miniature):
    facts = [*complaints("返金 いつ", 3), *complaints("返金されない", 2), *complaints("へんきん", 1)]
    found = reported(store, facts, miniature.generation)
    (line,) = found.failures
    assert (line.tickets, line.sessions, line.searches) == (6, 6, 6)
    assert line.triage == "UNTRIAGED"
    assert line.best_article == "orders/refund"
    # no wording was typed by five, but the word that they share was
    assert (line.query, line.wordings) == ("返金", ())


def test_no_text_that_fewer_than_five_sessions_typed_is_anywhere_in_the_report(sqlite_store, miniature):
    secret, usual = "私だけの言葉ヴォイニッチ", "返金"
    facts = [*complaints(secret, 4), *complaints(secret, 1, strict_hits=0, listed=(), shown=0)]
    facts += [*complaints(usual, 5), *complaints(f"{usual} {secret}", 1, first=50)]
    facts += [searched(n * HOUR, "幻の手稿", f"z{n}", strict_hits=0, listed=(), shown=0) for n in range(4)]
    found = reported(sqlite_store, facts, miniature.generation)
    for told in (printing.as_json(found).decode(), printing.deflection_csv(found), text_of(found)):
        assert secret not in told
        assert "幻の手稿" not in told
    assert found.hidden_zero.groups >= 1
    assert sum(found.hidden.causes.values()) + sum(f.tickets for f in found.failures) >= 9


def test_one_session_that_types_a_text_often_is_still_one_session(sqlite_store):
    again = [searched(n * DAY, "秘密", "s1", search_id=f"q{n}") for n in range(9)]
    tickets = [filed(n * DAY + 1, f"T{n}", "s1") for n in range(9)]
    assert reported(sqlite_store, [*again, *tickets]).failures == ()


def test_a_ticket_counts_once_in_a_group_with_its_last_cause(sqlite_store):
    facts = []
    for number in range(5):
        session = f"s{number}"
        facts.append(searched(number * HOUR, "返金 いつ", session, listed=("a/b@c",)))
        facts.append(searched(number * HOUR + MINUTE, "返金されない", session))
        facts.append(filed(number * HOUR + 2 * MINUTE, f"T{number}", session))
        facts.append(linked(2 * DAY, "orders/refund", f"T{number}"))
    (line,) = reported(sqlite_store, facts).failures
    assert (line.tickets, line.searches) == (5, 10)
    assert line.causes == {"SHOWN_NOT_CLICKED": 5}


def test_gaps_are_ranked_by_the_tickets_they_would_have_saved(sqlite_store, miniature):
    facts = [*complaints("くじゃく 餌", 5), *complaints("すずめ 保険", 7, strict_hits=0, listed=(), shown=0)]
    facts += [linked(2 * DAY, "", f"T-くじゃく 餌-{n}", Relation.MISSING) for n in range(4)]
    # solved by an article that existed and was shown: no gap
    facts += complaints("返金", 9)
    facts += [linked(2 * DAY, "orders/refund", f"T-返金-{n}") for n in range(9)]
    found = reported(sqlite_store, facts, miniature.generation)
    assert [(gap.query, gap.tickets, gap.certain) for gap in found.gaps] == [
        ("すずめ 保険", 7, 0),
        ("くじゃく 餌", 4, 4),
    ]


def test_searches_without_a_result_are_listed_also_where_no_ticket_came(sqlite_store, miniature):
    nothing = {"strict_hits": 0, "listed": (), "shown": 0}
    facts = [searched(n * HOUR, "すずめ 保険", f"s{n}", **nothing) for n in range(6)]
    facts += [searched(n * HOUR, "交換", f"t{n}", **nothing) for n in range(5)]
    found = reported(sqlite_store, facts, miniature.generation)
    assert [(z.query, z.sessions, z.tickets, z.finds_today) for z in found.zero_results] == [
        ("すずめ 保険", 6, 0, None),
        ("交換", 5, 0, "orders/exchange"),
    ]
    assert found.gaps == ()


# ---------------------------------------------------------------- change, and noise


def test_noise_is_not_news_and_a_change_is(sqlite_store):
    facts: Facts = []
    for start, helped, failed in ((-28 * DAY, 50, 50), (0, 53, 47)):
        for n in range(helped + failed):
            session, at = f"s{start}-{n}", start + n * HOUR
            facts.append(searched(at, session=session))
            end = solved(at + MINUTE, session) if n < helped else filed(at + MINUTE, f"T{session}", session)
            facts.append(end)
    changes = {change.name: change for change in reported(sqlite_store, facts).previous.changes}
    assert changes["deflection_low"].now == pytest.approx(0.53)
    assert not changes["deflection_low"].news
    more: Facts = [solved(n * HOUR, f"more{n}") for n in range(100)]
    changes = {change.name: change for change in reported(sqlite_store, more).previous.changes}
    assert changes["deflection_low"].news


def test_wilson_and_newcombe_give_the_published_figures():
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=5e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-4)
    # Newcombe 1998, table II, method 10: 56/70 - 48/80
    found = newcombe(56, 70, 48, 80)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-4)
    assert newcombe(1, 1, 0, 0) is None
    assert rate(0, 0).value is None


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_intervals_hold_their_estimate_and_stay_inside_the_possible(a: int, n: int, b: int, m: int):
    a, b = min(a, n), min(b, m)
    low, high = wilson(a, n)
    assert 0 <= low <= a / n + 1e-12
    assert a / n - 1e-12 <= high <= 1
    found = newcombe(a, n, b, m)
    assert -1 - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9


def test_a_small_sample_all_alike_is_not_certain():
    found = mean_difference(Sample(3, 3, 3, 1), Sample(50, 60, 80, 2))
    assert found.high - found.low > 0.3


# ---------------------------------------------------------------- periods


TOKYO = ZoneInfo("Asia/Tokyo")
NOW = 1_780_000_000_000


def test_dates_are_days_of_the_sites_time_zone_the_last_one_included():
    chosen_ = period("2026-05-01", "2026-05-01", "24h", TOKYO, NOW)
    assert chosen_.told(chosen_.start) == "2026-05-01T00:00:00+09:00"
    assert chosen_.told(chosen_.end) == "2026-05-02T00:00:00+09:00"


def test_without_dates_it_is_the_last_28_days_to_now():
    chosen_ = period("", "", "24h", TOKYO, NOW)
    assert (chosen_.end, chosen_.end - chosen_.start) == (NOW, 28 * DAY)


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [("2026-13-01", "", "24h"), ("yesterday", "", "24h"), ("2026-05-02", "2026-05-01", "24h"),
     ("", "", "2h"), ("9999-12-31", "9999-12-31", "24h"), ("", "2026-05-01T25:00", "7d")],
)  # fmt: skip
def test_a_period_that_cannot_be_meant_is_refused(start: str, end: str, window: str):
    with pytest.raises(BadParameter):
        period(start, end, window, TOKYO, NOW)


def test_weeks_begin_on_monday_also_when_the_clocks_change():
    berlin = ZoneInfo("Europe/Berlin")
    chosen_ = period("2026-03-25", "2026-04-07", "24h", berlin, NOW)
    told = [(name, chosen_.told(start)[:16], chosen_.told(end)[:16]) for name, start, end in weeks(chosen_)]
    assert told == [
        ("2026-W13", "2026-03-25T00:00", "2026-03-30T00:00"),
        ("2026-W14", "2026-03-30T00:00", "2026-04-06T00:00"),
        ("2026-W15", "2026-04-06T00:00", "2026-04-08T00:00"),
    ]


# ---------------------------------------------------------------- outputs


def text_of(found: Report, language: str = "en", width: int = 80) -> str:
    out = Console(file=io.StringIO(), width=width)
    sheet.print_report(found, out, texts_for(language))
    return out.file.getvalue()


def test_json_has_the_fields_of_the_contract(sqlite_store):
    found = msgspec.json.decode(printing.as_json(reported(sqlite_store, complaints("返金", 5))))
    assert {"from", "to", "window", "outcomes", "deflection", "coverage", "rates", "failures", "gaps",
            "previous"} <= found.keys()  # fmt: skip
    assert found["outcomes"].keys() == {"confirmed", "potential", "failed", "unserved", "unknown", "open"}
    assert found["deflection"].keys() == {"low", "high"}
    assert {"query", "sessions", "tickets", "triage", "best_article"} <= found["failures"][0].keys()


def test_what_customers_typed_is_no_formula_in_a_spreadsheet(sqlite_store):
    query = '=HYPERLINK("http://x","返金")'
    sqlite_store.append(complaints(query, 5))
    sources = Sources(store=sqlite_store)
    sources.catch_up()
    rows = list(csv.reader(io.StringIO(printing.failures_csv(report.failures(sources, MONTH)))))
    assert rows[1][:2] == ["failure", f"'{query}"]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_text_fits_a_terminal(sqlite_store, miniature, language: str):
    found = reported(sqlite_store, [*complaints("返金", 6), solved(DAY, "a")], miniature.generation)
    lines = text_of(found, language).splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert any("返金" in line for line in lines)
    assert "…" not in text_of(found, language)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_text_is_as_it_was(sqlite_store, miniature, language: str, request: pytest.FixtureRequest):
    """`--renew` writes what is printed now into the file: then read its difference."""
    nothing = {"strict_hits": 0, "listed": (), "shown": 0}
    facts = [
        *complaints("返金 いつ", 7),
        *complaints("くじゃく 餌", 6, **nothing),
        *complaints("rare one", 2),
    ]
    facts += [viewed(n * HOUR + 1, 40, "orders/refund", f"返金 いつ-{n}", locale="ja") for n in range(3)]
    facts += [linked(2 * DAY, "orders/refund", f"T-返金 いつ-{n}") for n in range(5)]
    facts += [linked(2 * DAY, "", f"T-くじゃく 餌-{n}", Relation.MISSING) for n in range(6)]
    facts += [searched(n * HOUR, "すずめ 保険", f"z{n}", entry=Entry.HOME, **nothing) for n in range(5)]
    facts += [solved(9 * DAY + n * HOUR, f"h{n}", locale="en", entry=Entry.WIDGET) for n in range(5)]
    facts += [viewed(DAY + n * HOUR, 40, "orders/exchange", f"p{n}", locale="ja") for n in range(4)]
    facts += [suggested(DAY + n * HOUR, f"d{n}", holdout=n < 4) for n in range(9)]
    facts += [filed(DAY + n * HOUR + MINUTE, f"D{n}", f"d{n}") for n in range(3)]
    facts += [solved(n * HOUR - 9 * DAY, f"b{n}") for n in range(9)] + [filed(DAY, "P1", "", joined=False)]
    sqlite_store.note_losses({"spool": 3, "refused": 1}, START + DAY)
    printed = text_of(reported(sqlite_store, facts, miniature.generation), language, 100)
    kept = Path(__file__).parent / "sheets" / f"{language}.txt"
    if request.config.getoption("--renew"):
        kept.write_text(printed, "utf-8")
    assert printed == kept.read_text("utf-8")


# ---------------------------------------------------------------- a missing article's skeleton


def test_the_skeleton_of_a_missing_article_is_an_article_that_can_be_committed(
    sqlite_store, miniature, tmp_path
):
    odd = 'すずめ: "保険" #1'
    facts = [*complaints(odd, 6), *complaints("すずめの保険", 5, first=20)]
    facts += [linked(2 * DAY, "", fact.ticket, Relation.MISSING) for fact in facts if hasattr(fact, "ticket")]
    gap = chosen(reported(sqlite_store, facts, miniature.generation).gaps, "")
    path = write_draft(gap, tmp_path)
    assert path == tmp_path / file_name(gap)
    (tmp_path / "kb.yml").write_text("locales: [ja, en]\n")
    tree = read_tree(tmp_path)
    (article,) = tree.articles
    assert not [str(f) for f in tree.findings]
    assert article.status is Status.DRAFT
    assert article.locale == "ja"
    assert set(article.questions) == {wording.query for wording in gap.wordings}
    assert article.golden == (odd,)
    with pytest.raises(ContentError, match="exists"):
        write_draft(gap, tmp_path)
    assert "## 手順" in skeleton(gap)


def test_kb_gap_writes_the_draft_and_refuses_a_query_that_is_no_gap(store, miniature, tmp_path, monkeypatch):
    url = store.url.set(drivername=store.dialect).render_as_string(hide_password=False)
    monkeypatch.setenv("KB_DATABASE_URL", url)
    store.append(complaints("すずめ 保険", 5, strict_hits=0, listed=(), shown=0))
    when = ["--from", "2000-01-01", "--var", str(miniature.var), "--articles", str(tmp_path)]
    done = CliRunner().invoke(cli, ["gap", "--draft", *when])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "ja" / "drafts" / "すずめ-保険.md").read_text().startswith("---\n")
    done = CliRunner().invoke(cli, ["gap", "nothing like it", "--draft", *when])
    assert isinstance(done.exception, BadParameter)


# ---------------------------------------------------------------- over HTTP


@pytest.fixture
def client(store, miniature):
    store.append(complaints("返金", 5))
    return TestClient(create_app(Parts(live=LiveIndex(miniature.var), store=store)))


def asked(client: TestClient, store, path: str, role: Role | None = Role.WRITER, accept: str = "*/*"):
    headers = {"Accept": accept}
    if role:
        headers["Authorization"] = f"Bearer {tokens.create(store, role, 'test')}"
    return client.simulate_get(f"/api/v1/reports/{path}", headers=headers)


@pytest.mark.parametrize("path", ["deflection", "failures", "articles"])
def test_reports_are_for_writers_and_admins(client, store, path: str):
    assert asked(client, store, path, role=None).status_code == 401
    assert asked(client, store, path, Role.AGENT).status_code == 403
    for role in (Role.WRITER, Role.ADMIN):
        answer = asked(client, store, path, role)
        assert answer.status_code == 200, answer.text
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.json["window"] == "24h"


def test_reports_over_http_are_those_of_the_command(client, store):
    found = asked(client, store, "deflection?from=2020-01-01&window=7d").json
    assert (found["outcomes"]["failed"], found["coverage"]) == (5, 1.0)
    assert found["failures"][0]["query"] == "返金"
    assert asked(client, store, "failures?from=2020-01-01").json["failures"] == found["failures"]
    assert asked(client, store, "failures?from=2020-01-01&min_sessions=6").json["failures"] == []


@pytest.mark.parametrize("path", ["deflection", "failures", "articles"])
def test_reports_come_as_csv_when_csv_is_accepted(client, store, path: str):
    answer = asked(client, store, f"{path}?from=2020-01-01", accept="text/csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(list(csv.reader(io.StringIO(answer.text)))) >= 1


@pytest.mark.parametrize(
    "query", ["from=x", "window=2h", "min_sessions=0", "min_sessions=x", "to=1999-01-01&from=2000-01-01"]
)
def test_bad_parameters_of_a_report_are_named(client, store, query: str):
    answer = asked(client, store, f"deflection?{query}")
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] in ("from", "window", "min_sessions")
