"""What a writer should know about a tree before it is published: `kb check`, and the report of a publish.

Looks at the tree as read: what readers will see is taken from the finished HTML, and only then looked
up in the source for its line and column; `whole` has what only all articles together show. In `kb.yml`,
`check` may turn a code off, or take it more or less hard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from html import unescape

from msgspec.structs import replace

from kb.content import private, whole
from kb.content.article import in_agents_folder
from kb.content.book import HREF, Book, Place, book_of, error, guess, text_of, warning
from kb.content.findings import blocks
from kb.content.paths import SITE_FILE, Layout, Target, resolve, split_locale
from kb.content.pointing import place_of
from kb.content.sources import Written, destinations
from kb.model import Article, Audience, Finding, Severity, Status, Tree

STALE_AFTER = timedelta(days=1)
"""A translation that is this much older than the page it translates has not followed its change."""

_SRC = re.compile(r'<img src="([^"]*)"')
_NO_ALT = re.compile(r'<img src="([^"]*)" alt=""')


def check(
    tree: Tree, *, today: date | None = None, behind: Sequence[Finding] | None = None
) -> tuple[Finding, ...]:
    """All findings, ordered by path and line. `today` decides which reviews are overdue.

    `behind`: translations that their sources left behind, as the history of a repository tells it; without
    one the dates of both decide.
    """
    book = book_of(tree)
    day = today or datetime.now(UTC).date()
    found = list(tree.findings)
    for article in tree.articles:
        if article.status is not Status.ARCHIVED:
            found.extend(_links(book, article))
            found.extend(_related(book, article))
            found.extend(_headings(article))
            found.extend(_dates(book, article, day))
            found.extend(_stale(book, article) if behind is None else ())
            found.extend(_category(tree, article))
            found.extend(_private(tree, article))
    found.extend(behind or ())
    found.extend(whole.findings(book))
    return tuple(
        sorted(_chosen(tree, found), key=lambda each: (each.path, each.line, each.column, each.code))
    )


def _chosen(tree: Tree, found: Iterable[Finding]) -> Iterator[Finding]:
    """As `kb.yml` wants to hear of them; what blocks a publication is always told."""
    for finding in found:
        wish = "" if blocks(finding) else tree.site.check.get(finding.code, "")
        if wish != "off":
            yield replace(finding, severity=Severity(wish)) if wish else finding


# Links, images and files


def _links(book: Book, article: Article) -> Iterator[Finding]:
    """Each link once where it is written; what only the page shows (HTML, references) without a line."""
    shown = {unescape(href) for href in HREF.findall(article.html)}
    bare = {unescape(source) for source in _NO_ALT.findall(article.html)}
    pending = shown | {unescape(source) for source in _SRC.findall(article.html)}
    for written in (*destinations(article, book.tree.site.locales), *_unwritten(book, article, pending)):
        target = written.target
        place = Place(article.path, written.line, written.column)
        if not written.line and target.href not in pending:
            continue
        pending.discard(target.href)
        if target.kind == "refused":
            yield warning("refused-link", place, f"{written.url} is not linked",
                           "link to http, https, mailto, tel, or a file of the tree")  # fmt: skip
        elif target.media:
            yield from _file(book, article, written, place)
            if target.href in bare:
                yield warning("missing-alt", place, f"the image {written.url} has no alternative text",
                               "say what it shows: ![the lid, opened](…)")  # fmt: skip
        elif target.href in shown:
            yield from _link(book, article, written, place)


def _unwritten(book: Book, article: Article, pending: set[str]) -> Iterator[Written]:
    """What is left of `pending` when all that was found in the source is done."""
    layout = Layout(book.tree.site.locales, article.locale)
    for href in sorted(pending):
        yield Written(href, 0, 0, resolve(href, article.path, layout))


def _link(book: Book, article: Article, written: Written, place: Place) -> Iterator[Finding]:
    target = written.target
    if target.kind not in ("article", "anchor"):
        return
    key = f"{target.locale}/{target.id}" if target.kind == "article" else article.key
    aim = book.articles.get(key)
    if aim is None:
        yield error("dead-link", place, f"{written.url} leads to no article ({key})", guess(book, target))
        return
    if article.audience is Audience.PUBLIC and aim.audience is Audience.AGENT:
        yield error("link-to-agents", place, f"a public page links to the agents-only article {key}",
                     "drop the link, or make the page agents-only")  # fmt: skip
    elif aim.status is not Status.PUBLISHED and article.status is Status.PUBLISHED:
        yield warning("link-to-unpublished", place, f"links to {key}, which is {aim.status.value}",
                       "publish it, or drop the link")  # fmt: skip
    if target.anchor and target.anchor not in book.anchors[key]:
        yield error("dead-anchor", place, f"{written.url}: {key} has no heading #{target.anchor}",
                     _guess_anchor(book.anchors[key], target.anchor))  # fmt: skip


def _file(book: Book, article: Article, written: Written, place: Place) -> Iterator[Finding]:
    path = written.target.media
    if path not in book.tree.media:
        if path in article.media:
            yield error("missing-file", place, f"{written.url} does not exist ({path})",
                         "add the file, or mend the path")  # fmt: skip
        return
    below = split_locale(path, Layout(book.tree.site.locales))[1]
    if article.audience is Audience.PUBLIC and in_agents_folder(below, path, book.tree.site.agents_only):
        yield error("agents-file", place, f"a public page shows {path} from an agents-only folder",
                     "move the file to where everybody may read it")  # fmt: skip


def _guess_anchor(anchors: frozenset[str], wanted: str) -> str:
    near = sorted(each for each in anchors if wanted and (wanted in each or each in wanted))
    return f"did you mean #{near[0]}?" if near else "mend the part after #, or drop it"


# What front matter names


def _related(book: Book, article: Article) -> Iterator[Finding]:
    for name in article.related:
        if f"{article.locale}/{name}" not in book.articles and name not in book.articles:
            place = place_of(book.tree, article.path, "related", name)
            yield error("related", place, f"related names {name}, which is no article",
                         guess(book, Target("article", locale=article.locale, id=name)))  # fmt: skip
            continue
        aim = book.articles.get(f"{article.locale}/{name}") or book.articles[name]
        if article.audience is Audience.PUBLIC and aim.audience is Audience.AGENT:
            yield error("link-to-agents", place_of(book.tree, article.path, "related", name),
                         f"related of a public page names the agents-only article {aim.key}",
                         "take it out of related, or make the page agents-only")  # fmt: skip


def _category(tree: Tree, article: Article) -> Iterator[Finding]:
    known = {category.id for category in tree.site.categories}
    if known and article.category and article.category not in known:
        yield warning("unknown-category", place_of(tree, article.path, "category", article.category),
                       f"the category {article.category!r} is not listed in {SITE_FILE}",
                       "add it there, or move the file")  # fmt: skip


def _dates(book: Book, article: Article, today: date) -> Iterator[Finding]:
    if article.review_by and article.review_by < today.isoformat():
        yield warning("review-overdue", place_of(book.tree, article.path, "review_by", article.review_by),
                       f"was to be reviewed by {article.review_by}",
                       "read it again, then set a new date")  # fmt: skip
    if article.publish_at and article.unpublish_at and article.publish_at >= article.unpublish_at:
        yield warning("never-shown", place_of(book.tree, article.path, "unpublish_at"),
                       "is taken down before it appears", "mend one of the two times")  # fmt: skip


def _stale(book: Book, article: Article) -> Iterator[Finding]:
    original = book.articles.get(f"{book.tree.site.default_locale}/{article.id}")
    if original and original is not article and original.updated - article.updated > STALE_AFTER:
        yield warning("stale-translation", Place(article.path),
                       f"{original.path} has changed since ({original.updated:%Y-%m-%d}, "
                       f"this one {article.updated:%Y-%m-%d})",
                       "bring the translation up to date")  # fmt: skip


# The page itself


def _headings(article: Article) -> Iterator[Finding]:
    level = 1
    for section in article.sections[1:]:
        if section.level > level + 1:
            yield warning("heading-level", Place(article.path, section.line, 1),
                           f"{section.title!r} jumps from heading level {level} to {section.level}",
                           f"use {'#' * (level + 1)}")  # fmt: skip
        level = section.level


def _private(tree: Tree, article: Article) -> Iterator[Finding]:
    for leak in private.leaks(text_of(tree, article.path)):
        place = Place(article.path, leak.line, leak.column)
        if leak.secret:
            yield error(
                "secret", place, f"holds {leak.what}", "make it invalid where it came from, then delete it"
            )
        else:
            yield warning("personal-data", place, f"holds {leak.what}", "delete it, or write an example")
