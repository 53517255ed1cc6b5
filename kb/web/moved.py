"""An article that is not where it was asked for: moved, deleted, or never there. For `reader` and `api`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING
from urllib.parse import quote

import falcon

from kb.content.paths import article_url
from kb.errors import ArticleGone, ArticleMoved, ArticleNotFound, BadParameter, KbError
from kb.index.snapshot import Card
from kb.search import Query, search
from kb.text.analyze import analyze
from kb.text.normalize import clean_query
from kb.web.answers import REVALIDATE

if TYPE_CHECKING:
    from kb.web.reader import Shelf

NEAR = 5
"""Articles that a page for a deleted one proposes."""
_API = "/api/v1/articles/"


def absent(shelf: Shelf, article_id: str) -> KbError:
    """What to raise: ArticleMoved, ArticleGone with the nearest ones, or ArticleNotFound.

    What moved to where this reader must not look is not found, like all that he must not know of.
    """
    key, generation = f"{shelf.locale}/{article_id}", shelf.generation
    for moved, gone in ((generation.moved, generation.gone), shelf.past()):
        locale, _, target = moved.get(key, "").partition("/")
        if locale in shelf.locales and generation.snapshot(locale, shelf.audience).find_article(target) >= 0:
            return ArticleMoved(article_id, locale, target)
        if key in gone:
            return ArticleGone("this article has been withdrawn", _near(shelf, article_id, gone[key]))
    return ArticleNotFound("there is no such article")


def _near(shelf: Shelf, article_id: str, title: str) -> tuple[tuple[str, str, str], ...]:
    """(title, locale, id) of what the old title finds, then each of its words, then of its neighbours."""
    found = islice(_nearest(shelf, article_id, title[:200]), NEAR)
    return tuple((card.title, shelf.locale, card.id) for card in found)


def _nearest(shelf: Shelf, article_id: str, title: str) -> Iterator[Card]:
    """Each once. A title that is deleted is often one of a kind, so that no article has all of its words."""
    told: set[str] = set()
    words = [title[token.start : token.end] for token in analyze(title).tokens]
    folder = article_id.rpartition("/")[0]
    listed = (shelf.snapshot.card(number) for number in shelf.category(folder)[:NEAR]) if folder else ()
    for card in chain(_found(shelf, title, guess=True), *(_found(shelf, word) for word in words), listed):
        if card.id not in told:
            told.add(card.id)
            yield card


def _found(shelf: Shelf, text: str, guess: bool = False) -> Iterator[Card]:
    """`guess`: also what may have been meant."""
    with suppress(BadParameter):
        found = search(shelf.snapshot, Query(text=clean_query(text), limit=NEAR))
        if guess or found.total:
            yield from (hit.card for hit in found.hits)


def send(req: falcon.Request, resp: falcon.Response, error: ArticleMoved, prefix: str) -> bool:
    """Answer 301 (308 where a body came along) with the present address; False where none is known."""
    path = unicodedata.normalize("NFC", req.path)
    programs = path.startswith(_API)
    rest = path.removeprefix(_API).partition("/")[2] if programs else path.partition("/articles/")[2]
    if not rest.startswith(error.asked):
        return False
    after = rest.removeprefix(error.asked)
    address = article_url(error.locale, error.article_id)
    if programs:
        address = f"{_API}{quote(error.locale)}/{quote(error.article_id)}"
    query = f"?{req.query_string}" if req.query_string else ""
    resp.status = falcon.HTTP_301 if req.method in ("GET", "HEAD") else falcon.HTTP_308
    resp.location = f"{prefix}{address}{quote(after)}{query}"
    resp.set_header("Cache-Control", REVALIDATE)
    return True
