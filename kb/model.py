"""The values that pass between the parts: frozen, typed, without behaviour of their own.

Everything here can be encoded by `msgspec`, because articles are stored in the index as MessagePack
and leave it as JSON. Times are aware UTC datetimes; text positions count characters, not bytes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kb.errors import placed


class Audience(StrEnum):
    """Who may read an article. The stricter of folder rule and front matter wins."""

    PUBLIC = "public"
    AGENT = "agent"


class Status(StrEnum):
    """Drafts and archived articles are never indexed; an archived one answers 410."""

    PUBLISHED = "published"
    DRAFT = "draft"
    ARCHIVED = "archived"


class Kind(StrEnum):
    """`faq`: each H2 is a question. `manual`: a chapter of an ordered manual."""

    ARTICLE = "article"
    FAQ = "faq"
    MANUAL = "manual"


class Severity(StrEnum):
    """The hardest first. A note is about the check, not the articles: it fails nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Section(Struct, frozen=True, kw_only=True):
    """One heading and what stands below it, up to the next heading; the lead has no anchor."""

    anchor: str
    """Fragment of the URL, unique in its article, not percent-encoded; empty for the lead."""
    title: str
    """The heading as plain text; empty for the lead."""
    level: int
    """Heading level 2 to 6; 1 for the lead."""
    text: str
    """Plain text below the heading, one block a line."""
    line: int
    """Line of the heading in the file, from 1; 0 where it is not known."""


class CallCard(Struct, frozen=True, kw_only=True):
    """What an agent says, asks and avoids while the customer is on the line."""

    say: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    dont_say: tuple[str, ...] = ()


class Article(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Markdown file, read and checked."""

    locale: str
    id: str
    """Path below the locale folder without ending, NFC, case and spaces kept: `orders/refund`."""
    path: str
    """Path of the file below the root of the tree, with `/`."""
    digest: str
    """SHA-256 (hex) over the file's bytes, its path and all settings that change how it is read."""
    title: str
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    """How customers ask it; alternatives like `(a|b)` are already expanded."""
    golden: tuple[str, ...] = ()
    audience: Audience = Audience.PUBLIC
    status: Status = Status.PUBLISHED
    kind: Kind = Kind.ARTICLE
    owner: str = ""
    review_by: str = ""
    redirect_from: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    call_card: CallCard | None = None
    products: tuple[str, ...] = ()
    updated: datetime
    publish_at: datetime | None = None
    unpublish_at: datetime | None = None
    manual: str = ""
    """Folder of the manual this is a chapter of (`manuals/tablet`), else empty."""
    order: int = 0
    """Number of the chapter in its manual, else 0."""
    sections: tuple[Section, ...] = ()
    """The lead first, even when it is empty."""
    html: str = ""
    """Sanitised HTML below the title; links and images are paths from the site's root."""
    markdown: str = ""
    """The source below the front matter."""
    body_line: int = 1
    """Line of the file where `markdown` begins."""
    faulty: bool = False
    """Reading it gave an error; it is read anew each time, so that the error is told again."""
    media: tuple[str, ...] = ()
    """Files of the tree that the article shows or links to, as paths below the tree's root."""

    @property
    def key(self) -> str:
        """Unique name in a tree: `ja/orders/refund`."""
        return f"{self.locale}/{self.id}"


class Finding(Struct, frozen=True, kw_only=True):
    """Something a writer should know about a file."""

    code: str
    """Stable name in kebab-case: `dead-link`, `front-matter`, `duplicate-title`."""
    severity: Severity
    path: str
    line: int = 0
    """From 1; 0 when the whole file is meant."""
    column: int = 0
    """From 1, in characters; 0 when the whole line is meant."""
    message: str
    mend: str = ""
    """One line that says what to do."""

    def __str__(self) -> str:
        place = placed(self.path, self.line, self.column)
        mend = f" ({self.mend})" if self.mend else ""
        return f"{place}: {self.severity.value}: {self.message} [{self.code}]{mend}"


class Category(Struct, frozen=True, kw_only=True):
    id: str
    title: dict[str, str] = {}
    """By locale."""
    description: dict[str, str] = {}


class Channel(Struct, frozen=True, kw_only=True):
    """A way to reach people, shown on the contact page."""

    kind: str
    value: str = ""
    note: dict[str, str] = {}


class Pin(Struct, frozen=True, kw_only=True):
    """Articles put first for exactly one query (compared after normalisation)."""

    query: str
    locale: str
    articles: tuple[str, ...]


class Site(Struct, frozen=True, kw_only=True):
    """`kb.yml`, checked; the defaults stand for a tree without one."""

    site_name: dict[str, str] = {}
    default_locale: str = "en"
    locales: tuple[str, ...] = ()
    time_zone: str = "UTC"
    agents_only: tuple[str, ...] = ()
    """Folders below a locale folder whose articles only agents may read."""
    categories: tuple[Category, ...] = ()
    hours: dict[str, str] = {}
    channels: tuple[Channel, ...] = ()
    incident: dict[str, str] = {}
    """Notice shown on every page, by locale; empty for none."""
    pinned: tuple[Pin, ...] = ()
    check: dict[str, str] = {}
    """How hard `kb check` takes a finding, by its code: `off`, `warning` or `error`."""
    configured: bool = False
    """Whether the tree has a `kb.yml`; without one, foreign `audience` values are ignored."""


class Tree(Struct, frozen=True, kw_only=True):
    """A folder of Markdown, read: every article and every reason why a file is none."""

    root: str
    site: Site
    synonyms: tuple[tuple[str, ...], ...] = ()
    """Groups of words that mean the same."""
    articles: tuple[Article, ...] = ()
    """All statuses and audiences, ordered by key."""
    findings: tuple[Finding, ...] = ()
    files: int = 0
    """Markdown files seen."""
    commit: str = ""
    """Commit of the checkout when it is one without changes, else empty."""
    media: dict[str, Audience] = {}
    """Files that articles refer to, by path below the root: public when a published public article does."""


class Past(Struct, frozen=True, kw_only=True):
    """What became of addresses that articles once had."""

    moved: dict[str, str] = {}
    """Old key → key of the article that lives elsewhere now; never a key that is itself in here."""
    gone: dict[str, str] = {}
    """Key of a public article that was deleted → its last title."""


class Span(Struct, frozen=True, array_like=True):
    """Half-open range of characters."""

    start: int
    end: int


class Snippet(Struct, frozen=True, kw_only=True):
    """An excerpt of a section and what to mark in it; HTML is made at the edge only."""

    text: str
    marks: tuple[Span, ...] = ()


class Correction(Struct, frozen=True, kw_only=True):
    """What was searched instead, when nothing strictly matched what was typed."""

    query: str
    applied: bool


QueryText = Annotated[str, Meta(min_length=1, max_length=400)]

encode = msgspec.msgpack.Encoder().encode
