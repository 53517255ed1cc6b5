"""Remembered answers: nobody can tell them from new ones, and none reaches a reader whom it is not for."""

from __future__ import annotations

import gc
import shutil

import pytest

from kb.content.tree import read_tree
from kb.deflection.facts import SearchRan
from kb.indexer import build
from kb.web.remembered import Remembered

OWN = {"search_id", "took_ms"}
"""What no two answers share."""

SECRET = "/api/v1/search?q=%E8%BF%94%E9%87%91%E3%81%AE%E8%A3%8F%E6%8A%80"


def same(answer):
    return {name: value for name, value in answer.json.items() if name not in OWN}


def test_an_answer_given_again_differs_only_in_what_is_its_own(recorded):
    """The second is made of remembered results, the third is sent as the second was."""
    client = recorded.browser()
    answers = [client.get("/api/v1/search?q=%E8%BF%94%E9%87%91") for _ in range(3)]
    first, *others = answers
    for again in others:
        assert same(first) == same(again)
        assert list(first.json) == list(again.json)
        assert again.json["took_ms"] >= 0
        assert first.headers.keys() - again.headers.keys() == {"set-cookie"}
    facts = [fact for fact in recorded.facts() if isinstance(fact, SearchRan)]
    named = [answer.json["search_id"] for answer in answers]
    assert len(set(named)) == 3
    assert [fact.search_id for fact in facts] == named
    told = {(f.query, f.strict_hits, f.listed, f.shown, f.category, f.corrected) for f in facts}
    assert len(told) == 1
    assert first.json["total"] == facts[0].strict_hits > 0


@pytest.mark.parametrize("agent_first", [True, False])
@pytest.mark.parametrize(
    "path",
    [
        SECRET,
        "/api/v1/suggest?q=%E8%BF%94%E9%87%91%E3%81%AE",
        "/ja/",
        "/ja/articles/returns/refund",
    ],
)
def test_what_agents_were_answered_never_reaches_the_public(recorded, path, agent_first):
    agent, public = recorded.signed_in("agent"), recorded.browser()
    order = [agent, public] if agent_first else [public, agent]
    answers = [(who, who.get(path)) for who in order * 3]
    # a query is echoed
    shown = [answer.text.replace("返金の裏技", "") for who, answer in answers if who is public]
    assert all(word not in text for text in shown for word in ("裏技", "agents", "合言葉"))
    assert {answer.headers["cache-control"] for who, answer in answers if who is agent} == {
        "private, no-store"
    }


def test_agents_are_answered_theirs_after_the_public_was(recorded):
    public, agent = recorded.browser(), recorded.signed_in("agent")
    for _ in range(3):
        found = [{hit["id"] for hit in who.get(SECRET).json["hits"]} for who in (public, agent)]
        assert "agents/secret" not in found[0]
        assert "agents/secret" in found[1]


@pytest.mark.parametrize(
    "parameters",
    ["limit=1", "offset=1", "category=manuals", "tag=%E8%BF%94%E9%87%91", "product=x", "locale=en"],
)
def test_every_parameter_has_an_answer_of_its_own(client, client_with, parameters):
    path, query = "/api/v1/search", "q=%E8%BF%94%E9%87%91"
    for _ in range(3):
        client.simulate_get(path, query_string=query)
    query = f"{query}&{parameters}"
    fresh = client_with().simulate_get(path, query_string=query)
    for _ in range(3):
        assert same(client.simulate_get(path, query_string=query)) == same(fresh)


def test_a_new_generation_is_answered_from_at_once(tree, recorded_over, tmp_path):
    folder = shutil.copytree(tree, tmp_path / "tree")
    var = tmp_path / "var"
    build(read_tree(folder), var, processes=1)
    client = recorded_over(var).browser()
    paths = [
        "/api/v1/search?q=%E8%BF%94%E9%87%91",
        "/api/v1/suggest?q=%E8%BF%94%E9%87%91",
        "/ja/articles/returns/refund",
        "/ja/",
    ]
    before = [client.get(path).text for path in paths for _ in range(3)][::3]
    assert not any("手数料" in text for text in before)
    article = folder / "ja/returns/refund.md"
    article.write_text(article.read_text("utf-8").replace("返金について", "返金と手数料"), "utf-8")
    build(read_tree(folder), var, processes=1)
    after = [client.get(path).text for path in paths]
    assert all("手数料" in text for text in after[:3])
    assert after[3] != before[3]  # it names the generation that it shows


def test_a_page_names_the_search_that_led_to_it_and_no_other(recorded):
    client = recorded.browser()
    ids = ["search-number-one", "search-number-two"]
    pages = [client.get(f"/ja/articles/returns/refund?s={each}&n=1").text for each in ids]
    assert pages[0].count(ids[0]) == pages[1].count(ids[1]) == 1
    assert pages[0].replace(*ids) == pages[1]
    plain = client.get("/ja/articles/returns/refund").text
    assert "search_id" not in plain
    asked = client.get("/ja/articles/returns/refund?feedback=yes").text
    assert asked != plain
    assert client.get("/ja/articles/returns/refund").text == plain


def test_a_page_names_the_host_that_was_asked(client):
    for host in ("one.example", "two.example", "one.example"):
        text = client.simulate_get("/ja/articles/returns/refund", headers={"Host": host}).text
        assert f'href="http://{host}/ja/articles/returns/refund"' in text


def test_a_page_that_the_reader_has_costs_no_body(client):
    for path in ("/ja/", "/ja/articles/returns/refund", "/ja/articles/returns/refund?s=search-number-one"):
        path, _, query = path.partition("?")
        first = client.simulate_get(path, query_string=query)
        again = client.simulate_get(
            path, query_string=query, headers={"If-None-Match": first.headers["etag"]}
        )
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


class Opened:
    """Stands for a generation: any object that can die."""


def test_what_was_asked_for_longest_ago_makes_room():
    memory, generation = Remembered[str](most_bytes=30), Opened()
    for name in "abc":
        memory.keep(generation, name, name.upper(), 10)
    assert memory.get(generation, "a") == "A"
    memory.keep(generation, "d", "D", 10)
    assert [memory.get(generation, name) for name in "abcd"] == ["A", None, "C", "D"]
    memory.keep(generation, "d", "D2", 25)
    assert [memory.get(generation, name) for name in "abcd"] == [None, None, None, "D2"]
    memory.keep(generation, "e", "E", 31)
    assert [memory.get(generation, name) for name in "de"] == [None, None]


def test_answers_go_with_their_generation():
    memory, first, second = Remembered[Opened](), Opened(), Opened()
    memory.keep(first, "q", Opened(), 10)
    assert memory.get(second, "q") is None
    assert memory.get(first, "q") is not None
    del first
    gc.collect()
    assert len(memory._kept) == 0
