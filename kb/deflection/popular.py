"""What customers read most, counted from facts by the office (`kb.desk.office`), shown by `kb.web.popular`.

The count lies in a file: no page waits for the database, and no worker opens it for that.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from kb.deflection.store import EventStore

FILE = "most-read.json"
DAYS = 7

MIN_SESSIONS = 5
"""Below this many readers an article is not called much read: it would tell of single persons."""
MAX_LISTED = 50
"""Articles of a locale; some of them may be hidden or gone by now, so more than a page shows."""


MostRead = dict[str, tuple[str, ...]]
"""Locale → ids of the articles that most sessions of customers opened, the most read first."""


def noted(var: Path) -> MostRead:
    """What was counted last; nothing when nothing was, or it cannot be read."""
    try:
        return msgspec.json.decode((var / FILE).read_bytes(), type=MostRead)
    except (OSError, ValueError):  # msgspec's errors are ValueErrors
        return {}


def note(store: EventStore, var: Path) -> None:
    """Count the last week. Raises the store's errors, and OSError when the file cannot be written."""
    # the office of a new service may look before there are tables
    store.migrate()
    end = time.time_ns() // 1_000_000
    beside = var / f".{FILE}.{os.getpid()}"
    beside.write_bytes(msgspec.json.encode(most_read(store, end - DAYS * 86_400_000, end)))
    beside.replace(var / FILE)


def most_read(store: EventStore, start_ms: int, end_ms: int) -> MostRead:
    """Of a time. A reader without a session counts nowhere. Raises the store's errors."""
    import sqlalchemy as sa  # slow to import, and no page waits for this

    from kb.deflection.facts import ArticleViewed, Reader
    from kb.deflection.tables import facts

    sessions = sa.func.count(facts.c.session.distinct())
    query = (
        sa.select(facts.c.locale, facts.c.article)
        .where(
            facts.c.type == ArticleViewed.__name__,
            facts.c.at >= start_ms,
            facts.c.at < end_ms,
            facts.c.reader == Reader.CUSTOMER.value,
            facts.c.session != "",
        )
        .group_by(facts.c.locale, facts.c.article)
        .having(sessions >= MIN_SESSIONS)
        .order_by(sessions.desc(), facts.c.article)
    )
    found: dict[str, list[str]] = {}
    with store.reading() as connection:
        for locale, article in connection.execute(query):
            listed = found.setdefault(locale, [])
            if len(listed) < MAX_LISTED:
                listed.append(article)
    return {locale: tuple(listed) for locale, listed in found.items()}
