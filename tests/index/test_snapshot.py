from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import Indexed, MakeIndex
from hypothesis import given
from hypothesis import strategies as st

from kb.index.blob import Blob, Mapped, load, offsets
from kb.index.impacts import bm25, quantised
from kb.index.records import field_tokens, records_of
from kb.index.saver import saving
from kb.index.schema import FIELDS
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.text.analyze import analyze

# Blobs


@given(st.lists(st.binary(max_size=12)), st.binary(max_size=12))
def test_a_blob_gives_back_what_was_saved_and_finds_it_when_sorted(
    tmp_path_factory: pytest.TempPathFactory, items: list[bytes], wanted: bytes
) -> None:
    folder = tmp_path_factory.mktemp("blob")
    with saving(folder) as (made,):
        made.save_blob("plain", items)
        made.save_blob("sorted", sorted(set(items)))
    files = Mapped(folder)
    plain = Blob(files, "plain")
    assert [plain[number] for number in range(len(plain))] == list(plain) == items
    ordered = sorted(set(items))
    blob = Blob(files, "sorted")
    assert [blob.find(item) for item in ordered] == list(range(len(ordered)))
    assert blob.find(wanted) == (ordered.index(wanted) if wanted in ordered else -1)
    assert blob.bisect(wanted) == sum(item < wanted for item in ordered)


def test_arrays_are_mapped_read_only(tmp_path: Path) -> None:
    with saving(tmp_path) as (made,):
        made.save("numbers", offsets([2, 0, 3]))
    array = load(Mapped(tmp_path), "numbers")
    assert array.tolist() == [0, 2, 2, 5]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


# What a snapshot says of its articles


@pytest.mark.parametrize("audience", list(Audience))
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_articles_sections_and_questions_are_numbered_in_the_order_of_ids(
    miniature: Indexed, locale: str, audience: Audience
) -> None:
    snapshot = miniature.snapshot(locale, audience)
    articles = [snapshot.article(number) for number in range(snapshot.meta.articles)]
    assert [each.id for each in articles] == sorted(each.id for each in articles)
    published = [
        each for each in miniature.tree.articles if each.locale == locale and each.status == "published"
    ]
    expected = {each.id for each in published if audience is Audience.AGENT or each.audience == "public"}
    assert {each.id for each in articles} == expected
    for number, article in enumerate(articles):
        assert snapshot.find_article(article.id) == number
        first, end = snapshot.article_sections[number : number + 2]
        shown = [snapshot.passage(row) for row in range(first, end)]
        assert [(each.anchor, each.heading) for each in shown] == [
            (s.anchor, s.title) for s in article.sections
        ]
        assert set(snapshot.section_article[first:end].tolist()) == {number}
        assert np.diff(snapshot.article_questions)[number] == len(article.questions)
        card = snapshot.card(number)
        assert (card.id, card.title, card.tags, card.audience) == (
            article.id,
            article.title,
            article.tags,
            article.audience,
        )
    assert snapshot.find_article("no/such") == snapshot.find_article("\udcff") == -1


def test_a_leads_text_begins_with_the_description(ja: Snapshot) -> None:
    lead = ja.passage(int(ja.article_sections[ja.find_article("orders/refund")]))
    assert lead.text.startswith("お金がいつ戻るかを説明します。\n返金の手続き")


def test_terms_are_found_by_their_text_and_told_as_written(ja: Snapshot, en: Snapshot) -> None:
    for snapshot in (ja, en):
        for number in range(snapshot.meta.terms):
            assert snapshot.term(snapshot.term_text(number)) == number
            assert snapshot.surface(number)
    assert ja.surface(ja.term("ぱすわーど")) == "パスワード"
    assert en.surface(en.term("polici")) == "policies"
    assert en.surface(en.term("deadlin")) == "deadline"
    assert ja.term("qwrtp") == ja.term("") == -1


def test_every_written_form_of_a_word_is_known_to_belong_to_it(en: Snapshot) -> None:
    for form in ("refund", "refunds", "cancel", "cancelled", "cancellation", "wifi", "email"):
        assert en.latin_words[form] == en.term(analyze(form).tokens[0].term)


# Impacts


def rounded(terms: Counter[str]) -> float:
    return float(quantised(np.array([terms.total()]))[0])


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_impacts_are_the_formula_summed_over_fields(miniature: Indexed, locale: str) -> None:
    """Worked from the articles themselves, with lengths rounded as Whoosh rounds them."""
    snapshot = miniature.snapshot(locale)
    records = [records_of(snapshot.article(number)) for number in range(snapshot.meta.articles)]
    counted = [
        {name: Counter(token.term for token in field_tokens(name, owner, section)) for name in FIELDS}
        for owner, sections in records
        for section in sections
    ]
    assert len(counted) == snapshot.meta.sections
    averages = {name: sum(row[name].total() for row in counted) / len(counted) for name in FIELDS}
    assert snapshot.meta.averages == pytest.approx(averages)
    for number in range(0, snapshot.meta.terms, 3):
        term = snapshot.term_text(number)
        expected = {}
        for row, fields in enumerate(counted):
            score = sum(
                boost
                * float(
                    bm25(snapshot.idf[number], fields[name][term], rounded(fields[name]), averages[name], b)
                )
                for name, (boost, b) in FIELDS.items()
                if fields[name][term]
            )
            if score:
                expected[row] = score
        rows, impact = snapshot.words.of(number)
        ours = {int(r): float(i) for r, i in zip(rows, impact, strict=True) if r < snapshot.meta.sections}
        assert ours == pytest.approx(expected, rel=1e-4), term
        assert snapshot.df[number] == len(expected)


def test_a_word_of_questions_alone_has_rows_for_the_lead_and_for_its_line(ja: Snapshot) -> None:
    rows, _ = ja.words.of(ja.term(analyze("やめたい").tokens[0].term))
    articles = [ja.find_article("account/close"), ja.find_article("account/subscription")]
    leads = [int(ja.article_sections[article]) for article in articles]
    lines = [ja.meta.sections + int(ja.article_questions[article]) for article in articles]
    assert rows.tolist() == [*leads, *lines]


def test_postings_are_in_order_of_rows_and_never_negative(bundled: Indexed) -> None:
    snapshot = bundled.snapshot("ja")
    for lists, count in ((snapshot.words, snapshot.meta.terms), (snapshot.grams, len(snapshot.gram_codes))):
        for number in range(0, count, 7):
            rows, impact = lists.of(number)
            assert (np.diff(rows) > 0).all()
            assert (impact >= 0).all()
            assert len(rows)


def test_an_n_gram_is_found_by_its_code(ja: Snapshot) -> None:
    codes = ja.gram_codes
    assert ja.known_grams(codes[:1]) == [0]
    assert ja.known_grams(codes[-1:]) == [len(codes) - 1]
    unknown = np.array([5, 2**64 - 1], np.uint64)
    assert ja.known_grams(unknown) == []
    assert ja.known_grams(np.concatenate((unknown, codes[3:5]))) == [3, 4]


# Words in order, for snippets


def test_the_forward_index_holds_the_tokens_of_each_section_where_they_stand(miniature: Indexed) -> None:
    for locale in ("ja", "en"):
        snapshot = miniature.snapshot(locale)
        for section in range(snapshot.meta.sections):
            start, end = snapshot.forward_ptr[section : section + 2]
            tokens = analyze(snapshot.passage(section).text).tokens
            terms = [snapshot.term_text(int(number)) for number in snapshot.forward_term[start:end]]
            assert terms == [token.term for token in tokens]
            assert snapshot.forward_start[start:end].tolist() == [token.start for token in tokens]
            assert snapshot.forward_end[start:end].tolist() == [token.end for token in tokens]


# Facets


def test_facets_list_the_values_of_each_article(ja: Snapshot) -> None:
    for name, facet in ja.facets.items():
        for number in range(ja.meta.articles):
            card = ja.card(number)
            values = [facet.names[v] for v in facet.values[facet.ptr[number] : facet.ptr[number + 1]]]
            assert values == ([card.category] if name == "category" else list(getattr(card, name)))


def test_a_locale_of_one_article_without_any_word_can_be_compiled(make_index: MakeIndex) -> None:
    snapshot = make_index({"en/a.md": "# !\n"}).snapshot("en")
    assert (snapshot.meta.articles, snapshot.meta.terms) == (1, 0)
    assert snapshot.readings == snapshot.latin_words == {}
