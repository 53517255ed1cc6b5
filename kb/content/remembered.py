"""What `kb check` read of a tree, kept in a file between two runs: unchanged files are not parsed again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from kb import __version__
from kb.content.article import Outcome

_FORM = 2
"""Counts what changed about findings; what was remembered before is not read."""


@contextmanager
def remembered(folder: Path | None, root: Path) -> Iterator[dict[str, Outcome]]:
    """What was read of the tree below `root`, by digest; what it holds after the block is kept.

    Nothing in here fails a check: what cannot be read or written only costs the time of reading again.
    """
    try:
        folder = folder and folder.expanduser()
    except RuntimeError:
        folder = None  # nobody's home
    if folder is None:
        yield {}
        return
    name = f"{__version__} {_FORM} {root.resolve()}".encode("utf-8", "surrogateescape")
    file = folder / f"check-{hashlib.sha256(name).hexdigest()[:16]}.msgpack"
    found: dict[str, Outcome] = {}
    with suppress(OSError, msgspec.MsgspecError):
        found = msgspec.msgpack.decode(file.read_bytes(), type=dict[str, Outcome])
    before = found.keys() | set()
    yield found
    if found.keys() != before:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = file.with_suffix(".new")
            beside.write_bytes(msgspec.msgpack.encode(found))
            beside.replace(file)
