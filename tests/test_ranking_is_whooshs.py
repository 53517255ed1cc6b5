"""The snapshot adds up what Whoosh would: same documents, same scores, so the same order up to ties.

Whoosh is asked with `limit=None`; with a limit its rankings are wrong (34 of 300 queries lost documents).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Indexed, index, write
from whoosh import index as whoosh_index
from whoosh.query import Or, Term
from whoosh.reading import MultiReader
from whoosh.searching import Searcher

from kb.index.durable import Weighting
from kb.index.generation import live_folder
from kb.index.impacts import quantised
from kb.index.layout import locale_folder
from kb.index.schema import FIELDS
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.plan import Plan
from kb.search import rank

TOLERANCE = 1e-4

Weighted = dict[int, float]
"""Weights by number of term."""


@contextmanager
def whoosh(indexed: Indexed, locale: str, *audiences: Audience) -> Iterator[Searcher]:
    """A searcher over the durable index of one audience, or of several as one."""
    folder = live_folder(indexed.var)
    readers = [
        whoosh_index.open_dir(str(locale_folder(indexed.var, folder, audience, locale) / "whoosh")).reader()
        for audience in audiences
    ]
    with Searcher(
        readers[0] if len(readers) == 1 else MultiReader(readers), weighting=Weighting()
    ) as searcher:
        yield searcher


def asked_of_whoosh(searcher: Searcher, snapshot: Snapshot, weighted: Weighted) -> dict[int, float]:
    """Scores by section, numbered as the snapshot numbers them."""
    terms = [
        Term(field, snapshot.term_text(number), boost=boost * weight)
        for number, weight in weighted.items()
        for field, (boost, _) in FIELDS.items()
    ]
    scores = {}
    for hit in searcher.search(Or(terms), limit=None):
        article = snapshot.find_article(hit["key"].partition("/")[2])
        scores[int(snapshot.article_sections[article]) + hit["ordinal"]] = hit.score
    return scores


def asked_of_snapshot(snapshot: Snapshot, weighted: Weighted) -> dict[int, float]:
    rows = rank(snapshot, Plan(words=weighted, concepts=(), loose={}, grams={}, gram_mass=0.0)).rows
    return {row: float(rows[row]) for row in rows.nonzero()[0].tolist()}


def random_queries(snapshot: Snapshot, count: int, seed: int) -> list[Weighted]:
    """One to eight words, frequent ones too, with weights as synonyms, compounds and readings have them."""
    chance = random.Random(seed)
    frequent = sorted(range(snapshot.meta.terms), key=lambda number: -int(snapshot.df[number]))[:60]
    queries = []
    for _ in range(count):
        words = chance.sample(range(snapshot.meta.terms), chance.randint(1, 5))
        words += chance.sample(frequent, chance.randint(0, 3))
        queries.append({number: round(chance.uniform(0.05, 2.0), 3) for number in words})
    return queries


def assert_same_ranking(searcher: Searcher, snapshot: Snapshot, queries: list[Weighted]) -> None:
    found = 0
    for weighted in queries:
        theirs = asked_of_whoosh(searcher, snapshot, weighted)
        ours = asked_of_snapshot(snapshot, weighted)
        terms = {snapshot.term_text(number): weight for number, weight in weighted.items()}
        assert ours.keys() == theirs.keys(), terms
        assert ours == pytest.approx(theirs, abs=TOLERANCE, rel=0), terms
        # the same order, but where scores are so near that it may be either
        order = sorted(theirs, key=lambda row: -theirs[row])
        for above, below in pairwise(order):
            assert ours[above] > ours[below] - 2 * TOLERANCE, terms
        found += len(ours)
    assert found > 10 * len(queries)


JAPANESE = """
返金 返品 交換 配送 送料 領収書 注文 商品 住所 電話 会員 登録 退会 解約 定期便 銀行 口座 振込 画面
設定 電源 充電 画像 音量 通知 更新 保証 修理 部品 回収 窓口 苦情 予約 在庫 割引 価格 税金 包装 名前
写真 地図 手順 期限 条件 方法 ごみ カメラ パスワード ログイン キャンセル クーポン ポイント アプリ
メール サーバー 申込み 引っ越し 問い合わせ 冷蔵庫 洗濯機 掃除機
"""
ENGLISH = """
refund return exchange delivery postage receipt order item address phone member account subscription
bank transfer screen settings power charging picture volume notification update warranty repair part
recycling counter complaint booking stock discount price tax wrapping name photo map procedure
deadline condition method rubbish camera password login cancel coupon points app e-mail server
application moving enquiry fridge washing machine cleaner wi-fi policies
"""


def generated_tree(articles: int) -> dict[str, str]:
    """Articles of one to four sections of 0 to 700 words, some words a hundred times as frequent as some."""
    chance = random.Random(20261122)
    files = {"kb.yml": "locales: [ja, en]\nagents_only: [desk]\n"}
    for locale, words, joint in (("ja", JAPANESE.split(), "の"), ("en", ENGLISH.split(), " ")):

        def text(count: int, words: list[str] = words, joint: str = joint) -> str:
            at = (min(int(chance.paretovariate(0.8)) - 1, len(words) - 1) for _ in range(count))
            return joint.join(words[n] for n in at)

        for number in range(articles):
            front = [
                f"title: {text(chance.randint(1, 9))} {number}",
                f"tags: [{', '.join(text(1) for _ in range(chance.randint(0, 4)))}]",
            ]
            if chance.random() < 0.5:
                lines = [text(chance.randint(1, 9)) for _ in range(chance.randint(1, 4))]
                front.append(f"questions: [{', '.join(lines)}]")
            body = [text(chance.choice([0, 3, 40, 120, 300]))]
            for _ in range(chance.randint(0, 3)):
                body += [
                    f"{'#' * chance.randint(2, 4)} {text(chance.randint(1, 6))}",
                    text(int(chance.paretovariate(0.5)) % 700),
                ]
            folder = "desk" if number % 7 == 0 else "shop"
            files[f"{locale}/{folder}/a{number}.md"] = "\n\n".join(
                ["\n".join(["---", *front, "---"]), *filter(None, body)]
            )
    return files


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    folder: Path = tmp_path_factory.mktemp("generated")
    return index(write(folder / "articles", generated_tree(90)), folder / "var")


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_generated_sections_rank_as_whoosh_ranks_them(generated: Indexed, locale: str) -> None:
    snapshot = generated.snapshot(locale)
    with whoosh(generated, locale, Audience.PUBLIC) as searcher:
        assert searcher.doc_count_all() == snapshot.meta.sections
        assert_same_ranking(searcher, snapshot, random_queries(snapshot, 120, seed=1))


def test_generated_sections_are_so_long_that_whoosh_rounds_their_lengths(generated: Indexed) -> None:
    import numpy as np

    lengths = np.diff(generated.snapshot("en").forward_ptr)
    assert (lengths > 108).sum() > 30
    assert (quantised(lengths)[lengths > 108] != lengths[lengths > 108]).sum() > 20


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_agents_snapshot_ranks_as_whoosh_would_with_both_indexes_in_one(
    generated: Indexed, locale: str
) -> None:
    snapshot = generated.snapshot(locale, Audience.AGENT)
    with whoosh(generated, locale, Audience.PUBLIC, Audience.AGENT) as searcher:
        assert searcher.doc_count_all() == snapshot.meta.sections > generated.snapshot(locale).meta.sections
        assert_same_ranking(searcher, snapshot, random_queries(snapshot, 50, seed=2))


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_bundled_articles_rank_as_whoosh_ranks_them(bundled: Indexed, locale: str) -> None:
    snapshot = bundled.snapshot(locale)
    with whoosh(bundled, locale, Audience.PUBLIC) as searcher:
        assert_same_ranking(searcher, snapshot, random_queries(snapshot, 100, seed=3))


def test_single_words_of_every_frequency_score_as_whoosh_scores_them(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("ja")
    by_frequency = sorted(range(snapshot.meta.terms), key=lambda number: int(snapshot.df[number]))
    queries = [{number: 1.0} for number in by_frequency[:: max(1, len(by_frequency) // 150)]]
    queries += [{number: 1.0} for number in by_frequency[-20:]]
    with whoosh(bundled, "ja", Audience.PUBLIC) as searcher:
        for weighted in queries:
            assert asked_of_snapshot(snapshot, weighted) == pytest.approx(
                asked_of_whoosh(searcher, snapshot, weighted), abs=TOLERANCE, rel=0
            )
