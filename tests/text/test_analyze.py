from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kb.text.analyze import analyze
from kb.text.english import LONGEST

from .test_normalize import ODD


def terms(text: str) -> set[str]:
    return {token.term for token in analyze(text).tokens}


def marked(text: str) -> list[str]:
    """What stands in the text where its tokens are said to stand."""
    return [text[token.start : token.end] for token in analyze(text).tokens]


# Spellings find each other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ごみ", "ゴミ"),
        ("申込み", "申し込み"),
        ("申込", "申し込み"),
        ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"),
        ("サーバ", "サーバー"),
        ("ユーザ", "ユーザー"),
        ("コンピュータ", "コンピューター"),
        ("問合せ", "問い合わせ"),
        ("引越", "引っ越し"),
        ("取消", "取り消し"),
        ("振込", "振り込み"),
        ("支払", "支払い"),
        ("受取", "受け取り"),
        ("払戻し", "払い戻し"),
        ("ＩＤ", "ID"),
        ("ID", "id"),
        ("１２３", "123"),
        ("㍿", "株式会社"),
        ("Ｗｉ－Ｆｉ", "wifi"),
        ("Wi-Fi", "wifi"),
        ("Wi‑Fi", "WiFi"),
        ("e-mail", "email"),
        ("E‑Mail", "email"),
        ("sign-in", "signin"),
        ("3,000円", "3000円"),
        ("KT-10", "kt10"),
        ("refund", "Refunds"),
        ("cancelling", "cancelled"),
        ("customer's", "customers"),
        ("customer’s", "customer"),
        ("İstanbul", "istanbul"),
        ("cafe\u0301", "café"),
        ("ﬁle", "file"),
    ],
)
def test_spellings_of_one_word_share_a_term(one: str, other: str) -> None:
    assert terms(one) & terms(other)


@pytest.mark.parametrize(("one", "other"), [("don't", "dont"), ("can’t", "cant"), ("I'm", "im")])
def test_contractions_are_cut_alike_with_and_without_an_apostrophe(one: str, other: str) -> None:
    assert terms(f"{one} want refund") == terms(f"{other} want refund") == {"want", "refund"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("返金", "返品"), ("refund", "return"), ("ID", "I'd"), ("ill", "I'll"), ("foo,123", "foo123")],
)
def test_different_words_share_no_term(one: str, other: str) -> None:
    assert not terms(one) & terms(other)


@pytest.mark.parametrize(
    "text", ["", " ", "。、！？", "です", "ので、ます。", "how do I", "I'd like", "...", "👍", "ー"]
)
def test_what_carries_no_meaning_leaves_no_tokens(text: str) -> None:
    assert analyze(text).tokens == ()


def test_a_compound_stands_before_its_words() -> None:
    assert [(token.term, token.compound) for token in analyze("㍿").tokens] == [
        ("株式会社", True), ("株式", False), ("会社", False),
    ]  # fmt: skip
    tokens = analyze("関西国際空港のWi-Fi").tokens
    assert [(token.term, token.compound) for token in tokens] == [
        ("関西国際空港", True), ("関西", False), ("国際", False), ("空港", False),
        ("wifi", True), ("wi", False), ("fi", False),
    ]  # fmt: skip


# Readings


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("返金", "へんきん"),
        ("返金の期限", "へんきんのきげん"),
        ("ログインできない", "ろぐいんできない"),
        ("かいやく", "かいやく"),
        ("返金 期限", "へんきん きげん"),
        ("返金、期限", "へんきん きげん"),
        ("IDを返金", " をへんきん"),
        ("refund", ""),
    ],
)
def test_the_reading_is_that_of_the_whole_text_with_spaces_where_it_stops(text: str, reading: str) -> None:
    assert analyze(text).reading == reading


def test_a_word_with_kanji_carries_its_reading_and_a_kana_word_does_not() -> None:
    assert [(token.term, token.reading) for token in analyze("返金とパスワード").tokens] == [
        ("返金", "へんきん"),
        ("ぱすわーど", ""),
    ]


# Positions


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("旧ﾊﾟｽﾜｰﾄﾞを", ["旧", "ﾊﾟｽﾜｰﾄﾞ"]),
        ("㍿の返金", ["㍿", "㍿", "㍿", "返金"]),
        ("cafe\u0301 refund", ["cafe\u0301", "refund"]),
        ("in İstanbul refund", ["İstanbul", "refund"]),
        ("ﬁne ﬁle refund", ["ﬁne", "ﬁle", "refund"]),
        ("ハ\u309aスワート\u3099 返金", ["ハ\u309aスワート\u3099", "返金"]),
        ("「返金」は５日", ["返金", "５", "日"]),
        ("e\u0301e\u0301 wi-fi", ["e\u0301e\u0301", "wi-fi", "wi", "fi"]),
        ("🐦返金", ["返金"]),
    ],
)
def test_tokens_stand_where_the_text_says_the_word(text: str, parts: list[str]) -> None:
    assert marked(text) == parts


@given(ODD)
@example("\u0301返金")
@example("㍿" * 5 + "ﷺ")
@example("か゛ｶﾞ゛゜")
@example("1️⃣2️⃣")
@example("'" * 5 + "a'" * 5)
@example("a-" * 30)
@example("キゴウ・ヽヾ々〆〇")
def test_any_text_is_cut_into_ordered_tokens_inside_of_it(text: str) -> None:
    tokens = analyze(text).tokens
    for token in tokens:
        assert 0 <= token.start < token.end <= len(text)
        assert 0 < len(token.term) <= LONGEST
    assert [(t.start, -t.end) for t in tokens] == sorted((t.start, -t.end) for t in tokens)


@given(ODD, st.sampled_from(["返金", "refund", "ﾊﾟｽﾜｰﾄﾞ"]))
def test_a_word_is_found_after_any_text(before: str, word: str) -> None:
    text = f"{before}\n\n{word}"
    found = [t for t in analyze(text).tokens if t.start == len(before) + 2 and not t.compound]
    assert [(t.term, text[t.start : t.end]) for t in found] == [(analyze(word).tokens[0].term, word)]


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "a-" * 300_000, "ア" * 60_000, "x,000" * 100_000, "ー" * 100_000]
)
def test_a_page_that_is_one_endless_word_is_cut_and_its_terms_stay_short(text: str) -> None:
    """An image encoded as text; quadratic work would never come back."""
    assert all(len(token.term) <= LONGEST for token in analyze(text).tokens)


def test_words_beyond_sudachis_limit_of_bytes_are_cut_like_others() -> None:
    text = "返金" * 30_000
    tokens = analyze(text).tokens
    assert len(tokens) >= 29_990
    assert all(text[token.start : token.end] == "返金" for token in tokens[:1000])
