"""Generations that were live before and are kept: which of them is what a publish asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kb.index import kept
from kb.index.state import SiteState
from kb.publish.orders import Order

_SHORTEST = 7
"""Characters from which a ref may name a kept generation or commit without asking the remote."""


def named(order: Order, var: Path) -> tuple[str, str]:
    """(commit, folder) of the kept generation that the ref names, so that no remote is needed to go back."""
    if len(order.ref) < _SHORTEST or set(order.ref) - set("0123456789abcdef-~"):
        return "", ""
    for folder, state, made in kept.find(var, order.ref):
        if _still_right(state) and made.get("source") in ("", order.source.name):
            return made.get("commit", ""), folder
    return "", ""


def of_commit(order: Order, var: Path, commit: str) -> str:
    """Folder of the kept generation of this very commit, read in this very way."""
    wanted = made_of(order, commit)
    return next(
        (f for f, state, made in kept.find(var, commit) if made == wanted and _still_right(state)), ""
    )


def _still_right(state: SiteState) -> bool:
    """Whether no article has appeared or gone by its times since."""
    return state.next_change is None or state.next_change > datetime.now(UTC)


def made_of(order: Order, commit: str) -> dict[str, str]:
    """What decides what is read."""
    path = "" if order.source.path is None else order.source.path or "."
    return {"commit": commit, "source": order.source.name, "path": path, "locale": order.locale or ""}
