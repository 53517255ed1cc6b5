"""What customers read most, counted from facts. Called by `kb.web.popular`."""

from __future__ import annotations

from kb.deflection.store import EventStore

MIN_SESSIONS = 5
"""Below this many readers an article is not called much read: it would tell of single persons."""
MAX_LISTED = 50
"""Articles of a locale; some of them may be hidden or gone by now, so more than a page shows."""


def most_read(store: EventStore, start_ms: int, end_ms: int) -> dict[str, tuple[str, ...]]:
    """Locale → ids of the articles that most sessions of customers opened, the most read first.

    A reader without a session counts nowhere. Raises the store's errors.
    """
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
