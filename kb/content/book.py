"""A tree arranged for looking things up, and where in its files something stands. For `check` and `whole`."""

from __future__ import annotations

import re
from collections import defaultdict
from html import unescape
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from kb.content.paths import Target
from kb.model import Article, Finding, Severity, Tree

HREF = re.compile(r'<a[^>]* href="([^"]*)"')
_ID = re.compile(r'<[a-z][a-z0-9]*[^>]* id="([^"]*)"')


class Book(Struct, frozen=True):
    """The tree, arranged for looking things up."""

    tree: Tree
    articles: dict[str, Article]
    """By key."""
    anchors: dict[str, frozenset[str]]
    """Fragments that exist, by key."""
    names: dict[str, list[str]]
    """Keys by the last part of the id, to guess what a dead link meant."""


class Place(Struct, frozen=True):
    """Where in a file; line and column from 1, 0 for the whole of it."""

    path: str
    line: int = 0
    column: int = 0


def error(code: str, place: Place, message: str, mend: str) -> Finding:
    """`mend`: one line that says what to do."""
    return Finding(code=code, severity=Severity.ERROR, path=place.path, line=place.line, column=place.column,
                   message=message, mend=mend)  # fmt: skip


def warning(code: str, place: Place, message: str, mend: str) -> Finding:
    """The same for what readers get over."""
    return replace(error(code, place, message, mend), severity=Severity.WARNING)


def book_of(tree: Tree) -> Book:
    """The tree, arranged."""
    names: dict[str, list[str]] = defaultdict(list)
    for article in tree.articles:
        names[article.id.rsplit("/", 1)[-1]].append(article.key)
    anchors = {
        each.key: frozenset(unescape(name) for name in _ID.findall(each.html)) for each in tree.articles
    }
    return Book(tree, {each.key: each for each in tree.articles}, anchors, names)


def guess(book: Book, target: Target) -> str:
    """How to mend what names an article that does not exist."""
    near = book.names.get(target.id.rsplit("/", 1)[-1], [])
    return f"did you mean {near[0]}?" if near else "mend the path, or drop the link"


def text_of(tree: Tree, path: str) -> str:
    """What stands in a file; empty when it is gone by now."""
    try:
        return (Path(tree.root) / path).read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError:
        return ""
