"""A store on each database, and help desks to hand tickets to."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import kb.desk.tables  # noqa: F401  its tables belong to the store's
from kb.deflection.store import EventStore, database_url

from .desks import HttpDesk, SmtpDesk, running


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server of its own; KB_TEST_POSTGRES names another one."""
    if given := os.environ.get("KB_TEST_POSTGRES"):
        yield given
        return
    if shutil.which("initdb") is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # not in pytest's folder: that is for its owner alone, and PostgreSQL does not run as root
    folder = Path(tempfile.mkdtemp(prefix="kb-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-D", data, "-U", "kb", "-A", "trust", "-E", "UTF8", "--locale=C")
    run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
    yield f"postgresql://kb@/postgres?host={folder}"
    run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    """Empty tables, on each database."""
    if request.param == "sqlite":
        url = database_url(tmp_path)
    else:
        server = request.getfixturevalue("postgres_url")
        name = f"kb_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
        engine = sa.create_engine(
            server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        url = server.replace("/postgres?", f"/{name}?")
    with EventStore(url) as opened:
        opened.migrate()
        yield opened


@pytest.fixture
def desk() -> Iterator[HttpDesk]:
    server = HttpDesk()
    with running(server):
        yield server


@pytest.fixture
def mail_desk() -> Iterator[SmtpDesk]:
    server = SmtpDesk()
    with running(server):
        yield server
