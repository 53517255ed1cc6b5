"""A database that is locked, full, read-only, corrupt, older, newer or gone: a clear error, nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from databases import create_database

from kb.deflection import engine, migrate
from kb.deflection.store import EventStore, database_url
from kb.errors import StoreDamaged, StoreReadOnly, StoreTooNew, StoreUnavailable

from .making import searched

EVER = (0, 2**62)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty_url):
    with EventStore(empty_url) as store:
        store.migrate()
        store.append([searched(1)])
        with store.writing() as connection:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES ('9999')"))
    with EventStore(empty_url) as store:
        with pytest.raises(StoreTooNew, match="9999"):
            store.migrate()
        assert len(list(store.facts(*EVER))) == 1


def test_a_database_of_an_older_version_is_upgraded_with_its_facts(empty_url):
    """From each version there ever was to this one."""
    with EventStore(empty_url) as store:
        engine.create_file(store.url)
        with store.writing() as connection:
            migrate.upgrade(connection, "0001")
        store.append([searched(1)])
        store.migrate()
        assert len(list(store.facts(*EVER))) == 1
        with store.reading() as connection:
            found = set(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))
    assert found == set(ScriptDirectory(str(migrate.SCRIPTS)).get_heads())


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "kb.sqlite3").write_bytes(b"This is a shopping list. " * 500)
    with (
        EventStore(database_url(tmp_path)) as store,
        pytest.raises(StoreDamaged, match=r"kb\.sqlite3.*backup"),
    ):
        store.migrate()
    assert (tmp_path / "kb.sqlite3").read_bytes().startswith(b"This is a shopping list")


def test_a_corrupt_file_is_told_as_such(sqlite_store, tmp_path):
    sqlite_store.append([searched(n) for n in range(2000)])
    sqlite_store.vacuum()
    sqlite_store.close()
    file = tmp_path / "var/kb.sqlite3"
    data = bytearray(file.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = os.urandom(200)
    file.write_bytes(data)
    with pytest.raises(StoreDamaged):
        list(sqlite_store.facts(*EVER))


def test_a_backup_that_is_put_in_the_place_of_a_corrupt_file_is_found_without_a_restart(
    sqlite_store, tmp_path
):
    sqlite_store.append([searched(1)])
    sqlite_store.close()  # the log is merged into the file
    path = Path(str(sqlite_store.url.database))
    shutil.copy(path, tmp_path / "backup")
    with sqlite_store.reading() as connection:
        connection.execute(sa.text("SELECT 1"))
    path.write_bytes(b"\x13garbage" * 2000)
    with pytest.raises(StoreDamaged):
        list(sqlite_store.facts(*EVER))
    for each in tmp_path.glob("**/kb.sqlite3*"):
        each.unlink()
    shutil.copy(tmp_path / "backup", path)
    assert sqlite_store.append([searched(2, session="s2")]) == 1
    assert len(list(sqlite_store.facts(*EVER))) == 2


def test_a_locked_file_is_waited_for_and_then_told(sqlite_store, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)
    sqlite_store.close()
    other = sqlite3.connect(tmp_path / "var/kb.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        sqlite_store.append([searched(1)])
    assert list(sqlite_store.facts(*EVER)) == []
    other.execute("COMMIT")
    assert sqlite_store.append([searched(1)]) == 1
    other.close()


def test_a_full_disk_is_told_and_nothing_is_half_stored(sqlite_store):
    """A limit on the size of files stands for the disk: the kernel refuses the write in the same place."""
    facts = [searched(n, "あ" * 300) for n in range(3000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match=r"full|I/O"):
            sqlite_store.append(facts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(sqlite_store.facts(*EVER)) == []
    assert sqlite_store.append(facts) == 3000


AS_NOBODY = """
    import os, sys
    from kb.deflection.store import EventStore
    from kb.errors import KbError
    from kb.deflection.facts import FormOpened
    # Python's own files may be root's alone: whatever is imported late is imported here
    with EventStore(sys.argv[2]) as other:
        other.migrate()
        other.append([FormOpened(id="x", at=1)])
        list(other.facts(0, 2**62))
    if os.geteuid() == 0:
        os.setgid(65534); os.setuid(65534)
    store = EventStore(sys.argv[1])
    for act in (store.migrate, lambda: store.append([FormOpened(id="x", at=1)])):
        try:
            act()
            print("done")
        except KbError as error:
            print(type(error).__name__)
    print(len(list(store.facts(0, 2**62))), flush=True)
    sys.stdin.readline()
    # a connection of before is told so once more, as the spool is
    for _ in range(2):
        try:
            print(store.append([FormOpened(id="y", at=1)]))
        except KbError:
            pass
"""


def test_a_read_only_file_can_be_read_says_so_when_written_and_is_written_once_it_may_be():
    # not in pytest's folder, which other runs of pytest close to other users
    with tempfile.TemporaryDirectory(prefix="kb-read-only-") as name:
        folder = Path(name)
        url, other = (database_url(folder / each) for each in ("var", "other"))
        with EventStore(url) as store:
            store.migrate()
            store.append([searched(1)])
        raw = sqlite3.connect(folder / "var/kb.sqlite3")
        raw.execute("PRAGMA journal_mode=DELETE")  # WAL needs a folder that can be written
        raw.close()
        (folder / "var/kb.sqlite3").chmod(0o444)
        (folder / "var").chmod(0o555)
        folder.chmod(0o755)
        command = [sys.executable, "-c", textwrap.dedent(AS_NOBODY), url, other]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asked:
            told = [asked.stdout.readline().strip() for _ in range(3)]
            (folder / "var").chmod(0o777)
            (folder / "var/kb.sqlite3").chmod(0o666)
            told += asked.communicate("\n")[0].split()
    # nothing is to be migrated, so nothing is written
    assert told == ["done", "StoreReadOnly", "1", "1"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "var").write_text("a file")
    with EventStore(database_url(tmp_path / "var")) as store, pytest.raises(StoreUnavailable, match="var"):
        store.migrate()


def test_a_read_only_server_says_so(cluster, postgres_server):
    with EventStore(create_database(postgres_server)) as store:
        store.migrate()
        with store.writing() as connection:
            connection.execute(
                sa.text(f"ALTER DATABASE {store.url.database} SET default_transaction_read_only = on")
            )
        store.close()
        with pytest.raises(StoreReadOnly):
            store.append([searched(1)])


def test_a_server_that_goes_away_is_told_and_found_again(cluster):
    with EventStore(create_database(cluster.url("postgres"))) as store:
        store.migrate()
        store.append([searched(1)])
        cluster.stop()
        try:
            with pytest.raises(StoreUnavailable):
                store.append([searched(2)])
            with pytest.raises(StoreUnavailable):
                list(store.facts(*EVER))
        finally:
            cluster.start()
        assert store.append([searched(2)]) == 1


def test_an_error_never_shows_the_password():
    with EventStore("postgresql://kb:geheim@127.0.0.1:9/kb") as store:
        with pytest.raises(StoreUnavailable) as told:
            store.append([searched(1)])
        assert "geheim" not in str(told.value)
        assert "127.0.0.1" in str(told.value)


def test_a_store_that_was_opened_before_a_fork_is_opened_anew_in_the_child(store):
    facts = [searched(n) for n in range(3)]
    store.append(facts[:1])
    child = os.fork()
    if child == 0:
        os._exit(0 if store.append(facts[1:2]) == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.append(facts[2:]) == 1
    assert len(list(store.facts(*EVER))) == 3


HOLDER = """
    import sys
    from kb.deflection.store import EventStore
    with EventStore(sys.argv[1]) as store:
        store.migrate()
        print("open", flush=True)
        sys.stdin.readline()
        # closing the last connection of a database removes its log
"""


def test_migrating_again_does_not_drop_the_locks_of_connections_that_are_open(tmp_path):
    """Closing any descriptor of SQLite's file would: another process then removes the log with our commits."""
    url = database_url(tmp_path)
    with EventStore(url) as store:
        store.migrate()
        command = [sys.executable, "-c", textwrap.dedent(HOLDER), url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout.readline() == "open\n"
            with store.reading() as held:
                held.execute(sa.text("SELECT count(*) FROM facts"))
            store.migrate()
            other.communicate("\n")
        assert store.append([searched(1), searched(2)]) == 2
        with EventStore(url) as later:
            assert len(list(later.facts(*EVER))) == 2
