"""What browsers and programs may tell of readers, as types: read by `events`, described by `openapi`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MAX_EVENTS = 100

# in Python `$` also stands before a last line break, which the look-ahead refuses
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")]
ArticleId = Annotated[str, Meta(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
LocaleName = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$(?!\n)")]
Place = Annotated[str, Meta(pattern=r"^(home|search|article|form|widget|agent|api)$(?!\n)")]


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event may say. Unknown fields are let pass, unknown types are refused."""

    id: Name | None = None
    """The client's own; an event that is sent again under it is the same."""
    at: int | None = None
    """Epoch milliseconds; now, when it is left out or cannot be."""
    locale: LocaleName | None = None
    intent: Name | None = None
    entry: Place | None = None


class Click(Event, frozen=True, kw_only=True, tag="click"):
    search_id: Name
    article: ArticleId
    position: Annotated[int, Meta(ge=1, le=10_000)]


class View(Event, frozen=True, kw_only=True, tag="view"):
    """Running totals of one view, as often as the client likes."""

    article: ArticleId
    search_id: Name | None = None
    view_id: Name | None = None
    active_ms: Annotated[int, Meta(ge=0, le=86_400_000)] = 0
    scroll: Annotated[float, Meta(ge=0, le=1)] = 0.0
    copied: bool = False


class Copy(Event, frozen=True, kw_only=True, tag="copy"):
    article: ArticleId
    search_id: Name | None = None
    view_id: Name | None = None


class FormOpen(Event, frozen=True, kw_only=True, tag="form_opened"):
    explicit: bool = True
    article: ArticleId | None = None


class SuggestionOpen(Event, frozen=True, kw_only=True, tag="suggestion_opened"):
    suggestion_id: Name
    article: ArticleId
    position: Annotated[int, Meta(ge=0, le=10_000)] = 0


class Solved(Event, frozen=True, kw_only=True, tag="solved"):
    article: ArticleId | None = None
    suggestion_id: Name | None = None
    search_id: Name | None = None


AnyEvent = Click | View | Copy | FormOpen | SuggestionOpen | Solved


class EventsBody(Struct, frozen=True, kw_only=True):
    events: Annotated[list[AnyEvent], Meta(max_length=MAX_EVENTS)]


class FeedbackBody(Struct, frozen=True, kw_only=True):
    helpful: bool
    reason: Annotated[str, Meta(max_length=200)] = ""
    comment: Annotated[str, Meta(max_length=2000)] = ""
    search_id: Name | None = None
    intent: Name | None = None
    entry: Place | None = None


class SessionToken(Struct, frozen=True, kw_only=True):
    kb_token: str
    """Empty where there is no session: a robot, or a reader who is not to be tracked."""
