"""The facts: one type each, in the past tense, append-only. All that reports say is computed from these.

A fact is written once and never changed. Its texts are scrubbed before it is made (`kb.deflection.scrub`);
no fact holds an address of a client. `version` is that of the type: readers of the store upgrade older
ones, so a field is only ever added with a default.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Literal, NamedTuple, get_args

import msgspec
from msgspec import Struct

from kb.chance import token_hex, token_urlsafe


class Reader(StrEnum):
    """Who acted. Only customers count in deflection."""

    CUSTOMER = "customer"
    AGENT = "agent"
    STAFF = "staff"
    BOT = "bot"


class Entry(StrEnum):
    """Where the reader was."""

    HOME = "home"
    SEARCH = "search"
    ARTICLE = "article"
    FORM = "form"
    WIDGET = "widget"
    AGENT = "agent"
    API = "api"
    DESK = "desk"
    """A help desk: tickets and links that come by a hook."""


class Relation(StrEnum):
    """What an article was to a ticket."""

    SOLVED_BY = "solved_by"
    SENT = "sent"
    WRONG = "wrong"
    MISSING = "missing"


def new_id() -> str:
    """A random name that sorts by time: 11 hex digits of milliseconds, 20 of chance."""
    return f"{time.time_ns() // 1_000_000:011x}{token_hex(10)}"


def new_search_id() -> str:
    """A random name of 16 letters that begins with the second.

    Names of chance alone are spread over all pages of a database's index: of 200,000 searches, 300 new ones
    changed 500 pages, and change 190.
    """
    return token_urlsafe(7, int(time.time()).to_bytes(5, "big"))


class Fact(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """What all facts share. Texts and numbers only: nothing that Python's search for circles must visit."""

    id: str
    """`new_id()`: a fact that is delivered twice is stored once."""
    at: int
    """Epoch milliseconds, UTC."""
    session: str = ""
    """Random name of the session; empty where nobody can tell (a ticket from elsewhere)."""
    intent: str = ""
    """The client's name for one need; empty: told by gaps of time."""
    reader: Reader = Reader.CUSTOMER
    entry: Entry = Entry.API
    locale: str = ""
    version: int = 1


class SearchRan(Fact, frozen=True, kw_only=True, tag=True):
    search_id: str
    query: str
    """Scrubbed."""
    strict_hits: int
    listed: tuple[str, ...] = ()
    """The first fifty as `article@commit`, in order; the commit as `Generation.version` shortens it."""
    shown: int = 0
    """How many of them the reader was given."""
    generation: str = ""
    took_ms: float = 0.0
    category: str = ""
    corrected: str = ""
    """What was searched instead (scrubbed)."""


class HitClicked(Fact, frozen=True, kw_only=True, tag=True):
    search_id: str
    article: str
    position: int
    """From 1."""


class ArticleViewed(Fact, frozen=True, kw_only=True, tag=True):
    """Counts are running totals of one view; of several facts about a view the largest count."""

    article: str
    search_id: str = ""
    view_id: str = ""
    active_ms: int = 0
    scroll: float = 0.0
    """Deepest place reached, 0 to 1."""
    copied: bool = False
    measured: bool = False
    """Whether a script reported the counts; without one nothing is known but that the page was asked for."""


class FeedbackGiven(Fact, frozen=True, kw_only=True, tag=True):
    article: str
    helpful: bool
    reason: str = ""
    comment: str = ""
    """Scrubbed."""
    search_id: str = ""


class FormOpened(Fact, frozen=True, kw_only=True, tag=True):
    explicit: bool = True
    """The reader asked for the form; False: it was shown without being asked for."""
    article: str = ""
    """The article it was opened from."""


class SuggestionsShown(Fact, frozen=True, kw_only=True, tag=True):
    suggestion_id: str
    query: str
    """Scrubbed subject of the draft."""
    strict_hits: int
    listed: tuple[str, ...] = ()
    shown: int = 0
    generation: str = ""
    holdout: bool = False
    """The session belongs to the part that is shown nothing, for comparison."""


class SuggestionOpened(Fact, frozen=True, kw_only=True, tag=True):
    suggestion_id: str
    article: str
    position: int = 0


class MarkedSolved(Fact, frozen=True, kw_only=True, tag=True):
    """The reader said that it is solved."""

    article: str = ""
    suggestion_id: str = ""
    search_id: str = ""


class TicketFiled(Fact, frozen=True, kw_only=True, tag=True):
    ticket: str
    """Our number, or the desk's."""
    source: str = "form"
    """`form`, or the name of the hook that told of it."""
    suggestion_id: str = ""
    search_id: str = ""
    joined: bool = True
    """Whether it is known whose it is; a ticket by telephone without a token is not."""


class TicketSolved(Fact, frozen=True, kw_only=True, tag=True):
    ticket: str


class TicketArticleLinked(Fact, frozen=True, kw_only=True, tag=True):
    ticket: str
    relation: Relation
    article: str = ""
    """Empty for `missing`."""
    commit: str = ""


AnyFact = (
    SearchRan
    | HitClicked
    | ArticleViewed
    | FeedbackGiven
    | FormOpened
    | SuggestionsShown
    | SuggestionOpened
    | MarkedSolved
    | TicketFiled
    | TicketSolved
    | TicketArticleLinked
)

Outcome = Literal["confirmed", "potential", "failed", "unserved", "unknown"]

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(AnyFact).decode


class Head(Fact, frozen=True, kw_only=True, tag=False):
    """What a fact of any type is found by, read without the rest: most of a search are its fifty articles."""

    type: str
    search_id: str = ""
    suggestion_id: str = ""
    ticket: str = ""
    article: str = ""


class Encoded(NamedTuple):
    """A fact as it lies in a spool and in the store."""

    head: Head
    body: bytes
    """JSON."""


def encoded(body: bytes) -> Encoded:
    """Raises msgspec.DecodeError: no fact, or of a type that is not known here."""
    head = _decode_head(body)
    if head.type not in _TYPES:
        raise msgspec.ValidationError(f"unknown type of a fact: {head.type}")
    return Encoded(head, body)


_decode_head = msgspec.json.Decoder(Head).decode
_TYPES = frozenset(each.__name__ for each in get_args(AnyFact))
