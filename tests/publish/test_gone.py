"""What was deleted, made a draft or has run out is gone everywhere, within 2 s of the switch.

The real `kb serve`, three workers under requests all the time; each is asked over a connection of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from sockets import owner

from kb.publish import status as statuses
from kb.publish.orders import Order
from kb.publish.publish import publish
from kb.publish.source import source_of

from .conftest import Repository

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="tells workers apart by /proc")

SECRET = "s"
WORKERS = 3
WITHIN = 2.0
GONE = ("animals/deleted", "animals/drafted", "animals/timed")
EVERYWHERE = (
    "/api/v1/search?q=okapi&locale=en", "/en/search?q=okapi", "/api/v1/suggest?q=okap&locale=en",
    "/api/v1/articles/en/animals/keeper/related", "/en/articles/animals/keeper", "/api/v1/articles?locale=en",
    "/en/feed.atom", "/sitemap.xml", "/llms.txt", "/en/categories/animals",
)  # fmt: skip


ADDRESSES = (*EVERYWHERE, *(f"{a}{i}" for i in GONE for a in ("/en/articles/", "/api/v1/articles/en/")))


class Seen(NamedTuple):
    """One answer: when it was asked for, what it holds of GONE, and the status of each one's own address."""

    began: float
    worker: int
    path: str
    holds: frozenset[str]
    status: int


class Service:
    """`kb serve` as it is, and what its workers answered."""

    def __init__(self, var: Path, source: Path, log: Path) -> None:
        settings = {"KB_GIT_URL": str(source), "KB_GIT_REF": "main", "KB_HOOK_SECRET": SECRET,
                    "KB_WORKERS": str(WORKERS), "KB_THREADS": "4"}  # fmt: skip
        command = [sys.executable, "-m", "kb", "serve", "--var", str(var), "--port", "0"]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **settings}
            )
        assert self.process.stdout
        self.address = urlsplit(self.process.stdout.readline().decode().split()[3]).netloc
        self.seen: list[Seen] = []
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []

    def connection(self) -> HTTPConnection:
        return HTTPConnection(self.address, timeout=30)

    def push(self, commit: str) -> None:
        body = json.dumps({"ref": "refs/heads/main", "after": commit}).encode()
        mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        connection = self.connection()
        connection.request("POST", "/api/v1/hooks/git", body, {
            "X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={mac}", "Content-Type": "application/json",
        })  # fmt: skip
        assert connection.getresponse().status == 202

    def watch(self) -> None:
        """Ask each worker for everything, over and over, and all of them by connections of others."""
        found: dict[int, HTTPConnection] = {}
        while len(found) < WORKERS:
            connection = self.connection()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            found.setdefault(owner(connection), connection)
        for worker, connection in found.items():
            self.begin(lambda worker=worker, connection=connection: self.look(worker, connection))
        for _ in range(3):
            self.begin(lambda: self.look(0, self.connection()))

    def begin(self, act: Callable[[], None]) -> None:
        def loop() -> None:
            while not self.stop.is_set():
                act()

        self.threads.append(threading.Thread(target=loop, daemon=True))
        self.threads[-1].start()

    def look(self, worker: int, connection: HTTPConnection) -> None:
        for path in ADDRESSES:
            began = time.time()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            holds = frozenset(each for each in GONE if each.encode() in body)
            self.seen.append(Seen(began, worker, path, holds, answer.status))
            self.stop.wait(0.01)  # or else the questions would keep the processor from the publish

    def look_round(self, since: float) -> None:
        """Wait until each worker, and whoever answers others, has been asked for everything after that."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            asked = {(each.worker, each.path) for each in self.seen if each.began > since}
            if len(asked) == (WORKERS + 1) * len(ADDRESSES):
                return
            time.sleep(0.1)
        raise AssertionError(f"{len(asked)} answers")


@pytest.fixture
def service(repository: Repository, var: Path, tmp_path: Path) -> Iterator[Service]:
    keeper = f"---\nrelated: [{', '.join(GONE)}]\n---\n# Okapi keeper\n\nKeeps okapis.\n"
    articles = {f"en/{each}.md": f"# Okapi {each[8:]}\n\nAn okapi.\n" for each in GONE}
    repository.commit({"en/animals/keeper.md": keeper, **articles})
    source = source_of(str(repository.folder), "main")
    assert publish(Order(source=source, ref="main", processes=1), var).good
    made = Service(var, repository.folder, tmp_path / "log")
    made.watch()
    yield made
    made.stop.set()
    for thread in made.threads:
        thread.join(30)
    made.process.send_signal(signal.SIGTERM)
    assert made.process.wait(30) == 0


def switched(var: Path, cause: str, commit: str, seconds: float = 120) -> statuses.Status:
    """The publish of this commit, when it is live."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        last = statuses.last(var)
        if last and (last.state, last.cause, last.commit) == ("live", cause, commit):
            return last
        time.sleep(0.05)
    raise AssertionError(statuses.last(var))


def holders(seen: list[Seen], since: float, until: float) -> dict[str, set[tuple[int, str]]]:
    """(worker, address) of what still told of each article, asked between the two times."""
    told: dict[str, set[tuple[int, str]]] = {each: set() for each in GONE}
    for each in seen:
        if since < each.began <= until:
            for article in each.holds if each.path in EVERYWHERE else ():
                told[article].add((each.worker, each.path))
    return told


def statuses_of(seen: list[Seen], article: str, since: float) -> set[int]:
    return {each.status for each in seen if each.began > since and each.path.endswith(f"/{article}")}


def test_what_is_taken_down_is_gone_everywhere_and_on_every_worker_within_two_seconds(
    service: Service, repository: Repository, var: Path
) -> None:
    began = time.time()
    service.look_round(began)
    workers = {each.worker for each in service.seen}
    assert len(workers) == WORKERS + 1
    everything = {(worker, path) for worker in workers for path in EVERYWHERE}
    before = holders(service.seen, 0, time.time())
    assert before == dict.fromkeys(GONE, everything)

    deleted, drafted, timed = GONE
    pushed = time.time()
    commit = repository.commit({
        f"en/{deleted}.md": None, f"en/{drafted}.md": "---\nstatus: draft\n---\n# Okapi drafted\n\nAn okapi.\n"
    })  # fmt: skip
    service.push(commit)
    first = switched(var, "hook", commit)
    assert first.finished
    took = time.time() - pushed
    service.look_round(first.finished + WITHIN)
    later = holders(service.seen, first.finished + WITHIN, time.time())
    assert later == {deleted: set(), drafted: set(), timed: everything}
    assert statuses_of(service.seen, deleted, first.finished + WITHIN) == {410}
    assert statuses_of(service.seen, drafted, first.finished + WITHIN) <= {404, 410}

    due = time.time() + max(5, 4 * took)
    moment = datetime.fromtimestamp(due, UTC).isoformat()
    text = f"---\nunpublish_at: {moment}\n---\n# Okapi timed\n\nAn okapi.\n"
    commit = repository.commit({f"en/{timed}.md": text})
    service.push(commit)
    switched(var, "hook", commit)
    assert statuses_of(service.seen, timed, began) == {200}
    second = switched(var, "schedule", commit)
    assert second.finished
    assert due <= second.finished < due + 60
    service.look_round(second.finished + WITHIN)
    later = holders(service.seen, second.finished + WITHIN, time.time())
    assert later == {each: set() for each in GONE}
    assert statuses_of(service.seen, timed, second.finished + WITHIN) == {410}
    assert {each.status for each in service.seen if each.path in EVERYWHERE} == {200}
