"""What a writer should know about a tree before it is published: `kb check`, and the report of a publish.

Looks at the tree as read: what readers will see is taken from the finished HTML, and only then looked
up in the source for its line. Everything the reading itself found comes first.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from kb.content import alike
from kb.content.article import in_agents_folder
from kb.content.paths import SITE_FILE, Layout, Target, resolve, split_locale
from kb.content.sources import Written, destinations
from kb.model import Article, Audience, Finding, Severity, Status, Tree

STALE_AFTER = timedelta(days=1)
"""A translation that is this much older than the page it translates has not followed its change."""

_HREF = re.compile(r'<a[^>]* href="([^"]*)"')
_ID = re.compile(r'<[a-z][a-z0-9]*[^>]* id="([^"]*)"')
_SRC = re.compile(r'<img src="([^"]*)"')
_NO_ALT = re.compile(r'<img src="([^"]*)" alt=""')


class _Book(Struct, frozen=True):
    """The tree, arranged for looking things up."""

    tree: Tree
    articles: dict[str, Article]
    """By key."""
    anchors: dict[str, frozenset[str]]
    """Fragments that exist, by key."""
    names: dict[str, list[str]]
    """Keys by the last part of the id, to guess what a dead link meant."""


def check(tree: Tree, *, today: date | None = None) -> tuple[Finding, ...]:
    """All findings, ordered by path and line. `today` decides which reviews are overdue."""
    book = _book(tree)
    day = today or datetime.now(UTC).date()
    found = list(tree.findings)
    for article in tree.articles:
        if article.status is not Status.ARCHIVED:
            found.extend(_links(book, article))
            found.extend(_related(book, article))
            found.extend(_headings(article))
            found.extend(_dates(book, article, day))
            found.extend(_category(tree, article))
    found.extend(_titles(tree))
    found.extend(_near_duplicates(tree))
    found.extend(_site(book))
    return tuple(sorted(found, key=lambda each: (each.path, each.line, each.column, each.code)))


class _Place(Struct, frozen=True):
    path: str
    line: int = 0
    column: int = 0


def _error(code: str, place: _Place, message: str, mend: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, path=place.path, line=place.line, column=place.column,
                   message=message, mend=mend)  # fmt: skip


def _warning(code: str, place: _Place, message: str, mend: str) -> Finding:
    return replace(_error(code, place, message, mend), severity=Severity.WARNING)


def _book(tree: Tree) -> _Book:
    names: dict[str, list[str]] = defaultdict(list)
    for article in tree.articles:
        names[article.id.rsplit("/", 1)[-1]].append(article.key)
    anchors = {
        each.key: frozenset(unescape(name) for name in _ID.findall(each.html)) for each in tree.articles
    }
    return _Book(tree, {each.key: each for each in tree.articles}, anchors, names)


# Links, images and files


def _links(book: _Book, article: Article) -> Iterator[Finding]:
    """Each link once where it is written; what only the page shows (HTML, references) without a line."""
    shown = {unescape(href) for href in _HREF.findall(article.html)}
    bare = {unescape(source) for source in _NO_ALT.findall(article.html)}
    pending = shown | {unescape(source) for source in _SRC.findall(article.html)}
    for written in (*destinations(article, book.tree.site.locales), *_unwritten(book, article, pending)):
        target = written.target
        place = _Place(article.path, written.line, written.column)
        if not written.line and target.href not in pending:
            continue
        pending.discard(target.href)
        if target.kind == "refused":
            yield _warning("refused-link", place, f"{written.url} is not linked",
                           "link to http, https, mailto, tel, or a file of the tree")  # fmt: skip
        elif target.media:
            yield from _file(book, article, written, place)
            if target.href in bare:
                yield _warning("missing-alt", place, f"the image {written.url} has no alternative text",
                               "say what it shows: ![the lid, opened](…)")  # fmt: skip
        elif target.href in shown:
            yield from _link(book, article, written, place)


def _unwritten(book: _Book, article: Article, pending: set[str]) -> Iterator[Written]:
    """What is left of `pending` when all that was found in the source is done."""
    layout = Layout(book.tree.site.locales, article.locale)
    for href in sorted(pending):
        yield Written(href, 0, 0, resolve(href, article.path, layout))


def _link(book: _Book, article: Article, written: Written, place: _Place) -> Iterator[Finding]:
    target = written.target
    if target.kind not in ("article", "anchor"):
        return
    key = f"{target.locale}/{target.id}" if target.kind == "article" else article.key
    aim = book.articles.get(key)
    if aim is None:
        yield _error("dead-link", place, f"{written.url} leads to no article ({key})", _guess(book, target))
        return
    if article.audience is Audience.PUBLIC and aim.audience is Audience.AGENT:
        yield _error("link-to-agents", place, f"a public page links to the agents-only article {key}",
                     "drop the link, or make the page agents-only")  # fmt: skip
    elif aim.status is not Status.PUBLISHED and article.status is Status.PUBLISHED:
        yield _warning("link-to-unpublished", place, f"links to {key}, which is {aim.status.value}",
                       "publish it, or drop the link")  # fmt: skip
    if target.anchor and target.anchor not in book.anchors[key]:
        yield _error("dead-anchor", place, f"{written.url}: {key} has no heading #{target.anchor}",
                     _guess_anchor(book.anchors[key], target.anchor))  # fmt: skip


def _file(book: _Book, article: Article, written: Written, place: _Place) -> Iterator[Finding]:
    path = written.target.media
    if path not in book.tree.media:
        if path in article.media:
            yield _error("missing-file", place, f"{written.url} does not exist ({path})",
                         "add the file, or mend the path")  # fmt: skip
        return
    below = split_locale(path, Layout(book.tree.site.locales))[1]
    if article.audience is Audience.PUBLIC and in_agents_folder(below, path, book.tree.site.agents_only):
        yield _error("agents-file", place, f"a public page shows {path} from an agents-only folder",
                     "move the file to where everybody may read it")  # fmt: skip


def _guess(book: _Book, target: Target) -> str:
    near = book.names.get(target.id.rsplit("/", 1)[-1], [])
    return f"did you mean {near[0]}?" if near else "mend the path, or drop the link"


def _guess_anchor(anchors: frozenset[str], wanted: str) -> str:
    near = sorted(each for each in anchors if wanted and (wanted in each or each in wanted))
    return f"did you mean #{near[0]}?" if near else "mend the part after #, or drop it"


# What front matter names


def _related(book: _Book, article: Article) -> Iterator[Finding]:
    for name in article.related:
        if f"{article.locale}/{name}" not in book.articles and name not in book.articles:
            place = _line_of(book.tree, article.path, name)
            yield _error("related", place, f"related names {name}, which is no article",
                         _guess(book, Target("article", locale=article.locale, id=name)))  # fmt: skip


def _category(tree: Tree, article: Article) -> Iterator[Finding]:
    known = {category.id for category in tree.site.categories}
    if known and article.category and article.category not in known:
        yield _warning("unknown-category", _Place(article.path),
                       f"the category {article.category!r} is not listed in {SITE_FILE}",
                       "add it there, or move the file")  # fmt: skip


def _dates(book: _Book, article: Article, today: date) -> Iterator[Finding]:
    if article.review_by and article.review_by < today.isoformat():
        yield _warning("review-overdue", _line_of(book.tree, article.path, "review_by"),
                       f"was to be reviewed by {article.review_by}",
                       "read it again, then set a new date")  # fmt: skip
    if article.publish_at and article.unpublish_at and article.publish_at >= article.unpublish_at:
        yield _warning("never-shown", _line_of(book.tree, article.path, "unpublish_at"),
                       "is taken down before it appears", "mend one of the two times")  # fmt: skip
    original = book.articles.get(f"{book.tree.site.default_locale}/{article.id}")
    if original and original is not article and original.updated - article.updated > STALE_AFTER:
        yield _warning("stale-translation", _Place(article.path),
                       f"{original.path} has changed since ({original.updated:%Y-%m-%d}, "
                       f"this one {article.updated:%Y-%m-%d})",
                       "bring the translation up to date")  # fmt: skip


# The page itself


def _headings(article: Article) -> Iterator[Finding]:
    level = 1
    for section in article.sections[1:]:
        if section.level > level + 1:
            yield _warning("heading-level", _Place(article.path, section.line),
                           f"{section.title!r} jumps from heading level {level} to {section.level}",
                           f"use {'#' * (level + 1)}")  # fmt: skip
        level = section.level


def _titles(tree: Tree) -> Iterator[Finding]:
    first: dict[tuple[str, str, str], Article] = {}
    for article in tree.articles:
        if article.status is not Status.PUBLISHED:
            continue
        title = unicodedata.normalize("NFKC", article.title).casefold()
        other = first.setdefault((article.locale, article.audience, title), article)
        if other is not article:
            yield _warning("duplicate-title", _Place(article.path),
                           f"has the same title as {other.path}: {article.title}",
                           "say in the title what is different here")  # fmt: skip


def _near_duplicates(tree: Tree) -> Iterator[Finding]:
    published = (article for article in tree.articles if article.status is Status.PUBLISHED)
    for one, other, share in alike.pairs(published):
        yield _warning("near-duplicate", _Place(other.path),
                       f"says nearly the same as {one.path} ({share:.0%})",
                       "merge the two, and name the other in redirect_from")  # fmt: skip


def _site(book: _Book) -> Iterator[Finding]:
    tree = book.tree
    for pin in tree.site.pinned:
        for name in pin.articles:
            if f"{pin.locale}/{name}" not in book.articles:
                yield _error("pinned", _line_of(tree, SITE_FILE, name),
                             f"{pin.query!r} is pinned to {pin.locale}/{name}, which is no article",
                             _guess(book, Target("article", locale=pin.locale, id=name)))  # fmt: skip
    for folder in tree.site.agents_only:
        if not any(_holds(folder, article, tree) for article in tree.articles):
            yield _warning("agents-only", _line_of(tree, SITE_FILE, folder),
                           f"the agents-only folder {folder!r} holds no article",
                           "mend its name: nothing is hidden by it")  # fmt: skip


def _holds(folder: str, article: Article, tree: Tree) -> bool:
    below = split_locale(article.path, Layout(tree.site.locales))[1]
    return in_agents_folder(below, article.path, (folder,))


def _line_of(tree: Tree, path: str, words: str) -> _Place:
    """The first line of the file that holds these words; the whole file when it cannot be said."""
    try:
        lines = (Path(tree.root) / path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return _Place(path)
    return _Place(path, next((number for number, line in enumerate(lines, 1) if words in line), 0))
