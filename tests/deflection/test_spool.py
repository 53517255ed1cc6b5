"""Facts reach the store in order and once each, whatever happens in between; what is lost is counted."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
import zlib
from pathlib import Path
from typing import IO

import pytest
from databases import create_database
from spooling import QUICK, Spooling

from kb.deflection.delivery import Delivery, Pace, deliver_left
from kb.deflection.facts import FormOpened, decode, encode, new_id
from kb.deflection.losses import REASONS, Losses
from kb.deflection.segments import Owner, line_of, read_batch, waiting_bytes, written
from kb.deflection.spool import Bounds
from kb.deflection.store import EventStore, database_url

from .making import searched

EVER = (0, 2**62)
SECONDS = 20.0


def stored(store: EventStore) -> list:
    return list(store.facts(*EVER))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "var" / "spool"


def die(owner: Owner) -> None:
    """The kernel drops the lock of a process that ends, and nothing else happens."""
    os.close(owner._descriptor)


@pytest.fixture
def spool(store, folder):
    opened = Spooling(folder, store)
    yield opened
    opened.close()


def test_what_is_put_is_stored_and_no_file_is_left(spool, store, folder):
    facts = [searched(n) for n in range(300)]
    for fact in facts:
        spool.put(fact)
    assert spool.flush(SECONDS)
    assert stored(store) == facts
    assert waiting_bytes(folder) == 0
    spool.close()
    assert list(folder.glob("*.lock")) == []


def test_many_threads_may_put_at_once(spool, store):
    facts = [[searched(n * 100 + m) for m in range(100)] for n in range(8)]
    threads = [
        threading.Thread(target=lambda part=part: [spool.put(fact) for fact in part]) for part in facts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.flush(SECONDS)
    assert len(stored(store)) == 800


def test_facts_wait_for_a_locked_file_and_are_delivered_in_order(sqlite_store, folder, tmp_path):
    facts = [searched(1000 - n) for n in range(50)]
    other = sqlite3.connect(tmp_path / "var/kb.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    spool = Spooling(folder, sqlite_store)
    for fact in facts:
        spool.put(fact)
    assert not spool.flush(0.3)
    assert waiting_bytes(folder) > 0
    other.execute("COMMIT")
    other.close()
    assert spool.flush(SECONDS)
    with sqlite_store.reading() as connection:
        arrived = connection.exec_driver_sql("SELECT at FROM facts ORDER BY seq").scalars().all()
    assert sorted(arrived) == sorted(fact.at for fact in facts)
    spool.close()


def test_a_server_that_is_down_costs_nothing_but_time(cluster, folder):
    with EventStore(create_database(cluster.url("postgres"))) as store:
        cluster.stop()
        spool = Spooling(folder, store)
        try:
            facts = [searched(n) for n in range(100)]
            for fact in facts:
                spool.put(fact)
            assert not spool.flush(0.5)
            assert spool.delivery.failing
        finally:
            cluster.start()
        assert spool.flush(SECONDS)
        assert stored(store) == facts
        assert not spool.delivery.failing
        spool.close()


def test_a_spool_that_is_full_keeps_the_oldest_and_counts_the_rest(folder, tmp_path):
    (tmp_path / "blocked").write_text("no folder")
    store = EventStore(database_url(tmp_path / "blocked"))
    size = len(line_of(searched(0)))
    spool = Spooling(folder, store, Bounds(bytes=size * 20, linger=0.01))
    facts = [searched(n) for n in range(100)]
    for fact in facts:
        spool.put(fact)
        assert spool.settle(SECONDS)  # one by one, so that the bound is met within 100 facts
    spool.close(0.2)
    kept = waiting_bytes(folder) // size
    assert 10 <= kept <= 20
    assert Losses(folder).totals()["spool"] == 100 - kept
    with EventStore(database_url(tmp_path)) as good:
        good.migrate()
        deliver_left(folder, good)
        assert stored(good) == facts[:kept]


def test_a_queue_that_is_full_drops_without_waiting_and_counts(folder, sqlite_store):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder can be made here")
    spool = Spooling(folder, sqlite_store, Bounds(queue=10, linger=0.01, retry=0.05))
    for n in range(50):
        spool.put(searched(n))
    folder.unlink()  # the disk is there again
    assert spool.flush(SECONDS)
    spool.close()
    assert len(stored(sqlite_store)) + Losses(folder).totals()["queue"] == 50
    assert len(stored(sqlite_store)) >= 10


def test_losses_reach_the_store_for_the_report(folder, sqlite_store):
    Losses(folder).add({"spool": 5})
    spool = Spooling(folder, sqlite_store)
    spool.put(searched(1))
    assert spool.flush(SECONDS)
    spool.close()
    assert sqlite_store.losses() == {"spool": 5}
    assert Losses(folder).totals() == {**dict.fromkeys(REASONS, 0), "spool": 5}


def test_files_of_a_dead_process_are_taken_over_and_half_a_line_is_passed_over(folder, sqlite_store):
    facts = [searched(n) for n in range(3)]
    owner = Owner.new(folder)
    owner.part(0).write_bytes(b"".join(map(line_of, facts)) + line_of(searched(9))[:-20])
    die(owner)
    spool = Spooling(folder, sqlite_store)
    spool.delivery.start()
    for _ in range(200):
        if len(stored(sqlite_store)) == 3:
            break
        time.sleep(0.02)
    spool.close()
    assert stored(sqlite_store) == facts
    assert written(folder) == []


def test_files_of_a_living_process_are_left_alone(folder, sqlite_store):
    owner = Owner.new(folder)
    owner.part(0).write_bytes(line_of(searched(1)))
    deliver_left(folder, sqlite_store)
    assert stored(sqlite_store) == []
    die(owner)
    deliver_left(folder, sqlite_store)
    assert len(stored(sqlite_store)) == 1


def test_facts_that_never_cease_are_stored_all_the_same(folder, sqlite_store):
    # nothing is delivered for an hour after the last fact, but for the bound on the first
    spool = Spooling(folder, sqlite_store, Bounds(linger=3600.0, longest=0.1))
    end = time.monotonic() + SECONDS
    put = 0
    while not stored(sqlite_store):
        assert time.monotonic() < end
        spool.put(searched(put))
        put += 1
        time.sleep(0.005)
    spool.close()
    assert len(stored(sqlite_store)) == put


def test_two_that_deliver_the_same_files_store_each_fact_once(folder, store):
    """Workers do so when the office was killed."""
    facts = [searched(n) for n in range(400)]
    spool = Spooling(folder, store, Bounds(linger=0.001, gather=0.001, segment=2000))
    other = Delivery(folder, store, QUICK)
    other.start()
    for fact in facts:
        spool.put(fact)
        other.ring()
    assert spool.flush(SECONDS)
    spool.close()
    other.close()
    assert stored(store) == facts
    assert Losses(folder).totals() == dict.fromkeys(REASONS, 0)


def test_a_fault_of_ours_while_storing_holds_facts_up_and_loses_none(spool, store, monkeypatch):
    broken = threading.Event()
    broken.set()
    append = EventStore.append

    def faulty(self, new):
        if broken.is_set():
            raise RuntimeError("a bug")
        return append(self, new)

    monkeypatch.setattr(EventStore, "append", faulty)
    fact = searched(1)
    spool.put(fact)
    end = time.monotonic() + SECONDS
    while spool.delivery.failing != "RuntimeError":
        assert time.monotonic() < end
        time.sleep(0.01)
    broken.clear()
    assert spool.flush(SECONDS)
    assert stored(store) == [fact]


def test_while_the_store_is_away_small_files_do_not_pile_up(folder, tmp_path):
    (tmp_path / "blocked").write_text("no folder")
    spool = Spooling(
        folder,
        EventStore(database_url(tmp_path / "blocked")),
        Bounds(linger=0.001, longest=0.001, gather=0.001),
    )
    for n in range(200):
        spool.put(searched(n))
        assert spool.settle(SECONDS)
    assert len(written(folder)) == 2
    spool.close(0.2)


def test_a_folder_that_cannot_be_looked_into_does_not_end_the_delivery(tmp_path, sqlite_store):
    delivery = Delivery(tmp_path / ("x" * 300), sqlite_store, QUICK)
    delivery.start()
    end = time.monotonic() + SECONDS
    while not delivery.failing:
        assert time.monotonic() < end
        time.sleep(0.01)
    thread = delivery._thread
    assert thread
    thread.join(0.5)  # it tries again meanwhile
    assert thread.is_alive()
    delivery.close()


def test_a_damaged_line_costs_itself_and_is_counted(folder, sqlite_store):
    lines = [line_of(searched(n)) for n in range(4)]
    lines[1] = lines[1].replace(b"SearchRan", b"SearchRun")
    lines[2] = b"\x00\xff garbage\n"
    owner = Owner.new(folder)
    owner.part(0).write_bytes(b"".join(lines))
    die(owner)
    deliver_left(folder, sqlite_store)
    assert len(stored(sqlite_store)) == 2
    assert Losses(folder).totals()["damaged"] == 2


@pytest.mark.parametrize(
    "body", [b'{"type":"Unheard","id":"a","at":1}', b'{"type":"FormOpened","id":"a"}', b"[]", b"{", b"\xff"]
)
def test_a_whole_line_that_is_no_fact_known_here_is_damaged(body, folder, sqlite_store):
    folder.mkdir()
    line = b"%08x %s\n" % (zlib.crc32(body), body)
    (folder / "1-a.00000000.facts").write_bytes(line_of(searched(1)) + line + line_of(searched(2)))
    deliver_left(folder, sqlite_store)
    assert len(stored(sqlite_store)) == 2
    assert Losses(folder).totals()["damaged"] == 1


def test_a_fact_is_stored_as_it_was_written(folder, sqlite_store):
    folder.mkdir()
    fact = searched(1, "円 \x00", listed=("orders/refund@c1",))
    (folder / "1-a.00000000.facts").write_bytes(line_of(fact))
    deliver_left(folder, sqlite_store)
    with sqlite_store.reading() as connection:
        assert connection.exec_driver_sql("SELECT body FROM facts").scalar() == encode(fact).decode()
    assert stored(sqlite_store) == [fact]


def test_a_fact_that_the_database_refuses_does_not_hold_up_the_others(spool, store, folder):
    spool.put(searched(1))
    spool.put(searched(2**70))
    spool.put(searched(2))
    assert spool.flush(SECONDS)
    assert len(stored(store)) == 2
    spool.close()
    assert Losses(folder).totals()["refused"] == 1


def test_a_folder_that_is_removed_under_its_hands_is_made_again(folder, sqlite_store):
    spool = Spooling(folder, sqlite_store)
    spool.put(searched(1))
    assert spool.flush(SECONDS)
    shutil.rmtree(folder)
    spool.put(searched(2))
    assert spool.flush(SECONDS)
    spool.close()
    assert len(stored(sqlite_store)) == 2


def test_a_long_line_is_read_whole_and_batches_end_with_a_line(tmp_path):
    facts = [searched(n, "長" * 1000) for n in range(5)]
    file = tmp_path / "x.facts"
    file.write_bytes(b"".join(map(line_of, facts)))
    start, found = 0, []
    while (batch := read_batch(file, start, 100)).end > start:
        found += batch.facts
        start = batch.end
    assert [decode(each.body) for each in found] == facts


def test_counters_that_cannot_be_read_begin_anew(folder):
    losses = Losses(folder)
    losses.add({"spool": 3})
    (folder / "lost").write_bytes(b"\xff\x00 nonsense")
    losses.add({"spool": 2})
    assert losses.totals()["spool"] == 2


def write_on(folder: Path, url: str, name: str, told: int) -> None:
    """A process that puts facts for ever, and says after every twenty that they are on disk."""
    spool = Spooling(folder, EventStore(url), Bounds(linger=0.005, segment=4000), Pace(batch=2000))
    for number in range(1_000_000):
        spool.put(FormOpened(id=new_id(), at=number, session=name))
        if number % 20 == 19:
            assert spool.settle(60)
            os.write(told, b"%d\n" % number)


def started(folder: Path, url: str, name: str) -> tuple[int, IO[str]]:
    """(process, what it says) of a writer that was forked: a new one imports for seconds."""
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write_on(folder, url, name, told)
        finally:
            os._exit(1)
    os.close(told)
    return child, os.fdopen(reading)


def test_kill_9_at_any_moment_loses_at_most_what_was_being_written(empty_url, folder):
    """Three writers are killed in the middle; every fact they had said to be on disk is stored, once."""
    said = {}
    with EventStore(empty_url) as store:
        store.migrate()
        for turn in range(3):
            name = f"writer-{turn}"
            writer, told = started(folder, empty_url, name)
            with told:
                for _ in range(6 + 5 * turn):
                    said[name] = int(told.readline())
                os.kill(writer, signal.SIGKILL)
                rest = told.read().split("\n")[:-1]
            said[name] = int(rest[-1]) if rest else said[name]
            os.waitpid(writer, 0)
        deliver_left(folder, store)
        for name, last in said.items():
            numbers = [fact.at for fact in store.facts_of(sessions=[name])]
            assert numbers[: last + 1] == list(range(last + 1))
            assert numbers == list(range(len(numbers)))
    assert written(folder) == []
    assert Losses(folder).totals() == dict.fromkeys(REASONS, 0)


def test_a_clock_that_jumps_changes_no_order_of_delivery_and_stops_nothing(spool, store, monkeypatch):
    real = time.time_ns
    spool.put(searched(1))
    monkeypatch.setattr(time, "time_ns", lambda: real() - 10**18)
    back = new_id()
    spool.put(searched(2))
    monkeypatch.setattr(time, "time_ns", lambda: real() + 10**18)
    assert len(new_id()) == len(back)
    spool.put(searched(3))
    assert spool.flush(SECONDS)
    assert len(stored(store)) == 3
