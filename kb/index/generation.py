"""Generations of the index: how they lie on disk, are switched, checked, opened and followed.

    var/index/current                     the pointer: name of the live generation's folder
    var/index/public/<folder>/            public articles only
        manifest.json  site.json          checksums and versions · what serving needs besides the index
        <locale>/whoosh/                  the durable index
        <locale>/snapshot/                arrays compiled from it
    var/index/agent/<folder>/<locale>/    whoosh: agents-only articles; snapshot: both, with common statistics
    var/media/<sha256>                    files that articles show

A generation never changes once the pointer names it, so readers need no lock: they follow the pointer.
An index folder is trusted code (Whoosh pickles its table of contents), so all folders are mode 0700.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing, IndexNotWritable
from kb.index.schema import fingerprint
from kb.index.snapshot import Snapshot
from kb.model import Audience, Site
from kb.text.normalize import fold
from kb.text.synonyms import Member, Synonyms

POINTER = "current"
MANIFEST = "manifest.json"


class FileSum(Struct, frozen=True, array_like=True):
    size: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    generation: str
    """`<commit or digest of the tree>-<digest of schema, settings and learned inputs>`."""
    fingerprint: str
    created: datetime
    commit: str
    files: dict[str, FileSum]
    """By path below `var/index`, both audiences; the manifest itself left out."""


class MediaEntry(Struct, frozen=True):
    sha256: str
    audience: Audience


class SiteState(Struct, frozen=True, kw_only=True):
    """What serving needs of the tree besides articles, in site.json."""

    site: Site
    locales: tuple[str, ...]
    """Locales that have an index."""
    gone: tuple[str, ...] = ()
    """Keys of archived public articles: they answer 410."""
    synonyms: list[list[Member]] = []
    """Groups, cut into terms."""
    media: dict[str, MediaEntry] = {}


class MediaFile(Struct, frozen=True):
    file: Path
    audience: Audience
    sha256: str


# ---------------------------------------------------------------- paths


def index_root(var: Path) -> Path:
    return var / "index"


def locale_folder(var: Path, folder: str, audience: Audience, locale: str) -> Path:
    return index_root(var) / audience.value / folder / locale


def site_file(var: Path, folder: str) -> Path:
    return index_root(var) / Audience.PUBLIC.value / folder / "site.json"


def manifest_file(var: Path, folder: str) -> Path:
    return index_root(var) / Audience.PUBLIC.value / folder / MANIFEST


def generation_files(var: Path, folder: str) -> Iterator[Path]:
    """All files of a generation, sorted, the manifest left out."""
    for audience in Audience:
        base = index_root(var) / audience.value / folder
        yield from sorted(path for path in base.rglob("*") if path.is_file() and path.name != MANIFEST)


@contextmanager
def writable(var: Path) -> Iterator[None]:
    """Turn the system's errors while writing below `var` into IndexNotWritable."""
    try:
        yield
    except OSError as error:
        where = error.filename or var
        raise IndexNotWritable(f"{where}: cannot write the index: {error.strerror or error}") from error


# ---------------------------------------------------------------- write


def write_manifest(var: Path, folder: str, manifest: Manifest) -> None:
    file = manifest_file(var, folder)
    file.write_bytes(msgspec.json.encode(manifest))
    _sync(file)


def checksum(file: Path) -> FileSum:
    with file.open("rb") as stream:
        return FileSum(file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def sync_files(var: Path, folder: str) -> None:
    """Have a generation on disk before the pointer names it."""
    folders = set()
    for file in generation_files(var, folder):
        _sync(file)
        folders.add(file.parent)
    for parent in folders:
        _sync(parent)


def switch(var: Path, folder: str) -> None:
    """Make `folder` the live generation, atomically."""
    root = index_root(var)
    beside = root / f"{POINTER}.new"
    beside.write_text(folder + "\n", "utf-8")
    _sync(beside)
    beside.replace(root / POINTER)
    _sync(root)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- read


def live_folder(var: Path) -> str:
    """Folder of the live generation. Raises IndexMissing."""
    try:
        folder = (index_root(var) / POINTER).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise IndexMissing(
            f"{index_root(var)}: there is no index yet; run `kb index` or `kb publish`"
        ) from error
    if not folder or "/" in folder or folder.startswith("."):
        raise IndexDamaged(
            f"{index_root(var) / POINTER}: does not name a generation; run `kb index --rebuild`"
        )
    return folder


def read_manifest(var: Path, folder: str) -> Manifest:
    """Raises IndexDamaged, or IndexMismatch when another version of kb wrote it."""
    file = manifest_file(var, folder)
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IndexDamaged(f"{file}: the manifest cannot be read; run `kb index --rebuild`") from error
    if manifest.fingerprint != fingerprint():
        raise IndexMismatch(
            f"{file.parent}: was written with {manifest.fingerprint}, this is {fingerprint()}; run `kb index`"
        )
    return manifest


def verify(var: Path, manifest: Manifest, contents: bool = True) -> None:
    """Compare all files with the manifest; sizes only unless `contents`. Raises IndexDamaged."""
    for name, expected in manifest.files.items():
        file = index_root(var) / name
        try:
            same = checksum(file) == expected if contents else file.stat().st_size == expected.size
        except OSError as error:
            raise IndexDamaged(f"{file}: is missing from the index; run `kb index --rebuild`") from error
        if not same:
            raise IndexDamaged(f"{file}: does not match its checksum; run `kb index --rebuild`")


class Generation:
    """One generation, opened for reading. Immutable; any number of threads may use it."""

    def __init__(self, var: Path, folder: str, check_contents: bool = False) -> None:
        """Raises IndexDamaged, IndexMismatch."""
        self.folder = folder
        self.manifest = read_manifest(var, folder)
        verify(var, self.manifest, contents=check_contents)
        self._media = var / "media"
        try:
            state = msgspec.json.decode(site_file(var, folder).read_bytes(), type=SiteState)
            synonyms = Synonyms(state.synonyms)
            self._snapshots = {
                (locale, audience): Snapshot(
                    locale_folder(var, folder, audience, locale) / "snapshot", synonyms
                )
                for locale in state.locales
                for audience in Audience
            }
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise IndexDamaged(f"{folder}: cannot be opened ({error}); run `kb index --rebuild`") from error
        self.site = state.site
        self.locales = state.locales
        self.gone = frozenset(state.gone)
        self._media_entries = state.media
        self._pins = {(pin.locale, _same_query(pin.query)): pin.articles for pin in state.site.pinned}

    @property
    def name(self) -> str:
        return self.manifest.generation

    @property
    def commit(self) -> str:
        return self.manifest.commit

    @property
    def created(self) -> datetime:
        return self.manifest.created

    def snapshot(self, locale: str, audience: Audience) -> Snapshot:
        """Raises KeyError for a locale without an index."""
        return self._snapshots[locale, audience]

    def pinned(self, locale: str, text: str) -> tuple[str, ...]:
        """Ids of the articles that `kb.yml` puts first for exactly this query."""
        return self._pins.get((locale, _same_query(text)), ())

    def media(self, path: str) -> MediaFile | None:
        entry = self._media_entries.get(path)
        return None if entry is None else MediaFile(self._media / entry.sha256, entry.audience, entry.sha256)


def _same_query(text: str) -> str:
    return " ".join(fold(text).text.split())


class LiveIndex:
    """The live generation of a state folder, followed by one `stat` a call."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._pointer = index_root(var) / POINTER
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._generation: Generation | None = None

    def current(self) -> Generation:
        """The live generation; a new one that cannot be opened leaves the old one serving.

        Raises IndexMissing, IndexDamaged, IndexMismatch when there is none to fall back on.
        """
        try:
            status = self._pointer.stat()
            stamp: tuple[int, int] | None = (status.st_mtime_ns, status.st_ino)
        except OSError:
            stamp = None
        generation = self._generation
        if generation is not None and (stamp == self._seen or stamp is None):
            return generation
        with self._lock:
            if self._generation is None or stamp != self._seen:
                self._generation = self._open() or self._generation
                self._seen = stamp
            assert self._generation is not None
            return self._generation

    def _open(self) -> Generation | None:
        try:
            return Generation(self._var, live_folder(self._var))
        except (IndexMissing, IndexDamaged, IndexMismatch):
            if self._generation is None:
                raise
            return None
