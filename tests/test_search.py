from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from conftest import Indexed, MakeIndex
from hypothesis import example, given
from hypothesis import strategies as st

from kb.errors import BadParameter
from kb.index import kernel
from kb.index.generation import live_folder
from kb.index.layout import locale_folder
from kb.index.scorer import MAX_SECTIONS, written
from kb.index.snapshot import Snapshot
from kb.model import Audience, Correction
from kb.plan import plan
from kb.search import CORRECTED_SHARE, Query, Results, read_hit, search
from kb.snippets import sought
from kb.spelling import candidates
from kb.suggest import suggest
from kb.text.normalize import clean_query


def ids(results: Results) -> list[str]:
    return [hit.card.id for hit in results.hits]


def find(snapshot: Snapshot, text: str, **page: object) -> Results:
    return search(snapshot, Query(text=clean_query(text), **page))  # type: ignore[arg-type]


# What is found


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("返金", "orders/refund"),
        ("返金の期限", "orders/refund"),
        ("お金はいつ戻る", "orders/refund"),
        ("キャンセル", "orders/cancel"),
        ("ｷｬﾝｾﾙ", "orders/cancel"),
        ("ゴミ", "home/trash"),
        ("ごみ", "home/trash"),
        ("申し込み", "orders/refund"),
        ("申込み", "orders/refund"),
        ("サーバ", "home/server"),
        ("問合せ", "home/contact"),
        ("引越し", "home/contact"),
        ("会員ID", "account/id"),
        ("Ｅメール ID", "account/id"),
        ("email", "account/id"),
        ("wifi", "home/network"),
        ("wi-fi", "home/network"),
        ("ﾊﾟｽﾜｰﾄﾞ", "account/password"),
        ("かいやく", "account/subscription"),
        ("りょうしゅうしょ", "orders/receipt"),
        ("へんきん", "orders/refund"),
        ("3000円", "faq/delivery"),
    ],
)
def test_a_japanese_need_finds_its_article_first(ja: Snapshot, query: str, first: str) -> None:
    results = find(ja, query)
    assert ids(results)[0] == first
    assert results.hits[0].strict
    assert results.corrected is None


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("refund", "orders/refund"),
        ("REFUNDS", "orders/refund"),
        ("how long does a refund take", "orders/refund"),
        ("cancelling my order", "orders/cancel"),
        ("cancellation fee", "orders/cancel"),
        ("wifi", "home/network"),
        ("member ID", "account/id"),
        ("id", "account/id"),
        ("i dont know my password", "account/password"),
        ("email", "account/password"),
        ("policy", "home/policies"),
        ("3000 pounds", "faq/delivery"),
        ("swap", "orders/exchange"),
    ],
)
def test_an_english_need_finds_its_article_first(en: Snapshot, query: str, first: str) -> None:
    results = find(en, query)
    assert ids(results)[0] == first
    assert results.corrected is None


@pytest.mark.parametrize(
    ("typed", "group"),
    [("払い戻し", "返金"), ("お金を返す", "返金"), ("password", "パスワード"), ("取り替え", "交換")],
)
def test_a_synonym_finds_strictly_what_the_other_word_finds(ja: Snapshot, typed: str, group: str) -> None:
    other = find(ja, typed, limit=50)
    assert other.total >= 1
    assert ids(find(ja, group))[0] in ids(other)[:2]


def test_a_synonym_of_several_words_counts_only_where_all_of_them_stand(make_index: MakeIndex) -> None:
    snapshot = make_index(
        {
            "synonyms.yml": "- [refund, money back]\n",
            "en/a.md": "# One\n\nWe give your money back in a week.\n",
            "en/b.md": "# Two\n\nMoney is nice.\n",
            "en/c.md": "# Three\n\nCome back soon.\n",
        }
    ).snapshot("en")
    assert ids(find(snapshot, "refund")) == ["a"]


def test_a_hit_points_at_its_best_section(ja: Snapshot) -> None:
    best = find(ja, "口座への振込").hits[0]
    assert (best.card.id, best.section.anchor, best.section.title) == (
        "orders/refund",
        "口座への振込",
        "口座への振込",
    )
    lead = find(ja, "営業日 カード会社").hits[0]
    assert (lead.section.anchor, lead.section.title) == ("", "")


def test_a_page_may_answer_with_several_sections_but_no_more_than_three(make_index: MakeIndex) -> None:
    asked = [f"## May I feed the owl at {hour}?\n\nThe owl eats at {hour}.\n\n" for hour in range(1, 6)]
    other = "## Opening hours\n\nThe shop closes when the owl wakes up and everybody has gone home.\n"
    snapshot = make_index({"en/faq/owl.md": "# FAQ\n\n" + "".join(asked) + other}).snapshot("en")
    (hit,) = find(snapshot, "feed the owl").hits
    assert hit.sections[0] == hit.section
    assert len(set(hit.sections)) == len(hit.sections) == MAX_SECTIONS
    assert "Opening hours" not in {section.title for section in hit.sections}


def test_one_article_is_one_hit(ja: Snapshot) -> None:
    found = ids(find(ja, "返金 期限 口座 送料 発送 商品", limit=50))
    assert len(found) == len(set(found)) > 4


def test_a_question_line_raises_its_article_above_one_that_scatters_the_words(make_index: MakeIndex) -> None:
    text = "The blue lamp is on the roof. " * 3
    snapshot = make_index(
        {
            "en/a.md": f"# Lights\n\n{text}",
            "en/b.md": f"---\nquestions: [why is the blue lamp on]\n---\n# Lights too\n\n{text}",
        }
    ).snapshot("en")
    assert ids(find(snapshot, "why is the blue lamp on"))[0] == "b"


# total and facets


def test_the_total_counts_strict_matches_only_and_n_gram_hits_stand_below_them(
    ja: Snapshot, en: Snapshot
) -> None:
    loose = 0
    for snapshot, queries in (
        (ja, ["返金", "送料", "ごみ箱", "登録変更", "発送 届け先", "キャンセル料", "会員証"]),
        (en, ["refunding", "shipment", "cancel", "passwords lost", "network address", "bankers"]),
    ):
        for query in queries:
            results = find(snapshot, query, limit=50)
            strict = [hit.strict for hit in results.hits]
            assert strict == sorted(strict, reverse=True), query
            assert sum(strict) == results.total, query
            assert sum(count for _, count in results.facets["category"]) == results.total, query
            loose += len(strict) - sum(strict)
    assert loose > 3


def test_hits_of_one_kind_stand_by_score(ja: Snapshot) -> None:
    hits = find(ja, "返金 期限 口座 送料", limit=50).hits
    for kind in (True, False):
        scores = [hit.score for hit in hits if hit.strict is kind]
        assert scores == sorted(scores, reverse=True)


def test_facets_count_by_category_the_most_frequent_first(ja: Snapshot) -> None:
    results = find(ja, "商品 送料 パスワード", limit=50)
    counted: dict[str, int] = {}
    for hit in results.hits:
        if hit.strict:
            counted[hit.card.category] = counted.get(hit.card.category, 0) + 1
    assert dict(results.facets["category"]) == counted
    counts = [count for _, count in results.facets["category"]]
    assert counts == sorted(counts, reverse=True)
    assert len(counts) > 2


# Filters


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"category": "orders"}, lambda card: card.category == "orders"),
        ({"tag": "返金"}, lambda card: "返金" in card.tags),
        ({"product": "nest-box"}, lambda card: "nest-box" in card.products),
        ({"category": "orders", "product": "feeder"}, lambda card: card.id == "orders/exchange"),
    ],
)
def test_a_filter_leaves_what_fits_and_nothing_else(
    ja: Snapshot, given: dict[str, str], holds: object
) -> None:
    everything = find(ja, "商品 返金 送料 パスワード", limit=50)
    expected = [hit.card.id for hit in everything.hits if holds(hit.card)]  # type: ignore[operator]
    filtered = find(ja, "商品 返金 送料 パスワード", limit=50, **given)
    assert [hit.card.id for hit in filtered.hits] == expected != []
    assert filtered.total == sum(hit.strict for hit in filtered.hits)


def test_a_facet_ignores_its_own_filter_but_not_the_others(ja: Snapshot) -> None:
    free = find(ja, "商品 返金 送料")
    assert find(ja, "商品 返金 送料", category="orders").facets == free.facets
    assert dict(find(ja, "商品 返金 送料", product="feeder").facets["category"]) == {"orders": 1}


@pytest.mark.parametrize(
    "given",
    [{"category": "nope"}, {"tag": "返"}, {"product": "nest"}, {"category": "orders", "tag": "ログイン"}],
)
def test_a_filter_that_nothing_fits_gives_an_empty_page(ja: Snapshot, given: dict[str, str]) -> None:
    results = find(ja, "返金", **given)
    assert (results.total, results.hits) == (0, ())


def test_a_filter_does_not_turn_a_strict_match_into_a_correction(ja: Snapshot) -> None:
    assert find(ja, "返金", category="home").corrected is None


# Pages


@pytest.mark.parametrize(
    ("locale", "query"),
    [("ja", "領収書"), ("ja", "かいやく"), ("en", "receipt"), ("en", "recipt"), ("en", "how do I")],
)
def test_pages_follow_each_other_without_overlap_or_gap(bundled: Indexed, locale: str, query: str) -> None:
    snapshot, pinned = bundled.snapshot(locale), bundled.generation.pinned(locale, query)

    def page(limit: int, offset: int) -> list[str]:
        return ids(search(snapshot, Query(text=query, limit=limit, offset=offset), pinned))

    everything = page(50, 0)
    assert len(everything) > 4
    for size in (1, 2, 3, 7):
        pages = [page(size, offset) for offset in range(0, 50, size)]
        assert [article for each in pages for article in each][:50] == everything


def test_pages_of_equal_scores_do_not_overlap(make_index: MakeIndex) -> None:
    snapshot = make_index({f"en/p{n:02}.md": "# Parrot\n\nThe parrot speaks.\n" for n in range(25)}).snapshot(
        "en"
    )
    pages = [ids(find(snapshot, "parrot", limit=4, offset=offset)) for offset in range(0, 28, 4)]
    assert [article for each in pages for article in each] == [f"p{n:02}" for n in range(25)]


@pytest.mark.parametrize("offset", [50, 1000, 10**9])
def test_an_offset_beyond_the_end_is_an_empty_page_with_the_same_total(ja: Snapshot, offset: int) -> None:
    results = find(ja, "返金", offset=offset)
    assert results.hits == ()
    assert results.total == find(ja, "返金").total > 0


# Pins


def test_pinned_articles_come_first_in_their_order_and_once(miniature: Indexed) -> None:
    pinned = miniature.generation.pinned("ja", "払い戻し")
    results = search(miniature.snapshot("ja"), Query(text="払い戻し"), pinned)
    assert ids(results)[:2] == ["orders/cancel", "orders/refund"]
    assert ids(results).count("orders/cancel") == 1


def test_a_pinned_article_without_a_match_is_shown_but_not_counted(miniature: Indexed, en: Snapshot) -> None:
    pinned = miniature.generation.pinned("en", "gift wrap")
    assert pinned == ("orders/exchange",)
    results = search(en, Query(text="gift wrap"), pinned)
    assert ids(results)[0] == "orders/exchange"
    assert results.total == 0
    assert results.hits[0].snippet.text


def test_a_pin_obeys_the_filters_and_unknown_ids_are_passed_over(ja: Snapshot) -> None:
    pinned = ("home/trash", "no/such", "orders/refund", "\udcff")
    assert ids(search(ja, Query(text="返金", category="orders"), pinned))[0] == "orders/refund"
    assert "home/trash" not in ids(search(ja, Query(text="返金", category="orders"), pinned))


# Corrections


@pytest.mark.parametrize(
    ("query", "corrected", "first"),
    [
        ("henkin", "返金", "orders/refund"),
        ("pasuwa-do", "パスワード", "account/password"),
        ("ぱすわど", "パスワード", "account/password"),
        ("パスワドー", "パスワード", "account/password"),
        ("^ygy", "返金", "orders/refund"),
        ("ぱっsをrd", "password", "account/password"),
        ("せちととてらすし", "password", "account/password"),
        ("りょうしゅしょ", "領収書", "orders/receipt"),
        ("kaiyaku", "解約", "account/subscription"),
        ("wifii", "wifi", "home/network"),
    ],
)
def test_in_japanese_what_was_meant_is_searched_and_said(
    ja: Snapshot, query: str, corrected: str, first: str
) -> None:
    results = find(ja, query)
    assert results.corrected == Correction(query=corrected, applied=True)
    assert ids(results)[0] == first
    assert results.total == find(ja, corrected).total > 0


@pytest.mark.parametrize(
    ("query", "corrected", "first"),
    [
        ("refnud", "refund", "orders/refund"),
        ("pasword", "password", "account/password"),
        ("shiping", "shipping", "faq/delivery"),
        ("canncel", "cancel", "orders/cancel"),
        ("ぱっsをrd", "password", "account/password"),
        ("せちととてらすし", "password", "account/password"),
        ("れふんd", "refund", "orders/refund"),
        ("pasword adress", "password address", "account/password"),
        ("polices", "policies", "home/policies"),
    ],
)
def test_in_english_what_was_meant_is_searched_and_said(
    en: Snapshot, query: str, corrected: str, first: str
) -> None:
    results = find(en, query)
    assert results.corrected == Correction(query=corrected, applied=True)
    assert first in ids(results)[:2]
    assert results.total == find(en, corrected).total > 0


@pytest.mark.parametrize(
    "query", ["返金", "へんきん", "返金 qwrtp", "password", "wifi", "お金を返す", "refund"]
)
def test_nothing_is_corrected_when_something_strictly_matches(ja: Snapshot, query: str) -> None:
    results = find(ja, query)
    assert results.total > 0
    assert results.corrected is None


@pytest.mark.parametrize(
    "query", ["xyzzyqqq", "qwrtpsdfg", "凸凹", "👍", "12345678", "ぬゐゑ", "a", "zzzz zzzz zzzz"]
)
def test_what_nobody_can_have_meant_is_not_corrected(ja: Snapshot, en: Snapshot, query: str) -> None:
    for snapshot in (ja, en):
        results = find(snapshot, query)
        assert results.corrected is None
        assert results.total == 0


def test_a_hit_for_what_was_perhaps_meant_is_worth_half(en: Snapshot) -> None:
    meant, typed = find(en, "refund"), find(en, "refnud")
    assert [hit.score for hit in typed.hits] == pytest.approx(
        [CORRECTED_SHARE * hit.score for hit in meant.hits], abs=1e-3
    )


# Any query


HOSTILE = [
    "NOT NOT",
    "*",
    "?",
    "a:b",
    "title:返金",
    "((((((((",
    '"""""',
    "[a TO b]",
    "refund~5",
    "^",
    "\\",
    "%00",
    "<script>",
    "'; DROP TABLE articles; --",
    "1=1 OR 1=1",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "\u202eabc",
    "\ufeff",
    "\u200b",
    "👨‍👩‍👧‍👦" * 20,
    "ﷺ" * 20,
    "し" * 400,
    "a*" * 200,
    "ー" * 400,
    "っ" * 400,
    "\u0301" * 400,
    "ぱっs" * 100,
    "^ygy" * 100,
    " ".join("しちつ" * 10 for _ in range(12)),
    "返品したいのですが、" * 40,
    "か゛" * 130,
    "{{7*7}}",
    "\U0010ffff",
    "ﾞ",
    "㍿" * 90,
]


@pytest.mark.parametrize("query", HOSTILE)
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_hostile_queries_get_an_ordinary_answer(bundled: Indexed, locale: str, query: str) -> None:
    results = find(bundled.snapshot(locale), query)
    assert len(results.hits) <= 10
    assert results.query == clean_query(query)


PIECES = [
    "返金",
    "refnud",
    "henkin",
    "ﾊﾟｽ",
    "NOT",
    "*",
    "e-mail",
    "お金を",
    "👍🏽",
    "\u0301",
    "'",
    " ",
    "\u3000",
]
ASKED = st.one_of(
    st.text(max_size=80),
    st.text(st.sampled_from("abcdehiknoprstuwy'- "), max_size=60),
    st.text(st.sampled_from("あいうえおかきくけこへんきんパスワードをっゃゅょー　返金abs゛゜"), max_size=60),
    st.text(st.sampled_from("^ygy@[:;,./\\t:ehぱすわど"), max_size=30),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
)


@pytest.mark.parametrize("locale", ["ja", "en"])
@given(raw=ASKED, limit=st.integers(1, 50), offset=st.integers(0, 60))
@example(raw="\x00", limit=1, offset=0)
@example(raw="\ud800", limit=1, offset=0)
def test_any_text_is_refused_or_answered_by_search_suggestions_and_corrections(
    miniature: Indexed, locale: str, raw: str, limit: int, offset: int
) -> None:
    try:
        text = clean_query(raw)
    except BadParameter:
        return
    snapshot = miniature.snapshot(locale)
    results = search(snapshot, Query(text=text, limit=limit, offset=offset))
    assert len(results.hits) <= limit
    assert 0 <= results.total <= snapshot.meta.articles
    for hit in results.hits:
        assert hit.score >= 0
        assert all(0 <= mark.start < mark.end <= len(hit.snippet.text) for mark in hit.snippet.marks)
        assert all(0 <= mark.start < mark.end <= len(hit.card.title) for mark in hit.title_marks)
    assert len(suggest(snapshot, text, 8)) <= 8
    assert text not in candidates(snapshot, text)


def test_an_index_without_articles_answers_with_nothing(make_index: MakeIndex) -> None:
    indexed = make_index({"kb.yml": "locales: [ja]\ndefault_locale: ja\n"})
    snapshot = indexed.snapshot("ja")
    for query in ("返金", "henkin", "refund"):
        results = find(snapshot, query)
        assert (results.total, results.hits, results.facets) == (0, (), {"category": ()})
        assert suggest(snapshot, query) == ()


def test_a_snapshot_that_was_replaced_can_be_forgotten(miniature: Indexed) -> None:
    """Nothing that searching remembers may keep the files of an old generation open."""
    folder: Path = (
        locale_folder(miniature.var, live_folder(miniature.var), Audience.PUBLIC, "en") / "snapshot"
    )
    snapshot = Snapshot(folder)
    for query in ("refnud", "pasword", "henkin", "ぱすわど", "refund"):
        find(snapshot, query)
        suggest(snapshot, query)
    gone = weakref.ref(snapshot)
    del snapshot
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", ["auto", "numpy"])
@given(score=st.floats(0, 1e6, width=32) | st.integers(0, 10**6).map(lambda number: number / 64))
@example(score=0.03125)
def test_scores_have_four_places_rounded_as_python_rounds(bundled: Indexed, name: str, score: float) -> None:
    snapshot = bundled.snapshot("ja")
    kernel.choose(name)
    try:
        looked_for = sought(snapshot, plan(snapshot, "返金"))
        for sure in (1.0, CORRECTED_SHARE):
            page = written([(0, score, True, (0,))])
            (record,) = looked_for.records(page, snapshot.card, snapshot.passage, sure)
            # what no query reaches is not told apart
            assert read_hit(snapshot, record).score == min(round(sure * score, 4), 214748.3647)
    finally:
        kernel.choose("auto")
