"""What a writer wants to know of an article: from facts, the live index and git. Below `insights`."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from kb.deflection import about as told
from kb.deflection import report
from kb.deflection.about import Led, Votes
from kb.deflection.facts import Relation
from kb.deflection.periods import MIN_SESSIONS, Period
from kb.deflection.report import Sources
from kb.deflection.shape import ArticleReport
from kb.desk.records import Wrong, wrong_articles
from kb.evaluate import GOLDEN_RANK, Judged, ranks
from kb.model import Article, Audience
from kb.publish.past import Edit, edits
from kb.web.insight_figures import TAKEN
from kb.web.reader import Shelf


class Golden(Struct, frozen=True):
    """A golden query and where the article stands for it today; 0: not among the first fifty."""

    query: str
    rank: int

    @property
    def holds(self) -> bool:
        return 1 <= self.rank <= GOLDEN_RANK


class Translation(Struct, frozen=True):
    """The article in another language of the site."""

    locale: str
    state: str
    """`missing`, `behind` (changed before this one was), or `current`."""
    updated: datetime | None


class Vote(Struct, frozen=True):
    at: datetime
    helpful: bool
    reason: str
    comment: str


class About(Struct, frozen=True, kw_only=True):
    reads: ArticleReport | None
    """What came of reading it; None when nobody did."""
    led: Led
    golden: tuple[Golden, ...]
    votes: Votes
    comments: tuple[Vote, ...]
    links: dict[str, int]
    wrong: tuple[Wrong, ...]
    translations: tuple[Translation, ...]
    history: tuple[Edit, ...]


def about(sources: Sources, shelf: Shelf, article: Article, period: Period) -> About:
    """Everything about an article in a period. Raises the store's errors."""
    store, place = sources.store, (shelf.locale, article.id)
    sources.catch_up(most=TAKEN)
    votes = told.votes_for(store, period, *place)
    read = [each for each in report.articles(sources, period) if each.article == article.id]
    links = told.links_of(store, period, *place)
    return About(
        reads=next(iter(read), None),
        led=told.led_to(store, period, *place, MIN_SESSIONS),
        golden=tuple(_golden(shelf, article)),
        votes=votes,
        comments=tuple(
            Vote(datetime.fromtimestamp(each.at / 1000, UTC), each.helpful, each.reason, each.comment)
            for each in votes.comments
        ),
        links={relation.value: links.get(relation, 0) for relation in Relation},
        wrong=tuple(wrong_articles(store, 20, *place)),
        translations=tuple(_translations(shelf, article)),
        history=tuple(
            edits(sources.repository, article.path, shelf.generation.commit) if sources.repository else ()
        ),
    )


def _golden(shelf: Shelf, article: Article) -> list[Golden]:
    judged = [
        Judged(query=query, locale=shelf.locale, articles={article.id: 1.0}, audience=article.audience)
        for query in article.golden
    ]
    return [Golden(rank.judged.query, rank.rank) for rank in ranks(shelf.generation, judged)]


def _translations(shelf: Shelf, article: Article) -> list[Translation]:
    """In the other languages of the site. `behind` is told by dates, as on the article's own page."""
    found = []
    for locale in shelf.locales:
        if locale == shelf.locale:
            continue
        snapshot = shelf.generation.snapshot(locale, Audience.AGENT)
        number = snapshot.find_article(article.id)
        if number < 0:
            found.append(Translation(locale, "missing", None))
            continue
        updated = snapshot.article(number).updated
        found.append(Translation(locale, "behind" if updated < article.updated else "current", updated))
    return found
