"""The store does the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from kb.deflection import derived, intents, tables
from kb.deflection.facts import Reader, SearchRan, SuggestionsShown, TicketFiled
from kb.deflection.store import EventStore, named
from kb.desk import tables as desk
from kb.errors import BadSetting, StoreDamaged, StoreRefused

from .making import DAY, START, clicked, filed, searched, viewed

EVER = (0, 2**62)
METADATA = tables.metadata
assert derived.metadata is desk.metadata is METADATA  # imported, so that their tables are in it


def forget(store: EventStore, **whom: str) -> int:
    return intents.forget(store, lambda article, search: None, **whom)


def everything(store: EventStore) -> list:
    return list(store.facts(*EVER))


def test_facts_come_back_as_they_were_ordered_by_time_and_id(store):
    facts = [viewed(300, 20), searched(100), clicked(200), searched(100, "円 \x00 ”'😀", "s2", corrected="x")]
    assert store.append(facts) == 4
    assert everything(store) == sorted(facts, key=lambda fact: (fact.at, fact.id))


def test_a_fact_delivered_twice_is_stored_once(store):
    facts = [searched(1), clicked(2)]
    assert store.append(facts) == 2
    assert store.append([*facts, clicked(3)]) == 1
    assert store.append([facts[0], facts[0]]) == 0
    assert len(everything(store)) == 3


def test_nothing_is_appended_and_nothing_asked_without_facts(store):
    assert store.append([]) == 0
    assert everything(store) == []
    assert list(store.facts_of()) == []


def test_a_period_holds_its_start_but_not_its_end(store):
    store.append([searched(at) for at in (0, 10, 20)])
    assert [fact.at - START for fact in store.facts(START, START + 20)] == [0, 10]


def test_only_the_types_that_are_asked_for_come(store):
    store.append([searched(1), clicked(2), viewed(3), filed(4)])
    assert {type(fact) for fact in store.facts(*EVER, types=(SearchRan, TicketFiled))} == {
        SearchRan,
        TicketFiled,
    }
    assert list(store.facts(*EVER, types=())) == []


def test_facts_of_sessions_and_tickets_come_once_each_however_many_are_named(store):
    mine = [searched(1), clicked(2), filed(3, "T-1")]
    store.append([*mine, searched(4, session="s2"), searched(5, session="")])
    names = {f"nobody-{n}" for n in range(1200)}
    found = list(store.facts_of(sessions={"s1", *names}, tickets={"T-1", *names}))
    assert found == mine
    # the empty name is nobody's
    assert list(store.facts_of(sessions=[""], tickets=[""])) == []


@pytest.mark.parametrize("column", ["session", "ticket", "search_id", "suggestion_id"])
def test_what_names_a_person_or_a_search_is_found_by_an_index(sqlite_store, column):
    """In millions of facts a missing index is minutes, and every test of a few would still be green."""
    query = sa.select(tables.facts.c.body).where(
        tables.facts.c[column].in_(["a", "b"]), named(tables.facts.c[column])
    )
    told = query.compile(sqlite_store.engine, compile_kwargs={"literal_binds": True})
    with sqlite_store.reading() as connection:
        plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}"))
    assert f"USING INDEX facts_{column}" in plan


def test_a_forgotten_session_leaves_nothing_behind_and_does_not_come_back(store):
    mine, other = [searched(1), clicked(2), viewed(3)], searched(4, session="s2")
    store.append([*mine, other])
    assert forget(store, session="s1") == 3
    assert everything(store) == [other]
    # what waited in a spool arrives later
    assert store.append(mine) == 0
    assert everything(store) == [other]
    assert forget(store, session="") == 0


def test_a_forgotten_ticket_takes_the_suggestions_for_its_draft_along(store):
    shown = SuggestionsShown(
        id="a", at=START, session="s1", suggestion_id="g1", query="私の返金", strict_hits=1
    )
    filed = TicketFiled(id="b", at=START + 1, session="s1", ticket="T-9", suggestion_id="g1")
    store.append([shown, filed, searched(2)])
    assert forget(store, ticket="T-9") == 2
    assert [type(fact) for fact in everything(store)] == [SearchRan]
    assert store.append([filed]) == 0


def test_forgetting_clears_every_table_that_names_a_session_or_a_ticket(store):
    """Whatever tables there are now or later: rows of that person go from all of them."""
    for kind in ("session", "ticket"):
        for table in METADATA.sorted_tables:
            if kind not in table.c or table is tables.facts:
                continue
            row = {
                column.name: 1 if isinstance(column.type, sa.Integer | sa.BigInteger) else "x"
                for column in table.c
                if not isinstance(column.type, sa.Float | sa.Boolean | sa.LargeBinary)
            }
            with store.writing() as connection:
                connection.execute(table.insert().values(row | {kind: "gone"}))
        forget(store, **{kind: "gone"})
        for table in METADATA.sorted_tables:
            if kind in table.c:
                with store.reading() as connection:
                    left = sa.select(sa.func.count()).select_from(table).where(table.c[kind] == "gone")
                    assert connection.scalar(left) == 0


def test_bytes_of_what_was_forgotten_are_gone_from_the_file(sqlite_store, tmp_path):
    sqlite_store.append([searched(n, f"きえるはずの問い{n}", session="secret-session") for n in range(50)])
    files = sorted((tmp_path / "var").glob("kb.sqlite3*"))
    assert any("きえるはずの問い".encode() in file.read_bytes() for file in files)
    forget(sqlite_store, session="secret-session")
    for file in (tmp_path / "var").glob("kb.sqlite3*"):
        assert b"secret-session" not in file.read_bytes()
        assert "きえるはずの問い".encode() not in file.read_bytes()


def test_pruning_keeps_the_days_after_and_counts_of_the_days_before(store):
    old = [
        searched(1), searched(2, strict_hits=0), searched(3, session="s2"), clicked(4),
        filed(5), filed(6, joined=False), searched(7, reader=Reader.BOT, session=""),
    ]  # fmt: skip
    kept = [searched(DAY), clicked(DAY + 1)]
    store.append([*old, *kept])
    # in the middle of a day: only whole days go
    assert store.prune(START + DAY + 5000) == len(old)
    assert everything(store) == kept
    with store.reading() as connection:
        rows = {(row.type, row.reader): row for row in connection.execute(sa.select(tables.daily))}
    found = rows["SearchRan", "customer"]
    assert (found.facts, found.sessions, found.zero) == (3, 2, 1)
    assert (rows["TicketFiled", "customer"].facts, rows["TicketFiled", "customer"].joined) == (2, 1)
    assert rows["SearchRan", "bot"].sessions == 0
    assert store.prune(START + DAY + 5000) == 0


def test_what_arrives_for_a_pruned_day_is_not_counted_a_second_time(store):
    facts = [searched(n) for n in range(5)]
    store.append(facts)
    store.prune(START + DAY)
    assert store.append([*facts, searched(DAY)]) == 1
    # a clock that was set back does not bring them back either
    store.prune(START - 5 * DAY)
    assert store.append(facts) == 0


def test_losses_add_up_by_day_and_reason(store):
    store.note_losses({"spool": 2, "damaged": 1}, START)
    store.note_losses({"spool": 3}, START + 1)
    store.note_losses({"spool": 7}, START + DAY)
    assert store.losses() == {"spool": 12, "damaged": 1}
    assert store.losses("2026-05-01", "2026-05-02") == {"spool": 5, "damaged": 1}


def test_the_migrations_build_what_the_tables_say(store):
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_many_processes_may_migrate_at_once(empty_url):
    stores = [EventStore(empty_url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(EventStore.migrate, stores))
    assert stores[0].append([searched(1)]) == 1
    for each in stores:
        each.close()


def test_many_writers_at_once_lose_nothing_and_store_nothing_twice(store):
    facts = [searched(n, session=f"s{n % 7}") for n in range(400)]
    batches = [facts[start : start + 25] for start in range(0, 400, 25)]
    stores = [EventStore(store.url.render_as_string(hide_password=False)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        # every batch twice, by different writers
        jobs = zip(itertools.cycle(stores), [*batches, *reversed(batches)], strict=False)
        counts = list(pool.map(lambda job: job[0].append(job[1]), jobs))
    assert sum(counts) == 400
    assert len(everything(store)) == 400
    for each in stores:
        each.close()


def test_readers_do_not_wait_for_a_writer(store):
    store.append([searched(1)])
    with store.writing() as connection:
        connection.execute(tables.marks.insert().values(name="x", value=1))
        assert len(everything(store)) == 1


def test_a_value_that_the_database_cannot_hold_is_refused_and_the_others_are_not_stored(store):
    with pytest.raises(StoreRefused):
        store.append([searched(1), searched(2**70)])
    assert everything(store) == []


def test_a_row_that_is_no_fact_is_told_by_name(sqlite_store, tmp_path):
    sqlite_store.append([searched(1)])
    with sqlite3.connect(tmp_path / "var/kb.sqlite3") as raw:
        raw.execute('UPDATE facts SET body = \'{"type": "Unheard"}\'')
    with pytest.raises(StoreDamaged, match="Unheard"):
        everything(sqlite_store)


@pytest.mark.parametrize("url", ["", "x", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "postgresql:/h"])
def test_an_address_that_is_no_database_is_refused_without_showing_a_password(url):
    with pytest.raises(BadSetting, match="KB_DATABASE_URL"):
        EventStore(url)
    with pytest.raises(BadSetting) as told:
        EventStore("mysql://u:geheim@h/d")
    assert "geheim" not in str(told.value)


def test_the_file_is_for_its_owner_alone(sqlite_store, tmp_path):
    assert (tmp_path / "var/kb.sqlite3").stat().st_mode & 0o077 == 0


def test_the_packaged_migrations_are_all_there():
    versions = Path(tables.__file__).parent / "migrations" / "versions"
    assert {"0001_facts.py"} <= {file.name for file in versions.glob("*.py")}
