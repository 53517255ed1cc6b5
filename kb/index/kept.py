"""Generations that were published, kept so that one can go back to them within a second.

    var/kept/<folder>/public|agent    hard links to what lay in var/index

Not in `var/index/public`, since they may hold what is public no longer; nobody serves them from here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from kb.errors import IndexMissing
from kb.index.generation import Manifest
from kb.index.layout import generation_folder, manifest_file
from kb.index.saver import link
from kb.index.schema import fingerprint
from kb.index.state import SiteState, joined
from kb.model import Audience

KEEP = 5
MADE = "made.json"
"""Beside the two folders: what it was made of, in the publisher's words."""


def root(var: Path) -> Path:
    """Folder of all of them."""
    return var / "kept"


def add(var: Path, folder: str, keep: int = KEEP) -> None:
    """Keep the generation `folder`, and of the others the last ones. Raises OSError."""
    target = root(var) / folder
    if not target.exists():
        beside = root(var) / f".{folder}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, mode=0o700)
        for audience in Audience:
            source = generation_folder(var, folder, audience)
            shutil.copytree(source, beside / audience.value, copy_function=_link_names)
        beside.rename(target)
    os.utime(target)
    for path in sorted(_all(var), key=lambda path: -path.stat().st_mtime)[keep:]:
        shutil.rmtree(path, ignore_errors=True)


def find(var: Path, wanted: str) -> Iterator[tuple[str, SiteState, dict[str, str]]]:
    """(folder, state, `MADE`) of those whose commit or name begins with `wanted`, the latest first."""
    for path in sorted(_all(var), key=lambda path: -path.stat().st_mtime):
        with suppress(OSError, ValueError):
            file = path / Audience.PUBLIC.value / "manifest.json"
            manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
            named = manifest.commit.startswith(wanted) or path.name.startswith(wanted)
            if named and manifest.fingerprint == fingerprint():
                made = msgspec.json.decode((path / MADE).read_bytes(), type=dict[str, str])
                yield path.name, _state(path), made


def restore(var: Path, folder: str) -> None:
    """Bring one back beside the live generation, as the newest. Raises IndexMissing, OSError."""
    if not manifest_file(var, folder).exists():
        source = root(var) / folder
        if not source.is_dir():
            raise IndexMissing(f"{source}: this generation is kept no longer")
        for audience in Audience:
            target = generation_folder(var, folder, audience)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source / audience.value, target, copy_function=_link_names)
    os.utime(manifest_file(var, folder))


def media(var: Path) -> set[str]:
    """Digests of the files that kept generations show. Raises OSError and ValueError."""
    shown: set[str] = set()
    for path in _all(var):
        shown |= {entry.sha256 for entry in _state(path).media.values()}
    return shown


def _state(path: Path) -> SiteState:
    return joined(path / Audience.PUBLIC.value / "site.json", path / Audience.AGENT.value / "agents.json")


def _all(var: Path) -> list[Path]:
    base = root(var)
    return [path for path in base.iterdir() if not path.name.startswith(".")] if base.is_dir() else []


def _link_names(source: str, target: str) -> None:
    link(Path(source), Path(target))
