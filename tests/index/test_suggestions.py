from __future__ import annotations

import pytest
from conftest import MakeIndex
from hypothesis import given
from hypothesis import strategies as st

from kb.index.snapshot import Snapshot
from kb.index.suggestions import KEY_LENGTH, SuggestionKind, keys_of


def test_a_text_stands_under_each_of_its_words_as_written_and_as_read() -> None:
    assert dict(keys_of("商品を返したい")) == {
        "商品を返したい": 0, "しょうひんをかえしたい": 0, "返したい": 2, "かえしたい": 2,
    }  # fmt: skip


def test_katakana_and_latin_words_stand_under_their_folded_form() -> None:
    keys = dict(keys_of("Ｗｉ－ＦｉのパスワードをReset"))
    assert keys["wifiのぱすわーどをreset"] == 0
    assert "ぱすわーどをreset" in keys
    assert "reset" in keys


def test_an_apostrophe_need_not_be_typed() -> None:
    assert "dontknow" in dict(keys_of("I don't know"))


@given(st.text(max_size=60))
def test_keys_of_any_text_are_short_and_each_stands_once(text: str) -> None:
    keys = [key for key, _ in keys_of(text)]
    assert len(keys) == len(set(keys))
    assert all(0 < len(key) <= KEY_LENGTH for key in keys)


def test_titles_questions_and_the_questions_of_a_faq_page_are_in_the_table(ja: Snapshot) -> None:
    table = ja.suggestions
    entries = {table[int(number)].text: table[int(number)] for number in table.entry}
    assert entries["返金について"].kind is SuggestionKind.TITLE
    assert entries["返金がまだ来ない"].kind is SuggestionKind.QUESTION
    assert entries["海外へ送れますか"].anchor == "海外へ送れますか"
    assert "返金の期限" not in entries  # a heading of an article that is no FAQ


def test_all_keys_with_a_prefix_are_one_range(ja: Snapshot) -> None:
    table = ja.suggestions
    keys = [table.keys[number].decode() for number in range(len(table.keys))]
    assert keys == sorted(keys, key=str.encode)
    for prefix in ("ぱ", "へん", "返", "w", "ん", ""):
        first, end = table.range(prefix.encode())
        assert keys[first:end] == [key for key in keys if key.startswith(prefix)]


def test_a_title_without_any_word_does_not_stop_the_index(make_index: MakeIndex) -> None:
    snapshot = make_index({"en/a.md": "# !!!\n\nText.\n", "en/b.md": "# 👍\n"}).snapshot("en")
    assert len(snapshot.suggestions.keys) == 0


@pytest.mark.parametrize("typed", ["a", "x"])
def test_the_table_of_nothing_has_empty_ranges(make_index: MakeIndex, typed: str) -> None:
    table = make_index({"kb.yml": "locales: [en]\n"}).snapshot("en").suggestions
    first, end = table.range(typed.encode())
    assert first == end
