from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.text.kana import (
    is_kana,
    kana_keyboard,
    kana_share,
    kana_to_keys,
    letters_keyboard,
    romaji_to_hiragana,
    to_hiragana,
    under_way,
)


def test_katakana_becomes_hiragana_and_the_long_mark_stays() -> None:
    assert to_hiragana("パスワード・ヴァイオリン ヽヾ漢字abc") == "ぱすわーど・ゔぁいおりん ゝゞ漢字abc"


@pytest.mark.parametrize(
    ("text", "kana"), [("パスわーど", True), ("ー", True), ("返きん", False), ("", False), ("・", False)]
)
def test_kana_are_told_from_other_script(text: str, kana: bool) -> None:
    assert is_kana(text) is kana


@pytest.mark.parametrize(
    ("text", "share"), [("かな", 1.0), ("返きん", 2 / 3), ("abかな", 0.5), ("", 0.0), ("123", 0.0)]
)
def test_the_share_of_kana_is_that_among_letters(text: str, share: float) -> None:
    assert kana_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("letters", "kana"),
    [
        ("henkin", "へんきん"),
        ("hennkinn", "へんきん"),
        ("Henkin", "へんきん"),
        ("pasuwa-do", "ぱすわーど"),
        ("kyanseru", "きゃんせる"),
        ("ryoushuusho", "りょうしゅうしょ"),
        ("ryousyuusyo", "りょうしゅうしょ"),
        ("zandaka", "ざんだか"),
        ("konna", "こんな"),
        ("kin'en", "きんえん"),
        ("kippu", "きっぷ"),
        ("macchi", "まっち"),
        ("matcha", "まっちゃ"),
        ("shimbun", "しんぶん"),
        ("tsuika", "ついか"),
        ("tuika", "ついか"),
        ("fairu", "ふぁいる"),
        ("wifi", "うぃふぃ"),
        ("jisho", "じしょ"),
        ("", ""),
    ],
)
def test_romaji_is_read_in_every_usual_spelling(letters: str, kana: str) -> None:
    assert romaji_to_hiragana(letters) == kana


@pytest.mark.parametrize("letters", ["refund", "password", "xyzzy", "q", "返金", "hen kin", "kt10"])
def test_what_is_no_romaji_is_not_read(letters: str) -> None:
    assert romaji_to_hiragana(letters) is None


@pytest.mark.parametrize(("letters", "kana"), [("henk", "へん"), ("pas", "ぱ"), ("ky", None), ("k", "")])
def test_unfinished_romaji_is_read_up_to_its_last_consonant(letters: str, kana: str | None) -> None:
    assert romaji_to_hiragana(letters, partial=True) == kana


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ぱっsをrd", "password"),
        ("ぱsswおrd", "password"),
        ("れふんd", "refund"),
        ("えまいl", "email"),
        ("ロギン", "rogin"),
        ("しっぴんg", "sippinng"),
        ("かんせl", "cansel"),
    ],
)
def test_letters_typed_with_the_input_method_on_are_read_back(typed: str, meant: str) -> None:
    assert meant in kana_to_keys(typed)


def test_the_readings_of_a_long_text_stay_few() -> None:
    assert 1 <= len(kana_to_keys("しちつふじ" * 80)) <= 16


@pytest.mark.parametrize(
    ("keys", "kana"),
    [
        ("^ygy", "へんきん"),
        ("^YGY", "へんきん"),
        ("t@h", "がく"),
        ("b\\f[h", "ころぱく"),
        ("t:eh", "かけいく"),
        ("henkin!", None),
        ("", None),
        ("@", None),
    ],
)
def test_keys_of_a_kana_keyboard_give_what_is_printed_on_them(keys: str, kana: str | None) -> None:
    assert kana_keyboard(keys) == kana


@pytest.mark.parametrize(
    ("kana", "letters"),
    [("せちととてらすし", "password"), ("セチトトテラスシ", "password"), ("あ", None), ("", None)],
)
def test_latin_letters_typed_on_a_kana_keyboard_are_read_back(kana: str, letters: str | None) -> None:
    assert letters_keyboard(kana) == letters


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("pasu", ["ぱす"]),
        ("ぱす", ["ぱす"]),
        ("パス", ["ぱす"]),
        ("ぱs", ["ぱさ", "ぱし", "ぱす", "ぱせ", "ぱそ", "ぱしゃ", "ぱしゅ"]),
        ("kan", ["かん", "かな", "かに", "かの"]),
        ("henky", ["へんきゃ", "へんきょ"]),
        ("hennk", ["へんか", "へんき"]),
    ],
)
def test_unfinished_input_stands_for_all_that_it_may_become(typed: str, expected: list[str]) -> None:
    assert set(expected) <= set(under_way(typed))


def test_a_finished_syllable_stands_for_itself_alone() -> None:
    assert under_way("henkin"[:2]) == ["へ"]
    assert under_way("refunds") == []


@given(st.text(max_size=40))
def test_no_text_makes_the_readers_fail(text: str) -> None:
    for read in (romaji_to_hiragana, kana_keyboard, letters_keyboard):
        found = read(text)
        assert found is None or isinstance(found, str)
    assert 1 <= len(kana_to_keys(text)) <= 16
    assert all(under_way(text)) or under_way(text) == []
    assert 0.0 <= kana_share(text) <= 1.0
