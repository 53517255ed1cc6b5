"""Where the parts of a generation lie; `generation` draws the whole."""

from __future__ import annotations

from pathlib import Path

from kb.model import Audience

POINTER = "current"
COMPILED = ("snapshot", "tables")
"""Folders of a locale beside `whoosh`: what is served, and what only the next compiling reads."""


def index_root(var: Path) -> Path:
    """Folder of all generations."""
    return var / "index"


def generation_folder(var: Path, folder: str, audience: Audience) -> Path:
    """What one audience has of a generation."""
    return index_root(var) / audience.value / folder


def locale_folder(var: Path, folder: str, audience: Audience, locale: str) -> Path:
    """The index of one audience and locale: `whoosh/`, `snapshot/` and `tables/`."""
    return generation_folder(var, folder, audience) / locale


def manifest_file(var: Path, folder: str) -> Path:
    """The file that makes a generation whole."""
    return generation_folder(var, folder, Audience.PUBLIC) / "manifest.json"


def site_file(var: Path, folder: str) -> Path:
    """A `SiteState`."""
    return generation_folder(var, folder, Audience.PUBLIC) / "site.json"


def agents_file(var: Path, folder: str) -> Path:
    """An `AgentsState`."""
    return generation_folder(var, folder, Audience.AGENT) / "agents.json"


def media_folder(var: Path) -> Path:
    """Files that articles show, named by their SHA-256."""
    return var / "media"
