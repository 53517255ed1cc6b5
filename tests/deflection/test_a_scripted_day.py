"""One day of a help center, small enough to be worked out by hand, and what `kb report` prints of it.

Monday, 2 June 2025, UTC. The site is the miniature of tests/conftest.py.

    09:00  Aoi searches 返金, opens the first hit, reads it for 40 s, and presses "helpful" at 09:01.
    11:00  Ben searches 送料, opens the second hit, reads it for 20 s, and leaves.
    14:00  Chika searches 取り替えたい. Twelve articles are found, ten are shown; she opens none, opens the
           form at 14:03 and files ticket T-1 at 14:05.
    14:30  A customer telephones; the desk tells of ticket P-1, which nobody can join.
    15:00  An agent searches 取り替え, reads orders/exchange, and at 16:00 solves T-1 with it.

By hand:

    Aoi    her last act says that it helped, no ticket came                       confirmed
    Ben    read for more than 15 s, without a word                                potential
    Chika  a ticket 2 minutes after her last act (the form)                       failed in 1 h, 24 h and 7 d
    agent  left out

    deflection  1 / (1 + 1 + 1) to (1 + 1) / (1 + 1 + 1)                          33.3 % to 66.7 %
    coverage    T-1 of T-1 and P-1                                                50 %
    open        every window ended long ago                                       0
    strict zero 0 of 3 searches; click through Aoi and Ben of 3; no click Chika of 3; search to ticket 1 of 3
    form        opened by 1 of 3; of that one a ticket came
    triage      orders/exchange solved it; it was twelfth in the logged list, and ten were shown: RANKED_LOW
    today       the index answers 取り替えたい with orders/exchange first: answers today
"""

from __future__ import annotations

import msgspec
import pytest
from click.testing import CliRunner

from kb.cli import cli
from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    Entry,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    Reader,
    Relation,
    SearchRan,
    TicketArticleLinked,
    TicketFiled,
    TicketSolved,
)

MIDNIGHT = 1_748_822_400_000  # 2025-06-02T00:00:00Z

OTHERS = tuple(f"home/page-{number}@c1" for number in range(1, 11))


def at(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return MIDNIGHT + 1000 * (3600 * hours + 60 * minutes + seconds)


def day() -> list[AnyFact]:
    aoi = {"session": "aoi-aoi-aoi", "locale": "ja"}
    ben = {"session": "ben-ben-ben", "locale": "ja"}
    chika = {"session": "chika-chika", "locale": "ja"}
    agent = {"session": "agent-agent", "locale": "ja", "reader": Reader.AGENT, "entry": Entry.AGENT}
    desk = {"entry": Entry.DESK, "reader": Reader.AGENT}
    found = ("orders/refund@c1", "orders/cancel@c1")
    fees = ("orders/exchange@c1", "faq/delivery@c1")
    twelve = (*OTHERS, "orders/cancel@c1", "orders/exchange@c1")
    read_a = {"search_id": "qa", "article": "orders/refund", "view_id": "va"}
    read_b = {"search_id": "qb", "article": "faq/delivery", "view_id": "vb"}
    return [
        SearchRan(id="01", at=at("9:00:00"), **aoi, entry=Entry.HOME, search_id="qa", query="返金",
                  strict_hits=2, shown=2, listed=found),
        HitClicked(id="02", at=at("9:00:05"), **aoi, search_id="qa", article="orders/refund", position=1),
        ArticleViewed(id="03", at=at("9:00:06"), **aoi, **read_a),
        ArticleViewed(id="04", at=at("9:00:46"), **aoi, **read_a, active_ms=40_000, scroll=0.8,
                      measured=True),
        FeedbackGiven(id="05", at=at("9:01:00"), **aoi, article="orders/refund", helpful=True),
        SearchRan(id="06", at=at("11:00:00"), **ben, entry=Entry.SEARCH, search_id="qb", query="送料",
                  strict_hits=2, shown=2, listed=fees),
        HitClicked(id="07", at=at("11:00:10"), **ben, search_id="qb", article="faq/delivery", position=2),
        ArticleViewed(id="08", at=at("11:00:31"), **ben, **read_b, active_ms=20_000, scroll=0.3,
                      measured=True),
        SearchRan(id="09", at=at("14:00:00"), **chika, entry=Entry.SEARCH, search_id="qc",
                  query="取り替えたい", strict_hits=12, shown=10, listed=twelve),
        FormOpened(id="10", at=at("14:03:00"), **chika, entry=Entry.FORM),
        TicketFiled(id="11", at=at("14:05:00"), **chika, entry=Entry.FORM, ticket="T-1", search_id="qc"),
        TicketFiled(id="12", at=at("14:30:00"), entry=Entry.DESK, ticket="P-1", joined=False),
        SearchRan(id="13", at=at("15:00:00"), **agent, search_id="qd", query="取り替え", strict_hits=1,
                  shown=1, listed=("orders/exchange@c1",)),
        ArticleViewed(id="14", at=at("15:00:30"), **agent, article="orders/exchange", active_ms=30_000,
                      measured=True),
        TicketSolved(id="15", at=at("16:00:00"), **desk, ticket="T-1"),
        TicketArticleLinked(id="16", at=at("16:00:00"), **desk, ticket="T-1", relation=Relation.SOLVED_BY,
                            article="orders/exchange", commit="c1"),
    ]  # fmt: skip


PRINTED = """\
Deflection 2025-06-02T00:00:00+00:00 – 2025-06-03T00:00:00+00:00, window 24h
deflection 33.3% to 66.7%, coverage 50.0% (1 of 2 tickets joinable), 3 intents
window      1h                    24h                   7d
            ███████▓▓▓▓▓▓▓███████ ███████▓▓▓▓▓▓▓███████ ███████▓▓▓▓▓▓▓███████
confirmed   1                     1                     1
potential   1                     1                     1
failed      1                     1                     1
unserved    0                     0                     0
unknown     0                     0                     0
open        0                     0                     0
deflection  33.3% to 66.7%        33.3% to 66.7%        33.3% to 66.7%
"""


@pytest.fixture
def run(store, miniature, monkeypatch: pytest.MonkeyPatch):
    """`kb report` for that day, on the given database, with the index of the miniature."""
    monkeypatch.setenv(
        "KB_DATABASE_URL", store.url.set(drivername=store.dialect).render_as_string(hide_password=False)
    )
    monkeypatch.setenv("COLUMNS", "200")
    store.append(day())

    def run(*options: str, command: str = "report") -> str:
        period = ("--from", "2025-06-02", "--to", "2025-06-02", "--min-sessions", "1", "--lang", "en")
        done = CliRunner().invoke(cli, [command, "--var", str(miniature.var), *period, *options])
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_the_report_prints_what_was_worked_out_by_hand(run):
    lines = [line.rstrip() for line in run().splitlines()]
    assert lines[:2] == PRINTED.splitlines()[:2]
    counts = {line.split()[0]: line.split()[1:] for line in lines[4:10]}
    assert counts == {
        "confirmed": ["1"] * 3, "potential": ["1"] * 3, "failed": ["1"] * 3,
        "unserved": ["0"] * 3, "unknown": ["0"] * 3, "open": ["0"] * 3,
    }  # fmt: skip
    assert "  1 ticket, 1 session: 取り替えたい" in lines
    assert "       RANKED_LOW 1; orders/exchange, answers today" in lines
    assert lines[-1] == "facts waiting: 0; dropped: none"


def test_it_prints_the_same_in_japanese(run):
    lines = run("--lang", "ja").splitlines()
    assert lines[1] == "自己解決率 33.3%〜66.7%、把握率 50.0%（チケット2件中1件）、用件3件"
    assert "  チケット1件、1セッション：取り替えたい" in lines
    assert "       順位が低い 1。orders/exchange、今日の検索では見つかる" in lines


def test_the_same_as_json(run):
    found = msgspec.json.decode(run("--format", "json"))
    assert found["from"] == "2025-06-02T00:00:00+00:00"
    assert found["to"] == "2025-06-03T00:00:00+00:00"
    assert found["window"] == "24h"
    assert found["outcomes"] == {
        "confirmed": 1, "potential": 1, "failed": 1, "unserved": 0, "unknown": 0, "open": 0,
    }  # fmt: skip
    assert found["deflection"] == {"low": pytest.approx(1 / 3), "high": pytest.approx(2 / 3)}
    assert found["coverage"] == 0.5
    rates = {name: (each["count"], each["of"]) for name, each in found["rates"].items()}
    assert rates == {
        "strict_zero": (0, 3), "click_through": (2, 3), "no_click": (1, 3), "search_to_ticket": (1, 3),
        "form_opened": (1, 3), "form_shown": (0, 3), "form_explicit": (0, 1), "form_implicit": (0, 1),
        "form_to_ticket": (1, 1),
    }  # fmt: skip
    (failure,) = found["failures"]
    told = {name: failure[name] for name in ("query", "sessions", "tickets", "triage", "best_article")}
    assert told == {
        "query": "取り替えたい", "sessions": 1, "tickets": 1, "triage": "RANKED_LOW",
        "best_article": "orders/exchange",
    }  # fmt: skip
    assert failure["answers_today"] is True
    assert found["gaps"] == []
    assert [(each["name"], each["intents"]) for each in found["by"]["entry"]] == [("search", 2), ("home", 1)]
    assert [(each["name"], each["intents"]) for each in found["by"]["week"]] == [("2025-W23", 3)]
    assert [(a["article"], a["reads"], a["tickets"]["count"]) for a in found["articles"]] == [
        ("faq/delivery", 1, 0),
        ("orders/refund", 1, 0),
    ]


def test_the_same_as_csv_and_after_a_rebuild(run):
    line = "all,2025-06-02T00:00:00+00:00 – 2025-06-03T00:00:00+00:00,3,1,1,1,0,0,0,0.3333,0.6667,0.5000"
    assert line in run("--format", "csv").splitlines()
    assert line in run("--format", "csv", "--rebuild").splitlines()
    failures = run("--format", "csv", "--part", "failures").splitlines()
    assert failures[1] == "failure,取り替えたい,ja,1,1,1,RANKED_LOW,orders/exchange,0,0,1,0,0,0"


def test_by_default_no_text_is_shown_that_fewer_than_five_typed(run):
    shown = run("--min-sessions", "5")
    assert "取り替え" not in shown
    assert "not shown (under 5 sessions, or too many): 1 group, 1 ticket (RANKED_LOW 1)" in shown


def test_nothing_is_missing_that_day(run):
    assert run(command="gap") == ""
