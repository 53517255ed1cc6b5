"""Queries of one meaning are one group, whatever their spelling; others stay apart."""

from __future__ import annotations

import random

import pytest

from kb.deflection.grouping import Wording, group
from kb.model import Audience


@pytest.fixture(scope="module")
def snapshots(bundled):
    generation = bundled.generation
    return lambda locale: (
        generation.snapshot(locale, Audience.PUBLIC) if locale in generation.locales else None
    )


def grouped(queries: list[str], snapshots, locale: str = "ja", sessions: int = 3) -> list[set[str]]:
    found = group([Wording(locale, query, sessions) for query in queries], snapshots)
    return [{wording.query for wording in each.wordings} for each in found]


def nothing(locale: str) -> None:
    return None


@pytest.mark.parametrize(
    ("locale", "same"),
    [
        ("ja", ["返金 いつ", "返金されない", "へんきん", "払い戻し", "いつ返金されますか", "返金の方法"]),
        ("ja", ["パスワード忘れた", "ぱすわーどわすれた", "パスワードを忘れてしまいました", "ﾊﾟｽﾜｰﾄﾞ 忘れた"]),
        ("ja", ["クーポン使えない", "くーぽん つかえない"]),
        ("ja", ["ごみ", "ゴミ"]),
        ("en", ["refund when", "Refunds", "when do I get my refund", "money back", "refnd"]),
        ("en", ["forgot pasword", "I forgot my password", "Forgot Password"]),
    ],
)
def test_one_meaning_is_one_group(locale: str, same: list[str], snapshots):
    assert grouped(same, snapshots, locale) == [set(same)]


@pytest.mark.parametrize(
    ("locale", "queries"),
    [
        ("ja", ["返金 いつ", "返品 いつ", "交換", "送料"]),
        ("ja", ["パスワード 忘れた", "パスワード 変更", "会員登録"]),
        ("en", ["change password", "forgot password", "change address"]),
        ("en", ["order 1234", "order 1235"]),
    ],
)
def test_other_meanings_stay_apart(locale: str, queries: list[str], snapshots):
    assert len(grouped(queries, snapshots, locale)) == len(queries)


def test_without_an_index_the_queries_themselves_are_the_dictionary():
    assert grouped(["返金 いつ", "返金されない", "へんきん"], nothing) == [
        {"返金 いつ", "返金されない", "へんきん"}
    ]


def test_a_word_that_no_article_has_draws_its_slips_but_is_no_slip_itself(snapshots):
    found = group([Wording("en", "kumihimo", 30), Wording("en", "kumihmo", 2)], snapshots)
    assert [each.concepts for each in found] == [("kumihimo",)]


def test_languages_stay_apart(snapshots):
    found = group([Wording("ja", "refund", 3), Wording("en", "refund", 3)], snapshots)
    assert len(found) == 2


def test_a_query_of_nothing_but_asking_words_is_about_them(snapshots):
    assert len(grouped(["いつ", "???", "方法"], snapshots)) == 3


def test_the_order_of_queries_does_not_matter(snapshots):
    wordings = [
        Wording("ja", q, n) for n, q in enumerate(["返金 いつ", "へんきん", "返品", "交換", "とりかえ"], 1)
    ]
    expected = group(wordings, snapshots)
    for seed in range(5):
        mixed = wordings * 2
        random.Random(seed).shuffle(mixed)
        assert group(mixed, snapshots) == expected


def test_a_long_question_joins_one_that_says_nearly_the_same(snapshots):
    queries = ["parcel not delivered damaged box", "parcel not delivered damaged box please"]
    assert len(grouped(queries, snapshots, "en")) == 1
