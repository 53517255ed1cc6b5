from __future__ import annotations

import threading

import pytest

from kb.text.japanese import cut, term


def content(text: str) -> list[str]:
    return [word.term for _, word in cut(text) if word.content]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("返金はいつですか", ["返金", "いつ"]),
        ("届かない", ["届く"]),
        ("届きません", ["届く"]),
        ("ログインできない", ["ろぐいん", "出来る"]),
        ("返品したいのですが", ["返品"]),
        ("のでです", []),
    ],
)
def test_only_words_with_a_meaning_of_their_own_are_content(text: str, terms: list[str]) -> None:
    assert content(text) == terms


def test_a_compound_has_its_words_as_parts() -> None:
    _, airport = next(iter(cut("関西国際空港")))
    assert (airport.term, airport.start, airport.end) == ("関西国際空港", 0, 6)
    assert [(part.term, part.start, part.end) for part in airport.parts] == [
        ("関西", 0, 2), ("国際", 2, 4), ("空港", 4, 6),
    ]  # fmt: skip


def test_positions_go_on_behind_the_first_piece_that_sudachi_is_given() -> None:
    text = "返金 " * 5000
    words = list(cut(text))
    assert len(words) == 5000
    assert [text[start : start + word.end] for start, word in words] == ["返金"] * 5000


def test_katakana_and_hiragana_share_a_term() -> None:
    assert term("ゴミ") == term("ごみ") == "ごみ"


def test_threads_cut_alike_at_the_same_time() -> None:
    """A tokenizer shared between threads would mix their texts up, or refuse."""
    texts = [
        f"{word}の期限を{count}回確認してから申し込む。" * 40
        for count, word in enumerate(["返金", "返品", "交換", "解約"])
    ]
    expected = [list(cut(text)) for text in texts]
    found: dict[int, bool] = {}

    def work(number: int) -> None:
        found[number] = all(list(cut(texts[number])) == expected[number] for _ in range(10))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: True, 1: True, 2: True, 3: True}
