"""Why a search ended in a ticket: the logged list, the article that solved it, git, and today's index.

    MISSING            there was no article then that the reader could have read
    NOT_RETRIEVED      there was one, and it was not among the fifty logged
    RANKED_LOW         it was, below what the reader was shown
    SHOWN_NOT_CLICKED  it was shown, and not opened
    READ_NOT_SOLVED    it was opened, and did not solve it
    UNTRIAGED          nobody has linked the solving article yet, or nothing tells whether it existed

`cause_of` is pure; whether an article existed is asked of a `Library`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from kb.content.paths import MARKDOWN_ENDINGS, Layout, is_language, locate
from kb.deflection.facts import Relation, TicketArticleLinked
from kb.deflection.outcomes import Search
from kb.errors import KbError
from kb.index.generation import Generation
from kb.model import Audience
from kb.search import Query, search
from kb.text.normalize import clean_query

SHOWN = 10
"""An article answers a query today when it is among so many."""
_TIMEOUT = 20.0
"""Seconds for git; listing 10,000 files takes 0.05."""


class Cause(StrEnum):
    MISSING = "MISSING"
    NOT_RETRIEVED = "NOT_RETRIEVED"
    RANKED_LOW = "RANKED_LOW"
    SHOWN_NOT_CLICKED = "SHOWN_NOT_CLICKED"
    READ_NOT_SOLVED = "READ_NOT_SOLVED"
    UNTRIAGED = "UNTRIAGED"


class Verdict(Struct, frozen=True):
    cause: Cause
    article: str = ""
    """The one that solved the ticket, as far as it is known."""
    place: int = 0
    """Its place in the logged list, from 1; 0: not in it."""


Existed = Callable[[str, Search], bool | None]
"""Whether readers of a search could have read an article when they searched; None: nobody can tell."""


def cause_of(
    failed: Search, opened: Collection[str], links: Iterable[TicketArticleLinked], existed: Existed
) -> Verdict:
    """Triage of one search. `opened`: articles the intent opened. `links`: of the ticket, in any order."""
    ordered = sorted(links, key=lambda link: (link.at, link.id))
    telling = [link for link in ordered if link.relation in (Relation.SOLVED_BY, Relation.MISSING)]
    if not telling:
        wrong = [link.article for link in ordered if link.relation is Relation.WRONG]
        read = next((article for article in reversed(wrong) if article in opened), "")
        return (
            Verdict(Cause.READ_NOT_SOLVED, read, _place(read, failed)) if read else Verdict(Cause.UNTRIAGED)
        )
    article = telling[-1].article if telling[-1].relation is Relation.SOLVED_BY else ""
    if not article:
        return Verdict(Cause.MISSING if telling[-1].relation is Relation.MISSING else Cause.UNTRIAGED)
    place = _place(article, failed)
    if article in opened:
        return Verdict(Cause.READ_NOT_SOLVED, article, place)
    if place:
        shown = place <= failed.shown
        return Verdict(Cause.SHOWN_NOT_CLICKED if shown else Cause.RANKED_LOW, article, place)
    there = existed(article, failed)
    cause = Cause.UNTRIAGED if there is None else Cause.NOT_RETRIEVED if there else Cause.MISSING
    return Verdict(cause, article)


def _place(article: str, failed: Search) -> int:
    for place, entry in enumerate(failed.listed, 1):
        if entry.rpartition("@")[0] == article or entry == article:
            return place
    return 0


# ---------------------------------------------------------------- did the article exist?


class Library(Struct, frozen=True, kw_only=True):
    """Where to look whether an article existed; each part may be missing.

    `existed` asks git for the commit that the search's generation names, or else for the last one before the
    search. Without git an article of today's index existed if it has not changed since the search, and is
    taken to be newer if it has and no fact before the search speaks of it.
    """

    repository: Path | None = None
    """A checkout, a folder in one, or a mirror."""
    generation: Generation | None = None
    """Today's index."""
    seen: Callable[[str, str, int], bool] | None = None
    """(article, locale, ms): whether any fact before that time shows the article."""

    def existed(self, article: str, failed: Search) -> bool | None:
        card = _card(self.generation, failed.locale, article)
        if card is not None and card[0] is Audience.AGENT:
            return False  # customers could never have read it
        told = self._by_git(article, failed)
        if told is not None or card is None:
            return told
        if card[1] <= failed.at or _same_generation(self.generation, failed):
            return True
        return self.seen is not None and self.seen(article, failed.locale, failed.at)

    def _by_git(self, article: str, failed: Search) -> bool | None:
        if self.repository is None:
            return None
        layout = Layout(*_locales(self.generation))
        commit = failed.generation.partition("-")[0]
        held = articles_at(self.repository, commit, layout) if _is_commit(commit) else None
        if held is None:
            last = commit_before(self.repository, failed.at)
            held = articles_at(self.repository, last, layout) if last else None
        if held is None or failed.locale:
            return None if held is None else (failed.locale, article) in held
        return any(name == article for _, name in held)  # a search whose locale nobody wrote down


def _locales(generation: Generation | None) -> tuple[tuple[str, ...], str]:
    return ((), "en") if generation is None else (generation.site.locales, generation.site.default_locale)


def _same_generation(generation: Generation | None, failed: Search) -> bool:
    return generation is not None and generation.name == failed.generation


def _card(generation: Generation | None, locale: str, article: str) -> tuple[Audience, int] | None:
    """(audience, when it last changed in ms) of an article of today's index."""
    if generation is None or locale not in generation.locales:
        return None
    snapshot = generation.snapshot(locale, Audience.AGENT)
    number = snapshot.find_article(article)
    if number < 0:
        return None
    card = snapshot.card(number)
    return card.audience, round(datetime.fromisoformat(card.updated).timestamp() * 1000)


def _is_commit(name: str) -> bool:
    return len(name) in (40, 64) and all(letter in "0123456789abcdef" for letter in name)


@lru_cache(maxsize=4096)
def commit_before(repository: Path, at_ms: int) -> str:
    """The last commit at a time; empty if there was none, or git cannot be asked."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    # the HEAD of a mirror may name a branch that it does not have
    for ref in ("HEAD", "--all"):
        if commit := (_git(repository, "rev-list", "-1", f"--before={moment}", ref, "--") or "").strip():
            return commit
    return ""


@lru_cache(maxsize=64)
def articles_at(repository: Path, commit: str, layout: Layout) -> frozenset[tuple[str, str]] | None:
    """(locale, id) of every Markdown file of a commit; None if git does not know it."""
    prefix = (_git(repository, "rev-parse", "--show-prefix") or "").strip().strip("/")
    told = _git(repository, "ls-tree", "-r", "-z", "--name-only", "--full-tree", f"{commit}:{prefix}")
    if told is None:
        return None
    files = told.split("\0")
    top = "" if prefix else _top(files)
    paths = [file.removeprefix(top) for file in files if file.startswith(top)]
    paths = [path for path in paths if path.lower().endswith(MARKDOWN_ENDINGS)]
    if not layout.locales:
        roots = {path.partition("/")[0] for path in paths if "/" in path}
        layout = Layout(tuple(sorted(filter(is_language, roots))), layout.default_locale)
    places = (locate(path, layout) for path in paths)
    return frozenset((place.locale, place.id) for place in places)


def _top(files: Iterable[str]) -> str:
    """The folder of a repository that holds the articles, with its slash: the one with `kb.yml` or languages.

    The same rule as when publishing (`kb.publish.source`): the top itself, unless just one folder looks so.
    """
    likely = {file[: -len("kb.yml")] for file in files if file == "kb.yml" or file.endswith("/kb.yml")}
    for file in files:
        parts = file.split("/")
        likely |= {"/".join([*parts[:n], ""]) for n in (0, 1) if len(parts) > n + 1 and is_language(parts[n])}
    likely = {folder for folder in likely if folder.count("/") <= 1}
    return next(iter(likely)) if len(likely) == 1 else ""


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None when it cannot be asked or says no."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; a commit begins with a hexadecimal digit
            ["git", "-C", str(root), *arguments],  # noqa: S607 - whichever git the operator has
            capture_output=True, timeout=_TIMEOUT, env=environment, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


# ---------------------------------------------------------------- would today answer it?


class Today(Struct, frozen=True, kw_only=True):
    """What a search of today's index says about a query that failed."""

    best: str = ""
    """The first article that matches strictly; empty for none."""
    place: int = 0
    """Of the solving article, from 1; 0: not among the first fifty."""

    @property
    def answers(self) -> bool:
        return 1 <= self.place <= SHOWN


def today(generation: Generation, locale: str, text: str, article: str = "") -> Today:
    """Ask the public index as a reader would, pins included."""
    if locale not in generation.locales:
        return Today()
    try:
        text = clean_query(text)
    except KbError:
        return Today()  # an empty draft
    snapshot = generation.snapshot(locale, Audience.PUBLIC)
    found = search(snapshot, Query(text=text, limit=1), generation.pinned(locale, text))
    number = snapshot.find_article(article) if article else -1
    hits, first = found.hits, found.first
    best = hits[0].card.id if hits and hits[0].strict else ""
    return Today(best=best, place=first.index(number) + 1 if number in first else 0)
