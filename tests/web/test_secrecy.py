"""What is hidden must not be told apart from what never was, by any answer."""

from __future__ import annotations

import pytest

HIDDEN = ["agents/secret", "returns/draft", "returns/never-was"]


@pytest.mark.parametrize(
    "place",
    ["/api/v1/articles/ja/{}", "/api/v1/articles/ja/{}/related", "/ja/articles/{}", "/ja/articles/{}.md"],
)
def test_hidden_drafted_and_unknown_articles_answer_the_same(client, place):
    answers = [
        client.simulate_get(place.format(each), headers={"X-Request-Id": "same-request"}) for each in HIDDEN
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text.replace(each, "") for answer, each in zip(answers, HIDDEN, strict=True)}) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/articles?limit=50",
        "/ja/",
        "/ja/contact",
        "/ja/search",
        "/sitemap.xml",
        "/llms.txt",
        "/ja/feed.atom",
        "/readyz",
        "/openapi.json",
        "/api/v1/search?q=%E8%BF%94%E9%87%91&limit=50",
        "/ja/search?q=%E8%BF%94%E9%87%91",
        "/api/v1/search?q=%E3%83%A4%E3%83%9E%E3%82%AC%E3%83%A9",
        "/ja/search?q=%E3%83%A4%E3%83%9E%E3%82%AC%E3%83%A9",
        "/api/v1/suggest?q=%E8%BF%94%E9%87%91%E3%81%AE",
        "/api/v1/articles/ja/returns/refund/related?limit=50",
    ],
)
def test_no_list_names_hidden_articles(client, path):
    path, _, query = path.partition("?")
    text = client.simulate_get(path, query_string=query).text
    for word in ("secret", "裏技", "合言葉", "下書き", "応対係用", "agents"):
        assert word not in text


def test_a_category_of_hidden_articles_does_not_exist(client):
    assert client.simulate_get("/ja/categories/agents").status_code == 404
    assert client.simulate_get("/api/v1/articles", params={"category": "agents"}).json == {
        "total": 0,
        "articles": [],
    }


def test_the_pictures_of_hidden_articles_are_not_served(client):
    assert client.simulate_get("/media/ja/img/box.png").status_code == 200
    assert client.simulate_get("/media/ja/img/secret.png").status_code == 404
    for path in ("/media/kb.yml", "/media/ja/returns/refund.md", "/media/../kb.yml", "/media/%2e%2e/kb.yml"):
        assert client.simulate_get(path).status_code == 404
