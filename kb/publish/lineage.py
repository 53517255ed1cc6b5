"""What became of every Markdown file that a repository ever had: a fold over its history.

Files are followed as persons are: each has an identity that a rename keeps and a deletion ends. So a chain
of renames needs no following, and a loop cannot be: an old path leads to whoever left it, wherever he is.
Only first parents count: what was never on the published branch was never read by anybody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.content.paths import MARKDOWN_ENDINGS
from kb.errors import GitFailed
from kb.publish.export import is_text
from kb.publish.git import Mirror


class Grave(Struct, frozen=True, array_like=True):
    """Where a deleted file last was."""

    path: str
    blob: str


class Lineage(Struct, kw_only=True):
    """State of the fold after `commit`; paths are below the articles' folder."""

    commit: str = ""
    below: str = ""
    count: int = 0
    alive: dict[str, int] = {}
    """Path → who lives there."""
    left: dict[str, int] = {}
    """Path → who left it last; ordered by when."""
    graves: dict[int, Grave] = {}

    def homes(self) -> Iterator[tuple[str, int, str | None]]:
        """(old path, who left it, where he lives now) of every path that somebody left."""
        places = {identity: path for path, identity in self.alive.items()}
        for path, identity in self.left.items():
            yield path, identity, places.get(identity)


class _Change(Struct, frozen=True):
    old: str
    """Empty for a new file."""
    new: str
    """Empty for a deleted one."""
    blob: str
    """Of the old file; of a new one its own."""


def follow(mirror: Mirror, commit: str, below: str, cache: Path) -> Callable[[], Lineage]:
    """The lineage at a commit; continued from `cache` when that is earlier on the branch.

    Git looks it up until it is asked for.
    """
    state = _cached(cache)
    if state.below != below:
        state = Lineage(below=below)
    chain = mirror.begin("rev-list", "--first-parent", "--end-of-options", commit)
    told = _log(mirror, state.commit, commit, below)
    return lambda: _followed(mirror, state, commit, chain, told, cache)


def _followed(
    mirror: Mirror, state: Lineage, commit: str, chain: Callable[[], bytes], told: Callable[[], bytes],
    cache: Path,
) -> Lineage:  # fmt: skip
    below = state.below
    if state.commit not in ("", *chain().decode().split()):
        with suppress(GitFailed):  # of a commit that may be no more
            told()
        state = Lineage(below=below)
        told = _log(mirror, "", commit, below)
    for changes in _commits(told(), below):
        _apply(state, changes)
    if state.commit != commit:
        state.commit = commit
        with suppress(OSError):
            beside = cache.with_suffix(".new")
            beside.write_bytes(msgspec.msgpack.encode(state))
            beside.replace(cache)
    return state


def _cached(cache: Path) -> Lineage:
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.msgpack.decode(cache.read_bytes(), type=Lineage)
    return Lineage()


def _apply(state: Lineage, changes: list[_Change]) -> None:
    """One commit, all at once: two files may have changed places."""
    moving: dict[str, int] = {}
    for each in changes:
        if each.old:
            identity = state.alive.pop(each.old, None)
            if identity is None:
                identity = _born(state)
            moving[each.old] = identity
            state.left.pop(each.old, None)
            state.left[each.old] = identity
            if not each.new:
                state.graves[identity] = Grave(each.old, each.blob)
    for each in changes:
        if each.new:
            state.alive[each.new] = moving[each.old] if each.old else _risen(state, each) or _born(state)


def _born(state: Lineage) -> int:
    state.count += 1
    return state.count


def _risen(state: Lineage, change: _Change) -> int | None:
    """Who was deleted here and comes back with the very same content."""
    identity = state.left.get(change.new)
    if identity is None or state.graves.get(identity) != Grave(change.new, change.blob):
        return None
    del state.graves[identity]
    return identity


def _log(mirror: Mirror, since: str, commit: str, below: str) -> Callable[[], bytes]:
    span = f"{since}..{commit}" if since else commit
    return mirror.begin(
        "-c", "diff.renameLimit=2000", "log", "--first-parent", "--diff-merges=first-parent",
        "--reverse", "--raw", "-M", "-z", "--no-abbrev", "--diff-filter=ADR", "--format=%x01",
        "--end-of-options", span, "--", *([below] if below else []),
    )  # fmt: skip


def _commits(told: bytes, below: str) -> Iterator[list[_Change]]:
    """Changes of each commit, the oldest first."""
    prefix = f"{below}/" if below else ""
    changes: list[_Change] = []
    tokens = iter(told.split(b"\0"))
    for token in tokens:
        token = token.strip(b"\n")
        if token.startswith(b"\x01"):
            if changes:
                yield changes
            changes, token = [], token[1:].strip(b"\n")
        if token.startswith(b":"):
            _, _, old_blob, new_blob, status = token[1:].decode().split()
            names = [os.fsdecode(next(tokens)) for _ in range(2 if status[0] == "R" else 1)]
            change = _change(status[0], names, old_blob, new_blob, prefix)
            if change:
                changes.append(change)
    if changes:
        yield changes


def _change(status: str, names: list[str], old_blob: str, new_blob: str, prefix: str) -> _Change | None:
    """Of Markdown only: a file that becomes something else is deleted. No address is not UTF-8."""
    if not all(map(is_text, names)):
        return None
    old = names[0] if status in "DR" else ""
    new = names[-1] if status in "AR" else ""
    old = old.removeprefix(prefix) if old.lower().endswith(MARKDOWN_ENDINGS) else ""
    new = new.removeprefix(prefix) if new.lower().endswith(MARKDOWN_ENDINGS) else ""
    return _Change(old, new, old_blob if old else new_blob) if old or new else None
