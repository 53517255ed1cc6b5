from __future__ import annotations

from itertools import pairwise

import pytest
from conftest import Indexed, MakeIndex
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.index.snapshot import Snapshot
from kb.plan import MAX_WORDS, WEIGHTS, Plan, kana_lean, plan
from kb.vocabulary import LONGEST_READING, SHORTEST_READING, begun, near, read_kana


def words(snapshot: Snapshot, used: Plan) -> dict[str, float]:
    return {snapshot.term_text(number): weight for number, weight in used.words.items()}


def loose(snapshot: Snapshot, used: Plan) -> dict[str, float]:
    return {snapshot.term_text(number): weight for number, weight in used.loose.items()}


# Words


def test_typed_words_weigh_one_and_words_that_the_index_lacks_are_left_out(ja: Snapshot) -> None:
    assert words(ja, plan(ja, "返金の期限とqwrtp")) == {"返金": 1.0, "期限": 1.0}


def test_a_compound_weighs_less_beside_its_words(en: Snapshot) -> None:
    assert words(en, plan(en, "e-mail")) == {"e": 1.0, "mail": 1.0, "email": WEIGHTS.compound}


def test_a_word_that_is_typed_beside_a_compound_of_the_same_letters_keeps_its_weight(en: Snapshot) -> None:
    assert words(en, plan(en, "e-mail email"))["email"] == 1.0
    assert words(en, plan(en, "email e-mail"))["email"] == 1.0


def test_a_word_said_twice_counts_once(en: Snapshot) -> None:
    assert words(en, plan(en, "refund refund REFUNDS")) == {"refund": 1.0}


def test_of_a_long_query_the_rarest_words_are_used(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("en")
    by_frequency = sorted(snapshot.latin_words.items(), key=lambda pair: int(snapshot.df[pair[1]]))
    rare = [word for word, _ in by_frequency if len(word) < 8][:MAX_WORDS]
    common = [word for word, _ in by_frequency[-20:]]
    used = plan(snapshot, " ".join([*common, *rare]))
    assert len(used.words) == MAX_WORDS
    expected = sorted(int(snapshot.df[snapshot.latin_words[word]]) for word in rare)
    assert sorted(int(snapshot.df[number]) for number in used.words) == expected


# Kana


@pytest.mark.parametrize(
    ("text", "lean"),
    [
        ("返金", 0.0),
        ("返金したい", 0.0),
        ("へんきん", 1.0),
        ("パスワード", 0.0),
        ("パスワードのへんこう", 1.0),
        ("password", 0.0),
        ("Wi-Fiがつながらない", 1.0),
        ("返きんはいつですか", (8 / 9 - 0.7) / 0.3),
        ("", 0.0),
        ("123", 0.0),
    ],
)
def test_a_query_leans_on_readings_as_far_as_it_is_hiragana(text: str, lean: float) -> None:
    assert kana_lean(text) == pytest.approx(lean)


def test_kana_stand_for_the_words_that_are_read_so(ja: Snapshot) -> None:
    used = words(ja, plan(ja, "かいやくのてつづき"))
    assert used["解約"] == WEIGHTS.lexicon
    assert used["手続き"] == WEIGHTS.lexicon
    assert words(ja, plan(ja, "解約の手続き")) == {"解約": 1.0, "手続き": 1.0}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_kana_are_cut_where_the_sum_over_all_readings_is_highest(
    bundled: Indexed, data: st.DataObject
) -> None:
    snapshot = bundled.snapshot("ja")
    known = [reading for reading in snapshot.readings if len(reading) >= SHORTEST_READING]
    pieces = data.draw(
        st.lists(st.sampled_from(known) | st.text(st.sampled_from("あかしなのんー"), max_size=4))
    )
    run = "".join(pieces)[:40]

    best = [0.0]
    for end in range(1, len(run) + 1):
        lengths = range(SHORTEST_READING, min(LONGEST_READING, end) + 1)
        found = (
            best[end - length] + length**1.5
            for length in lengths
            if run[end - length : end] in snapshot.readings
        )
        best.append(max(best[-1], *found, 0.0))
    path = read_kana(snapshot, run)
    assert all(terms == snapshot.readings[run[start:end]] for start, end, terms in path)
    assert all(before[1] <= after[0] for before, after in pairwise(path))
    if 2 * sum(end - start for start, end, _ in path) > len(run):
        assert sum((end - start) ** 1.5 for start, end, _ in path) == pytest.approx(best[-1])


def test_katakana_keeps_its_weight_where_the_rest_is_hiragana(ja: Snapshot) -> None:
    assert words(ja, plan(ja, "パスワードをわすれた"))["ぱすわーど"] == 1.0


def test_of_words_that_sound_alike_each_weighs_less(make_index: MakeIndex) -> None:
    snapshot = make_index({"ja/a.md": "# 回答と解凍\n\n回答を待つ。冷凍品は解凍する。\n"}).snapshot("ja")
    used = words(snapshot, plan(snapshot, "かいとう"))
    assert used == pytest.approx({"回答": WEIGHTS.lexicon / 2**0.5, "解凍": WEIGHTS.lexicon / 2**0.5})


def test_a_query_with_kanji_weighs_its_bigrams_and_one_in_kana_its_reading(ja: Snapshot) -> None:
    kanji, kana = plan(ja, "返金期限"), plan(ja, "へんきん")
    assert set(kanji.grams.values()) <= {WEIGHTS.bigram, WEIGHTS.reading}
    assert WEIGHTS.bigram in kanji.grams.values()
    assert set(kana.grams.values()) == {WEIGHTS.reading_kana}


def test_the_mass_of_n_grams_counts_those_that_occur_nowhere(en: Snapshot) -> None:
    used = plan(en, "xyzzyqq")
    assert used.grams == {}
    assert used.gram_mass == pytest.approx(6 * WEIGHTS.fourgram)


# Synonyms


def test_a_synonym_weighs_half_as_much_as_what_was_typed_at_most(ja: Snapshot) -> None:
    (group,) = plan(ja, "取り替え").concepts
    assert [tuple(map(ja.term_text, each.terms)) for each in group] == [("交換",)]
    assert all(0 < each.weight <= WEIGHTS.synonym for each in group)


def test_a_rare_synonym_of_a_common_word_weighs_no_more_than_the_common_word(make_index: MakeIndex) -> None:
    files = {f"en/p{n}.md": f"# Parcel {n}\n\nThe parcel.\n" for n in range(20)}
    snapshot = make_index(
        {**files, "en/x.md": "# Package\n\nThe package.\n", "synonyms.yml": "- [parcel, package]\n"}
    ).snapshot("en")
    ((package,),) = plan(snapshot, "parcel").concepts
    parcel, number = snapshot.term("parcel"), package.terms[0]
    assert snapshot.term_text(number) == "packag"
    assert package.weight * snapshot.idf[number] == pytest.approx(
        WEIGHTS.synonym * snapshot.idf[parcel], rel=0.05
    )


def test_a_phrase_is_kept_whole_and_not_among_the_single_terms(en: Snapshot) -> None:
    used = plan(en, "refund")
    phrases = [tuple(map(en.term_text, phrase.terms)) for phrase in used.phrases()]
    assert phrases == [("money", "back")]
    assert "money" not in {en.term_text(number) for number in used.weighted_terms()}


# What was perhaps meant


def test_an_unknown_word_stands_for_the_nearest_spelling_and_for_what_it_begins(
    en: Snapshot, ja: Snapshot
) -> None:
    assert loose(en, plan(en, "refnud deadline")) == {"refund": WEIGHTS.near}
    assert loose(en, plan(en, "dead")) == {"deadlin": WEIGHTS.begun}
    assert loose(ja, plan(ja, "キャンセ")) == {"きゃんせる": WEIGHTS.near, "きゃんせる料": WEIGHTS.begun}
    assert loose(ja, plan(ja, "返金")) == {}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refnud", "refund"),
        ("refun", "refund"),
        ("rrefund", "refund"),
        ("rofund", "refund"),
        ("subscripton", "subscription"),
        ("subsciptoin", "subscription"),
        ("polices", "policies"),
        ("wify", "wifi"),
        ("id", None),
        ("rfd", None),
        ("xyzzyqqq", None),
        ("refundrefundrefundrefundrefundrefundrefundrefund", None),
    ],
)
def test_one_slip_is_forgiven_from_four_letters_on_and_two_from_eight(
    en: Snapshot, typed: str, meant: str | None
) -> None:
    found = near(en, typed)
    assert (found and found[0]) == meant
    # asked again, it is remembered
    assert near(en, typed) == found


def test_of_equally_near_words_the_one_that_shares_both_ends_is_meant(make_index: MakeIndex) -> None:
    snapshot = make_index({"en/a.md": "# Words\n\nmounting counting counting counting\n"}).snapshot("en")
    assert near(snapshot, "mounying") == ("mounting", snapshot.term("mount"))


def test_a_near_kana_word_is_known_by_how_it_is_read(ja: Snapshot) -> None:
    assert near(ja, "りょうしゅうしお") == ("りょうしゅうしょ", ja.term("領収書"))


def test_the_most_frequent_words_that_begin_so_come_first(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("en")
    found = begun(snapshot, "pass")
    assert snapshot.term_text(found[0]) == "password"
    assert begun(snapshot, "pa") == []
    assert begun(snapshot, "xyz") == []


# Readings


def test_kana_are_cut_into_the_longest_words_that_the_index_knows(ja: Snapshot) -> None:
    run = "ていきびんのかいやく"
    found = [(run[start:end], {ja.term_text(n) for n in terms}) for start, end, terms in read_kana(ja, run)]
    assert [text for text, _ in found] == ["ていきびん", "かいやく"]
    assert "解約" in found[1][1]


def test_a_chance_reading_of_three_kana_in_a_longer_run_is_none(ja: Snapshot) -> None:
    assert "りょう" in ja.readings
    assert read_kana(ja, "りょうしゅしょ") == []
    assert read_kana(ja, "りょう")[0][:2] == (0, 3)


def test_any_stretch_of_kana_is_cut_into_readings_in_order(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("ja")
    run = "".join(sorted(snapshot.readings)[:: len(snapshot.readings) // 60])[:400]
    found = read_kana(snapshot, run)
    assert len(found) > 20
    end = 0
    for start, stop, terms in found:
        assert end <= start < stop
        assert snapshot.readings[run[start:stop]] == terms
        end = stop


def test_readings_are_those_of_the_words_and_the_kana_words_themselves_the_most_frequent_first(
    bundled: Indexed,
) -> None:
    snapshot = bundled.snapshot("ja")
    assert snapshot.term("返金") in snapshot.readings["へんきん"]
    assert snapshot.readings["ぱすわーど"] == (snapshot.term("ぱすわーど"),)
    alike = [numbers for numbers in snapshot.readings.values() if len(numbers) > 1]
    assert len(alike) > 20
    for numbers in alike:
        assert [int(snapshot.df[n]) for n in numbers] == sorted(
            (int(snapshot.df[n]) for n in numbers), reverse=True
        )
