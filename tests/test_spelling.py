from __future__ import annotations

import pytest
from conftest import Indexed, MakeIndex
from hypothesis import given
from hypothesis import strategies as st

from kb.index.snapshot import Snapshot
from kb.spelling import candidates


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("henkin", "返金"),
        ("HENKIN", "返金"),
        ("ｈｅｎｋｉｎ", "返金"),
        ("henkin no kigen", "返金 no 期限"),
        ("henkinshitainodesuga", "返金したいのですが"),
        ("へんきんのきげん", "返金の期限"),
        ("^ygy", "返金"),
        ("ぱっsをrd", "password"),
        ("パッsヲrd", "password"),
        ("せちととてらすし", "password"),
        ("ぱすわど", "パスワード"),
        ("りょうしゅしょ", "領収書"),
        ("会員 pasuwa-do", "会員 パスワード"),
    ],
)
def test_the_likeliest_meaning_of_what_was_typed_comes_first(ja: Snapshot, typed: str, meant: str) -> None:
    assert next(candidates(ja, typed)) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refnud", "refund"),
        ("refunbs", "refunds"),
        ("ぱっsをrd", "password"),
        ("せちととてらすし", "password"),
        ("MEMBAR id", "member id"),
    ],
)
def test_slips_and_the_wrong_keyboard_are_read_in_english_too(en: Snapshot, typed: str, meant: str) -> None:
    assert meant in list(candidates(en, typed))


@pytest.mark.parametrize(
    "typed",
    [
        "xyzzyqqq",  # the keys of さんつつんたたた, in which one short word stands by chance
        "q",
        "tanaka",
        "12345",
        "👍",
        "zzzz",
        " ".join(["qwrtp"] * 13),
    ],
)
def test_nothing_is_proposed_for_what_makes_no_word(
    ja: Snapshot, en: Snapshot, bundled: Indexed, typed: str
) -> None:
    for snapshot in (ja, en, bundled.snapshot("ja"), bundled.snapshot("en")):
        assert list(candidates(snapshot, typed)) == []


def test_words_that_the_index_knows_stay_as_they_are(en: Snapshot) -> None:
    assert list(candidates(en, "refund deadline")) == []
    assert list(candidates(en, "refund dedline")) == ["refund deadline"]


def test_an_english_correction_is_a_word_as_somebody_wrote_it_and_not_its_stem(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("en")
    assert next(candidates(snapshot, "shiping")) == "shipping"
    assert next(candidates(snapshot, "delivary")) == "delivery"


def test_a_word_that_only_a_heading_or_a_tag_holds_is_proposed_as_it_is_written(
    make_index: MakeIndex,
) -> None:
    page = "---\ntags: [recycling]\n---\n# Rubbish\n\nOld things.\n\n## Our policies\n\nNone.\n"
    snapshot = make_index({"en/a.md": page}).snapshot("en")
    assert list(candidates(snapshot, "polisies recyclng")) == ["policies recycling"]
    assert snapshot.surface(snapshot.term("polici")) == "policies"


@pytest.mark.parametrize("locale", ["ja", "en"])
@given(
    text=st.one_of(
        st.text(min_size=1, max_size=40),
        st.text(st.sampled_from("abcdehiknoprstuwy^@[:; "), min_size=1, max_size=40),
        st.text(st.sampled_from("ぱすわーどっをrdせちとてらしへんきんー "), min_size=1, max_size=40),
    )
)
def test_candidates_are_other_texts_and_each_is_proposed_once(
    miniature: Indexed, locale: str, text: str
) -> None:
    found = list(candidates(miniature.snapshot(locale), text))
    assert len(found) == len(set(found)) <= 6
    assert text not in found
    assert all(found)
