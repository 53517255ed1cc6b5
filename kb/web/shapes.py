"""What goes in and out over HTTP, as types: parameters are validated by them, answers encoded from them,
and `openapi` describes both. Field names are the contract's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kb.desk.drafts import ADDRESS, MAX_EMAIL, MAX_MESSAGE, MAX_SUBJECT, SAYS_SOMETHING
from kb.model import Audience, Correction, Kind, Snippet
from kb.text.normalize import BLANKS, MAX_QUERY

Locale = Annotated[str, Meta(description="One of the locales of the site; the site's default when left out.")]
Filter = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Limit = Annotated[int, Meta(ge=1, le=50)]
Offset = Annotated[int, Meta(ge=0, description="Beyond the end the page is empty.")]
_TEXT = r"[^\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
"""Any character but controls; tab, line and page breaks are white space."""
# no control characters but white space, and something besides white space
_QUERY = rf"{_TEXT}*[^\x00-\x20\x7f-\xa0\s]{_TEXT}*"
Query = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_QUERY,
        pattern=f"^{_QUERY}$",
        description="What the reader typed; 1 to 400 characters after NFKC.",
        examples=["返金", "refund"],
    ),
]
AnyQuery = Annotated[
    str,
    Meta(
        max_length=MAX_QUERY,
        pattern=f"^([{BLANKS}]*|{_QUERY})$",
        description="As everywhere; a blank one, which is what an empty search box sends, is none.",
    ),
]
Intent = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1,64}$",
        description="The client's id of one need, so that keystrokes count once.",
    ),
]

# ---------------------------------------------------------------- parameters


class SearchParams(Struct, frozen=True, kw_only=True):
    q: Query
    locale: Locale | None = None
    category: Filter = ""
    tag: Filter = ""
    product: Filter = ""
    limit: Limit = 10
    offset: Offset = 0
    intent: Intent | None = None
    entry: Annotated[
        Literal["api", "home", "search", "article", "form", "widget", "agent"],
        Meta(description="Where the reader typed it, for reports."),
    ] = "api"


class SuggestParams(Struct, frozen=True, kw_only=True):
    q: Query
    locale: Locale | None = None
    limit: Limit = 8


class ListParams(Struct, frozen=True, kw_only=True):
    locale: Locale | None = None
    category: Filter = ""
    limit: Limit = 20
    offset: Offset = 0


class RelatedParams(Struct, frozen=True, kw_only=True):
    limit: Limit = 5


# ---------------------------------------------------------------- answers


class SectionLink(Struct, frozen=True, kw_only=True):
    anchor: str
    title: str
    url: str


class SectionName(Struct, frozen=True, kw_only=True):
    anchor: str
    title: str


class SearchHit(Struct, frozen=True, kw_only=True):
    """One article, pointing at its best section."""

    id: str
    locale: str
    url: str
    title: str
    kind: Kind
    section: SectionName
    sections: list[SectionLink]
    snippet: Snippet
    snippet_html: str
    title_html: str
    score: float
    category: str
    tags: tuple[str, ...]
    products: tuple[str, ...]
    audience: Audience
    updated_at: str


class FacetCount(Struct, frozen=True, kw_only=True):
    value: str
    count: int


class SearchAnswer(Struct, frozen=True, kw_only=True):
    query: str
    locale: str
    search_id: str
    total: int
    took_ms: float
    generation: str
    corrected: Correction | None
    hits: list[SearchHit]
    facets: dict[str, list[FacetCount]]


class SuggestionItem(Struct, frozen=True, kw_only=True):
    text: str
    kind: str
    url: str


class SuggestAnswer(Struct, frozen=True, kw_only=True):
    suggestions: list[SuggestionItem]


class ArticleSummary(Struct, frozen=True, kw_only=True):
    id: str
    locale: str
    url: str
    title: str
    kind: Kind
    category: str
    tags: tuple[str, ...]
    products: tuple[str, ...]
    audience: Audience
    updated_at: str


class ArticlesAnswer(Struct, frozen=True, kw_only=True):
    total: int
    articles: list[ArticleSummary]


class ArticleSection(Struct, frozen=True, kw_only=True):
    anchor: str
    title: str
    level: int
    text: str
    url: str


class ArticleLink(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    url: str


class ArticleAnswer(Struct, frozen=True, kw_only=True):
    id: str
    locale: str
    url: str
    title: str
    description: str
    kind: Kind
    category: str
    tags: tuple[str, ...]
    products: tuple[str, ...]
    audience: Audience
    updated_at: str
    sections: list[ArticleSection]
    html: str
    markdown: str
    questions: tuple[str, ...]
    translations: list[str]
    """Locales in which this reader finds the same id, its own among them."""
    previous: ArticleLink | None
    """Neighbouring chapters, in a manual."""
    next: ArticleLink | None


class RelatedItem(Struct, frozen=True, kw_only=True):
    id: str
    locale: str
    url: str
    title: str
    category: str
    reason: str
    terms: tuple[str, ...]


class RelatedAnswer(Struct, frozen=True, kw_only=True):
    related: list[RelatedItem]


TicketEntry = Annotated[
    Literal["api", "form", "widget"], Meta(description="Where the customer writes, for reports.")
]


class TicketDraft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer is writing; both texts may still be empty."""

    subject: Annotated[str, Meta(max_length=MAX_SUBJECT)]
    body: Annotated[str, Meta(max_length=MAX_MESSAGE)]
    locale: str
    entry: TicketEntry = "api"


class TicketBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ticket. An unknown field is refused: a customer's `e-mail` must not get lost."""

    subject: Annotated[str, Meta(max_length=MAX_SUBJECT, pattern=SAYS_SOMETHING)]
    body: Annotated[str, Meta(max_length=MAX_MESSAGE, pattern=SAYS_SOMETHING)]
    locale: str
    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=f"^(?:{ADDRESS})?$")] = ""
    suggestion_id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{0,64}$")] = ""
    website: Annotated[str, Meta(max_length=1000, description="Must stay empty: a trap for programs.")] = ""
    entry: TicketEntry = "api"


class TicketSuggestions(Struct, frozen=True, kw_only=True):
    suggestion_id: str
    hits: list[SearchHit]
    kb_token: str


class TicketFiledAnswer(Struct, frozen=True, kw_only=True):
    id: str


class ArticleMark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an article was to a ticket; without one only for `missing`."""

    relation: Literal["solved_by", "sent", "wrong", "missing"]
    article: Annotated[str, Meta(max_length=400)] = ""
    locale: str = ""
    note: Annotated[str, Meta(max_length=2000, description="For the article's owner, with `wrong`.")] = ""


class MarkAnswer(Struct, frozen=True, kw_only=True):
    ticket: str
    relation: str
    article: str
    commit: str
    known: bool
    """False for a number that no help desk has told of yet; it is kept all the same."""


class Accepted(Struct, frozen=True, kw_only=True):
    accepted: int


class Health(Struct, frozen=True, kw_only=True):
    status: str = "ok"


class Readiness(Struct, frozen=True, kw_only=True):
    status: str
    generation: str
    articles: dict[str, int]
    """Public articles by locale."""


class Version(Struct, frozen=True, kw_only=True):
    version: str
    generation: str | None
    """None while there is no index."""
    commit: str | None
    created_at: str | None
    kernel: str
    """Who runs the hot loops of the search: `compiled` or `numpy`."""


class FieldError(Struct, frozen=True, kw_only=True):
    field: str
    detail: str


class PushTaken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a push that a hook told of."""

    accepted: bool
    """It is being published; `kb publish --status` tells how it went."""
    reason: str = ""
    """Why it changes nothing."""


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()
    articles: tuple[ArticleLink, ...] = ()
    """Of a withdrawn article: those that may help instead."""
    request_id: str = ""
