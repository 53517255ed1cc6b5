from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kb.errors import BadParameter
from kb.text.normalize import MAX_QUERY, clean_query, fold

ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("ﾊﾟｽﾜｰﾄﾞ㍿ﬁİ①½ﷺﾞﾟ\u0301\u3099\u200d\ufe0f\u00ad\ufeff👨👩🏽🇯🇵－〜’ "),
        st.integers(0xD800, 0xDFFF).map(chr),
    ),
    max_size=60,
)
"""Any text, lone surrogates too, with more than its share of what folding has to mind."""


# fold


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"),
        ("ＩＤ", "id"),
        ("㍿", "株式会社"),
        ("ﬁle", "file"),
        ("e\u0301", "é"),
        ("か\u3099", "が"),
        ("İstanbul", "istanbul"),
        ("Wi‐Fi", "wi-fi"),
        ("Wi–Fi", "wi-fi"),
        ("don’t", "don't"),
        ("葛\U000e0100城", "葛城"),
        ("re\u00adfund", "refund"),
        ("pass\u200bword", "password"),
        ("\ufeffパス", "パス"),
        ("ΟΔΟΣ", "οδοσ"),
        ("\u1112\u1161\u11ab", "한"),
    ],
)
def test_characters_that_mean_the_same_fold_to_the_same(written: str, folded: str) -> None:
    assert fold(written).text == folded


@pytest.mark.parametrize(
    ("text", "folded", "start", "end", "original"),
    [
        ("旧ﾊﾟｽﾜｰﾄﾞ欄", "パスワード", 1, 6, "ﾊﾟｽﾜｰﾄﾞ"),
        ("㍿こもれび", "株式", 0, 2, "㍿"),
        ("㍿こもれび", "会社", 2, 4, "㍿"),
        ("a ﬁle b", "file", 2, 6, "ﬁle"),
        ("cafe\u0301 x", "café", 0, 4, "cafe\u0301"),
        ("in İstanbul", "istanbul", 3, 11, "İstanbul"),
        ("e\u0301 refund", "refund", 2, 8, "refund"),
        ("返金", "返金", 0, 2, "返金"),
    ],
)
def test_a_range_of_folded_text_is_found_again_in_the_text_as_written(
    text: str, folded: str, start: int, end: int, original: str
) -> None:
    result = fold(text)
    assert result.text[start:end] == folded
    first, last = result.span(start, end)
    assert text[first:last] == original


@given(ODD)
@example("İ" * 3)
@example("\u0301a")
@example("ﷺ\u0301\u200d")
def test_every_range_of_folded_text_maps_into_the_original_and_in_order(text: str) -> None:
    folded = fold(text)
    assert not any("\ud800" <= character <= "\udfff" for character in folded.text)
    last = (0, 0)
    for place in range(len(folded.text)):
        start, end = folded.span(place, place + 1)
        assert 0 <= start < end <= len(text)
        assert (start, end) >= last
        last = (start, end)
        assert folded.span(0, place + 1) == (folded.span(0, 1)[0], end)


@given(ODD)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(st.text(st.characters(max_codepoint=0x4FF), max_size=40))
def test_text_folds_the_same_whether_it_was_composed_before_or_not(text: str) -> None:
    composed, taken_apart = unicodedata.normalize("NFKC", text), unicodedata.normalize("NFD", text)
    assert fold(taken_apart).text == fold(text).text == fold(composed).text


# clean_query


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  返金 \t\n いつ\r\n", "返金 いつ"),
        ("返金\u3000期限", "返金 期限"),
        ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"),
        ("a\x85b\x0bc\x0cd", "a b c d"),
        ("Refund", "Refund"),
        ("NOT NOT", "NOT NOT"),
        ("*", "*"),
        ("a:b", "a:b"),
        ("'; DROP TABLE articles; --", "'; DROP TABLE articles; --"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("あ" * MAX_QUERY, "あ" * MAX_QUERY),
        ("ﾊﾟ" * MAX_QUERY, "パ" * MAX_QUERY),
        ("\U0003fffd", "\U0003fffd"),
    ],
)
def test_a_query_is_tidied_and_nothing_else(raw: str, cleaned: str) -> None:
    assert clean_query(raw) == cleaned


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "is empty"),
        (" \t\u3000\n", "is empty"),
        ("あ" * (MAX_QUERY + 1), "is longer than 400 characters"),
        ("ﷺ" * 30, "is longer than 400 characters"),
        ("a" * 10_000_000, "is longer than 400 characters"),
        ("a\x00b", "holds the control character U+0000"),
        ("a\x07", "holds the control character U+0007"),
        ("\x1b[31m", "holds the control character U+001B"),
        ("a\x1fb", "holds the control character U+001F"),
        ("\x7f", "holds the control character U+007F"),
        ("a\x9f", "holds the control character U+009F"),
        ("a\ud83d", "holds half a character (a lone surrogate)"),
        ("\udc00" * 5, "holds half a character (a lone surrogate)"),
    ],
)
def test_a_query_that_cannot_be_searched_is_refused_with_its_field_and_reason(raw: str, reason: str) -> None:
    with pytest.raises(BadParameter) as refused:
        clean_query(raw, "subject")
    assert (refused.value.field, refused.value.detail) == ("subject", reason)


@given(ODD)
def test_a_cleaned_query_is_clean_already(raw: str) -> None:
    try:
        text = clean_query(raw)
    except BadParameter:
        return
    assert 1 <= len(text) <= MAX_QUERY
    assert clean_query(text) == text
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
