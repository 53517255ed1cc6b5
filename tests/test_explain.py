from __future__ import annotations

import pytest
from conftest import Indexed, MakeIndex

from kb.explain import explain
from kb.index.schema import FIELDS
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.search import Query, search

QUERIES = {
    "ja": """
        返金
        返金の期限
        払い戻し いつ
        パスワードを忘れた
        ぱすわーど
        かいやくのほうほう
        届かない
        荷物 届かない 再配達
        キャンセ
        wifi つながらない
        ｷｬﾝｾﾙ料
        領収書 宛名
        注文を間違えた
        お金を返す
        ID
        refund
        音が出ない
        返品送料は誰が払うの
    """,
    "en": """
        refund
        refund deadline
        money back when
        forgot my password
        how do I cancel an order
        parcel not arrived
        refnud order
        canc
        wifi not working
        change my e-mail address
        receipt with company name
        wrong size exchange
        return shipping label cost
        order ID
        subscription
        gift wrap
        points missing
        返金
    """,
}
"""One a line."""
KINDS = {"word", "synonym", "perhaps", "n-grams", "question"}


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("audience", list(Audience))
def test_the_parts_of_an_explanation_sum_to_the_score_for_every_hit(
    bundled: Indexed, locale: str, audience: Audience
) -> None:
    snapshot = bundled.snapshot(locale, audience)
    kinds = set()
    for query in map(str.strip, QUERIES[locale].strip().splitlines()):
        results = search(snapshot, Query(text=query, limit=6))
        used = results.corrected.query if results.corrected else query
        for place, hit in enumerate(results.hits, 1):
            found = explain(snapshot, used, snapshot.find_article(hit.card.id))
            assert sum(part.score for part in found.parts) == pytest.approx(
                found.score, rel=1e-3, abs=2e-3
            ), query
            assert found.score * (0.5 if results.corrected else 1) == pytest.approx(hit.score, abs=1e-3)
            assert (found.rank, found.strict, found.anchor) == (place, hit.strict, hit.section.anchor)
            assert [name for name, _ in found.above] == [above.card.id for above in results.hits[: place - 1]]
            assert all(part.score > 0 for part in found.parts)
            kinds |= {part.kind for part in found.parts}
            assert {part.field for part in found.parts} <= {*FIELDS, ""}
    assert kinds == KINDS


def test_a_word_is_told_for_each_field_in_which_it_stands(ja: Snapshot) -> None:
    found = explain(ja, "返金 期限", ja.find_article("orders/refund"))
    by_field = {(part.term, part.field) for part in found.parts if part.kind == "word"}
    assert {
        ("返金", "title"),
        ("返金", "tags"),
        ("返金", "headings"),
        ("期限", "headings"),
        ("期限", "body"),
    } <= by_field
    assert found.anchor == "返金の期限"


def test_the_best_line_of_questions_is_a_part_of_its_own(ja: Snapshot) -> None:
    found = explain(ja, "お金はいつ戻りますか", ja.find_article("orders/refund"))
    assert [part.kind for part in found.parts].count("question") == 1


def test_words_that_the_section_lacks_are_named(ja: Snapshot) -> None:
    found = explain(ja, "返金 止まり木", ja.find_article("orders/refund"))
    assert found.missing == ("止まり木",)
    assert explain(ja, "返金", ja.find_article("orders/refund")).missing == ()


def test_an_article_that_does_not_match_has_no_rank_and_no_parts(en: Snapshot) -> None:
    found = explain(en, "qwrtp zzz", en.find_article("orders/refund"))
    assert (found.rank, found.score, found.strict, found.parts) == (0, 0.0, False, ())


def test_a_loose_match_tells_what_strictly_matches_above_it(en: Snapshot) -> None:
    found = explain(en, "exchangeable", en.find_article("faq/delivery"))
    assert not found.strict
    assert found.above[0][0] == "orders/exchange"
    assert {part.kind for part in found.parts} == {"n-grams"}


def test_above_are_at_most_ten_in_order(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("ja")
    last = search(snapshot, Query(text="返品", limit=50)).hits[-1]
    found = explain(snapshot, "返品", snapshot.find_article(last.card.id))
    assert found.rank > 10
    assert len(found.above) == 10
    scores = [score for _, score in found.above]
    assert scores == sorted(scores, reverse=True)


def test_a_synonym_of_several_words_is_one_part_with_its_words(make_index: MakeIndex) -> None:
    snapshot = make_index(
        {
            "en/a.md": "# Page\n\nGet your money back.\n",
            "en/b.md": "# Other\n\nMoney.\n",
            "synonyms.yml": "- [refund, money back]\n",
        }
    ).snapshot("en")
    found = explain(snapshot, "refund", snapshot.find_article("a"))
    assert [(part.kind, part.term) for part in found.parts] == [("synonym", "money back")]
    assert found.parts[0].score == pytest.approx(found.score, abs=1e-3)
