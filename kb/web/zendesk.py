"""The addresses of Zendesk's Help Center API, so that programs written for it find our articles unchanged.

GET  /api/v2/help_center/articles/search(.json)?query=…        the same ranking as everywhere
GET  /api/v2/help_center/{locale}/articles(.json)              also without a locale
GET  /api/v2/help_center/{locale}/articles/{id}(.json)         `id`: Zendesk's kind of number, or our own
POST …/articles/{id}/up(.json), …/down(.json)                  an answer to "did this help?"
GET  …/articles/{id}/votes(.json)                              none: who answered what is shown to nobody
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import falcon

from kb.content.paths import article_url
from kb.deflection.facts import Entry, new_search_id
from kb.index.snapshot import Snapshot
from kb.model import Article
from kb.search import Hit, Query
from kb.web import present
from kb.web.answers import JSON, encode, send_cached, send_json
from kb.web.event_shapes import FeedbackBody
from kb.web.events import feedback_fact
from kb.web.guard import audience_of
from kb.web.marking import mark
from kb.web.params import read
from kb.web.parts import Parts
from kb.web.reader import Shelf, api_shelf, default_locale, generation_of, locales_of, page_shelf
from kb.web.recording import record, record_search
from kb.web.rendering import absolute
from kb.web.resources import Resource, run_search
from kb.web.sessions import is_browser, visitor_of
from kb.web.zendesk_shapes import (
    ZendeskArticle,
    ZendeskArticleAnswer,
    ZendeskArticles,
    ZendeskCursors,
    ZendeskHit,
    ZendeskLinks,
    ZendeskListParams,
    ZendeskPageParams,
    ZendeskPages,
    ZendeskResults,
    ZendeskSearchParams,
    ZendeskVote,
    ZendeskVoteAnswer,
    ZendeskVotes,
)

ROOT = "/api/v2/help_center"
_TAIL = ".json"
_NUMBERS: WeakKeyDictionary[Snapshot, dict[int, int]] = WeakKeyDictionary()
"""Article by Zendesk's number, of each snapshot that was asked for one."""


def routes(parts: Parts) -> dict[str, object]:
    """Address → resource, each with and without its ending."""
    places = {
        "/articles/search": ZendeskSearch(parts),
        "/articles": ZendeskList(parts),
        "/{locale}/articles": ZendeskList(parts),
    }
    one = ZendeskOne(parts)
    return {
        **{f"{ROOT}{place}{tail}": made for place, made in places.items() for tail in ("", _TAIL)},
        f"{ROOT}/articles/{{article_id:path}}": one,
        f"{ROOT}/{{locale}}/articles/{{article_id:path}}": one,
    }


def number_of(name: str) -> int:
    """A number for an id or category that is exact in JavaScript, too: 52 bits of its SHA-256."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") >> 12


class ZendeskSearch(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = read(req.query_string, ZendeskSearchParams)
        shelf = _shelf(req, self.parts, asked.locale)
        category = _category(shelf, asked.section or asked.category)
        offset = (asked.page - 1) * asked.per_page
        if asked.query is None:
            numbers = shelf.category(category) if category else _all(shelf)
            numbers = _labelled(shelf, numbers, asked.label_names)
            hits = [self._hit(req, shelf, n, None) for n in numbers[offset : offset + asked.per_page]]
            count = len(numbers)
        else:
            query = Query(
                text=asked.query, limit=asked.per_page, offset=offset, category=category,
                tag=asked.label_names,
            )  # fmt: skip
            hits, count = self._found(req, resp, shelf, query)
        pages = _pages(req, self.parts, count, asked.page, asked.per_page)
        send_json(resp, ZendeskResults(results=hits, **pages))

    def _found(
        self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, query: Query
    ) -> tuple[list[ZendeskHit], int]:
        results, took_ms = run_search(shelf, query)
        record_search(
            req, self.parts, shelf, visitor_of(req, resp, self.parts, begin=is_browser(req)), results,
            new_search_id(), entry=Entry.API, took_ms=took_ms,
            shown=query.offset + len(results.records), category=query.category,
        )  # fmt: skip
        hits = [self._hit(req, shelf, shelf.find(hit.card.id), hit) for hit in results.hits]
        return hits, max(results.total, query.offset + len(hits))

    def _hit(self, req: falcon.Request, shelf: Shelf, number: int, hit: Hit | None) -> ZendeskHit:
        article = shelf.snapshot.article(number)
        snippet = mark(hit.snippet.text, hit.snippet.marks, "em") if hit else article.description
        return ZendeskHit(snippet=snippet, **_fields(req, self.parts, article))


class ZendeskList(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str | None = None) -> None:
        asked: ZendeskPageParams
        if locale is None:
            asked = read(req.query_string, ZendeskListParams)
            locale = asked.locale
        else:
            asked = read(req.query_string, ZendeskPageParams)
        shelf = _shelf(req, self.parts, locale)
        numbers = _sorted(shelf, asked)
        size = asked.size or asked.per_page
        first = int(asked.after or 0) if asked.size else (asked.page - 1) * size
        articles = [
            ZendeskArticle(**_fields(req, self.parts, shelf.snapshot.article(n)))
            for n in numbers[first : first + size]
        ]
        following = str(first + size) if first + size < len(numbers) else None
        before = str(max(0, first - size)) if first else None
        link = _linker(req, self.parts)
        answer = ZendeskArticles(
            articles=articles, sort_by=asked.sort_by, sort_order=asked.sort_order,
            meta=ZendeskCursors(has_more=following is not None, after_cursor=following, before_cursor=before),
            links=ZendeskLinks(
                next=link({"page[size]": size, "page[after]": following}) if following else None,
                prev=link({"page[size]": size, "page[after]": before}) if before else None,
            ),
            **_pages(req, self.parts, len(numbers), first // size + 1, size),
        )  # fmt: skip
        send_cached(req, resp, encode(answer), JSON)


class ZendeskOne(Resource):
    """One article, and what readers answer about it."""

    def on_get(
        self, req: falcon.Request, resp: falcon.Response, article_id: str, locale: str | None = None
    ) -> None:
        shelf = self._shelf(req, locale)
        article, act = _named(shelf, article_id, ("votes",))
        if act == "votes":
            send_json(resp, ZendeskVotes(votes=[], **_pages(req, self.parts, 0, 1, 30)))
            return
        shown = ZendeskArticle(**_fields(req, self.parts, article))
        send_cached(req, resp, encode(ZendeskArticleAnswer(article=shown)), JSON)

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, article_id: str, locale: str | None = None
    ) -> None:
        shelf = self._shelf(req, locale)
        article, act = _named(shelf, article_id, ("up", "down"))
        if not act:
            raise falcon.HTTPMethodNotAllowed(["GET", "HEAD"])
        visitor = visitor_of(req, resp, self.parts, begin=is_browser(req))
        body = FeedbackBody(helpful=act == "up")
        record(req, self.parts, feedback_fact(body, shelf, article.id, visitor, Entry.API))
        now, number = present.iso(datetime.now(UTC)), number_of(article.id)
        vote = ZendeskVote(
            id=secrets.randbits(52), value=1 if act == "up" else -1, item_id=number, created_at=now,
            updated_at=now, url=_url(req, self.parts, f"/{shelf.locale}/articles/{number}/votes{_TAIL}"),
        )  # fmt: skip
        send_json(resp, ZendeskVoteAnswer(vote=vote))

    def _shelf(self, req: falcon.Request, locale: str | None) -> Shelf:
        known = _known(req, self.parts, locale)
        return page_shelf(req, self.parts, known if known is not None else str(locale))


# ---------------------------------------------------------------- which articles


def _shelf(req: falcon.Request, parts: Parts, locale: str | None) -> Shelf:
    return api_shelf(req, parts, _known(req, parts, locale) or locale)


def _known(req: falcon.Request, parts: Parts, locale: str | None) -> str | None:
    """Zendesk writes en-us: the locale of that name, else of that language; the default one for none."""
    generation, audience = generation_of(req, parts), audience_of(req)
    if locale is None:
        return default_locale(generation, audience, parts)
    names = {each.lower(): each for each in reversed(locales_of(generation, audience))}
    return names.get(locale.lower()) or names.get(locale.lower().partition("-")[0])


def _named(shelf: Shelf, rest: str, acts: tuple[str, ...]) -> tuple[Article, str]:
    """The article that an address names, and what is to be done with it. Raises what `Shelf.find` raises."""
    act = ""
    if not shelf.holds(rest):
        rest = rest.removesuffix(_TAIL)
        name, _, last = rest.rpartition("/")
        if last in acts and not shelf.holds(rest):
            rest, act = name, last
    number = _by_number(shelf.snapshot).get(int(rest), -1) if rest.isdecimal() and len(rest) < 17 else -1
    return shelf.snapshot.article(number if number >= 0 else shelf.find(rest)), act


def _by_number(snapshot: Snapshot) -> dict[int, int]:
    if snapshot not in _NUMBERS:
        ids = (snapshot.card(n).id for n in range(snapshot.meta.articles))
        _NUMBERS[snapshot] = {number_of(article_id): n for n, article_id in enumerate(ids)}
    return _NUMBERS[snapshot]


def _category(shelf: Shelf, given: str) -> str:
    """The category of Zendesk's number, or of our name; one that nobody has for an unknown one."""
    names = {str(number_of(name)): name for name in shelf.snapshot.meta.categories}
    return names.get(given, given)


def _all(shelf: Shelf) -> list[int]:
    return list(range(shelf.snapshot.meta.articles))


def _labelled(shelf: Shelf, numbers: list[int], label: str) -> list[int]:
    return [n for n in numbers if not label or label in shelf.snapshot.card(n).tags]


def _sorted(shelf: Shelf, asked: ZendeskPageParams) -> list[int]:
    numbers = _labelled(shelf, _all(shelf), asked.label_names)
    key = {"position": "id", "title": "title"}.get(asked.sort_by, "updated")
    return sorted(
        numbers, key=lambda n: str(getattr(shelf.snapshot.card(n), key)), reverse=asked.sort_order == "desc"
    )


# ---------------------------------------------------------------- shapes


def _fields(req: falcon.Request, parts: Parts, article: Article) -> dict[str, Any]:
    """All of a ZendeskArticle."""
    number, prefix, moment = (
        number_of(article.id),
        parts.settings.base_url.prefix,
        present.iso(article.updated),
    )
    return {
        "id": number,
        "url": _url(req, parts, f"/{article.locale}/articles/{number}{_TAIL}"),
        "html_url": absolute(req, parts, prefix + article_url(article.locale, article.id)),
        "name": article.title,
        "title": article.title,
        "body": present.own_links(article.html, prefix),
        "locale": article.locale,
        "source_locale": article.locale,
        "label_names": article.tags,
        "section_id": number_of(article.category) if article.category else None,
        "created_at": moment,
        "updated_at": moment,
        "edited_at": moment,
    }


def _url(req: falcon.Request, parts: Parts, place: str) -> str:
    return absolute(req, parts, f"{parts.settings.base_url.prefix}{ROOT}{place}")


def _linker(req: falcon.Request, parts: Parts) -> Callable[[dict[str, object]], str]:
    """Makes addresses like the one that was asked for, with other parameters."""
    place = absolute(req, parts, parts.settings.base_url.prefix + req.path)
    return lambda values: f"{place}?{urlencode({**req.params, **values}, doseq=True)}"


def _pages(req: falcon.Request, parts: Parts, count: int, page: int, size: int) -> dict[str, Any]:
    """All of a ZendeskPages."""
    link = _linker(req, parts)
    last = max(1, -(-count // size))
    fields = ZendeskPages.__struct_fields__
    values = (
        count, page, last, size,
        link({"page": page + 1, "per_page": size}) if page < last else None,
        link({"page": page - 1, "per_page": size}) if page > 1 else None,
    )  # fmt: skip
    return dict(zip(fields, values, strict=True))
