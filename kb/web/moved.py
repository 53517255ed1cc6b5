"""An article that is not where it was asked for: moved, deleted, or never there. For `reader` and `api`."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

import falcon

from kb.content.paths import article_url
from kb.errors import ArticleGone, ArticleMoved, ArticleNotFound, BadParameter, KbError
from kb.search import Query, search
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
            return ArticleGone("this article has been withdrawn", _near(shelf, gone[key]))
    return ArticleNotFound("there is no such article")


def _near(shelf: Shelf, title: str) -> tuple[tuple[str, str, str], ...]:
    """(title, locale, id) of what a search for the old title finds."""
    try:
        found = search(shelf.snapshot, Query(text=clean_query(title[:200]), limit=NEAR))
    except BadParameter:
        return ()
    return tuple((hit.card.title, shelf.locale, hit.card.id) for hit in found.hits)


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
