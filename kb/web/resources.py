"""The JSON API: each class is one address: checked parameters in, the reader's shelf, a shape out."""

from __future__ import annotations

import time
from collections.abc import Hashable

import falcon

from kb.deflection.facts import Entry, new_search_id
from kb.related import related
from kb.search import Query, Results, search
from kb.suggest import suggest
from kb.web import metrics, present
from kb.web.answers import JSON, encode, send_cached, send_once
from kb.web.params import read
from kb.web.parts import Parts
from kb.web.reader import Shelf, api_shelf, page_shelf
from kb.web.recording import record_search
from kb.web.remembered import Found, Remembered
from kb.web.sessions import is_browser, visitor_of
from kb.web.shapes import (
    ArticlesAnswer,
    ListParams,
    RelatedAnswer,
    RelatedParams,
    SearchParams,
    SuggestAnswer,
    SuggestParams,
)

RELATED = "/related"
MOST_RESULTS = 6_000_000
"""Bytes of results that are remembered, some 3,000 pages: what people ask is mostly what others asked."""
MOST_SENT = 4_000_000
"""Bytes of answers that came again, some 250: sent as they are they take a third of the time."""
_REMEMBERED_BESIDE = 1000
"""Bytes that a page takes besides what is counted: the query, its place in the table."""


def run_search(shelf: Shelf, query: Query) -> tuple[Results, float]:
    """The results, new or remembered, and the milliseconds they took.

    Pages and API search through here, so both are counted.
    """
    started = time.perf_counter()
    results, _ = _results(shelf, query)
    return results, _counted(shelf, results, started)


def _results(shelf: Shelf, query: Query) -> tuple[Results, bool]:
    """The results, and whether they were remembered."""
    generation, key = shelf.generation, (shelf.audience, shelf.locale, query)
    known = _remembered.get(generation, key)
    if known is not None:
        return known, True
    results = search(shelf.snapshot, query, generation.pinned(shelf.locale, query.text))
    return _remembered.keep(generation, key, results, _size(results)), False


_remembered = Remembered[Results](MOST_RESULTS)


def _size(results: Results) -> int:
    """About how many bytes results take."""
    return sum(map(len, results.records)) + len(results.counts) + len(results.order) + _REMEMBERED_BESIDE


def _counted(shelf: Shelf, results: Results, started: float) -> float:
    seconds = time.perf_counter() - started
    found = "found" if results.total else "near" if results.records else "none"
    metrics.searched(shelf.locale, "corrected" if results.corrected else found, seconds)
    return seconds * 1000


class Resource:
    """What every address needs."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.prefix = parts.settings.base_url.prefix


class Search(Resource):
    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._sent = Remembered[Found](MOST_SENT)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = read(req.query_string, SearchParams)
        shelf = api_shelf(req, self.parts, asked.locale)
        query = Query(
            text=asked.q, limit=asked.limit, offset=asked.offset,
            category=asked.category, tag=asked.tag, product=asked.product,
        )  # fmt: skip
        visitor = visitor_of(req, resp, self.parts, begin=is_browser(req))
        answer, took_ms = self._found(shelf, query)
        search_id = new_search_id()
        send_once(resp, answer.body(search_id, took_ms))
        record_search(
            req, self.parts, shelf, visitor, answer.results, search_id, entry=Entry(asked.entry),
            took_ms=took_ms, shown=asked.offset + len(answer.results.records), intent=asked.intent or "",
            category=asked.category,
        )  # fmt: skip

    def _found(self, shelf: Shelf, query: Query) -> tuple[Found, float]:
        """The answer and the milliseconds it took; what comes for the third time is sent as it was sent."""
        started, key = time.perf_counter(), (shelf.audience, shelf.locale, query)
        known = self._sent.get(shelf.generation, key)
        if known is not None:
            return known, _counted(shelf, known.results, started)
        results, again = _results(shelf, query)
        took_ms = _counted(shelf, results, started)
        parts = present.search_json(results, shelf, self.prefix)
        made = Found(results, parts)
        if again:  # else what is asked once would push out what is asked again and again
            self._sent.keep(shelf.generation, key, made, sum(map(len, parts)) + _size(results))
        return made, took_ms


class Suggest(Resource):
    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._answers = Remembered[bytes]()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = read(req.query_string, SuggestParams)
        shelf = api_shelf(req, self.parts, asked.locale)
        key = (shelf.audience, shelf.locale, asked.q, asked.limit)
        send_once(resp, self._answers.get(shelf.generation, key) or self._suggested(shelf, key, asked))

    def _suggested(self, shelf: Shelf, key: Hashable, asked: SuggestParams) -> bytes:
        found = suggest(shelf.snapshot, asked.q, asked.limit)
        shown = [present.suggestion(each, shelf.locale, self.prefix) for each in found]
        body = encode(SuggestAnswer(suggestions=shown))
        return self._answers.keep(shelf.generation, key, body, len(body))


class Articles(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = read(req.query_string, ListParams)
        shelf = api_shelf(req, self.parts, asked.locale)
        numbers = shelf.category(asked.category) if asked.category else range(shelf.snapshot.meta.articles)
        page = numbers[asked.offset : asked.offset + asked.limit]
        listed = [present.summary(shelf.snapshot.card(n), self.prefix) for n in page]
        send_cached(req, resp, encode(ArticlesAnswer(total=len(numbers), articles=listed)), JSON)


class Article(Resource):
    """An article, and behind `/related` its neighbours in meaning.

    Ids hold slashes, so one route takes both; an article that is really called `…/related` comes first.
    """

    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        if article_id.endswith(RELATED) and not shelf.holds(article_id):
            self._related(req, resp, shelf, article_id.removesuffix(RELATED))
            return
        article = shelf.snapshot.article(shelf.find(article_id))
        send_cached(req, resp, encode(present.article_answer(article, shelf, self.prefix)), JSON)

    def _related(self, req: falcon.Request, resp: falcon.Response, shelf: Shelf, article_id: str) -> None:
        asked = read(req.query_string, RelatedParams)
        found = related(shelf.snapshot, shelf.find(article_id), asked.limit)
        answer = RelatedAnswer(related=[present.related_item(each, self.prefix) for each in found])
        send_cached(req, resp, encode(answer), JSON)
