from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb import plan as planning
from kb.index import grams
from kb.index.snapshot import Snapshot


def pairs(found: tuple[grams.Codes, grams.Rows], kind: int) -> list[tuple[str, int]]:
    """Codes of bigrams read back, with the number of their text."""
    codes, rows = found
    assert all(int(code) >> 32 == kind for code in codes)
    text = [chr(int(code) >> 16 & 0xFFFF) + chr(int(code) & 0xFFFF) for code in codes]
    return list(zip(text, rows.tolist(), strict=True))


def fours(texts: list[str]) -> list[tuple[int, int]]:
    codes, rows = grams.fourgrams(texts)
    assert all(int(code) >> 32 == grams.FOURGRAM for code in codes)
    return list(zip(codes.tolist(), rows.tolist(), strict=True))


def test_bigrams_are_those_of_japanese_script_with_katakana_as_hiragana() -> None:
    assert pairs(grams.bigrams(["返金の", "abcゴミ。"]), grams.BIGRAM) == [
        ("返金", 0),
        ("金の", 0),
        ("ごみ", 1),
    ]


def test_bigrams_do_not_reach_over_other_signs_nor_from_text_to_text() -> None:
    assert pairs(grams.bigrams(["返 金", "返", "金", "返、金・"]), grams.BIGRAM) == []
    assert pairs(grams.readings(["へん", "きん きげ"]), grams.READING) == [
        ("へん", 0),
        ("きん", 1),
        ("きげ", 1),
    ]


def test_characters_beyond_the_first_plane_have_bigrams_too() -> None:
    assert len(pairs(grams.bigrams(["𠮷野"]), grams.BIGRAM)) == 1
    assert fours(["𝒶bcd"]) != fours(["abcd"])


def test_fourgrams_know_where_a_word_begins_and_ends() -> None:
    assert [row for _, row in fours(["refund it", "", "返金 abc"])] == [0] * 6 + [2] * 2
    begins, *inside, ends = fours(["refund"])
    assert begins in fours(["refuse"])
    assert ends in fours(["fund"])
    assert begins not in fours(["xrefund"])
    assert ends not in fours(["refunds"])
    assert set(inside) <= set(fours(["xrefundx"]))


def test_texts_without_words_have_no_n_grams() -> None:
    for cut in (grams.bigrams, grams.readings, grams.fourgrams):
        for texts in ([], [""], ["。"], ["", "1", "あ"]):
            codes, rows = cut(texts)
            assert len(codes) == len(rows)
            assert cut is grams.fourgrams or not len(codes)


@given(st.lists(st.text(max_size=30), max_size=6))
def test_many_texts_at_once_give_what_each_gives_alone(texts: list[str]) -> None:
    for cut in (grams.bigrams, grams.readings, grams.fourgrams):
        codes, rows = cut(texts)
        alone = [(code, number) for number, text in enumerate(texts) for code in cut([text])[0].tolist()]
        assert list(zip(codes.tolist(), rows.tolist(), strict=True)) == alone


LETTERS = st.sampled_from("aé1_-'. 返金ガぁ々〇・ー。ﾊ가豈𠮷😀\u3040\u3100")


@given(st.text(LETTERS, max_size=40) | st.text(max_size=40))
def test_a_query_has_the_n_grams_of_a_text(text: str) -> None:
    for of_query, of_texts in (
        (grams.query_bigrams, grams.bigrams),
        (grams.query_readings, grams.readings),
        (grams.query_fourgrams, grams.fourgrams),
    ):
        assert of_query(text) == sorted(set(of_texts([text])[0].tolist()))


@pytest.mark.skipif(planning.compiled is None, reason="kb was installed without a compiler")
@given(st.text(LETTERS, max_size=40) | st.text(max_size=40))
def test_both_who_read_queries_find_the_same_n_grams_and_scripts(text: str) -> None:
    for name in ("query_bigrams", "query_readings", "query_fourgrams"):
        assert getattr(planning.compiled, name)(text) == getattr(grams, name)(text)
    assert planning.compiled.scripts(text) == planning.scripts(text)


CODES = st.integers(0, 40) | st.integers(0, 2**64 - 1)


@pytest.mark.skipif(planning.compiled is None, reason="kb was installed without a compiler")
@given(st.sets(CODES, max_size=30), st.lists(CODES, max_size=30))
def test_both_who_look_n_grams_up_find_the_same(here: set[int], sought: list[int]) -> None:
    codes = np.array(sorted(here), np.uint64)
    snapshot = SimpleNamespace(gram_codes=codes)
    expected = Snapshot.known_grams(snapshot, sought)  # type: ignore[arg-type]
    assert expected == [int(np.searchsorted(codes, np.uint64(code))) for code in sought if code in here]
    found: dict[int, float] = {}
    planning.compiled.weigh(codes, [(sought, 0.5), (sought[:9], 0.2)], found)
    again = Snapshot.known_grams(snapshot, sought[:9])  # type: ignore[arg-type]
    assert list(found.items()) == list((dict.fromkeys(expected, 0.5) | dict.fromkeys(again, 0.2)).items())
