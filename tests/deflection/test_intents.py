"""The derived tables: whatever the order of arrival, they hold what the pure functions say of all facts."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from kb.deflection import derived, intents, totals
from kb.deflection.facts import AnyFact, Entry, Reader, Relation
from kb.deflection.joining import intents_of
from kb.deflection.outcomes import Search
from kb.deflection.store import EventStore
from kb.deflection.tables import facts as facts_table

from .making import (
    DAY,
    HOUR,
    MINUTE,
    START,
    Facts,
    clicked,
    filed,
    form,
    linked,
    said,
    searched,
    solved,
    suggested,
    viewed,
)


def existed(article: str, search: Search) -> bool:
    return True


def rows(store: EventStore) -> dict[str, list[tuple]]:
    with store.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in derived.TABLES
        }


def expected(facts: Iterable[AnyFact]) -> list[tuple]:
    made = [derived.intent_row(intent) for intent in intents_of(facts)]
    columns = [column.name for column in derived.intents.c]
    return sorted((tuple(row[name] for name in columns) for row in made), key=repr)


def many(seed: int, sessions: int = 25) -> Facts:
    """Sessions that search, read, complain; tickets that name searches of other sessions; desk facts."""
    chance = random.Random(seed)
    found: Facts = []
    for number in range(sessions):
        session = f"s{number}"
        name = {"intent": "i"} if chance.random() < 0.5 else {}
        at = chance.randrange(DAY)
        if chance.random() < 0.1:
            session, name = "", {}
        search = f"q{number}"
        found.append(
            searched(at, session=session, search_id=search, strict_hits=chance.randint(0, 1), **name)
        )
        if chance.random() < 0.6:
            found.append(clicked(at + 1, session=session, search_id=search, **name))
            found += [
                viewed(at + n, n, session=session, view_id=f"v{number}", search_id=search) for n in (2, 40)
            ]
        if chance.random() < 0.2:
            found.append(said(at + MINUTE, chance.random() < 0.7, session=session))
        if chance.random() < 0.2:
            found += [
                searched(at + 2 * HOUR, "交換", session=session),
                solved(at + 3 * HOUR, session=session),
            ]
        if chance.random() < 0.5:
            other = chance.randrange(sessions)
            named = chance.choice([{}, {"search_id": search}, {"search_id": f"q{other}"}, name])
            ticket = f"T{chance.randrange(12)}"
            found += [
                form(at + HOUR, session=session),
                suggested(at + HOUR, session=session, holdout=other < 3),
            ]
            found.append(filed(at + HOUR + MINUTE, ticket, session, **named))
            if chance.random() < 0.6:
                found.append(linked(at + 2 * HOUR, "orders/other", ticket))
            if chance.random() < 0.4:
                # the desk tells of it, too: without a session, or by the token of one
                told = {"session": session} if chance.random() < 0.5 else {"session": "", "joined": False}
                found.append(filed(at + chance.randrange(HOUR), ticket, entry=Entry.DESK, **told))
        if chance.random() < 0.1:
            found.append(filed(at, f"P{number}", "", joined=False, entry=Entry.DESK))
        if chance.random() < 0.1:
            found.append(searched(at, session=session, reader=Reader.BOT))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_facts_in_any_order_and_any_portions_make_the_rows_that_all_of_them_make(
    store: EventStore, seed: int
):
    known, chance = many(seed), random.Random(seed)
    arriving = known + chance.sample(known, 5)
    chance.shuffle(arriving)
    while arriving:
        portion, arriving = arriving[:7], arriving[7:]
        store.append(portion)
        intents.update(store, existed)
    step_by_step = rows(store)
    assert step_by_step["report_intents"] == expected(known)
    intents.rebuild(store, existed)
    assert rows(store) == step_by_step


def compared(store: EventStore, start: int, end: int, now: int, weeks: list[int]) -> list[list[tuple]]:
    """Outcomes and sums of a period, by everything: as the days tell it, and of single intents alone."""
    told = []
    for _ in range(2):
        with store.reading() as connection:
            told.append([
                *totals.cells(connection, start, end, now, totals.DIMENSIONS, weeks),
                *totals.articles_of(connection, start, end, DAY),
            ])  # fmt: skip
        with store.writing() as connection:
            connection.execute(sa.update(derived.days).values(latest=2**63 - 1))  # no day is over
    return [sorted(map(msgspec.structs.astuple, cells), key=repr) for cells in told]


@pytest.mark.parametrize("seed", range(3))
def test_whole_days_tell_the_same_as_their_intents_one_by_one(store: EventStore, seed: int):
    chance = random.Random(seed)
    store.append([replace(fact, at=fact.at + chance.randrange(6) * DAY) for fact in many(seed, 60)])
    intents.update(store, existed)
    start, end = START + chance.randrange(DAY), START + 5 * DAY + chance.randrange(DAY)
    weeks = [start, start + DAY + chance.randrange(DAY), start + 3 * DAY]
    by_days, one_by_one = compared(store, start, end, START + 40 * DAY, weeks)
    assert by_days == one_by_one
    assert len(by_days) > 10


def test_what_is_erased_or_pruned_is_gone_from_the_days(store: EventStore):
    store.append(many(3))
    store.append([replace(searched(5, "秘密", "secret"), at=START + 9 * DAY)])
    intents.update(store, existed)
    with_it = rows(store)["report_days"]
    intents.forget(store, existed, session="secret")
    assert len(rows(store)["report_days"]) == len(with_it) - 1
    with store.writing() as connection:
        intents.prune(connection, START + 30 * DAY)
    assert rows(store)["report_days"] == []


def test_a_step_may_end_anywhere(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    known = many(9)
    store.append(known)
    monkeypatch.setattr(intents, "STEP", 3)
    assert intents.update(store, existed) == len(known)
    assert rows(store)["report_intents"] == expected(known)
    assert intents.update(store, existed) == 0


def test_a_link_that_comes_later_triages_the_search(store: EventStore):
    store.append([searched(0), filed(MINUTE)])
    intents.update(store, existed)
    assert [row[5] for row in causes(store)] == ["UNTRIAGED"]
    store.append([linked(DAY, "orders/cancel")])
    intents.update(store, existed)
    assert [row[5] for row in causes(store)] == ["SHOWN_NOT_CLICKED"]
    store.append([linked(2 * DAY, "", relation=Relation.MISSING)])
    intents.update(store, existed)
    assert [row[5] for row in causes(store)] == ["MISSING"]


def causes(store: EventStore) -> list[tuple]:
    n = derived.needs.c
    with store.reading() as connection:
        query = sa.select(n.intent, n.search, n.ticket, n.query, n.locale, n.cause)
        return [tuple(row) for row in connection.execute(query)]


def test_what_waits_is_told(store: EventStore):
    store.append([searched(0), filed(MINUTE)])
    assert intents.waiting(store) == 2
    intents.update(store, existed)
    assert intents.waiting(store) == 0


def test_forgetting_a_session_leaves_none_of_its_rows(store: EventStore):
    store.append([*many(1), searched(0, "秘密の言葉", "secret"), viewed(1, 20, session="secret")])
    store.append([suggested(2, "secret"), filed(3, "T99", "secret", search_id="search-secret-0")])
    intents.update(store, existed)
    assert "secret" in repr(rows(store))
    intents.forget(store, existed, session="secret")
    assert "secret" not in repr(rows(store))
    assert "秘密の言葉" not in repr(rows(store))


def test_forgetting_a_ticket_leaves_nothing_that_names_it(store: EventStore):
    store.append([searched(0), filed(MINUTE, "T77")])
    intents.update(store, existed)
    assert rows(store)["report_needs"]
    intents.forget(store, existed, ticket="T77")
    assert "T77" not in repr(rows(store))
    # and its search has not failed any more
    assert [row[8] for row in rows(store)["report_intents"]] == [None]
    assert rows(store)["report_needs"] == []


@pytest.mark.parametrize("whom", [{"ticket": "T1"}, {"ticket": "T5"}, {"session": "s3"}, {"session": "s7"}])
def test_what_is_forgotten_is_at_once_counted_as_if_it_had_never_been(
    store: EventStore, whom: dict[str, str]
):
    store.append(many(11, sessions=60))
    intents.update(store, existed)
    before = rows(store)
    assert intents.forget(store, existed, **whom)
    at_once = rows(store)
    intents.rebuild(store, existed)
    assert at_once == rows(store) != before


def tickets_told(named: bool) -> Facts:
    """One ticket: by telephone without a session, then with one, then by its search; another link for each."""
    acts = [searched(0, "返金 いつ", search_id="q1"), searched(2 * HOUR, "交換", search_id="q2")]
    again = {"search_id": "q1"} if named else {}
    return [
        *acts, filed(3 * HOUR, "T1", "", joined=False, entry=Entry.DESK),
        filed(40 * HOUR, "T1", "s1", entry=Entry.DESK), filed(41 * HOUR, "T1", "s1", **again),
    ]  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
def test_several_facts_about_a_ticket_are_one_ticket_filed_when_it_was_first_told(
    store: EventStore, named: bool
):
    known = tickets_told(named)
    for order in itertools.permutations(known[2:]):
        store.append([*order, *known[:2]])
        intents.update(store, existed)
        found = rows(store)
        # no second intent fails, and the window runs to the first that was told of it
        failed = [row for row in found["report_intents"] if row[8] is not None]
        assert [(row[6] - START, row[8]) for row in failed] == (
            [(0, 3 * HOUR)] if named else [(2 * HOUR, HOUR)]
        )
        assert [row[0] for row in found["report_tickets"]] == ["T1"]
        assert found["report_tickets"][0][4:] == (START + 3 * HOUR, 1)
        assert [row[2] for row in found["report_needs"]] == ["T1"]
        with store.writing() as connection:
            connection.execute(sa.delete(facts_table))
        intents.rebuild(store, existed)


def test_pruned_facts_take_their_rows_along(store: EventStore):
    store.append([searched(0), filed(MINUTE), searched(40 * DAY, session="s2")])
    intents.update(store, existed)
    store.prune(START + 30 * DAY)
    intents.update(store, existed)
    assert [row[1] for row in rows(store)["report_intents"]] == ["s2"]
    assert rows(store)["report_tickets"] == []


def test_rows_of_another_version_are_made_anew(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    known = many(3)
    store.append(known)
    intents.update(store, existed)
    with store.writing() as connection:
        connection.execute(sa.update(derived.intents).values(evidence="nonsense"))
    monkeypatch.setattr(intents, "VERSION", intents.VERSION + 1)
    intents.update(store, existed)
    assert rows(store)["report_intents"] == expected(known)
