"""What is to be published, as the settings say. Light to import: workers do, and they never build."""

from __future__ import annotations

from msgspec import Struct

from kb.publish.source import Source, source_of
from kb.publish.status import Cause
from kb.settings import Settings

FETCH_SECONDS = 120


class Order(Struct, frozen=True, kw_only=True):
    """What to publish, and how."""

    source: Source
    ref: str = ""
    """Branch, tag or commit; empty: the remote's default branch."""
    locale: str | None = None
    accept_loss: str = ""
    """Why golden queries may be lost."""
    cause: Cause = "command"
    asked: float = 0.0
    """When the push came, in epoch seconds; 0: now."""
    fetch_seconds: int = FETCH_SECONDS
    status_url: str = ""
    status_secret: str = ""
    processes: int = 2
    gates: bool = True
    """False: what would block is only told, as by `kb index`."""


def order_of(
    settings: Settings, *, place: str = "", ref: str | None = None, path: str | None = None,
    locale: str | None = None, accept_loss: str = "", cause: Cause = "command", asked: float = 0.0,
) -> Order:  # fmt: skip
    """`place` and `ref`, else KB_GIT_URL at KB_GIT_REF, else ./articles. Raises BadParameter, TreeMissing."""
    if ref is None:
        ref = "" if place else settings.git_ref
    path = path if path is not None else settings.git_path or None
    return Order(
        source=source_of(place or settings.git_url.value or "articles", ref, path), ref=ref, locale=locale,
        accept_loss=accept_loss, cause=cause, asked=asked, fetch_seconds=settings.git_timeout,
        status_url=settings.publish_status_url, status_secret=settings.publish_status_secret.value,
    )  # fmt: skip
