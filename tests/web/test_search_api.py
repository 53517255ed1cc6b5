from __future__ import annotations

import re

import pytest


def search(client, **params):
    answer = client.simulate_get("/api/v1/search", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_an_answer_has_every_field_of_the_contract(client):
    answer = search(client, q="返金の期限")
    assert set(answer) == {
        "query", "locale", "search_id", "total", "took_ms", "generation", "corrected", "hits", "facets",
    }  # fmt: skip
    assert set(answer["hits"][0]) >= {
        "id", "locale", "url", "title", "kind", "section", "sections", "snippet", "snippet_html",
        "title_html", "score", "category", "tags", "audience", "updated_at",
    }  # fmt: skip
    assert answer["query"] == "返金の期限"
    assert answer["corrected"] is None
    assert answer["took_ms"] > 0


def test_a_hit_points_at_its_best_section_with_an_escaped_anchor(client):
    hit = search(client, q="返金の期限")["hits"][0]
    assert hit["id"] == "returns/refund"
    assert hit["section"] == {"anchor": "返金の期限", "title": "返金の期限"}
    assert hit["url"] == "/ja/articles/returns/refund#%E8%BF%94%E9%87%91%E3%81%AE%E6%9C%9F%E9%99%90"
    assert hit["sections"][0] == {**hit["section"], "url": hit["url"]}
    assert hit["updated_at"] == "2026-05-01T20:00:00Z"


def test_marks_are_character_positions_and_the_html_is_escaped_before_they_are_set(client):
    hit = search(client, q="引用")["hits"][0]
    text, marks = hit["snippet"]["text"], hit["snippet"]["marks"]
    assert [text[start:end] for start, end in marks] == ["引用"]
    assert "5 &lt; 6 &amp; &quot;<mark>引用</mark>&quot;" in hit["snippet_html"]
    assert re.sub(r"</?mark>", "", hit["snippet_html"]).count("<") == 0


def test_title_html_marks_the_words_of_the_title(client):
    hits = search(client, q="返金")["hits"]
    assert (
        next(hit for hit in hits if hit["id"] == "returns/refund")["title_html"]
        == "<mark>返金</mark>について"
    )


def test_each_answer_has_a_search_id_of_its_own(client):
    assert search(client, q="返金")["search_id"] != search(client, q="返金")["search_id"]


def test_the_default_locale_answers_when_none_is_named(client):
    assert search(client, q="refund")["locale"] == "ja"
    assert search(client, q="refund", locale="en")["hits"][0]["title"] == "When you get your refund"


def test_facets_count_the_strict_matches_of_each_category(client):
    answer = search(client, q="返金")
    assert answer["facets"]["category"] == [{"value": "returns", "count": answer["total"]}]


def test_a_filter_leaves_only_its_articles_and_an_unknown_value_none(client):
    assert search(client, q="鳥かご", category="manuals")["total"] == 3
    assert search(client, q="鳥かご", category="returns")["hits"] == []
    assert search(client, q="返金", tag="返金")["total"] == 1
    assert search(client, q="返金", product="かご")["total"] == 0


def test_pages_follow_each_other_without_overlap_and_end_empty(client):
    ids = []
    for offset in range(0, 30, 10):
        page = search(client, q="parrot", locale="en", offset=offset)
        assert page["total"] == 23
        ids += [hit["id"] for hit in page["hits"]]
    assert len(ids) == len(set(ids)) == 23
    assert search(client, q="parrot", locale="en", offset=10**30)["hits"] == []


def test_pinned_articles_come_first_for_their_query(client):
    assert search(client, q="羽根")["hits"][0]["id"] == "returns/conditions"


def test_a_client_may_name_its_intent(client):
    search(client, q="返金", intent="abc-DEF_123")


def test_suggestions_have_a_text_a_kind_and_an_address(client):
    answer = client.simulate_get("/api/v1/suggest", params={"q": "へんき"}).json
    assert {"text": "返金について", "kind": "title", "url": "/ja/articles/returns/refund"} in answer[
        "suggestions"
    ]
    assert {each["kind"] for each in answer["suggestions"]} <= {"title", "question"}


def test_suggestions_keep_to_their_limit(client):
    answer = client.simulate_get("/api/v1/suggest", params={"q": "parrot", "locale": "en", "limit": 3}).json
    assert len(answer["suggestions"]) == 3


@pytest.mark.parametrize(
    "query", ["返金", "%", "' OR 1=1", "((((", "NOT NOT", "*:*", "<script>", "😀", "a" * 400, "返" * 400]
)
def test_no_query_is_too_odd_to_be_answered(client, query):
    search(client, q=query)
