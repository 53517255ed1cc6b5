"""Candidates for synonyms: where they come from, and that the blast radius is what accepting would do."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from kb.cli import cli
from kb.content.tree import read_tree
from kb.deflection.facts import ArticleViewed, MarkedSolved, Reader, SearchRan, TicketFiled
from kb.deflection.retention import DAY_MS
from kb.deflection.store import EventStore, database_url
from kb.index.generation import open_live
from kb.indexer import build
from kb.model import Audience, Tree
from kb.publish import replay, synonyms, wordings
from kb.publish.wordings import Evidence, Pair
from kb.search import Query, search

MINUTE = 60_000
FILES = {
    "kb.yml": "site_name: {ja: 店}\ndefault_locale: ja\nlocales: [ja, en]\n",
    "synonyms.yml": "- [送料, 配送料]\n",
    "ja/orders/receipt.md": (
        "---\nquestions: [領収書がほしい, 控えがほしい, インボイスはどこ, インボイスの再発行]\ngolden: [領収書]\n---\n"
        "# 領収書の発行\n\n注文履歴から領収書（レシート）を発行できます。"
    ),
    "ja/orders/slip.md": "# レシートの見方\n\n店でお渡しするレシートには、日付と金額があります。",
    "ja/orders/change.md": "# 注文の変更\n\n注文を変えるには、注文履歴を開きます。",
    "ja/points/change.md": "# ポイントの変更\n\nポイントの使い方を変えます。",
    "en/orders/change.md": "# Modify an order\n\nTwo-factor authentication (2FA) is asked for, see the purchase order (PO). Use one (or more).",
    "en/points/change.md": "# Modify points\n\nYou may modify how points are used (since 2020).",
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(articles, state)"""
    root, var = (tmp_path_factory.mktemp(name) for name in ("articles", "var"))
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    build(read_tree(root), var, processes=1)
    return root, var


def mined(indexed: tuple[Path, Path]) -> dict[Pair, set[str]]:
    found = wordings.of_articles(open_live(indexed[1]).articles())
    return {pair: {each.source for each in evidence} for pair, evidence in found.items()}


def test_articles_tell_of_brackets_of_questions_and_of_translated_titles(indexed) -> None:
    found = mined(indexed)
    assert found[Pair("レシート", "領収書")] == {"brackets"}
    assert found[Pair("po", "purchase order")] == {"brackets"}
    assert found[Pair("控え", "領収書")] == {"questions"}
    assert found[Pair("modify", "変更")] == {"translations"}
    # a word that stands in questions alone, twice, belongs to the rarest word of the title
    assert found[Pair("インボイス", "領収書")] == {"questions"}


def test_a_bracket_that_explains_or_counts_is_no_synonym(indexed) -> None:
    words = {word for pair in mined(indexed) for word in (pair.one, pair.other)}
    assert not {"or more", "since 2020", "2fa"} & words


@pytest.mark.parametrize(("one", "other", "pair"), [
    ("お金を返して いつ", "返金 いつ", Pair("返金", "金を返し")),
    ("返品 いつ", "返送 いつ", Pair("返品", "返送")),
    ("track parcel", "follow parcel", Pair("follow", "track")),
    ("delivery statsu", "delivery status", None),  # a slip, found without being told
    ("へんきん", "返金", None),  # kana find their kanji
    ("領収書", "領収書 発行", None),  # more of the same
    ("送料 いくら", "ポイント 期限 延長 したい", None),
])  # fmt: skip
def test_two_wordings_differ_in_one_place_or_say_nothing(one: str, other: str, pair: Pair | None) -> None:
    assert wordings.difference(one, other) == pair


def acts(session: str, *queries: str, then: object = None, gap: int = MINUTE) -> list:
    found = [
        SearchRan(id=f"{session}{n}", at=n * gap, session=session, search_id=f"{session}{n}", query=query,
                  strict_hits=0, locale="ja")
        for n, query in enumerate(queries)
    ]  # fmt: skip
    return [*found, *([then] if then else [])]


def read(session: str, seconds: int = 30, at: int = 2 * MINUTE) -> ArticleViewed:
    return ArticleViewed(id=f"{session}v", at=at, session=session, article="orders/receipt",
                         active_ms=seconds * 1000, measured=True)  # fmt: skip


def test_a_search_put_into_other_words_before_it_helped_is_evidence() -> None:
    pair = Pair("レシート", "領収書")
    assert wordings.of_facts(acts("s1", "レシート", "領収書", then=read("s1"))) == {
        pair: {Evidence("searches", "s1")}
    }
    solved = MarkedSolved(id="m", at=2 * MINUTE, session="s1")
    assert pair in wordings.of_facts(acts("s1", "レシート", "領収書", then=solved))


@pytest.mark.parametrize("facts", [
    acts("s1", "レシート", "領収書"),
    acts("s1", "レシート", "領収書", then=read("s1", seconds=3)),
    acts("s1", "レシート", "領収書", then=TicketFiled(id="t", at=2 * MINUTE, session="s1", ticket="T")),
    acts("s1", "レシート", "領収書", then=read("s1", at=80 * MINUTE), gap=40 * MINUTE),
    acts("", "レシート", "領収書", then=read("")),
    [replace(fact, reader=Reader.BOT) for fact in acts("s1", "レシート", "領収書", then=read("s1"))],
    acts("s1", "りょう", "領収書", then=read("s1")),
    acts("s1", "ryoush", "領収書", then=read("s1")),
], ids=["silence", "a glance", "a ticket", "another time", "nobody", "a robot", "keystrokes", "romaji keystrokes"])  # fmt: skip
def test_nothing_else_is(facts: list) -> None:
    assert wordings.of_facts(facts) == {}


def test_the_blast_radius_is_what_accepting_the_candidate_changes(indexed, tmp_path: Path) -> None:
    root, var = indexed
    generation = open_live(var)
    tree = Tree(root="", site=generation.site, articles=tuple(generation.articles()))
    asked = [
        *replay.of_golden([tree]),
        *replay.of_lines(["レシート\t9", "送料\t3", "領収書 発行", "ほかの質問"], "ja"),
    ]
    found = synonyms.candidates({Pair("レシート", "領収書"): {Evidence("brackets", "x")}}, generation, asked)
    (candidate,) = found
    changed = {each.query: each.after for each in candidate.changed}
    assert "領収書" in changed
    assert "送料" not in changed

    (root / "synonyms.yml").write_text("- [送料, 配送料]\n- [レシート, 領収書]\n", "utf-8")
    build(read_tree(root), tmp_path, processes=1)
    (root / "synonyms.yml").write_text("- [送料, 配送料]\n", "utf-8")
    accepted = open_live(tmp_path)
    for each in asked:
        snapshots = [one.snapshot(each.locale, Audience.PUBLIC) for one in (generation, accepted)]
        then, now = (
            tuple(hit.card.id for hit in search(s, Query(text=each.query, limit=3)).hits) for s in snapshots
        )
        assert changed.get(each.query, then) == now


def test_what_is_a_group_already_and_what_no_article_says_is_left_out(indexed) -> None:
    generation = open_live(indexed[1])
    mined = {pair: {Evidence("brackets", "x")} for pair in (Pair("送料", "配送料"), Pair("玉虫色", "虹色"))}
    assert synonyms.candidates(mined, generation, []) == []


def test_the_command_tells_of_searches_only_when_enough_sessions_made_them(indexed) -> None:
    root, var = indexed
    with EventStore(database_url(var)) as store:
        store.migrate()
        now = time.time_ns() // 1_000_000 - DAY_MS
        told = [fact for n in range(4) for fact in acts(f"s{n}", "びら", "領収書", then=read(f"s{n}"))]
        store.append([replace(fact, at=now + fact.at) for fact in told])
    run = CliRunner()
    command = ["synonyms", "--var", str(var), "--json"]
    told = run.invoke(cli, command)
    assert told.exit_code == 0, told.output
    assert "びら" not in told.stdout
    few = json.loads(run.invoke(cli, [*command, "--min-sessions", "4"]).stdout)
    assert few[0]["words"] == ["びら", "領収書"]
    assert few[0]["evidence"] == {"searches": 4}
    text = run.invoke(cli, ["synonyms", "--articles", str(root), "--var", str(var / "none")]).stdout
    assert "- [レシート, 領収書]" in text
    assert "ja/orders/receipt.md" in text
