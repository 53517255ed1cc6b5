"""Facts of a request, made and put on the spool after its answer was sent: nobody waits for them.

`Recorded` is the application; it runs what `after` was given when the server has sent the last byte.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import falcon
import structlog

from kb.deflection.facts import AnyFact, ArticleViewed, Entry, HitClicked, Reader, SearchRan, new_id
from kb.deflection.scrub import scrub
from kb.search import Results
from kb.web import metrics
from kb.web.parts import Parts
from kb.web.reader import Shelf
from kb.web.sessions import Visitor

_TASKS = "kb.after"

SEARCH_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_POSITION = re.compile(r"[1-9][0-9]{0,2}")
_LISTED = 50

_PAGES = (
    (re.compile(r"/[^/]+/"), Entry.HOME),
    (re.compile(r"/[^/]+/contact"), Entry.FORM),
    (re.compile(r"/[^/]+/articles/.+"), Entry.ARTICLE),
    (re.compile(r"/agent(?:/.*)?"), Entry.AGENT),
)
"""Where a search was typed, by the page's address."""


class Recorded(falcon.App[falcon.Request, falcon.Response]):
    """An application whose requests may leave work for after their answer."""

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body: Iterable[bytes] = super().__call__(env, start_response)
        tasks = env.get(_TASKS)
        return _Answer(body, tasks) if tasks else body


class _Answer:
    """A body that does the work when it is closed, which servers do last (PEP 3333)."""

    def __init__(self, body: Iterable[bytes], tasks: list[Callable[[], None]]) -> None:
        self._body = body
        self._tasks = tasks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            for task in self._tasks:
                _run(task)


def _run(task: Callable[[], None]) -> None:
    try:
        task()
    except Exception:  # the answer is out; nothing may come back to its reader
        metrics.ERRORS.inc()
        structlog.get_logger("kb").exception("recording failed")


def after(req: falcon.Request, task: Callable[[], None]) -> None:
    """Do it when the answer has been sent."""
    req.env.setdefault(_TASKS, []).append(task)


def record(req: falcon.Request, parts: Parts, *facts: AnyFact) -> None:
    """Put facts on the spool when the answer has been sent; nothing when nothing is recorded here."""
    spool = parts.spool
    if spool is None:
        return

    def task() -> None:
        for fact in facts:
            spool.put(fact)

    after(req, task)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def record_search(
    req: falcon.Request, parts: Parts, shelf: Shelf, visitor: Visitor, results: Results, search_id: str, *,
    entry: Entry, took_ms: float, shown: int, intent: str = "", category: str = "",
) -> None:  # fmt: skip
    """SearchRan; the query is scrubbed, and the articles are named, after the answer."""
    spool, at = parts.spool, now_ms()
    if spool is None:
        return

    def task() -> None:
        generation = shelf.generation
        corrected = results.corrected.query if results.corrected else ""
        spool.put(SearchRan(
            id=new_id(), at=at, session=visitor.session, intent=intent, reader=visitor.reader,
            entry=Entry.AGENT if visitor.reader is Reader.AGENT and entry is Entry.API else entry,
            locale=shelf.locale, search_id=search_id, query=_scrubbed(parts, results.query),
            strict_hits=results.total, shown=shown, generation=generation.name, took_ms=round(took_ms, 3),
            listed=shelf.snapshot.named_at(generation.version, results.first[:_LISTED]),
            category=category, corrected=_scrubbed(parts, corrected),
        ))  # fmt: skip

    after(req, task)


def record_view(req: falcon.Request, parts: Parts, locale: str, article: str, visitor: Visitor) -> None:
    """ArticleViewed of a page that was asked for, and HitClicked when its link came from a search."""
    if parts.spool is None or is_prefetch(req):
        return
    search_id = _param(req, "s", SEARCH_ID)
    position = _param(req, "n", _POSITION)
    # a proposal chosen while typing leads from the front page straight to the article
    entry = Entry.HOME if entry_of_page(req, parts) is Entry.HOME else Entry.ARTICLE
    common: dict[str, Any] = {
        "at": now_ms(), "session": visitor.session, "reader": visitor.reader, "entry": entry,
        "locale": locale, "article": article, "search_id": search_id,
    }  # fmt: skip
    facts: list[AnyFact] = [ArticleViewed(id=new_id(), **common)]
    if search_id and position:
        click = HitClicked(id=new_id(), position=int(position), **common)
        facts.insert(0, click)
    record(req, parts, *facts)


def entry_of_page(req: falcon.Request, parts: Parts) -> Entry:
    """Where a search was typed or an article chosen: the page before, which our own pages tell
    (Referrer-Policy: same-origin)."""
    try:
        came_from = urlsplit(req.referer or "")
    except ValueError:
        return Entry.SEARCH
    if came_from.netloc != req.netloc:
        return Entry.SEARCH
    path = came_from.path.removeprefix(parts.settings.base_url.prefix)
    return next((entry for pattern, entry in _PAGES if pattern.fullmatch(path)), Entry.SEARCH)


def is_prefetch(req: falcon.Request) -> bool:
    """A browser loads ahead what may never be looked at."""
    purpose = f"{req.get_header('Sec-Purpose') or ''} {req.get_header('Purpose') or ''}"
    return "prefetch" in purpose or req.method == "HEAD"


def _param(req: falcon.Request, name: str, pattern: re.Pattern[str]) -> str:
    """A parameter of our own links; whatever else somebody writes there is ignored."""
    value = req.params.get(name)
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _scrubbed(parts: Parts, text: str) -> str:
    return _scrubbed_query(text, parts.settings.order_shapes) if text else ""


@lru_cache(maxsize=1000)
def _scrubbed_query(text: str, shapes: tuple[str, ...]) -> str:
    return scrub(text, shapes=shapes)
