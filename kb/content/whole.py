"""What only the whole tree shows: articles that say the same or that nothing leads to, words that collide.

The second half of `check`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from kb.content import alike, wording
from kb.content.article import in_agents_folder
from kb.content.book import HREF, Book, Place, error, guess, warning
from kb.content.paths import SITE_FILE, Layout, Target, nfc, resolve, split_locale
from kb.content.pointing import place_of, word_in
from kb.content.site import SYNONYMS_FILE
from kb.model import Article, Finding, Status, Tree

_SHOWN = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg|pdf|mp4|webm)$", re.I)


def findings(book: Book) -> Iterator[Finding]:
    """All of them, in no order."""
    tree = book.tree
    yield from _titles(tree)
    yield from _near_duplicates(tree)
    yield from _unreached(book)
    yield from _unused(tree)
    yield from _questions(tree)
    yield from _synonyms(tree)
    yield from _site(book)


def _titles(tree: Tree) -> Iterator[Finding]:
    first: dict[tuple[str, str, str], Article] = {}
    for article in tree.articles:
        if article.status is not Status.PUBLISHED:
            continue
        title = unicodedata.normalize("NFKC", article.title).casefold()
        other = first.setdefault((article.locale, article.audience, title), article)
        if other is not article:
            yield warning("duplicate-title", place_of(tree, article.path, "title", article.title),
                           f"has the same title as {other.path}: {article.title}",
                           "say in the title what is different here")  # fmt: skip


def _near_duplicates(tree: Tree) -> Iterator[Finding]:
    published = (article for article in tree.articles if article.status is Status.PUBLISHED)
    for one, other, share in alike.pairs(published):
        yield warning("near-duplicate", Place(other.path),
                       f"says nearly the same as {one.path} ({share:.0%})",
                       "merge the two, and name the other in redirect_from")  # fmt: skip


def _site(book: Book) -> Iterator[Finding]:
    tree = book.tree
    for pin in tree.site.pinned:
        for name in pin.articles:
            if f"{pin.locale}/{name}" not in book.articles:
                yield error("pinned", place_of(tree, SITE_FILE, "pinned.articles", name),
                             f"{pin.query!r} is pinned to {pin.locale}/{name}, which is no article",
                             guess(book, Target("article", locale=pin.locale, id=name)))  # fmt: skip
    for folder in tree.site.agents_only:
        if not any(_holds(folder, article, tree) for article in tree.articles):
            yield warning("agents-only", place_of(tree, SITE_FILE, "agents_only", folder),
                           f"the agents-only folder {folder!r} holds no article",
                           "mend its name: nothing is hidden by it")  # fmt: skip


def _holds(folder: str, article: Article, tree: Tree) -> bool:
    below = split_locale(article.path, Layout(tree.site.locales))[1]
    return in_agents_folder(below, article.path, (folder,))


def _unreached(book: Book) -> Iterator[Finding]:
    """Articles that only a search leads to, and translations of nothing."""
    tree, default = book.tree, book.tree.site.default_locale
    named = {key for article in tree.articles for key in _named(book, article)}
    for article in tree.articles:
        shown = article.status is Status.PUBLISHED
        if shown and not article.category and article.id != "index" and article.key not in named:
            yield warning("orphan", Place(article.path), "is in no category, and no page links to it",
                           "move it into a category's folder, or link to it")  # fmt: skip
        translated = tree.site.configured and article.locale != default
        if translated and shown and f"{default}/{article.id}" not in book.articles:
            yield warning("orphan-translation", Place(article.path),
                          f"there is no {default}/{article.id} that it could be a translation of",
                          "give both the same path, or write the other")  # fmt: skip


def _named(book: Book, article: Article) -> Iterator[str]:
    """Keys of the articles that an article's page leads to."""
    layout = Layout(book.tree.site.locales, article.locale)
    for href in HREF.findall(article.html):
        target = resolve(unescape(href), article.path, layout)
        if target.kind == "article" and f"{target.locale}/{target.id}" != article.key:
            yield f"{target.locale}/{target.id}"
    for name in article.related:
        yield f"{article.locale}/{name}"
        yield name


def _unused(tree: Tree) -> Iterator[Finding]:
    """Images and documents beside the articles that none shows. Other trees hold their site's own files."""
    shown = {path for article in tree.articles for path in article.media}
    for locale in tree.site.locales if tree.site.configured else ():
        for folder, folders, names in os.walk(Path(tree.root, locale)):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = os.path.relpath(folder, tree.root).replace(os.sep, "/")
            for name in names:
                path = nfc(f"{below}/{name}")
                if _SHOWN.search(name) and not name.startswith(".") and path not in shown:
                    yield warning("unused-file", Place(path), "no article shows or links to this file",
                                  "delete it, or show it where it helps")  # fmt: skip


def _questions(tree: Tree) -> Iterator[Finding]:
    for article, other, question in wording.same_questions(tree.articles):
        place = place_of(tree, article.path, "questions", question)
        yield warning("same-question", place, f"{other.path} asks {question!r}, too",
                       "leave it to the one that answers it best")  # fmt: skip
    for query, claimed in wording.crowded(tree.articles):
        last = claimed[-1]
        yield warning("crowded-golden", place_of(tree, last.path, "golden", query),
                       f"{len(claimed)} articles claim the golden query {query!r}, like {claimed[0].path}",
                       "only three can be among the first three: take it out of some")  # fmt: skip


def _synonyms(tree: Tree) -> Iterator[Finding]:
    for word in dict.fromkeys(wording.ambiguous(tree.synonyms)):
        yield warning("ambiguous-synonym", word_in(tree, SYNONYMS_FILE, word, last=True),
                      f"{word!r} stands in several groups",
                      "join the groups, or keep it in one")  # fmt: skip
    for word in wording.never_match(tree.synonyms, tree.articles):
        yield warning("unused-synonyms", word_in(tree, SYNONYMS_FILE, word),
                       f"no article has a word of the group of {word!r}",
                       "add the word that the articles use, or drop the group")  # fmt: skip
