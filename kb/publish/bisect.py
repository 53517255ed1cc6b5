"""The commit after which an article lost its rank for a query: halving over the commits, like `git bisect`.

Each step builds the index of one commit from that of the last one looked at, so it costs as much as what
differs between the two.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from kb.errors import ArticleNotFound, BadParameter
from kb.evaluate import GOLDEN_RANK
from kb.explain import Explanation, explain
from kb.index.generation import Generation
from kb.model import Audience
from kb.publish.workshop import Workshop
from kb.text.normalize import clean_query

MISSING = -1
"""The article is not in that commit."""


class Standing(Struct, frozen=True, kw_only=True):
    """Where the article stood at a commit, and why."""

    commit: str
    article: str
    """Its id then."""
    rank: int
    """0 when it was not found, `MISSING` when it was not there."""
    why: Explanation | None = None


class Culprit(Struct, frozen=True, kw_only=True):
    """The commit that did it."""

    commit: str
    about: str
    """Date, author and subject."""
    files: tuple[str, ...]
    before: Standing
    after: Standing
    looked_at: int
    """Commits that an index was made of."""


class _Search:
    """Ranks by commit, each looked up once."""

    def __init__(self, shop: Workshop, query: str, key: str, audience: Audience, head: str) -> None:
        self.shop, self.text, self.audience = shop, clean_query(query, "QUERY"), audience
        moved = shop.past(head).moved
        self.keys = [key, *(old for old, new in moved.items() if new == key)]
        self.seen: dict[str, Standing] = {}

    def at(self, commit: str) -> Standing:
        if commit not in self.seen:
            self.seen[commit] = self._standing(commit, self.shop.at(commit)[0])
        return self.seen[commit]

    def _standing(self, commit: str, generation: Generation) -> Standing:
        for key in self.keys:
            locale, _, article = key.partition("/")
            if locale in generation.locales:
                snapshot = generation.snapshot(locale, self.audience)
                number = snapshot.find_article(article)
                if number >= 0:
                    why = explain(snapshot, self.text, number)
                    return Standing(commit=commit, article=article, rank=why.rank, why=why)
        return Standing(commit=commit, article=self.keys[0].partition("/")[2], rank=MISSING)


def bisect(
    shop: Workshop, query: str, key: str, *, head: str = "", good: str = "", within: int = GOLDEN_RANK,
    audience: Audience = Audience.PUBLIC, progress: Callable[[Standing], None] | None = None,
) -> Culprit:  # fmt: skip
    """Find it. `good`: a ref where it still was `within` the first; without one it is looked for.

    Raises ArticleNotFound for an article that head has not, BadParameter when nothing was lost or ever held.
    """
    bad = shop.commit(head)
    look = _Search(shop, query, key, audience, bad)
    last = look.at(bad)
    if last.rank == MISSING and len(look.keys) == 1 and not _was_there(shop, key, bad):
        raise ArticleNotFound(f"{key}: has never been an article of this branch")
    if _holds(last, within):
        raise BadParameter("--article", f"{key} is at {last.rank} now, so it has not lost its rank")
    chain = shop.mirror.commits("--first-parent", "--end-of-options", bad)

    def told(place: int) -> Standing:
        standing = look.at(chain[place])
        if progress:
            progress(standing)
        return standing

    if good:
        start = shop.commit(good)
        if start not in chain or not _holds(look.at(start), within):
            raise BadParameter("--good", f"the article was not among the first {within} at {good}, either")
        low, high = 0, chain.index(start)
    else:
        low, high = _gallop(told, len(chain), within, key)
    while high - low > 1:
        middle = (low + high) // 2
        if _holds(told(middle), within):
            high = middle
        else:
            low = middle
    return _culprit(shop, look, chain[low], chain[high])


def _holds(standing: Standing, within: int) -> bool:
    return 1 <= standing.rank <= within


def _was_there(shop: Workshop, key: str, commit: str) -> bool:
    past = shop.past(commit)
    return key in past.gone or key in past.moved


def _gallop(look: Callable[[int], Standing], count: int, within: int, key: str) -> tuple[int, int]:
    """(a place where it was lost, one before that where it held), places counted back from head."""
    low, step = 0, 1
    while low < count - 1:
        place = min(step, count - 1)
        standing = look(place)
        if _holds(standing, within):
            return low, place
        if standing.rank == MISSING and look(low).rank != MISSING:
            first = _first(look, low, place)
            if _holds(look(first), within) and first > low:
                return low, first
            break
        low, step = place, step * 2
    raise BadParameter("--article", f"{key} was not among the first {within} before, where it was looked for")


def _first(look: Callable[[int], Standing], present: int, missing: int) -> int:
    """The oldest place where the article is there."""
    while missing - present > 1:
        middle = (present + missing) // 2
        if look(middle).rank == MISSING:
            missing = middle
        else:
            present = middle
    return present


def _culprit(shop: Workshop, look: _Search, commit: str, before: str) -> Culprit:
    about = shop.mirror.text("show", "--no-patch", "--format=%cs %an: %s", "--end-of-options", commit)
    files = shop.mirror.text("diff", "--name-status", "-M", "--end-of-options", before, commit)
    return Culprit(
        commit=commit, about=about, files=tuple(files.splitlines()[:20]), before=look.at(before),
        after=look.at(commit), looked_at=len(look.seen),
    )  # fmt: skip
