"""Digests of an export's files, as they were read last: the same blob at the same path is not read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.model import Article
from kb.publish.export import FILE, Entry


class _Kept(Struct):
    seed: bytes = b""
    """Of parser and rules, which are part of every digest."""
    known: dict[str, tuple[str, str]] = {}
    """Blob and digest by path."""


class Digests:
    """What is kept in `file`, for an export of `entries`."""

    def __init__(self, file: Path, entries: Mapping[str, Entry]) -> None:
        self._file, self._seed = file, b""
        # of a link git knows where it leads, not what it holds
        self._blobs = {path: each.blob for path, each in entries.items() if each.mode.startswith(FILE)}
        self._last = _Kept()
        with suppress(OSError, msgspec.MsgspecError):
            self._last = msgspec.msgpack.decode(file.read_bytes(), type=_Kept)

    def of(self, seed: bytes, path: str) -> str | None:
        """Digest of a file with this seed, if it is known."""
        self._seed = seed
        blob, digest = self._last.known.get(path, ("", ""))
        return digest if seed == self._last.seed and blob and blob == self._blobs.get(path) else None

    def keep(self, articles: Iterable[Article]) -> None:
        """What was read, for the next time."""
        known = {
            each.path: (self._blobs[each.path], each.digest) for each in articles if each.path in self._blobs
        }
        if (self._seed, known) != (self._last.seed, self._last.known):
            with suppress(OSError):
                beside = self._file.with_suffix(".new")
                beside.write_bytes(msgspec.msgpack.encode(_Kept(self._seed, known)))
                beside.replace(self._file)
