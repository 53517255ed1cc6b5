"""Four real workers that record at once: nothing is lost when they are stopped, nor when they are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kb.deflection.delivery import deliver_left
from kb.deflection.facts import SearchRan
from kb.deflection.segments import read_batch, waiting_bytes, written
from kb.deflection.store import EventStore, database_url

START = """
import sys
from pathlib import Path
from kb.serve import serve
from kb.settings import load
serve(Path(sys.argv[1]), "127.0.0.1", 0, load())
"""


class Service:
    def __init__(self, var: Path, log: Path) -> None:
        self.var = var
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(var)],
                stdout=subprocess.PIPE, stderr=stderr, start_new_session=True,
                env={**os.environ, "KB_WORKERS": "4", "KB_THREADS": "2", "KB_RATE_LIMIT": "off", "KB_DATABASE_URL": ""},
            )  # fmt: skip
        self.url = self.process.stdout.readline().decode().split()[3]

    def children(self) -> list[int]:
        """The office, which was forked first, and the workers."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sorted(map(int, found.split()))

    def search(self, number: int) -> None:
        request = urllib.request.Request(
            f"{self.url}/api/v1/search?q=parrot&locale=en", headers={"X-KB-Session": f"session-{number:04}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def search_all(self, count: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.search, range(count)))

    def on_disk(self) -> set[str]:
        """Sessions of the facts in the spool and, while the service runs, in the store."""
        waiting = [session for file in written(self.var / "spool") for session in self._lines(file)]
        with EventStore(database_url(self.var)) as store:
            store.migrate()
            stored = store.facts(0, 2**62, types=(SearchRan,))
            return {*waiting, *(fact.session for fact in stored)}

    def _lines(self, file: Path) -> list[str]:
        try:
            return [fact.head.session for fact in read_batch(file, 0, 2**30).facts]
        except FileNotFoundError:  # delivered in this moment, or complete under its other name
            return []

    def recorded(self) -> list[str]:
        with EventStore(database_url(self.var)) as store:
            store.migrate()
            deliver_left(self.var / "spool", store)
            return sorted(fact.session for fact in store.facts(0, 2**62, types=(SearchRan,)))


@pytest.fixture
def service(var: Path, tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(var, tmp_path / "var")
    found = Service(tmp_path / "var", tmp_path / "log")
    yield found
    if found.process.poll() is None:
        os.killpg(found.process.pid, signal.SIGKILL)
    found.process.wait()
    found.process.stdout.close()


def test_workers_that_are_stopped_have_stored_every_search(service):
    service.search_all(80)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0
    assert waiting_bytes(service.var / "spool") == 0
    assert service.recorded() == [f"session-{n:04}" for n in range(80)]


def test_workers_that_are_killed_lose_nothing_that_was_written(service):
    service.search_all(60)
    # whatever was answered is on disk some milliseconds later, in the spool or in the store
    wait_until(lambda: len(service.on_disk()) == 60)
    os.killpg(service.process.pid, signal.SIGKILL)
    service.process.wait()
    assert service.recorded() == [f"session-{n:04}" for n in range(60)]


def test_only_the_office_has_the_database_open(service):
    service.search_all(40)
    office, *workers = service.children()
    wait_until(lambda: waiting_bytes(service.var / "spool") == 0)
    assert [has_open(pid, "kb.sqlite3") for pid in (office, *workers)] == [True, *[False] * len(workers)]


def test_when_the_office_is_killed_the_workers_store_what_they_record(service):
    service.search_all(20)
    os.kill(service.children()[0], signal.SIGKILL)
    wait_until(lambda: len(service.children()) == 4)
    service.search_all(40)
    wait_until(lambda: waiting_bytes(service.var / "spool") == 0)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0
    assert sorted(set(service.recorded())) == [f"session-{n:04}" for n in range(40)]
    assert len(service.recorded()) == 60


def test_the_office_ends_with_the_service_that_was_killed(service):
    service.search_all(8)
    children = service.children()
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in children))
    assert waiting_bytes(service.var / "spool") == 0


def has_open(process: int, name: str) -> bool:
    return any(each.readlink().name == name for each in Path(f"/proc/{process}/fd").iterdir())


def wait_until(happened: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)
