"""A source at a ref → the tree of its articles, and what its history tells. The first steps of a publish.

<var>/publish/mirror        what the remote has
<var>/publish/export/       the last exported commit; only what changed is written for the next one
<var>/publish/checked-…     the same files, while they are checked after the switch
<var>/publish/digests…, lineage…   what need not be read twice
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kb.content.tree import Known, Progress, read_tree
from kb.errors import GitFailed
from kb.index.generation import Generation
from kb.index.store import writable
from kb.model import Finding, Past, Tree
from kb.publish import redirects
from kb.publish.digests import Digests
from kb.publish.export import Entry, Exported, export, is_text
from kb.publish.git import Mirror
from kb.publish.source import Source, articles_folder
from kb.publish.status import folder as state_folder

LEFT_SECONDS = 3600
"""A check is over by then, or was killed."""
_STANDING = "checked-"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class _Record(Struct, frozen=True):
    """The last export, as it is remembered."""

    below: str
    entries: list[Entry]
    refused: list[str]


def mirror_of(var: Path) -> Mirror:
    return Mirror(state_folder(var) / "mirror")


def commit_of(source: Source, ref: str, var: Path, seconds: float) -> str:
    """The commit of a ref; what is named by its whole digest and was fetched before is not asked for."""
    mirror = mirror_of(var)
    if _COMMIT.fullmatch(ref) and (mirror.folder / "HEAD").exists() and mirror.has(ref):
        return ref
    return fetch(source, ref, var, seconds)


def fetch(source: Source, ref: str, var: Path, seconds: float) -> str:
    """The commit that the ref is at now, in the mirror. Raises GitFailed, RefNotFound, IndexNotWritable."""
    mirror = mirror_of(var)
    with writable(var):
        try:
            mirror.fetch(source.url, head=_of_head(ref), seconds=seconds)
        except GitFailed:
            if not _damaged(mirror):
                raise
            # it holds nothing that the remote has not
            shutil.rmtree(mirror.folder, ignore_errors=True)
            mirror.fetch(source.url, head=True, seconds=seconds)
    return mirror.resolve(ref)


def _of_head(ref: str) -> bool:
    """Whether only the remote's HEAD may lead there: a checkout of CI often has no branch."""
    return ref in ("", "HEAD") or ref.startswith(("HEAD", "@")) or bool(_COMMIT.fullmatch(ref))


def _damaged(mirror: Mirror) -> bool:
    try:
        mirror.git("rev-parse", "--git-dir")
        mirror.git("for-each-ref", "--count=1")
    except GitFailed:
        return True
    return False


def exported(source: Source, commit: str, var: Path) -> Exported:
    """The files of a commit in a folder, which stays as it is until the next. Raises IndexNotWritable."""
    mirror = mirror_of(var)
    below = source.path if source.path is not None else articles_folder(mirror, commit)
    folder, record_file = state_folder(var) / "export", state_folder(var) / "export.msgpack"
    with writable(var):
        last = _last(folder, record_file, below)
        # whoever is killed from here on leaves a folder without a record, which is thrown away
        record_file.unlink(missing_ok=True)
        if last is None:
            shutil.rmtree(folder, ignore_errors=True)
        made = export(mirror, commit, below, folder, last)
        if all(map(is_text, made.entries)):
            record = _Record(below, list(made.entries.values()), sorted(made.refused))
            record_file.write_bytes(msgspec.msgpack.encode(record))
    return made


def _last(folder: Path, file: Path, below: str) -> Exported | None:
    with suppress(OSError, ValueError):
        record = msgspec.msgpack.decode(file.read_bytes(), type=_Record)
        if record.below == below and folder.is_dir():
            entries = {entry.path: entry for entry in record.entries}
            return Exported(folder, entries, below, refused=frozenset(record.refused))
    return None


def tree_of(
    made: Exported, commit: str, *, locale: str | None, known: Known | None, progress: Progress | None = None,
    processes: int = 1,
) -> Tree:  # fmt: skip
    """The articles of an export; what could not be exported is among the findings."""
    digests = Digests(made.folder.with_name("digests.msgpack"), made.entries)
    tree = read_tree(
        made.folder, locale=locale, known=known, digests=digests.of, progress=progress, processes=processes,
        checkout=False,
    )  # fmt: skip
    digests.keep(tree.articles)
    return replace(tree, commit=commit, findings=(*made.findings, *tree.findings))


@contextmanager
def standing(tree: Tree, var: Path) -> Iterator[Tree]:
    """The tree on files that stay as they are when the next commit is exported. Raises OSError."""
    state = state_folder(var)
    for left in state.glob(f"{_STANDING}*"):
        if time.time() - left.stat().st_mtime > LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=state, prefix=_STANDING, ignore_cleanup_errors=True) as folder:
        # a link is enough: a file that changed is exported as another one
        shutil.copytree(tree.root, folder, symlinks=True, copy_function=_link, dirs_exist_ok=True)
        yield replace(tree, root=folder)


def _link(file: str, beside: str) -> None:
    try:
        os.link(file, beside)
    except OSError:
        shutil.copy2(file, beside)  # a disk without links, or a file with too many


def history_of(made: Exported, commit: str, var: Path) -> redirects.History:
    """Begin to look up what became of the files of an export."""
    return redirects.history_of(mirror_of(var), commit, made.below, state_folder(var))


def past_of(
    tree: Tree, source: Source, var: Path, below: str, live: Generation | None, locale: str | None,
    history: redirects.History | None = None,
) -> tuple[Past, tuple[Finding, ...]]:  # fmt: skip
    """What became of old addresses, and findings about them. `history`: begun before the tree was read."""
    if not source.url:
        return redirects.past_of_folder(tree, live)
    return redirects.past_of(tree, mirror_of(var), tree.commit, below, state_folder(var), locale, history)
