"""The tables that reports are read from, and the rows of an intent in them; `intents` fills them.

Everything here can be thrown away and made again from facts. All of it goes with its session or ticket
(`intents.forget`), and with the facts when they are pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import BigInteger, Column, Index, Table, Text

from kb.deflection.facts import SuggestionsShown, TicketArticleLinked, TicketFiled
from kb.deflection.outcomes import Intent, Search
from kb.deflection.tables import metadata
from kb.deflection.triage import Existed, Verdict, cause_of

Row = dict[str, str | int | None]
Links = Mapping[str, list[TicketArticleLinked]]
"""Ticket → what was linked to it."""


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


intents = Table(
    "report_intents",
    metadata,
    Column("key", Text, primary_key=True),
    *_texts("session", "locale", "entry", "category", "evidence"),
    *_numbers("started", "ended"),
    Column("lag", BigInteger),
    *_numbers("searches", "zero", "found", "clicked", "form"),
)
"""A row an intent. `lag`: milliseconds from its end to its first ticket, NULL for none. `searches` that were
looked at, `zero` of them without a strict hit; `found` and `clicked`: 1 if something was shown, opened."""

needs = Table(
    "report_needs",
    metadata,
    Column("intent", Text, primary_key=True),
    Column("search", Text, primary_key=True),
    Column("ticket", Text, primary_key=True),
    *_texts("session", "locale", "query", "cause", "article"),
    *_numbers("started", "at"),
    Column("lag", BigInteger),
    *_numbers("zero"),
)
"""A row for each search that ended in a ticket, and ticket; and for each that found nothing (no ticket: '').
`started` is that of the intent, `lag` that of this ticket."""

reads = Table(
    "report_reads",
    metadata,
    Column("intent", Text, primary_key=True),
    Column("article", Text, primary_key=True),
    *_texts("session", "locale"),
    *_numbers("started"),
    Column("lag", BigInteger),
    *_numbers("useful", "verdict"),
)
"""A row for each article that an intent opened. `verdict`: 1 helpful, -1 not, 0 nothing said."""

tickets = Table(
    "report_tickets",
    metadata,
    Column("ticket", Text, primary_key=True),
    *_texts("session", "locale", "entry"),
    *_numbers("at", "joined"),
)
"""A row a ticket; `joined`: 1 when it is known whose it is."""

exposures = Table(
    "report_exposures",
    metadata,
    Column("session", Text, primary_key=True),
    *_numbers("at", "holdout", "tickets"),
)
"""A row for each session whose draft was, or in the holdout would have been, answered by suggestions, with
the number of tickets that it filed from then on."""

days = Table(
    "report_days",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text, primary_key=True) for name in ("locale", "entry", "category", "evidence")),
    *(Column(name, BigInteger, primary_key=True) for name in ("form", "failing")),
    *_numbers("latest", "intents", "asked", "clicked", "unopened", "searches", "zero"),
)
"""Intents that began on a UTC day and are alike, counted (`kb.deflection.days`). `day`: its beginning, epoch
milliseconds; `failing`: number of the shortest window that their ticket falls into; `latest`: when the last
of them ended."""

read_days = Table(
    "report_read_days",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text, primary_key=True) for name in ("locale", "article")),
    Column("failing", BigInteger, primary_key=True),
    *_numbers("reads", "useful", "helpful", "unhelpful"),
)
"""Of these intents, those that opened an article, counted by article."""

for _table in (intents, needs, reads):
    Index(f"{_table.name}_started", _table.c.started)
for _table in (tickets, exposures):
    Index(f"{_table.name}_at", _table.c.at)
for _table in (intents, needs, reads, tickets):
    Index(f"{_table.name}_session", _table.c.session)
Index("report_needs_ticket", needs.c.ticket)

TABLES = (intents, needs, reads, tickets, exposures, days, read_days)


# ---------------------------------------------------------------- rows


def intent_row(intent: Intent) -> Row:
    """An intent as the table `intents` keeps it."""
    asked = [search for search in intent.searches if not search.draft]
    return {
        "key": intent.key, "session": intent.session, "started": intent.started, "ended": intent.ended,
        "locale": intent.locale, "entry": intent.entry, "category": intent.category,
        "evidence": intent.evidence, "lag": intent.lag,
        "searches": len(asked),
        "zero": sum(search.strict_hits == 0 for search in asked),
        "found": int(any(search.shown for search in asked)),
        "clicked": int(intent.clicked),
        "form": intent.form,
    }  # fmt: skip


def read_rows(intent: Intent) -> Iterable[Row]:
    for read in intent.reads:
        yield {
            "intent": intent.key, "article": read.article, "session": intent.session,
            "locale": intent.locale, "started": intent.started, "lag": intent.lag,
            "useful": int(read.useful),
            "verdict": 0 if read.verdict is None else 1 if read.verdict else -1,
        }  # fmt: skip


def need_rows(intent: Intent, links: Links, existed: Existed) -> Iterable[Row]:
    """Its failed and its fruitless searches; triage is made here, once, and again when a link comes."""
    opened = [read.article for read in intent.reads]
    for search in intent.searches:
        for filed in intent.tickets:
            verdict = cause_of(search, opened, links.get(filed.ticket, ()), existed)
            yield _need_row(intent, search, filed.ticket, filed.at - intent.ended, verdict)
        if not intent.tickets and search.strict_hits == 0 and not search.draft:
            yield _need_row(intent, search, "", None, None)


def _need_row(intent: Intent, search: Search, ticket: str, lag: int | None, verdict: Verdict | None) -> Row:
    return {
        "search": search.id, "ticket": ticket, "intent": intent.key, "session": intent.session,
        "started": intent.started, "at": search.at, "lag": lag,
        "locale": search.locale or intent.locale, "query": search.query,
        "zero": int(search.strict_hits == 0 and not search.draft),
        "cause": verdict.cause.value if verdict else "", "article": verdict.article if verdict else "",
    }  # fmt: skip


def ticket_row(told: Iterable[TicketFiled]) -> Row:
    """One ticket of all facts that tell of it, the first first."""
    ordered = list(told)
    first, known = ordered[0], [fact for fact in ordered if is_joinable(fact)]
    best = known[0] if known else first
    return {
        "ticket": first.ticket, "session": best.session, "locale": best.locale, "entry": best.entry.value,
        "at": first.at, "joined": int(bool(known)),
    }  # fmt: skip


def is_joinable(fact: TicketFiled) -> bool:
    return fact.joined and bool(fact.session or fact.search_id or fact.suggestion_id)


def exposure_row(session: str, shown: list[SuggestionsShown], filed: Mapping[str, int]) -> Row:
    """By intention to treat: a session belongs to the holdout as soon as it was once left without.

    `filed`: its tickets and when each was first told of.
    """
    at = min(fact.at for fact in shown)
    after = [ticket for ticket, first in filed.items() if first >= at]
    holdout = int(any(fact.holdout for fact in shown))
    return {"session": session, "at": at, "holdout": holdout, "tickets": len(after)}
