"""The writing side of generations: one builder at a time, sealing, switching, and what is removed when.

Called by the indexer and `prepared` only. What is kept beside the live generation: the one before it, and
all that were live within a minute; but none that shows in public what the live one does not. So an article
that was deleted, or became a draft or agents-only, is gone from `var/index/public` when the switch is done
(the indexer rewrites its Whoosh folder for that, see `durable.update`). Workers that still have the old
generation open are not disturbed: they mapped its files. What an article said before an edit may stay in
deleted documents of Whoosh until its segments are merged; it was public then, and nothing serves it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from kb.errors import IndexDamaged, IndexLocked, IndexMismatch, IndexMissing, IndexNotWritable
from kb.index import generation as generations
from kb.index import kept, layout
from kb.index.generation import Manifest
from kb.index.saver import link
from kb.index.schema import fingerprint
from kb.index.state import Media, MediaEntry, read_state
from kb.index.sums import checksum, sums_of
from kb.model import Audience
from kb.processes import kept_from_helpers

SYNC_THREADS = 8
"""A disk that is told to write many files at once takes hardly longer than for the largest."""

KEEP_SECONDS = 60
"""Generations that were live so lately are kept: somebody may be about to open one."""


@contextmanager
def writable(var: Path) -> Iterator[None]:
    """Turn the system's errors while writing below `var` into IndexNotWritable."""
    try:
        yield
    except OSError as error:
        where = error.filename or var
        raise IndexNotWritable(f"{where}: cannot write the index: {error.strerror or error}") from error


@contextmanager
def locked(var: Path) -> Iterator[None]:
    """One build at a time, beginning without what a killed one left; the lock goes with its process.

    Raises IndexLocked, IndexNotWritable.
    """
    root = layout.index_root(var)
    with writable(var):
        make_folder(root)
        lock = (root / "lock").open("a")
    with lock, kept_from_helpers(lock.fileno()):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexLocked(f"{root}: another process is building the index") from error
        with writable(var):
            _remove_unfinished(var)
        yield


# ---------------------------------------------------------------- folders


def make_folder(path: Path) -> None:
    """With those above it that are missing, each for its owner alone."""
    for folder in reversed([path, *path.parents]):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


def link_all(source: Path, target: Path) -> None:
    """A new folder with the same files, which never change; without Whoosh's lock."""
    target.mkdir(mode=0o700)
    for file in source.iterdir():
        if file.name.endswith("LOCK"):
            continue
        link(file, target / file.name)


def free_folder(var: Path, name: str) -> str:
    """`name`, or `name~2` … when a generation of that name lies there already (a rebuild)."""
    taken = folders(var)
    number, folder = 1, name
    while folder in taken:
        number += 1
        folder = f"{name}~{number}"
    return folder


def folders(var: Path) -> set[str]:
    """Folders of all generations, whole or not."""
    bases = [layout.generation_folder(var, "", audience) for audience in Audience]
    return {path.name for base in bases if base.is_dir() for path in base.iterdir() if path.is_dir()}


def remove(var: Path, folder: str) -> None:
    """Remove a generation, its manifest first: should this be interrupted, the next build goes on with it."""
    layout.manifest_file(var, folder).unlink(missing_ok=True)
    for audience in Audience:
        shutil.rmtree(layout.generation_folder(var, folder, audience), ignore_errors=True)


@contextmanager
def removed_unless_live(var: Path, folder: str) -> Iterator[None]:
    """Nothing is left of a generation when the block ends, be it by an error, without a switch to it."""
    try:
        yield
    finally:
        if not is_live(var, folder):
            with writable(var):
                remove(var, folder)


def is_live(var: Path, folder: str) -> bool:
    """Whether the pointer names this folder."""
    try:
        return generations.live_folder(var) == folder
    except (IndexMissing, IndexDamaged):
        return False


# ---------------------------------------------------------------- seal, switch


def seal(var: Path, folder: str, name: str, commit: str) -> None:
    """Bring a generation to the disk whole, with its manifest; what it shares was checked in this process.

    What helpers wrote they tell the checksums of.
    """
    root = layout.index_root(var)
    places = [layout.generation_folder(var, folder, audience) for audience in Audience]
    every = sorted(path for place in places for path in (place, *place.rglob("*")))
    folders = [path for path in every if path.is_dir()]
    files = [path for path in every if path.is_file()]
    # what has another name lies on the disk already, as part of the generation before or by `saver`
    new = [path for path in files if path.stat().st_nlink == 1]
    names = [str(file.relative_to(root)) for file in files]
    sums = dict(zip(names, sums_of(files, alone=False), strict=True))
    manifest = Manifest(
        generation=name, fingerprint=fingerprint(), created=datetime.now(UTC), commit=commit, files=sums
    )
    signed = msgspec.structs.replace(manifest, sha256=generations.self_sum(manifest))
    file = layout.manifest_file(var, folder)
    file.write_bytes(msgspec.json.encode(signed))
    # all at once, whatever comes first: nothing of it is live before the pointer names it
    with ThreadPoolExecutor(SYNC_THREADS) as pool:
        for _ in pool.map(_sync, [*new, file, *folders, *(place.parent for place in places), root]):
            pass


def switch(var: Path, folder: str) -> None:
    """Make `folder` the live generation, atomically."""
    root = layout.index_root(var)
    beside = root / f"{layout.POINTER}.new"
    beside.write_text(folder + "\n", "utf-8")
    _sync(beside)
    beside.replace(root / layout.POINTER)
    _sync(root)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- remove


def _remove_unfinished(var: Path) -> None:
    """What a killed build left: folders without a manifest, or whole but newer than the live one."""
    made = _made(var)
    try:
        live = made.get(generations.live_folder(var))
    except (IndexMissing, IndexDamaged):
        live = None
    for folder in folders(var):
        if folder not in made or (live is not None and made[folder] > live):
            remove(var, folder)


def prune(var: Path) -> None:
    """Remove generations that nobody reads any more, and media that none of the others shows."""
    live = generations.live_folder(var)
    shown = generations.public_keys(var, live)
    made = _made(var)
    order = sorted(made, key=lambda folder: made[folder])
    now = time.time()
    # each was live until the next was made; the one before the live one always stays
    for number, (folder, following) in enumerate(pairwise(order)):
        lately = now - made[following] <= KEEP_SECONDS or number == len(order) - 2
        if not (lately and _shows_no_more(var, folder, shown)):
            remove(var, folder)
    _prune_media(var)


def _made(var: Path) -> dict[str, float]:
    """When each whole generation was made, in seconds since 1970."""
    files = {folder: layout.manifest_file(var, folder) for folder in folders(var)}
    return {folder: file.stat().st_mtime for folder, file in files.items() if file.exists()}


def _shows_no_more(var: Path, folder: str, shown: frozenset[str]) -> bool:
    """Whether all that a generation shows in public is in `shown`; not when it cannot be told."""
    try:
        generations.read_manifest(var, folder)
        return generations.public_keys(var, folder) <= shown
    except (IndexDamaged, IndexMismatch, OSError, ValueError):
        return False


# ---------------------------------------------------------------- media


def store_media(root: Path, audiences: Mapping[str, Audience], var: Path) -> Media:
    """Copy files that articles show to var/media, named by content; those that are there stay."""
    store = layout.media_folder(var)
    make_folder(store)
    entries: Media = {}
    copied = False
    for path, audience in audiences.items():
        try:
            found = checksum(root / path)
        except OSError:
            continue  # gone since the tree was read: `kb check` names it, the page shows its alt text
        stored = store / found.sha256
        if stored.exists() and stored.stat().st_size == found.size:
            entries[path] = MediaEntry(found.sha256, audience)
        else:
            entries[path] = MediaEntry(_copy(root / path, store), audience)
            copied = True
    if copied:
        _sync(store)
    return entries


def _copy(source: Path, store: Path) -> str:
    """Returns the SHA-256 of what was copied: the source may just have been written."""
    beside = store / "new"
    shutil.copyfile(source, beside)
    _sync(beside)
    digest = checksum(beside).sha256
    beside.replace(store / digest)
    return digest


def _prune_media(var: Path) -> None:
    try:
        shown = {entry.sha256 for folder in _made(var) for entry in read_state(var, folder).media.values()}
        shown |= kept.media(var)
    except (OSError, ValueError):
        return  # a damaged generation is kept: what it shows cannot be told
    for file in layout.media_folder(var).iterdir():
        if file.name not in shown and file.is_file():
            file.unlink()
