"""Articles for a ticket that is being written: the same for the API and for the form."""

from __future__ import annotations

import re

import falcon

from kb.deflection.facts import Entry, SuggestionsShown, new_id
from kb.deflection.scrub import scrub
from kb.desk.authors import Author, in_holdout
from kb.desk.drafts import MAX_BODY, Draft, query_of
from kb.model import Audience
from kb.search import Hit, Query
from kb.web.parts import Parts
from kb.web.reader import Shelf
from kb.web.recording import now_ms
from kb.web.resources import run_search
from kb.web.sessions import is_browser, visitor_of

SHOWN = 3
"""More are not read by somebody who has begun to write, and on a phone they hide the button that sends."""


def author_of(
    req: falcon.Request, resp: falcon.Response, parts: Parts, entry: Entry, *, begin: bool = False
) -> Author:
    """Who writes. Pages `begin` a session; of programs only those that would keep it."""
    visitor = visitor_of(req, resp, parts, begin=begin or is_browser(req))
    return Author(session=visitor.session, reader=visitor.reader, entry=entry)


def suggested(parts: Parts, shelf: Shelf, draft: Draft, author: Author) -> tuple[list[Hit], SuggestionsShown]:
    """Hits to show, none to a session of the holdout, and the fact to be recorded after the answer.

    The search is made either way, so that what would have been shown is known, and takes as long.
    """
    # a suggestion is for customers, whoever fills in the form
    public = Shelf(shelf.generation, Audience.PUBLIC, shelf.locale)
    text = impersonal_query(public, draft)
    results = run_search(public, Query(text=text, limit=SHOWN))[0] if text else None
    query = scrub(draft.subject or draft.body[:200], names=True, shapes=parts.settings.order_shapes)
    holdout = in_holdout(author.session, parts.settings.holdout)
    hits = list(results.hits) if results and not holdout else []
    listed = public.snapshot.named_at(shelf.generation.version, results.first if results else ())
    fact = SuggestionsShown(
        id=new_id(), at=now_ms(), session=author.session, reader=author.reader,
        entry=author.entry, locale=shelf.locale, suggestion_id=new_id(),
        query=query, strict_hits=results.total if results else 0,
        listed=listed, shown=len(hits), generation=shelf.generation.name, holdout=holdout,
    )  # fmt: skip
    return hits, fact


def impersonal_query(shelf: Shelf, draft: Draft) -> str:
    """What to search for a ticket, without what belongs to one person; empty when nothing is left."""
    return query_of(shelf.snapshot, _impersonal(draft.subject), _impersonal(draft.body))


def _impersonal(text: str) -> str:
    """Without numbers and names of one person, which say nothing of the matter and are rare everywhere."""
    return _PLACEHOLDER.sub(" ", scrub(text[:MAX_BODY], names=True))


_PLACEHOLDER = re.compile("<[a-z_]+>")
