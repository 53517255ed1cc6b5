"""`kb forget` and `kb prune`, run as commands: what they erase is nowhere left in the database's files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.cli import cli
from kb.deflection import intents
from kb.deflection.facts import SearchRan, TicketFiled, new_id
from kb.deflection.store import EventStore, database_url

SECRET = "孔雀の羽根について"
DAY_MS = 86_400_000


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A database with one old search, taken into the tables of the reports as well."""
    at = time.time_ns() // 1_000_000 - 100 * DAY_MS
    fact = SearchRan(
        id=new_id(), at=at, session="session-one", search_id="s1", query=SECRET, strict_hits=0, locale="ja"
    )
    store = EventStore(database_url(tmp_path, ""))
    store.migrate()
    store.append([fact])
    intents.update(store, lambda article, search: None)
    store.close()
    return tmp_path


def held(var: Path) -> bool:
    return any(SECRET.encode() in file.read_bytes() for file in var.glob("kb.sqlite3*"))


@pytest.mark.parametrize(
    "command", [["forget", "--session", "session-one"], ["prune"]], ids=["forget", "prune"]
)
def test_the_tables_of_the_reports_are_erased_with_the_facts(var: Path, command: list[str]) -> None:
    assert held(var)
    done = subprocess.run(
        [sys.executable, "-m", "kb", *command, "--var", str(var)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not held(var)


def test_a_ticket_that_was_forgotten_has_failed_no_search_any_more(var: Path) -> None:
    now = time.time_ns() // 1_000_000
    common = {"at": now, "session": "session-two"}
    search = SearchRan(id=new_id(), search_id="s2", query="返金", strict_hits=1, locale="ja", **common)
    with EventStore(database_url(var, "")) as store:
        store.append([search, TicketFiled(id=new_id(), ticket="T-1", search_id="s2", **common)])
    runner = CliRunner()
    report = ["report", "--var", str(var), "--articles", str(var), "--format", "json"]
    assert json.loads(runner.invoke(cli, report).stdout)["outcomes"]["failed"] == 1
    done = runner.invoke(cli, ["forget", "--ticket", "T-1", "--var", str(var)])
    assert done.exit_code == 0, done.output
    told = json.loads(runner.invoke(cli, report).stdout)
    assert told["outcomes"]["failed"] == 0
    assert told["tickets"]["all"] == 0
