from __future__ import annotations

from urllib.parse import quote

import pytest


def test_articles_are_listed_by_page_and_category(client):
    everything = client.simulate_get(
        "/api/v1/articles", params={"locale": "en", "limit": 5, "offset": 20}
    ).json
    assert everything["total"] == 25
    assert [each["id"] for each in everything["articles"]] == [
        "many/topic-20", "many/topic-21", "many/topic-22", "returns/refund", "shipping",
    ]  # fmt: skip
    manuals = client.simulate_get("/api/v1/articles", params={"category": "manuals"}).json
    assert [each["id"] for each in manuals["articles"]] == [
        "manuals/cage/01-box", "manuals/cage/02-build", "manuals/cage/10-clean",
    ]  # fmt: skip


def test_an_article_comes_with_sections_html_and_markdown(client):
    article = client.simulate_get("/api/v1/articles/ja/returns/refund").json
    assert article["title"] == "返金について"
    assert article["description"] == "お金がいつ戻るか"
    assert article["questions"] == ["お金いつ戻る"]
    assert article["audience"] == "public"
    assert article["updated_at"] == "2026-05-01T20:00:00Z"
    assert [each["anchor"] for each in article["sections"]] == ["", "返金の期限", "口座の入力"]
    assert article["sections"][1]["url"].endswith("#%E8%BF%94%E9%87%91%E3%81%AE%E6%9C%9F%E9%99%90")
    assert '<h2 id="返金の期限">' in article["html"]
    assert "<script" not in article["html"]
    assert "## 返金の期限" in article["markdown"]
    assert article["translations"] == ["ja", "en"]
    assert article["previous"] is None


@pytest.mark.parametrize("article_id", ["returns/my file", "returns/領収書"])
def test_ids_with_spaces_and_japanese_are_found_at_their_url(client, article_id):
    answer = client.simulate_get(f"/api/v1/articles/ja/{quote(article_id)}")
    assert answer.json["id"] == article_id
    assert answer.json["url"] == f"/ja/articles/{quote(article_id)}"
    assert client.simulate_get(answer.json["url"]).status_code == 200


def test_chapters_know_their_neighbours_by_number(client):
    middle = client.simulate_get("/api/v1/articles/ja/manuals/cage/02-build").json
    assert middle["previous"]["id"] == "manuals/cage/01-box"
    assert middle["next"]["id"] == "manuals/cage/10-clean"
    last = client.simulate_get("/api/v1/articles/ja/manuals/cage/10-clean").json
    assert last["next"] is None


def test_an_unchanged_article_costs_a_304(client):
    first = client.simulate_get("/api/v1/articles/ja/returns/refund")
    tag = first.headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.simulate_get("/api/v1/articles/ja/returns/refund", headers={"If-None-Match": sent})
        assert again.status_code == 304
        assert again.text == ""
        assert again.headers["etag"] == tag
    other = client.simulate_get("/api/v1/articles/ja/returns/refund", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_related_articles_say_why(client):
    answer = client.simulate_get("/api/v1/articles/ja/returns/refund/related", params={"limit": 2}).json
    assert answer["related"][0]["id"] == "returns/conditions"
    assert answer["related"][0]["reason"] == "pinned"
    assert len(answer["related"]) <= 2


def test_an_archived_article_is_gone_and_its_relations_too(client):
    for path in (
        "/api/v1/articles/ja/returns/old",
        "/api/v1/articles/ja/returns/old/related",
        "/ja/articles/returns/old",
    ):
        assert client.simulate_get(path).status_code == 410


def test_head_answers_like_get_without_a_body(client):
    got = client.simulate_get("/api/v1/articles/ja/returns/refund")
    head = client.simulate_head("/api/v1/articles/ja/returns/refund")
    assert head.text == ""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == got.headers["etag"]


def test_options_names_the_methods(client):
    assert set(client.simulate_options("/api/v1/search").headers["allow"].split(", ")) >= {"GET", "HEAD"}
