"""What serving needs of a tree besides its articles: what anyone may know, and what only agents may."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.index.layout import agents_file, site_file
from kb.model import Audience, Pin, Site
from kb.text.synonyms import Member


class MediaEntry(Struct, frozen=True):
    sha256: str
    audience: Audience


Media = dict[str, MediaEntry]
"""By path below the root of the articles."""


class SiteState(Struct, frozen=True, kw_only=True):
    """What serving needs of the tree besides articles, in site.json."""

    site: Site
    locales: tuple[str, ...]
    """Locales that have an index."""
    gone: dict[str, str] = {}
    """Titles of public articles that were archived or deleted, by key: they answer 410."""
    moved: dict[str, str] = {}
    """Keys that public articles had before → the keys they have now: 301."""
    next_change: datetime | None = None
    """When `publish_at` or `unpublish_at` of some article next changes what is shown."""
    synonyms: list[list[Member]] = []
    """Groups, cut into terms."""
    media: Media = {}
    """Public ones; those for agents are in `AgentsState`."""


class AgentsState(Struct, frozen=True, kw_only=True):
    """What names agents-only articles, in agents.json; the rest is in `SiteState`."""

    media: Media = {}
    moved: dict[str, str] = {}
    pinned: tuple[Pin, ...] = ()


def write_state(var: Path, folder: str, state: SiteState, public: Collection[str]) -> None:
    """Write both files of a generation; `public`: keys of the articles that anyone may see."""

    def hidden(pin: Pin) -> bool:
        return any(f"{pin.locale}/{each}" not in public for each in pin.articles)

    pins = state.site.pinned
    agents = AgentsState(
        media={path: entry for path, entry in state.media.items() if entry.audience is Audience.AGENT},
        moved={old: new for old, new in state.moved.items() if new not in public},
        pinned=tuple(pin for pin in pins if hidden(pin)),
    )
    shown = msgspec.structs.replace(
        state,
        site=msgspec.structs.replace(state.site, pinned=tuple(pin for pin in pins if not hidden(pin))),
        media={path: entry for path, entry in state.media.items() if path not in agents.media},
        moved={old: new for old, new in state.moved.items() if old not in agents.moved},
    )
    site_file(var, folder).write_bytes(msgspec.json.encode(shown))
    agents_file(var, folder).write_bytes(msgspec.json.encode(agents))


def read_state(var: Path, folder: str) -> SiteState:
    """Both files as one. Raises OSError and ValueError."""
    return joined(site_file(var, folder), agents_file(var, folder))


def joined(site: Path, agents: Path) -> SiteState:
    """What the two files hold. Raises OSError and ValueError."""
    state = msgspec.json.decode(site.read_bytes(), type=SiteState)
    more = msgspec.json.decode(agents.read_bytes(), type=AgentsState)
    return msgspec.structs.replace(
        state,
        site=msgspec.structs.replace(state.site, pinned=(*state.site.pinned, *more.pinned)),
        media=state.media | more.media,
        moved=state.moved | more.moved,
    )
