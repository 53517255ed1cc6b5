"""A PostgreSQL server of the tests' own, and an empty database on each kind: fixtures for all folders.

KB_TEST_DATABASE_URL names another server instead, whose user may create databases.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from kb.deflection.engine import parse
from kb.deflection.store import EventStore, database_url

MISSING = "PostgreSQL is missing: apt-get install postgresql (or set KB_TEST_DATABASE_URL)"


def _program(name: str) -> str:
    """Debian keeps them out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else "")


class Cluster:
    """A server that can be stopped and started again."""

    def __init__(self) -> None:
        # not in pytest's folder: that is for its owner alone, and PostgreSQL does not run as root
        self.folder = Path(tempfile.mkdtemp(prefix="kb-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        self._data = str(self.folder / "data")
        self._run("initdb", "-D", self._data, "-U", "kb", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def start(self) -> None:
        # a socket in a folder needs no free port
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c shared_buffers=32MB"
        self._run("pg_ctl", "-D", self._data, "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def url(self, name: str) -> str:
        return f"postgresql://kb@/{name}?host={self.folder}"

    def _run(self, name: str, *rest: str) -> None:
        command = [_program(name), *rest]
        subprocess.run(command, check=True, user=self._user, cwd=self.folder, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """For tests that stop the server; each must leave it running."""
    if not _program("initdb"):
        pytest.skip(MISSING)
    found = Cluster()
    found.start()
    yield found
    found.stop()
    shutil.rmtree(found.folder)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> str:
    """URL of a database from which others can be created."""
    given = os.environ.get("KB_TEST_DATABASE_URL")
    return given or request.getfixturevalue("cluster").url("postgres")


def create_database(server: str, like: str = "template1") -> str:
    """URL of a new database: empty, or with what another holds that nobody is connected to."""
    name = f"kb_{secrets.token_hex(6)}"
    engine = sa.create_engine(parse(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {like}")
    engine.dispose()
    return parse(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        return database_url(tmp_path / "var")
    return create_database(request.getfixturevalue("postgres_server"))


# The tables are made once and copied from then on: a migration takes 0.1 s, and hundreds of tests want its end.


def migrated(url: str) -> str:
    with EventStore(url) as made:
        made.migrate()
    return url


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with empty tables, and nobody who has them open."""
    folder = tmp_path_factory.mktemp("tables")
    migrated(database_url(folder))
    return folder


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """Name of such a database."""
    return str(parse(migrated(create_database(postgres_server))).database)


@pytest.fixture
def sqlite_store(sqlite_tables: Path, tmp_path: Path) -> Iterator[EventStore]:
    with EventStore(
        database_url(shutil.copytree(sqlite_tables, tmp_path / "var", dirs_exist_ok=True))
    ) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[EventStore]:
    """A store with empty tables, on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    server = request.getfixturevalue("postgres_server")
    with EventStore(create_database(server, request.getfixturevalue("postgres_tables"))) as opened:
        yield opened
