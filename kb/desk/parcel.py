"""What is handed to a help desk, and the two ways in which that fails. Between `outbox` and the adapters."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Parcel(Struct, frozen=True, kw_only=True):
    """A ticket, or an agent's word that an article is wrong, ready to be sent."""

    id: str
    """The same at every try: what the receiver tells a second arrival by."""
    kind: str
    """`ticket` or `wrong`."""
    at: int
    """When it was filed, epoch milliseconds."""
    tries: int
    """From 1; above 1 an earlier try may have arrived without our being told."""
    locale: str = ""
    subject: str = ""
    body: str = ""
    email: str = ""
    mark: dict[str, str] = {}
    """Of a `wrong`: article, locale, commit, owner, ticket, note."""


Send = Callable[[Parcel], str]
"""Hands a parcel over and gives the receiver's own number for it, or an empty string."""


class NotNow(Exception):
    """It may have arrived or not; to be tried again, not before `after` seconds."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class NotEver(Exception):
    """The receiver understood and will not take it; a person must look."""
