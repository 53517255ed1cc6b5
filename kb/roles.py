"""Who a token says its bearer is: values alone, so that asking for a role imports no database."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Role(StrEnum):
    """Everyone with a role may read agents' articles; reports need writer or admin."""

    AGENT = "agent"
    WRITER = "writer"
    ADMIN = "admin"


class Token(Struct, frozen=True, kw_only=True):
    """What is known of a token; times are epoch milliseconds."""

    id: str
    name: str
    role: Role
    created_at: int
    expires_at: int
    revoked_at: int | None = None

    def valid(self, now_ms: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and now_ms < self.expires_at
