"""Tokens and the roles they give. A token is shown once, when it is made; the database holds its SHA-256.

Called by `kb.cli` (`kb token …`) and `kb.web.guard`. A plain hash is enough where a password would need a
slow one: a token is 256 random bits, so nobody can guess it from its hash.
"""

from __future__ import annotations

import hashlib
import secrets
import time

import sqlalchemy as sa

from kb.deflection.retention import DAY_MS
from kb.deflection.store import EventStore
from kb.deflection.tables import tokens
from kb.errors import BadParameter, TokenNotFound
from kb.roles import Role, Token

PREFIX = "kb_"
"""Lets a person, a secret scanner and `kb.deflection.scrub` see what it is."""
DAYS = 365
MAX_DAYS = 3650
MAX_NAME = 100


def create(store: EventStore, role: Role, name: str, days: int = DAYS) -> str:
    """The new token itself, which nobody can ask for again."""
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise BadParameter("--name", f"must be 1 to {MAX_NAME} printable characters")
    if not 1 <= days <= MAX_DAYS:
        raise BadParameter("--days", f"must be from 1 to {MAX_DAYS}")
    plain, now = PREFIX + secrets.token_urlsafe(32), time.time_ns() // 1_000_000
    row = {
        "id": secrets.token_hex(4), "digest": _digest(plain), "name": name.strip(), "role": role.value,
        "created_at": now, "expires_at": now + days * DAY_MS,
    }  # fmt: skip
    with store.writing() as connection:
        connection.execute(tokens.insert().values(row))
    return plain


def find(store: EventStore, plain: str) -> Token | None:
    """The token, valid or not; None when there is no such one."""
    return _one(store, tokens.c.digest == _digest(plain))


def by_id(store: EventStore, token_id: str) -> Token | None:
    return _one(store, tokens.c.id == token_id)


def listed(store: EventStore) -> list[Token]:
    """All, the oldest first."""
    with store.reading() as connection:
        rows = connection.execute(_SELECT.order_by(tokens.c.created_at, tokens.c.id))
        return [_token(row) for row in rows]


def revoke(store: EventStore, token_id: str) -> Token:
    """From now on it opens nothing; raises TokenNotFound."""
    unrevoked = tokens.update().where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
    with store.writing() as connection:
        connection.execute(unrevoked.values(revoked_at=time.time_ns() // 1_000_000))
    token = by_id(store, token_id)
    if token is None:
        raise TokenNotFound(f"there is no token {token_id!r}; see `kb token list`")
    return token


_SELECT = sa.select(*(column for column in tokens.c if column.name != "digest"))


def _one(store: EventStore, which: sa.ColumnElement[bool]) -> Token | None:
    with store.reading() as connection:
        row = connection.execute(_SELECT.where(which)).first()
    return _token(row) if row else None


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    values = dict(row._mapping)
    return Token(**(values | {"role": Role(values["role"])}))


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
