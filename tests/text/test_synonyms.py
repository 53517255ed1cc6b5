from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kb.text.synonyms import Synonyms, cut_groups

GROUPS = cut_groups(
    [
        ["返金", "払い戻し", "お金を返す", "refund", "money back"],
        ["クレジットカード", "credit card"],
        ["カード", "card"],
        ["申込み", "申し込み"],
        ["故障", "out of order"],
        ["ごみ", "廃棄物"],
    ]
)


def expanded(*terms: str) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    return {concept.typed: set(concept.others) for concept in Synonyms(GROUPS).expand(terms)}


def test_members_are_cut_into_the_terms_that_a_query_is_cut_into() -> None:
    assert GROUPS[0] == [("返金",), ("払い戻し",), ("金", "返す"), ("refund",), ("money", "back")]


def test_a_group_whose_members_are_one_word_after_analysis_is_dropped() -> None:
    assert [("申し込み",)] not in [group[:1] for group in GROUPS]


def test_a_phrase_that_lost_its_sense_with_its_stop_words_is_no_member() -> None:
    """`out of order` must not make every `order` a defect."""
    assert not any(("order",) in group for group in GROUPS)


def test_a_typed_word_brings_the_other_members_of_its_group() -> None:
    assert expanded("返金", "期限") == {
        ("返金",): {("払い戻し",), ("金", "返す"), ("refund",), ("money", "back")}
    }


def test_a_typed_phrase_brings_them_only_when_its_words_stand_together() -> None:
    assert ("返金",) in expanded("money", "back")[("money", "back")]
    assert expanded("money", "for", "back") == {}
    assert expanded("back", "money") == {}


def test_of_overlapping_members_the_longest_counts() -> None:
    assert GROUPS[1][0] == ("くれじっと", "かーど")
    assert set(expanded("くれじっと", "かーど")) == {("くれじっと", "かーど")}
    assert set(expanded("かーど")) == {("かーど",)}


@given(
    st.lists(
        st.sampled_from([term for group in GROUPS for member in group for term in member] + ["x"]),
        max_size=30,
    )
)
def test_any_row_of_terms_is_expanded_into_groups_that_were_typed(terms: list[str]) -> None:
    for concept in Synonyms(GROUPS).expand(terms):
        size = len(concept.typed)
        assert any(tuple(terms[n : n + size]) == concept.typed for n in range(len(terms)))
        assert concept.typed not in concept.others
