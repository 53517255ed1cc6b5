"""Facts for the tests of outcomes and reports: short to write, with ids that sort as they are made."""

from __future__ import annotations

from itertools import count

from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    Entry,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    MarkedSolved,
    Relation,
    SearchRan,
    SuggestionsShown,
    TicketArticleLinked,
    TicketFiled,
)

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_777_600_000_000 - 1_777_600_000_000 % DAY
"""A midnight in 2026, UTC."""

_numbers = count()


def _id() -> str:
    return f"{next(_numbers):08}"


def searched(at: int, query: str = "返金", session: str = "s1", **more: object) -> SearchRan:
    given = {"search_id": f"search-{session}-{at}", "strict_hits": 1, "shown": 10, "locale": "ja", **more}
    given.setdefault("listed", ("orders/refund@c1", "orders/cancel@c1"))
    given.setdefault("entry", Entry.SEARCH)
    return SearchRan(id=_id(), at=START + at, query=query, session=session, **given)


def clicked(at: int, article: str = "orders/refund", session: str = "s1", **more: object) -> HitClicked:
    return HitClicked(
        id=_id(), at=START + at, article=article, session=session, **{"search_id": "", "position": 1, **more}
    )


def viewed(
    at: int, seconds: float = 0, article: str = "orders/refund", session: str = "s1", **more: object
) -> ArticleViewed:
    given = {"measured": True, "active_ms": int(seconds * 1000), "locale": "ja", **more}
    return ArticleViewed(id=_id(), at=START + at, article=article, session=session, **given)


def said(
    at: int, helpful: bool, article: str = "orders/refund", session: str = "s1", **more: object
) -> FeedbackGiven:
    return FeedbackGiven(id=_id(), at=START + at, article=article, helpful=helpful, session=session, **more)


def solved(at: int, session: str = "s1", **more: object) -> MarkedSolved:
    return MarkedSolved(id=_id(), at=START + at, session=session, **more)


def form(at: int, explicit: bool = True, session: str = "s1") -> FormOpened:
    return FormOpened(id=_id(), at=START + at, explicit=explicit, session=session, entry=Entry.FORM)


def suggested(at: int, session: str = "s1", **more: object) -> SuggestionsShown:
    given = {"suggestion_id": f"suggestion-{session}-{at}", "query": "返金", "strict_hits": 1, **more}
    return SuggestionsShown(id=_id(), at=START + at, session=session, entry=Entry.FORM, **given)


def filed(at: int, ticket: str = "T1", session: str = "s1", **more: object) -> TicketFiled:
    return TicketFiled(id=_id(), at=START + at, ticket=ticket, session=session, **more)


def linked(
    at: int, article: str = "orders/refund", ticket: str = "T1", relation: Relation = Relation.SOLVED_BY
) -> TicketArticleLinked:
    return TicketArticleLinked(
        id=_id(), at=START + at, ticket=ticket, relation=relation, article=article, commit="c2",
        entry=Entry.DESK,
    )  # fmt: skip


Facts = list[AnyFact]
