"""A SQLAlchemy engine for SQLite or PostgreSQL, and what its errors mean. Called by `kb.deflection.store`.

SQLite runs in WAL mode, so readers never wait; a writer takes the write lock when its transaction begins
(BEGIN IMMEDIATE) and waits for it, since a transaction that begins by reading and then writes fails at once
when another wrote in between (91 of 800 such, STACK.md). `synchronous=FULL`: what was committed survives
a power cut, which tickets need and facts, written in batches, hardly feel.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url

from kb import errors

BUSY_SECONDS = 5
"""How long a writer waits for another's transaction. Ours are milliseconds; a backup may take longer."""

READING = {"kb_reading": True}
"""Execution option of a transaction that only reads: on SQLite it takes no lock."""


def parse(url: str) -> URL:
    """`sqlite:///path` or `postgresql://…`; raises BadSetting without repeating the password."""
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise errors.BadSetting("KB_DATABASE_URL", _SHAPE) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite") and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    raise errors.BadSetting("KB_DATABASE_URL", _SHAPE)


_SHAPE = "must be like postgresql://user:password@host:5432/name or sqlite:////path/kb.sqlite3"


def open_engine(url: URL) -> Engine:
    """An engine of this process; nothing is connected yet. Never carry one over a fork."""
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(
            url,
            hide_parameters=True,  # they are customers' words, and errors are logged
            pool_pre_ping=True,
            pool_size=4,
            max_overflow=8,
            connect_args={"connect_timeout": BUSY_SECONDS},
        )
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_SECONDS}, pool_size=4, max_overflow=8, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come late and deferred
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "synchronous=FULL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _to_wal(cursor)
    cursor.close()


def _to_wal(cursor: sqlite3.Cursor) -> None:
    """The change of mode does not heed `busy_timeout`: two processes that start at once collide here."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_READONLY":
                return  # a file that may only be read is read in the mode it has
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("kb_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def create_file(url: URL) -> None:
    """Makes SQLite's folder and file, readable by its owner alone; nothing for PostgreSQL.

    A file that is there is not even opened, nor may it be anywhere else in a process that uses it: closing
    any descriptor of a file drops all its POSIX locks of the process. Another process then takes itself for
    the last user and removes the log, with commits of ours in it (sqlite.org/howtocorrupt.html, 2.2; seen:
    36 of 200 facts lost). So the new file is closed before it has its name.
    """
    if url.get_backend_name() != "sqlite" or str(url.database).startswith("file:"):
        return
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _leave_empty(path)
    except PermissionError as error:
        raise errors.StoreReadOnly(f"{path}: cannot be written: {error.strerror}") from None
    except OSError as error:
        raise errors.StoreUnavailable(f"{path}: cannot be opened: {error.strerror}") from None


def _leave_empty(path: Path) -> None:
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was faster
    finally:
        draft.unlink()


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Errors of the driver become ours: `with translated(url): …`."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _meaning(error.orig, url.render_as_string()) from error
    except sa.exc.TimeoutError as error:
        raise errors.StoreUnavailable(f"{url.render_as_string()}: no free connection") from error
    except (sa.exc.StatementError, OverflowError, UnicodeError) as error:
        raise errors.StoreRefused(f"{url.render_as_string()}: {_line(error)}") from error
    except sqlite3.Error as error:  # raised while a connection is prepared
        raise _meaning(error, url.render_as_string()) from error


def _meaning(error: Any, where: str) -> errors.KbError:
    said = f"{where}: {_line(error)}"
    code = str(getattr(error, "sqlite_errorname", "") or getattr(error, "sqlstate", "") or "")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return errors.StoreDamaged(f"{said}; restore a backup, or move the file away to begin anew")
    if code.startswith("SQLITE_READONLY") or code == "25006":
        return errors.StoreReadOnly(said)
    if code.startswith(("22", "23", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG")):
        return errors.StoreRefused(said)
    return errors.StoreUnavailable(said)


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300]
