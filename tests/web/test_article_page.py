"""What an article's page takes and tells, without a browser; and what the home page counts."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from kb.deflection.facts import ArticleViewed, Entry, FeedbackGiven, Reader
from kb.deflection.popular import most_read, note
from kb.web.files import STATIC
from kb.web.popular import MostRead
from kb.web.reader import Shelf

PAGE = "/ja/articles/returns/refund"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def answer(reader, page: str = PAGE, **fields: str):
    return reader.post(page, body=urlencode(fields), headers={**FORM, "Accept": "text/html"})


def given(recorded) -> list[FeedbackGiven]:
    return [fact for fact in recorded.facts() if isinstance(fact, FeedbackGiven)]


def test_an_answer_leads_back_to_the_page_and_is_scrubbed(recorded):
    reader = recorded.browser()
    search = "abcdefghijkl"
    assert f'name="search_id" value="{search}"' in reader.get(PAGE, params={"s": search, "n": "1"}).text
    back = answer(reader, helpful="no", search_id=search)
    assert back.status_code == 303
    assert back.headers["location"] == f"{PAGE}?feedback=no&s={search}#feedback"
    page = reader.get(PAGE, params={"feedback": "no", "s": search}).text
    assert 'name="reason" value="unclear"' in page
    last = answer(reader, helpful="no", reason="unclear", comment="電話は090-1234-5678です", search_id=search)
    assert last.headers["location"].startswith(f"{PAGE}?feedback=thanks")
    first, second = given(recorded)
    assert (first.helpful, first.reason, first.search_id, first.entry) == (False, "", search, Entry.ARTICLE)
    assert second.reason == "unclear"
    assert "090" not in second.comment
    assert first.session == second.session != ""


def test_coming_back_from_an_answer_is_not_another_view(recorded):
    reader = recorded.browser()
    for query in ({}, {"feedback": "yes"}, {"feedback": "thanks"}):
        reader.get(PAGE, params=query)
    assert sum(isinstance(fact, ArticleViewed) for fact in recorded.facts()) == 1


@pytest.mark.parametrize(
    ("page", "fields", "status"),
    [
        (PAGE, {}, 422),
        (PAGE, {"helpful": "maybe"}, 422),
        ("/ja/articles/agents/secret", {"helpful": "yes"}, 404),
        ("/ja/articles/returns/draft", {"helpful": "yes"}, 404),
        ("/ja/articles/returns/old", {"helpful": "yes"}, 410),
    ],
)
def test_what_is_no_answer_or_no_article_is_refused_and_changes_nothing(recorded, page, fields, status):
    assert answer(recorded.browser(), page, **fields).status_code == status
    assert given(recorded) == []


def test_reasons_that_are_not_ours_and_too_long_words_do_no_harm(recorded):
    assert answer(recorded.browser(), helpful="no", reason="<b>", comment="あ" * 5000).status_code == 303
    (fact,) = given(recorded)
    assert fact.reason == ""
    assert len(fact.comment) == 2000


def test_what_is_read_most_needs_five_customers_and_names_nothing_hidden(recorded, tmp_path):
    for n in range(5):
        recorded.browser(**{"X-KB-Session": f"customer-{n}"}).get(PAGE)
        recorded.browser(**{"X-KB-Session": f"customer-{n}"}).get(PAGE)
    for n in range(4):
        recorded.browser(**{"X-KB-Session": f"customer-{n}"}).get("/ja/articles/returns/conditions")
    agent = recorded.signed_in("agent")
    for n in range(5):
        agent.get("/ja/articles/agents/secret", headers={"X-KB-Session": f"agent-{n:03}"})
    assert {fact.reader for fact in recorded.facts()} == {Reader.CUSTOMER, Reader.AGENT}
    assert most_read(recorded.store, 0, 2**62) == {"ja": ("returns/refund",)}
    note(recorded.store, tmp_path)
    counted = MostRead(tmp_path)
    generation = recorded.parts.live.current()
    for audience in ("public", "agent"):
        shelf = Shelf(generation, audience, "ja")
        assert [shelf.snapshot.card(n).id for n in counted.of(shelf, 5)] == ["returns/refund"]


def test_an_agent_is_told_what_customers_must_not_see(recorded):
    agent = recorded.signed_in("agent")
    assert "応対係用" in agent.get("/ja/articles/agents/secret").text
    assert "応対係用" not in agent.get(PAGE).text
    results = agent.get("/ja/search", params={"q": "返金"}).text
    assert results.count('class="tag internal"') == 1


def test_without_a_database_the_home_page_says_nothing_of_it(client):
    text = client.simulate_get("/ja/").text
    assert "今週よく読まれている記事" not in text
    assert "新しくなった記事" in text


def test_modules_name_what_they_import_by_its_content():
    for name, file in STATIC.items():
        for imported, tag in re.findall(rb'from "[./a-z]*/([\w-]+\.js)(?:\?v=(\w+))?"', file.body):
            assert STATIC[imported.decode()].tag.startswith(tag.decode()), name
            assert tag, name
