"""A small week of customers, for the tests of the insights pages; `making` counts from the first of May."""

from __future__ import annotations

from deflection.making import DAY, HOUR, MINUTE, SECOND, clicked, filed, linked, said, searched, viewed

from kb.deflection.facts import AnyFact, Relation

WEEK = "from=2026-04-30&to=2026-05-07"
MARKUP = "<script>alert(1)</script>駐車場"
COMMENT = "<img src=x onerror=alert(2)> 期限が分かりません"


def facts(article: str) -> list[AnyFact]:
    """Six sessions are led to the article by one wording, two by a rare one; six find nothing and write."""
    found: list[AnyFact] = []
    for n in range(6):
        at, who = n * HOUR, f"led-{n}"
        search = searched(at, "返金いつ", who, listed=(f"{article}@c1",))
        found += [
            search,
            clicked(at + SECOND, article, who, search_id=search.search_id, position=1 + n % 2, locale="ja"),
            viewed(at + MINUTE, 30, article, who, search_id=search.search_id),
        ]
    for n in range(2):
        search = searched(DAY + n, "めずらしい聞き方", f"rare-{n}", listed=(f"{article}@c1",))
        found += [
            search,
            clicked(DAY + n + SECOND, article, f"rare-{n}", search_id=search.search_id, locale="ja"),
        ]
    found.append(said(2 * MINUTE, False, article, "led-0", comment=COMMENT, reason="unclear", locale="ja"))
    found.append(said(HOUR + 2 * MINUTE, True, article, "led-1", locale="ja"))
    for n in range(6):
        at, who, ticket = 2 * DAY + n * HOUR, f"lost-{n}", f"LOST-{n}"
        found += [
            searched(at, MARKUP, who, strict_hits=0, shown=0, listed=()),
            filed(at + MINUTE, ticket, who, locale="ja"),
            linked(at + HOUR, "", ticket, Relation.MISSING),
        ]
    found += [
        filed(5 * HOUR + 3 * MINUTE, "READ-5", "led-5", locale="ja"),
        linked(6 * HOUR, article, "READ-5"),
    ]
    return found
