from __future__ import annotations

from collections import Counter

import pytest
from conftest import Indexed, MakeIndex
from hypothesis import given
from hypothesis import strategies as st

from kb.index.snapshot import Snapshot
from kb.index.suggestions import SuggestionKind
from kb.suggest import PER_ARTICLE, Suggestion, suggest


def texts(snapshot: Snapshot, typed: str, limit: int = 8) -> list[str]:
    return [each.text for each in suggest(snapshot, typed, limit)]


@pytest.mark.parametrize(
    "typed",
    [
        "ぱ",
        "ぱす",
        "ぱすわ",
        "ぱすわーど",
        "パ",
        "パス",
        "パスワ",
        "pa",
        "pasu",
        "pasuwa",
        "pasuwa-do",
        "ぱｓ",
        "ぱs",
        "ぱすw",
        "ﾊﾟｽ",
        "PASU",
    ],
)
def test_a_word_under_way_is_completed_however_it_is_typed(ja: Snapshot, typed: str) -> None:
    assert "パスワードを忘れたとき" in texts(ja, typed)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("返", "返金について"),
        ("返き", "返金について"),
        ("返ki", "返金について"),
        ("へん", "返金について"),
        ("hen", "返金について"),
        ("henk", "返金について"),
        ("へんｋ", "返金について"),
        ("りょうし", "領収書の発行"),
        ("ryous", "領収書の発行"),
        ("領収", "領収書の発行"),
        ("キャンセ", "キャンセル料はかかりますか"),
        ("kyan", "キャンセル料はかかりますか"),
        ("退kai", "退会の手続き"),
        ("わすれ", "パスワードを忘れたとき"),
        ("とりけ", "注文を取り消したい"),
        ("かいがい", "海外へ送れますか"),
        ("wi", "巣箱カメラをWi-Fiにつなぐ"),
        ("Wi-F", "巣箱カメラをWi-Fiにつなぐ"),
        ("wifi", "巣箱カメラをWi-Fiにつなぐ"),
    ],
)
def test_japanese_titles_and_questions_are_proposed_from_the_beginning_of_any_word(
    ja: Snapshot, typed: str, text: str
) -> None:
    assert text in texts(ja, typed)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("p", "Forgot your password"),
        ("pass", "Forgot your password"),
        ("my pass", "I forgot my password"),
        ("forgot pas", "I forgot my password"),
        ("dont know", "I don't know my password"),
        ("don't kn", "I don't know my password"),
        ("cancel", "Cancel an order"),
        ("CANC", "Cancel an order"),
        ("order canc", "Cancel an order"),
        ("how much", "How much is shipping?"),
        ("overs", "Do you ship overseas?"),
        ("wi-f", "Connect the camera to Wi-Fi"),
        ("wifi", "Connect the camera to Wi-Fi"),
    ],
)
def test_english_titles_and_questions_are_proposed_from_the_beginning_of_any_word(
    en: Snapshot, typed: str, text: str
) -> None:
    assert text in texts(en, typed)


def test_several_words_are_met_in_any_order_as_beginnings(ja: Snapshot) -> None:
    assert (
        texts(ja, "忘れ パス") == texts(ja, "ぱす わすれ") == ["パスワードを忘れたとき", "パスワードを忘れた"]
    )
    assert "キャンセル料はかかりますか" in texts(ja, "料 キャンセ")


def test_a_word_that_fits_nowhere_does_not_empty_the_list(ja: Snapshot) -> None:
    assert "返金がまだ来ない" in texts(ja, "返金 qwrtp")


@pytest.mark.parametrize("typed", ["ryoushusho", "りょうしゆうしょ", "pasuwaado", "ぱすはーど"])
def test_one_slip_of_the_finger_is_forgiven_in_japanese(ja: Snapshot, typed: str) -> None:
    assert {each.article for each in suggest(ja, typed)} & {"orders/receipt", "account/password"}


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("pasw", "Forgot your password"),
        ("cnacel", "Cancel an order"),
        ("exchnage", "Exchange an item"),
        ("rfund", "where is my refund"),
    ],
)
def test_one_slip_of_the_finger_is_forgiven_in_english(en: Snapshot, typed: str, text: str) -> None:
    assert text in texts(en, typed)


@pytest.mark.parametrize("typed", ["exchange", "exchanged", "exchanges"])
def test_other_forms_of_an_english_word_are_met(make_index: MakeIndex, typed: str) -> None:
    snapshot = make_index({"en/exchange.md": "# Exchanging a lamp\n\nSend it back.\n"}).snapshot("en")
    assert texts(snapshot, typed) == texts(snapshot, f"a {typed}") == ["Exchanging a lamp"]


def test_what_was_typed_rightly_stands_above_what_is_only_near(en: Snapshot) -> None:
    found = texts(en, "canc")
    assert found[0] == "Cancel an order"


def test_titles_stand_before_questions_and_first_words_before_later_ones(ja: Snapshot) -> None:
    found = suggest(ja, "パスワード")
    assert found[0] == Suggestion("パスワードを忘れたとき", SuggestionKind.TITLE, "account/password", "")
    assert found[1].kind is SuggestionKind.QUESTION


def test_a_question_of_a_faq_leads_to_its_section(ja: Snapshot) -> None:
    found = next(each for each in suggest(ja, "海外"))
    assert found == Suggestion(
        "海外へ送れますか", SuggestionKind.QUESTION, "faq/delivery", "海外へ送れますか"
    )


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize(
    "typed", ["k", "か", "パス", "パスワード", "p", "password", "the", "how", "返品", "henpin"]
)
def test_no_more_than_two_lead_to_one_article_and_no_text_is_shown_twice(
    bundled: Indexed, locale: str, typed: str
) -> None:
    for limit in (1, 3, 8, 20):
        found = suggest(bundled.snapshot(locale), typed, limit)
        assert len(found) <= limit
        assert max(Counter(each.article for each in found).values(), default=0) <= PER_ARTICLE
        assert max(Counter(each.text for each in found).values(), default=0) <= 1


def test_a_title_that_is_a_question_too_is_proposed_once(make_index: MakeIndex) -> None:
    snapshot = make_index(
        {"ja/a.md": "---\nquestions: [返品の方法, 返品したい]\n---\n# 返品の方法\n\n。\n"}
    ).snapshot("ja")
    assert texts(snapshot, "返品") == ["返品の方法", "返品したい"]


def test_a_kanji_read_otherwise_in_the_word_under_way_is_completed(make_index: MakeIndex) -> None:
    snapshot = make_index({"ja/a.md": "# 荷物が届かない\n\n。\n", "ja/b.md": "# お届け先\n\n。\n"}).snapshot(
        "ja"
    )
    assert texts(snapshot, "届かn")[:1] == ["荷物が届かない"]
    assert texts(snapshot, "届kana")[:1] == ["荷物が届かない"]


@pytest.mark.parametrize("typed", ["、。", "！？", "👍", "---", "qwrtpsdf", "\u0301", "'", "zzzzzzzzzz"])
def test_what_begins_no_word_proposes_nothing(ja: Snapshot, en: Snapshot, typed: str) -> None:
    assert suggest(ja, typed) == suggest(en, typed) == ()


def test_agents_are_proposed_what_is_theirs_and_readers_are_not(
    ja: Snapshot, ja_agent: Snapshot, en: Snapshot, en_agent: Snapshot
) -> None:
    assert texts(ja_agent, "カカポ") != []
    assert texts(en_agent, "kaka") != []
    assert texts(ja, "カカポ") == texts(en, "kaka") == []


@pytest.mark.parametrize("locale", ["ja", "en"])
@given(
    typed=st.one_of(
        st.text(min_size=1, max_size=30),
        st.text(st.sampled_from("aiueokstnhmyrwgぱすわーど返金届k'- っん"), min_size=1, max_size=20),
    )
)
def test_any_keystrokes_get_suggestions_that_stand_in_the_table(
    miniature: Indexed, locale: str, typed: str
) -> None:
    snapshot = miniature.snapshot(locale)
    for each in suggest(snapshot, typed, 8):
        article = snapshot.article(snapshot.find_article(each.article))
        asked = {article.title, *article.questions, *(section.title for section in article.sections)}
        assert each.text in asked
