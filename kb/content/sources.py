"""Where in an article's source a link or image stands, for `check`: the page itself has lost the places."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from kb.content.paths import Layout, Target, resolve
from kb.model import Article

_FENCE = re.compile(r"\s{0,12}(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?:(?!\1).)+\1")
_LONGEST = 20_000
"""Characters of a line; what is longer was not written by hand, and would make the patterns slow."""
_DESTINATION = re.compile(
    r"""\]\(\s*(?:<([^<>]*)>|([^\s()<>]*(?:\([^\s()]*\)[^\s()]*)*))"""
    r"""|^\s{0,3}\[[^\]]+\]:\s*<?([^\s<>]+)|\b(?:href|src)\s*=\s*"\$withBase\(\s*['`]([^'`]*)"""
    r"""|\b(?:href|src)\s*=\s*["']([^"']*)["']""",
    re.I,
)


class Written(Struct, frozen=True):
    """One destination as it was written, where, and what it points at."""

    url: str
    line: int
    column: int
    target: Target


def destinations(article: Article, locales: tuple[str, ...]) -> Iterator[Written]:
    """Every link and image written in the article, outside of code, with its line in the file."""
    layout = Layout(locales, article.locale)
    for number, line in _prose(article):
        for match in _DESTINATION.finditer(line):
            if match.lastindex and (url := match[match.lastindex]):
                start = match.start(match.lastindex) + 1
                yield Written(url, number, start, resolve(url, article.path, layout))


def _prose(article: Article) -> Iterator[tuple[int, str]]:
    fence = ""
    for number, line in enumerate(article.markdown.split("\n"), article.body_line):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and line.strip().startswith(fence) else fence
        elif mark:
            fence = mark[1]
        elif len(line) < _LONGEST:
            # Same length, so that columns stay true.
            yield number, _CODE.sub(lambda code: " " * len(code[0]), line)
