from __future__ import annotations

import random
import unicodedata

import pytest
from conftest import Indexed, MakeIndex

from kb.index import kernel
from kb.index.scorer import written
from kb.index.snapshot import Snapshot
from kb.model import Snippet
from kb.plan import plan
from kb.search import Hit, Query, read_hit, search
from kb.snippets import WIDTH, sought

FAMILY = "👨\u200d👩\u200d👧"
FLAG = "🇯🇵"
KEYCAP = "1\ufe0f\u20e3"
WAVE = "👋🏽"


def marked(snippet: Snippet) -> list[str]:
    return [snippet.text[mark.start : mark.end] for mark in snippet.marks]


def marked_title(hit: Hit) -> list[str]:
    return [hit.card.title[mark.start : mark.end] for mark in hit.title_marks]


def hit(snapshot: Snapshot, query: str) -> Hit:
    return search(snapshot, Query(text=query)).hits[0]


def columns(text: str) -> int:
    return sum(2 if character > "\u2e80" else 1 for character in text)


def page(make_index: MakeIndex, locale: str, body: str, synonyms: str = "") -> Snapshot:
    files = {f"{locale}/a.md": f"# Page\n\n{body}\n", f"{locale}/b.md": "# Other\n\nNothing here.\n"}
    if synonyms:
        files["synonyms.yml"] = synonyms
    return make_index(files).snapshot(locale)


# What is marked


def test_the_words_of_the_query_are_marked_in_all_their_spellings(ja: Snapshot, en: Snapshot) -> None:
    assert marked(hit(ja, "パスワードの迷惑 ふぉるだ").snippet) == ["迷惑", "フォルダ", "ﾊﾟｽﾜｰﾄﾞ"]
    assert marked(hit(ja, "申し込み").snippet) == ["申込み"]
    assert marked(hit(en, "swap sizes").snippet) == ["size", "swap"]
    assert marked(hit(en, "wifi camera").snippet)
    assert marked_title(hit(en, "wifi camera")) == ["camera", "Wi-Fi"]


def test_words_that_touch_are_one_mark(ja: Snapshot) -> None:
    assert marked_title(hit(ja, "定期便 解約")) == ["定期便", "解約"]
    assert marked(hit(ja, "注文履歴 領収書").snippet) == ["注文履歴", "領収書"]


def test_a_synonym_is_marked_like_the_word_itself(ja: Snapshot) -> None:
    assert marked_title(hit(ja, "払い戻し")) == ["返金"]
    assert marked_title(hit(ja, "かいやく")) == ["解約"]


def test_a_synonym_of_several_words_is_marked_only_where_they_stand_together(make_index: MakeIndex) -> None:
    snapshot = page(
        make_index,
        "en",
        "Come back for your money. We give the money back in a week. Money. Back to the shop.",
        "- [refund, money back]\n",
    )
    found = hit(snapshot, "refund").snippet
    assert [(mark.start, marked(found)[n]) for n, mark in enumerate(found.marks)] == [
        (found.text.index("money back"), "money"),
        (found.text.index("money back") + 6, "back"),
    ]


def test_function_words_may_stand_between_the_words_of_a_synonym(make_index: MakeIndex) -> None:
    snapshot = page(
        make_index, "ja", "お金の話です。先に箱を返す。あとでお金を返します。", "- [返金, お金を返す]\n"
    )
    found = hit(snapshot, "返金").snippet
    assert marked(found) == ["金", "返し"]
    assert found.text[found.marks[0].start :].startswith("金を返します")


def test_a_synonym_of_several_words_is_marked_in_titles_too(make_index: MakeIndex) -> None:
    snapshot = make_index(
        {
            "en/a.md": "# Get your money back, money later\n\nSoon.\n",
            "synonyms.yml": "- [refund, money back]\n",
        }
    ).snapshot("en")
    assert marked_title(hit(snapshot, "refund")) == ["money", "back"]


def test_an_article_found_by_its_n_grams_alone_has_a_snippet_without_marks(en: Snapshot) -> None:
    found = hit(en, "unsubscribe")
    assert (found.card.id, found.strict) == ("account/close", False)
    assert found.snippet.text.startswith("Close your account")
    assert found.snippet.marks == ()


@pytest.mark.parametrize(
    ("spans", "merged"),
    [
        ([], []),
        ([(3, 5), (0, 2)], [(0, 2), (3, 5)]),
        ([(0, 2), (2, 4)], [(0, 4)]),
        ([(0, 5), (1, 2), (4, 7)], [(0, 7)]),
        ([(0, 2), (0, 2)], [(0, 2)]),
        ([(1, 1)], []),
    ],
)
def test_marks_are_joined_in_order(spans: list[tuple[int, int]], merged: list[tuple[int, int]]) -> None:
    found = [(start, end, 1) for start, end in spans]
    assert kernel.chosen.marks("abcdefgh", found, 0, 8) == merged


# Where it is cut


def test_the_window_holds_the_rarest_words_of_the_query(make_index: MakeIndex) -> None:
    filler = "The parcel is here. " * 30
    files = {f"en/p{n}.md": "# P\n\nThe parcel arrived.\n" for n in range(10)}
    body = f"{filler}A pelican flew over the lighthouse with the parcel. {filler}"
    snapshot = make_index({**files, "en/a.md": f"# A\n\n{body}\n"}).snapshot("en")
    found = hit(snapshot, "parcel pelican lighthouse").snippet
    assert {"pelican", "lighthouse", "parcel"} <= set(marked(found))


@pytest.mark.parametrize("gap", [0, 20, 60, 90, 105])
def test_the_words_for_which_a_window_was_chosen_stay_in_it(make_index: MakeIndex, gap: int) -> None:
    """What is shown before the first of them must not push the last of them out."""
    body = f"{'前' * 100}ペリカン{'間' * gap}灯台{'後' * 100}"
    assert columns(body[100:-100]) <= WIDTH
    found = hit(page(make_index, "ja", body), "ペリカン 灯台").snippet
    assert marked(found) == (["ペリカン", "灯台"] if gap else ["ペリカン灯台"])


def test_a_snippet_fills_its_window_and_no_more(bundled: Indexed) -> None:
    for locale, query in (("ja", "返品の送料"), ("en", "return postage")):
        for each in search(bundled.snapshot(locale), Query(text=query, limit=50)).hits:
            assert columns(each.snippet.text) <= WIDTH
    assert columns(hit(bundled.snapshot("ja"), "返品の送料").snippet.text) > WIDTH / 2


def test_a_snippet_begins_at_a_sentence_where_one_begins_near(make_index: MakeIndex) -> None:
    japanese = page(make_index, "ja", f"{'あ' * 200}。ここでペリカンが飛ぶ。")
    assert hit(japanese, "ペリカン").snippet.text == "ここでペリカンが飛ぶ。"


def test_a_snippet_ends_at_a_sentence_where_one_ends_in_its_second_half(make_index: MakeIndex) -> None:
    japanese = page(make_index, "ja", f"ペリカンが{'あ' * 80}と（飛ぶ。）{'い' * 200}")
    assert hit(japanese, "ペリカン").snippet.text.endswith("と（飛ぶ。）")
    english = page(make_index, "en", f"A pelican flew{' far' * 40}. It{' sang' * 100}")
    assert hit(english, "pelican").snippet.text.endswith(" far.")
    soon = page(make_index, "ja", f"ペリカンが飛ぶ。{'い' * 200}")
    assert columns(hit(soon, "ペリカン").snippet.text) == WIDTH


def test_no_snippet_begins_with_a_sign_of_the_words_before_it(bundled: Indexed) -> None:
    for locale, queries in {
        "ja": ("返金", "解約 手続き", "音が出ない"),
        "en": ("refund", "card declined"),
    }.items():
        for query in queries:
            for each in search(bundled.snapshot(locale), Query(text=query, limit=50)).hits:
                assert each.snippet.text[0] not in "、。，．,.;:!?！？)）」』】|"


def test_a_snippet_cuts_no_latin_word_in_two(make_index: MakeIndex) -> None:
    words = " ".join(f"feather{n}" for n in range(100))
    snapshot = page(make_index, "en", f"{words} pelican {words}")
    text = hit(snapshot, "pelican").snippet.text
    assert set(text.split()) <= {*words.split(), "pelican"}
    assert "pelican" in text


def test_the_last_word_of_a_window_stays_when_the_window_ends_with_it(make_index: MakeIndex) -> None:
    body = f"pelican {'x' * (WIDTH - 8 - 1 - 10)} lighthouse and more words follow here"
    found = hit(page(make_index, "en", body), "pelican lighthouse").snippet
    assert marked(found) == ["pelican", "lighthouse"]
    assert found.text.endswith("lighthouse")


def test_blocks_become_one_line_and_marks_stay_right(make_index: MakeIndex) -> None:
    found = hit(page(make_index, "en", "One line.\n\n- a pelican\n- a gull"), "gull").snippet
    assert "\n" not in found.text
    assert marked(found) == ["gull"]


def test_a_word_longer_than_the_window_is_cut_and_marks_stay_inside(make_index: MakeIndex) -> None:
    word = "pelican" * 60
    found = hit(page(make_index, "en", f"{word} gull"), f"{word[:390]} gull").snippet
    assert len(found.text) <= WIDTH
    assert all(mark.end <= len(found.text) for mark in found.marks)


# Never inside of what a reader sees as one character


SIGNS = [
    FAMILY, FLAG, KEYCAP, WAVE, "e\u0301", "か\u3099", "ｶﾞ", "❤\ufe0f", "葛\U000e0100", "\u1112\u1161\u11ab",
    "नि", "𠮷", "🏴\U000e0067\U000e0062\U000e007f",
]  # fmt: skip


def test_a_cut_falls_between_visible_characters(make_index: MakeIndex) -> None:
    pages = {
        f"ja/{number}-{shift}.md": f"# Page\n\n{'、' * shift}{sign * 150}、ペリカン、{sign * 250}\n"
        for number, sign in enumerate(SIGNS)
        for shift in range(3)
    }
    hits = search(make_index(pages).snapshot("ja"), Query(text="ペリカン", limit=50)).hits
    assert len(hits) == len(pages)
    for each in hits:
        sign = SIGNS[int(each.card.id.split("-")[0])]
        assert marked(each.snippet) == ["ペリカン"]
        for side in each.snippet.text.split("ペリカン"):
            assert side.replace("、", "") == sign * side.count(sign), ascii(sign)
        assert each.snippet.text.endswith(sign * 10)


def test_a_mark_takes_the_marks_of_its_last_character_along(make_index: MakeIndex) -> None:
    found = hit(page(make_index, "en", f"Press {KEYCAP} and e\u0301te\u0301 now"), "1 été").snippet
    assert marked(found) == [KEYCAP, "e\u0301te\u0301"]


def test_a_script_whose_vowels_are_marks_is_marked_in_whole_syllables(make_index: MakeIndex) -> None:
    snapshot = make_index({"en/a.md": "# สวัสดี ok\n\nSay สวัสดี or नि ok.\n"}).snapshot("en")
    assert marked(hit(snapshot, "สวัสดี नि").snippet) == ["สวัสดี", "नि"]
    assert marked_title(hit(snapshot, "สวัสดี")) == ["สวัสดี"]


PIECES = [
    "ペリカン", "灯台", "gull ", "、", "。", "\n\n", " ", "あ", "漢字", "word ", FAMILY, FLAG, KEYCAP, WAVE,
    "e\u0301", "か\u3099", "ｶﾞ", "𠮷", "x" * 50, "語" * 30, "ﾍﾟﾘｶﾝ", "w\u0301o\u0301", "葛\U000e0100",
]  # fmt: skip


def belongs_to_what_stands_before(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or character in "\u200dﾞﾟ"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def is_whole(text: str) -> bool:
    """Whether a piece of text begins and ends between visible characters."""
    flags = "".join(character for character in text if "\U0001f1e6" <= character <= "\U0001f1ff")
    return (
        not belongs_to_what_stands_before(text[0])
        and text[-1] != "\u200d"
        and flags == FLAG * (len(flags) // 2)
    )


def test_whatever_sections_hold_marks_are_inside_apart_and_cut_no_character(make_index: MakeIndex) -> None:
    chance = random.Random(5)
    sections = ["".join(chance.choices(PIECES, k=chance.randint(1, 60))) for _ in range(150)]
    body = "\n\n".join(f"## Section {number}\n\n{text}" for number, text in enumerate(sections))
    snapshot = make_index({"ja/a.md": f"# A\n\n{body}\n"}).snapshot("ja")
    checked = 0
    for query in ("ペリカン", "灯台 gull", "1 漢字", "が ペリカン word", "葛"):
        used = sought(snapshot, plan(snapshot, query))
        for section in range(snapshot.meta.sections):
            text = snapshot.passage(section).text
            scored = [(int(snapshot.owner[section]), 1.0, True, (section,))]
            (record,) = used.records(written(scored), snapshot.card, snapshot.passage, 1.0)
            found = read_hit(snapshot, record).snippet
            if not found.text:
                continue
            assert found.text in text.replace("\n", " ")
            assert columns(found.text) <= WIDTH + 20
            assert is_whole(found.text)
            last = -1
            for mark in found.marks:
                assert last < mark.start < mark.end <= len(found.text)
                assert is_whole(found.text[mark.start : mark.end])
                assert not belongs_to_what_stands_before(found.text[mark.end : mark.end + 1] or "a")
                last = mark.end
                checked += 1
    assert checked > 500
