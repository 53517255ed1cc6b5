"""Any commit as an opened index, each made from the one before: for `replay` and `bisect`, never served.

Lies in `<var>/workshop` with a mirror of its own, so that publishing is not disturbed, and is kept: what was
analysed for one comparison needs no analysis in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kb import indexer
from kb.errors import BadParameter, IndexLocked
from kb.index.generation import Generation, open_live
from kb.index.previous import known_articles
from kb.model import Past, Tree
from kb.publish import reading
from kb.publish import status as statuses
from kb.publish.git import Mirror
from kb.publish.orders import Order


class Workshop:
    """One source at its commits. `opened` gives one; only one process has it at a time."""

    def __init__(self, order: Order, var: Path) -> None:
        self.order, self.var = order, var
        self._trees: dict[str, tuple[Generation, Tree]] = {}
        self.below = ""
        """Folder of the repository that holds the articles; known once something was opened."""

    @property
    def mirror(self) -> Mirror:
        return reading.mirror_of(self.var)

    def commit(self, ref: str) -> str:
        """Raises GitFailed, RefNotFound."""
        return reading.commit_of(self.order.source, ref, self.var, self.order.fetch_seconds)

    def at(self, commit: str) -> tuple[Generation, Tree]:
        """The index of a commit and its tree; stays open whatever is made after it."""
        if commit not in self._trees:
            made = reading.exported(self.order.source, commit, self.var)
            self.below = made.below
            known = known_articles(self.var)
            tree = reading.tree_of(made, commit, locale=self.order.locale, known=known,
                                   processes=self.order.processes)  # fmt: skip
            indexer.build(tree, self.var, processes=self.order.processes)
            self._trees[commit] = (open_live(self.var), tree)
        return self._trees[commit]

    def past(self, commit: str) -> Past:
        """Where articles went, as the history up to a commit tells it."""
        _, tree = self.at(commit)
        source, locale = self.order.source, self.order.locale
        return reading.past_of(tree, source, self.var, self.below, None, locale)[0]


@contextmanager
def opened(order: Order, var: Path) -> Iterator[Workshop]:
    """Raises IndexLocked while another comparison runs, BadParameter for what has no history."""
    if not order.source.url:
        raise BadParameter("--from", f"{order.source.name} is no git repository, so it has no versions")
    place = var / "workshop"
    with statuses.locked(place, "publish", wait=False) as had:
        if not had:
            raise IndexLocked(f"{place}: another replay or bisect is running")
        yield Workshop(order, place)
