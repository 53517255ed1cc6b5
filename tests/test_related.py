from __future__ import annotations

import pytest
from conftest import Indexed, MakeIndex

from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.related import MAX_LIMIT, Related, related


def ids(found: tuple[Related, ...]) -> list[str]:
    return [each.card.id for each in found]


def of(snapshot: Snapshot, article: str, limit: int = 5) -> tuple[Related, ...]:
    return related(snapshot, snapshot.find_article(article), limit)


def test_those_that_the_writer_named_come_first_in_the_writers_order(ja: Snapshot) -> None:
    found = of(ja, "orders/refund")
    assert [(each.card.id, each.reason) for each in found[:2]] == [
        ("account/password", "pinned"),
        ("orders/cancel", "pinned"),
    ]
    assert {each.reason for each in found[2:]} <= {"content"}


def test_one_that_the_writer_named_and_a_reader_may_not_know_is_left_out_for_the_reader_only(
    ja: Snapshot, ja_agent: Snapshot
) -> None:
    assert "orders/hidden" not in ids(of(ja, "orders/refund", 20))
    assert ids(of(ja_agent, "orders/refund"))[:3] == ["account/password", "orders/hidden", "orders/cancel"]


def test_alike_articles_follow_with_the_words_that_they_share(bundled: Indexed) -> None:
    found = of(bundled.snapshot("ja"), "account/change-password", 10)
    alike = [each for each in found if each.reason == "content"]
    assert {"account/forgot-password", "account/login-trouble"} <= set(ids(found))
    for each in alike:
        assert 1 <= len(each.terms) <= 3
    assert any("パスワード" in each.terms for each in alike)


def test_shared_words_are_told_as_people_write_them(bundled: Indexed) -> None:
    terms = {term for each in of(bundled.snapshot("en"), "payment/receipt", 20) for term in each.terms}
    assert terms
    assert not any(term.endswith(("ati", "ivi")) for term in terms)
    assert terms & {"receipt", "receipts", "invoice", "payment", "issue", "tax"}


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("audience", list(Audience))
def test_every_article_has_other_articles_of_its_locale_and_audience_each_once(
    bundled: Indexed, locale: str, audience: Audience
) -> None:
    snapshot = bundled.snapshot(locale, audience)
    for article in range(snapshot.meta.articles):
        card = snapshot.card(article)
        found = related(snapshot, article, 5)
        assert len(found) <= 5
        assert len(set(ids(found))) == len(found)
        assert card.id not in ids(found)
        assert {each.card.locale for each in found} <= {locale}
        assert all(each.card.audience is Audience.PUBLIC for each in found) or audience is Audience.AGENT
        reasons = [each.reason for each in found]
        assert reasons == sorted(reasons, key=["pinned", "content"].index)
        pinned = [name for name in snapshot.article(article).related if snapshot.find_article(name) >= 0]
        assert ids(found)[: len(pinned)] == list(dict.fromkeys(pinned))[:5]
        assert all(each.terms == () for each in found if each.reason == "pinned")


@pytest.mark.parametrize("limit", [0, 1, 2, 3, MAX_LIMIT])
def test_a_shorter_list_is_the_beginning_of_a_longer_one(bundled: Indexed, limit: int) -> None:
    snapshot = bundled.snapshot("ja")
    for article in range(0, snapshot.meta.articles, 9):
        assert ids(related(snapshot, article, limit)) == ids(related(snapshot, article, MAX_LIMIT))[:limit]


def test_an_article_that_shares_no_word_has_none(make_index: MakeIndex) -> None:
    snapshot = make_index(
        {"en/a.md": "# Pelican\n\nBeak.\n", "en/b.md": "# Lighthouse\n\nLamp.\n", "en/c.md": "# !\n"}
    ).snapshot("en")
    assert [of(snapshot, name) for name in "abc"] == [(), (), ()]


def test_one_that_names_itself_or_nobody_is_not_related_to_itself(make_index: MakeIndex) -> None:
    snapshot = make_index(
        {"en/a.md": "---\nrelated: [a, b, b, nowhere]\n---\n# A\n\nOwl.\n", "en/b.md": "# B\n\nOwl.\n"}
    ).snapshot("en")
    assert ids(of(snapshot, "a")) == ["b"]
