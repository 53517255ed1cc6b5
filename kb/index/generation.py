"""Generations of the index: how they lie on disk, are checked and opened. `store` writes, `live` follows.

    var/index/current                     the pointer: name of the live generation's folder
    var/index/public/<folder>/            public articles only
        manifest.json  site.json          checksums and versions · what serving needs besides the index
        <locale>/whoosh/                  the durable index
        <locale>/snapshot/                arrays compiled from it
        <locale>/tables/                  counts that the next snapshot is made of
    var/index/agent/<folder>/             agents-only articles
        agents.json                       what else only agents may know of
        <locale>/whoosh/                  of agents-only articles
        <locale>/snapshot/                of both, with common statistics
    var/media/<sha256>                    files that articles show

A generation never changes once the pointer names it, and all its files are mapped when it is opened, so
readers need no lock: they follow the pointer, and keep what they have open even when its folder is removed.
An index folder is trusted code (Whoosh pickles its table of contents), so all folders are mode 0700.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index.blob import Blob, Mapped
from kb.index.layout import POINTER, index_root, locale_folder, manifest_file, media_folder
from kb.index.schema import fingerprint
from kb.index.snapshot import Snapshot
from kb.index.state import read_state
from kb.index.sums import FileSum, read_sum, sums_of
from kb.model import Article, Audience
from kb.text.normalize import fold
from kb.text.synonyms import Synonyms

_FOLDER = re.compile(r"[0-9a-f]+-[0-9a-f]+(~\d+)?")
"""`<commit or digest of the tree>-<digest of the rest>`, and a number when one was made twice."""


UNSERVED = ("whoosh", "tables")
"""Folders that only builders read."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What a generation is made of; written last, so a folder without one is unfinished."""

    generation: str
    """`<commit or digest of the tree>-<digest of schema, settings and learned inputs>`."""
    fingerprint: str
    created: datetime
    commit: str
    files: dict[str, FileSum]
    """By path below `var/index`, both audiences; the manifest itself left out."""
    sha256: str = ""
    """Of this manifest with an empty `sha256`."""


class MediaFile(Struct, frozen=True):
    file: Path
    audience: Audience
    sha256: str


# ---------------------------------------------------------------- check


def self_sum(manifest: Manifest) -> str:
    """What `manifest.sha256` should be."""
    bare = msgspec.structs.replace(manifest, sha256="")
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()


def read_manifest(var: Path, folder: str) -> Manifest:
    """Raises IndexDamaged, or IndexMismatch when another version of kb wrote it."""
    file = manifest_file(var, folder)
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        reason = getattr(error, "strerror", None) or str(error)
        raise IndexDamaged(file, f"the manifest cannot be read ({reason})") from error
    if manifest.fingerprint != fingerprint():
        raise IndexMismatch(file.parent, f"was written with {manifest.fingerprint}, this is {fingerprint()}")
    if manifest.sha256 != self_sum(manifest):
        raise IndexDamaged(file, "the manifest does not match its own checksum")
    return manifest


def verify(var: Path, manifest: Manifest, durable: bool) -> None:
    """Compare files with the manifest: contents, of those that nobody serves only when `durable`.

    100 MB take 0.1 s, and what this process read before is not read again, unless it does not fit. Workers
    take it from each other and from the builder of their service, too; who is to build on the files
    (`durable`) reads for itself. Raises IndexDamaged.
    """
    root = index_root(var)
    served = {
        root / name: expected
        for name, expected in manifest.files.items()
        if durable or name.split("/")[-2] not in UNSERVED
    }
    try:
        for name, expected in manifest.files.items():
            place = f"{root}/{name}"
            size = os.stat(place).st_size  # noqa: PTH116 (hundreds of paths take longer than their files)
            if size != expected.size:
                raise IndexDamaged(place, f"has {size} bytes, not {expected.size}")
        found = sums_of(list(served), alone=durable)
        for (file, expected), sum_ in zip(served.items(), found, strict=True):
            # what is remembered may be of a file that is gone, and whose number and time this one has
            if sum_ != expected and read_sum(file) != expected:
                raise IndexDamaged(file, "does not match its checksum")
    except OSError as error:
        where = error.filename or root
        raise IndexDamaged(where, f"cannot be read ({error.strerror or error})") from error


# ---------------------------------------------------------------- open


def live_folder(var: Path) -> str:
    """Folder of the live generation. Raises IndexMissing, IndexDamaged."""
    pointer = index_root(var) / POINTER
    try:
        folder = pointer.read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissing(
            f"{index_root(var)}: there is no index yet; run `kb index` or `kb publish`"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise IndexDamaged(pointer, f"the pointer cannot be read ({reason})") from error
    if not _FOLDER.fullmatch(folder):
        raise IndexDamaged(pointer, "does not name a generation")
    return folder


def has_index(var: Path) -> bool:
    """Whether the pointer names one, sound or not. Raises IndexDamaged for a pointer that cannot be read."""
    try:
        live_folder(var)
    except IndexMissing:
        return False
    return True


def public_keys(var: Path, folder: str) -> frozenset[str]:
    """Keys of the articles that a generation shows to everyone. Raises OSError and ValueError."""
    state = read_state(var, folder)
    shown = ((each, locale_folder(var, folder, Audience.PUBLIC, each)) for each in state.locales)
    return frozenset(
        f"{locale}/{article.decode()}"
        for locale, here in shown
        for article in Blob(Mapped(here / "snapshot"), "article_ids")
    )


class Generation:
    """One generation, opened for reading. Immutable; any number of threads may use it."""

    def __init__(self, var: Path, folder: str, durable: bool = False) -> None:
        """All that is served is compared with its checksums, Whoosh's files too when `durable`.

        Raises IndexDamaged, IndexMismatch.
        """
        self.folder = folder
        self.manifest = read_manifest(var, folder)
        verify(var, self.manifest, durable)
        try:
            state = read_state(var, folder)
            synonyms = Synonyms(state.synonyms)
            self._snapshots: dict[tuple[str, Audience], Snapshot] = {}
            for locale in state.locales:
                self._open(var, locale, synonyms)
        except (OSError, ValueError) as error:
            raise IndexDamaged(self.manifest.generation, f"cannot be opened ({error})") from error
        self._media, self._media_folder = state.media, media_folder(var)
        self.site = state.site
        self.locales = state.locales
        self.gone = state.gone
        self.moved = state.moved
        self.next_change = state.next_change
        self.shown = {audience: self._shown_to(audience) for audience in Audience}
        """Locales that readers may know of, the site's order first."""
        self._pins = {(pin.locale, _same_query(pin.query)): pin.articles for pin in state.site.pinned}

    def _open(self, var: Path, locale: str, synonyms: Synonyms) -> None:
        """Both snapshots; one, where agents have nothing of their own in this locale."""
        public, agent = (
            locale_folder(var, self.folder, each, locale) / "snapshot"
            for each in (Audience.PUBLIC, Audience.AGENT)
        )
        same = self.sums(locale, Audience.PUBLIC) == self.sums(locale, Audience.AGENT)
        self._snapshots[locale, Audience.PUBLIC] = opened = Snapshot(public, synonyms)
        self._snapshots[locale, Audience.AGENT] = opened if same else Snapshot(agent, synonyms)

    def sums(self, locale: str, audience: Audience) -> dict[str, FileSum]:
        """Checksums of one snapshot by the names of its files."""
        start = f"{audience}/{self.folder}/{locale}/snapshot/"
        files = self.manifest.files.items()
        return {name.removeprefix(start): found for name, found in files if name.startswith(start)}

    @property
    def name(self) -> str:
        return self.manifest.generation

    @property
    def commit(self) -> str:
        return self.manifest.commit

    @property
    def version(self) -> str:
        """Of its articles, as shown and recorded: twelve digits of the commit, by which git finds it.

        Without git the generation's name.
        """
        return self.commit[:12] or self.name

    @property
    def created(self) -> datetime:
        return self.manifest.created

    def snapshot(self, locale: str, audience: Audience) -> Snapshot:
        """Raises KeyError for a locale without an index."""
        return self._snapshots[locale, audience]

    def _shown_to(self, audience: Audience) -> tuple[str, ...]:
        """A locale that holds hidden articles only, and that `kb.yml` does not name, is hidden with them."""
        site = [locale for locale in self.site.locales if locale in self.locales]
        others = [locale for locale in self.locales if locale not in site]
        return (*site, *(locale for locale in others if self.snapshot(locale, audience).meta.articles))

    def articles(self) -> Iterator[Article]:
        """Every article of both audiences, by locale and id."""
        for locale in self.locales:
            snapshot = self.snapshot(locale, Audience.AGENT)
            yield from map(snapshot.article, range(snapshot.meta.articles))

    def pinned(self, locale: str, text: str) -> tuple[str, ...]:
        """Ids of the articles that `kb.yml` puts first for exactly this query."""
        return self._pins.get((locale, _same_query(text)), ()) if self._pins else ()

    def media(self, path: str) -> MediaFile | None:
        entry = self._media.get(path)
        if entry is None:
            return None
        return MediaFile(self._media_folder / entry.sha256, entry.audience, entry.sha256)


def _same_query(text: str) -> str:
    return " ".join(fold(text).text.split())


def open_live(var: Path, durable: bool = False) -> Generation:
    """The live generation, opened; `durable` as there. Raises IndexMissing, IndexDamaged, IndexMismatch.

    A builder may remove a folder between our reading its name and opening it; then the pointer names
    another by now, and that is opened.
    """
    folder = live_folder(var)
    while True:
        try:
            return Generation(var, folder, durable)
        except IndexDamaged:
            named = live_folder(var)
            if named == folder:
                raise
            folder = named
