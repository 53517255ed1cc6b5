from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.text.english import LONGEST, WORD, is_stop, term


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("resetting", "reset"),
        ("refunds", "refund"),
        ("policies", "polici"),
        ("policy", "polici"),
        ("customer's", "custom"),
        ("customers", "custom"),
        ("o'clock", "oclock"),
        ("k123", "k123"),
        ("42", "42"),
        ("café", "café"),
    ],
)
def test_words_are_stemmed_and_article_codes_are_not(word: str, stem: str) -> None:
    assert term(word) == stem


@pytest.mark.parametrize("word", ["the", "how", "don't", "dont", "i'm", "it's", "what's", "i'd", "i'll"])
def test_words_that_say_nothing_about_the_need_are_stop_words(word: str) -> None:
    assert is_stop(word)


@pytest.mark.parametrize("word", ["no", "not", "after", "want", "id", "ill", "refund", "its'x"])
def test_words_that_tell_one_need_from_another_are_not(word: str) -> None:
    assert not is_stop(word)


def test_a_word_keeps_its_apostrophes_and_ends_at_other_signs() -> None:
    assert WORD.findall("don't re-use 'quoted' a_b привет 返金abc") == [
        "don't", "re", "use", "quoted", "a", "b", "привет", "abc",
    ]  # fmt: skip


@given(st.from_regex(WORD, fullmatch=True))
def test_every_word_has_a_term_of_bounded_length_or_none(word: str) -> None:
    assert len(term(word)) <= LONGEST
    assert "'" not in term(word)
