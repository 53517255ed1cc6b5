"""Programs written for Zendesk's Help Center API find our articles unchanged, and never an agents-only one."""

from __future__ import annotations

from kb.deflection.facts import FeedbackGiven, SearchRan
from kb.web.zendesk import number_of

ROOT = "/api/v2/help_center"


def test_a_search_answers_in_zendesks_shape_with_the_ranking_of_the_api(client):
    for ending in ("", ".json"):
        found = client.simulate_get(f"{ROOT}/articles/search{ending}", params={"query": "返金"}).json
        ours = client.simulate_get("/api/v1/search", params={"q": "返金"}).json
        assert [each["title"] for each in found["results"]] == [each["title"] for each in ours["hits"]]
        assert found["count"] == ours["total"] == 2
        assert (found["page"], found["page_count"], found["per_page"]) == (1, 1, 25)
        assert found["next_page"] is found["previous_page"] is None
        first = found["results"][0]
        assert first["result_type"] == "article"
        assert "<em>返金</em>" in first["snippet"]
        assert first["html_url"].endswith("/ja/articles/returns/refund")
        assert first["label_names"] == ["返金"]


def test_pages_lead_to_each_other(client):
    asked = {"query": "parrot", "locale": "en-us", "per_page": 10}
    seen, page = [], client.simulate_get(f"{ROOT}/articles/search.json", params=asked).json
    while True:
        seen += [each["id"] for each in page["results"]]
        if page["next_page"] is None:
            break
        path, _, query = page["next_page"].partition("?")
        page = client.simulate_get(path.removeprefix("http://falconframework.org"), query_string=query).json
    assert len(seen) == len(set(seen)) == page["count"] == 23
    assert (page["page"], page["page_count"]) == (3, 3)


def test_articles_are_listed_by_pages_and_by_cursors_without_doubles(client):
    by_page = [
        each["id"]
        for page in range(1, 4)
        for each in client.simulate_get(
            f"{ROOT}/en/articles.json", params={"page": page, "per_page": 10}
        ).json["articles"]
    ]
    by_cursor, after = [], ""
    while after is not None:
        query = f"page%5Bsize%5D=10&page%5Bafter%5D={after}"
        found = client.simulate_get(f"{ROOT}/en/articles", query_string=query).json
        by_cursor += [each["id"] for each in found["articles"]]
        after = found["meta"]["after_cursor"]
        assert found["meta"]["has_more"] == (after is not None)
    assert by_page == by_cursor
    assert len(set(by_page)) == 25


def test_an_article_has_one_number_in_all_languages_and_answers_to_its_own_id_too(client):
    number = number_of("returns/refund")
    assert 0 < number < 2**53
    ja = client.simulate_get(f"{ROOT}/ja/articles/{number}.json").json["article"]
    en = client.simulate_get(f"{ROOT}/en-us/articles/{number}").json["article"]
    assert (ja["id"], ja["locale"]) == (number, "ja")
    assert (en["id"], en["locale"]) == (number, "en")
    assert client.simulate_get(f"{ROOT}/articles/returns/refund.json").json["article"] == ja
    assert "<script" not in ja["body"]
    assert client.simulate_get(ja["url"].partition("org")[2]).json["article"] == ja


def test_categories_and_labels_narrow_by_number_and_by_name(client):
    def titles(**asked: object) -> list[str]:
        found = client.simulate_get(f"{ROOT}/articles/search", params=asked).json
        return [each["title"] for each in found["results"]]

    assert titles(query="鳥かご", category=number_of("manuals")) == titles(query="鳥かご", category="manuals")
    assert titles(query="鳥かご", category="manuals")
    assert titles(query="鳥かご", section="returns") == titles(query="鳥かご", category=7) == []
    assert titles(label_names="返金") == ["返金について"]
    assert titles(category=7) == []
    assert len(titles(per_page=100)) == len(titles(query="", per_page=100)) == 7


def test_agents_only_articles_are_in_no_answer_of_a_reader_without_the_right(client):
    assert client.simulate_get(f"{ROOT}/articles/search", params={"query": "ヤマガラ"}).json["count"] == 0
    hidden = number_of("agents/secret")
    answers = [
        client.simulate_get(f"{ROOT}/ja/articles/{name}.json")
        for name in (hidden, "agents/secret", number_of("no/such"), "no/such")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json["detail"] for answer in answers}) == 1
    listed = client.simulate_get(f"{ROOT}/ja/articles.json", params={"per_page": 100}).json
    assert hidden not in [each["id"] for each in listed["articles"]]
    assert listed["count"] == len(listed["articles"])


def test_a_vote_is_an_answer_about_the_article_and_nobody_sees_who_voted(recorded):
    session = {"X-KB-Session": "zendesk-client"}
    number = number_of("returns/refund")
    for act, value in (("up", 1), ("down.json", -1)):
        answer = recorded.browser().post(f"{ROOT}/articles/{number}/{act}", headers=session)
        assert answer.json["vote"]["value"] == value
        assert answer.json["vote"]["item_id"] == number
    recorded.browser().get(f"{ROOT}/articles/search", params={"query": "返金"}, headers=session)
    facts = recorded.facts()
    assert [each.helpful for each in facts if isinstance(each, FeedbackGiven)] == [True, False]
    assert [each.query for each in facts if isinstance(each, SearchRan)] == ["返金"]
    votes = recorded.browser().get(f"{ROOT}/articles/{number}/votes.json").json
    assert (votes["votes"], votes["count"]) == ([], 0)


def test_what_cannot_be_taken_is_refused_by_name(client):
    for query, field in (
        ("query=a&per_page=101", "per_page"),
        ("query=a&page=0", "page"),
        ("query=a&locale=fr", "locale"),
        ("label_names=a,b", "label_names"),
        ("query=%00", "query"),
    ):
        answer = client.simulate_get(f"{ROOT}/articles/search", query_string=query)
        assert answer.status_code == 400, query
        assert [each["field"] for each in answer.json["errors"]] == [field]
    bad = client.simulate_get(f"{ROOT}/en/articles", query_string="page[size]=5&page[after]=x")
    assert [each["field"] for each in bad.json["errors"]] == ["page[after]"]
    assert client.simulate_get(f"{ROOT}/fr/articles").status_code == 400
    assert client.simulate_post(f"{ROOT}/articles/returns/refund").status_code == 405
