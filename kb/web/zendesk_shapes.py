"""Articles as Zendesk's Help Center API shows them, for programs that were written for that one.

https://developer.zendesk.com/api-reference/help_center/help-center-api/articles/
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kb.web.shapes import AnyQuery, Filter, Locale

Page = Annotated[int, Meta(ge=1)]
PerPage = Annotated[int, Meta(ge=1, le=100)]
Label = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f,]*$", description="One label.")]


class ZendeskSearchParams(Struct, frozen=True, kw_only=True):
    """Without `query`: all articles that the rest leaves."""

    query: AnyQuery | None = None
    locale: Locale | None = None
    category: Filter = ""
    section: Filter = ""
    label_names: Label = ""
    page: Page = 1
    per_page: PerPage = 25


class ZendeskPageParams(Struct, frozen=True, kw_only=True):
    """Of a list whose language stands in its address."""

    label_names: Label = ""
    sort_by: Literal["position", "title", "created_at", "updated_at", "edited_at"] = "position"
    sort_order: Literal["asc", "desc"] = "asc"
    page: Page = 1
    per_page: PerPage = 30
    size: Annotated[int, Meta(ge=0, le=100)] = msgspec.field(default=0, name="page[size]")
    """Asks for pages by cursor; 0 for those by number."""
    after: Annotated[str, Meta(pattern="^[0-9]{0,9}$")] = msgspec.field(default="", name="page[after]")


class ZendeskListParams(ZendeskPageParams, frozen=True, kw_only=True):
    locale: Locale | None = None


class ZendeskArticle(Struct, frozen=True, kw_only=True):
    """Numbers are made from ids, so that they are the same in every language and for ever.

    What Zendesk knows and git does not (authors, permissions, positions, who voted) has a neutral value.
    """

    id: int
    url: str
    html_url: str
    name: str
    title: str
    body: str
    """HTML."""
    locale: str
    source_locale: str
    label_names: tuple[str, ...]
    section_id: int | None
    created_at: str
    updated_at: str
    edited_at: str
    author_id: int = 0
    comments_disabled: bool = True
    draft: bool = False
    promoted: bool = False
    position: int = 0
    vote_sum: int = 0
    vote_count: int = 0
    outdated: bool = False
    outdated_locales: tuple[str, ...] = ()
    content_tag_ids: tuple[str, ...] = ()
    user_segment_id: int | None = None
    """None: everybody may read it."""
    permission_group_id: int = 0


class ZendeskHit(ZendeskArticle, frozen=True, kw_only=True):
    snippet: str
    """HTML, what was asked for within <em>."""
    result_type: str = "article"


class ZendeskPages(Struct, frozen=True, kw_only=True):
    """Where a page stands among all."""

    count: int
    page: int
    page_count: int
    per_page: int
    next_page: str | None
    previous_page: str | None


class ZendeskResults(ZendeskPages, frozen=True, kw_only=True):
    results: list[ZendeskHit]


class ZendeskCursors(Struct, frozen=True, kw_only=True):
    has_more: bool
    after_cursor: str | None
    before_cursor: str | None


class ZendeskLinks(Struct, frozen=True, kw_only=True):
    next: str | None
    prev: str | None


class ZendeskArticles(ZendeskPages, frozen=True, kw_only=True):
    articles: list[ZendeskArticle]
    sort_by: str
    sort_order: str
    meta: ZendeskCursors
    links: ZendeskLinks


class ZendeskArticleAnswer(Struct, frozen=True, kw_only=True):
    article: ZendeskArticle


class ZendeskVote(Struct, frozen=True, kw_only=True):
    id: int
    url: str
    value: Literal[1, -1]
    item_id: int
    created_at: str
    updated_at: str
    item_type: str = "Article"
    user_id: int = 0


class ZendeskVoteAnswer(Struct, frozen=True, kw_only=True):
    vote: ZendeskVote


class ZendeskVotes(ZendeskPages, frozen=True, kw_only=True):
    votes: list[ZendeskVote]
