"""Which addresses lead to an article that does not live there: `redirect_from` of its front matter.

The history of a repository knows more (`kb.publish.redirects`); this is what every tree can say itself.
Each entry leads straight to an article of the tree, so there are neither chains nor loops.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from kb.content.book import warning
from kb.content.paths import article_id, nfc
from kb.content.pointing import place_of
from kb.model import Article, Finding, Status, Tree

_ADDRESS = re.compile(r"https?://[^/]+")


def declared(tree: Tree) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """(old key → key of the article that names it, what is wrong with it)."""
    taken = {each.key for each in tree.articles if each.status is not Status.ARCHIVED}
    moved: dict[str, str] = {}
    findings = []
    for article in tree.articles:
        for written, key in _entries(article, tree.site.locales):
            if key == article.key:
                continue
            if key in taken:
                message = f"redirect_from names {key}, which is an article of its own"
                findings.append(_finding(tree, article, written, message))
            elif moved.setdefault(key, article.key) != article.key:
                message = f"redirect_from names {key}, which {moved[key]} names, too"
                findings.append(_finding(tree, article, written, message))
    return moved, tuple(findings)


def _entries(article: Article, locales: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(as written, key) of each: `orders/old`, `/ja/articles/orders/old`, `orders/old.html`, a whole URL."""
    for written in article.redirect_from:
        path = unquote(_ADDRESS.sub("", written).partition("#")[0].partition("?")[0]).strip("/")
        first, _, rest = path.partition("/")
        locale, below = (first, rest) if first in locales and rest else (article.locale, path)
        below = below.removeprefix("articles/")
        if below:
            yield written, f"{locale}/{article_id(nfc(below))}"


def _finding(tree: Tree, article: Article, written: str, message: str) -> Finding:
    place = place_of(tree, article.path, "redirect_from", written)
    return warning("redirect", place, message, "drop this entry, or the other")
