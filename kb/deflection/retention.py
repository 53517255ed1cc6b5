"""What is kept of facts when they are pruned: counts a day, from which no single reader can be told."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from kb.deflection.facts import AnyFact, SearchRan, TicketFiled

DAY_MS = 86_400_000

Key = tuple[str, str, str, str, str]


def day_of(at_ms: int) -> str:
    """The UTC day: `2026-05-01`."""
    return time.strftime("%Y-%m-%d", time.gmtime(at_ms // 1000))


def summarised(facts: Iterable[AnyFact]) -> Iterator[dict[str, str | int]]:
    """Rows of the table `daily`; facts of one day should all be among these, else sessions count twice."""
    count: Counter[Key] = Counter()
    zero: Counter[Key] = Counter()
    joined: Counter[Key] = Counter()
    sessions: defaultdict[Key, set[str]] = defaultdict(set)
    for fact in facts:
        key = (day_of(fact.at), type(fact).__name__, fact.locale, fact.entry.value, fact.reader.value)
        count[key] += 1
        zero[key] += isinstance(fact, SearchRan) and fact.strict_hits == 0
        joined[key] += isinstance(fact, TicketFiled) and fact.joined
        if fact.session:
            sessions[key].add(fact.session)
    for key, number in sorted(count.items()):
        yield dict(
            zip(("day", "type", "locale", "entry", "reader"), key, strict=True),
            facts=number,
            sessions=len(sessions[key]),
            zero=zero[key],
            joined=joined[key],
        )
