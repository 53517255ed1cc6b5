"""The publisher that waits beside the workers: woken, killed, passed over by others."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kb.index.live import LiveIndex
from kb.publish import background, resident, schedule
from kb.publish import status as statuses
from kb.publish.orders import order_of
from kb.settings import Secret, Settings

from .conftest import found, live


@pytest.fixture
def settings(repository) -> Settings:
    return Settings(git_url=Secret(str(repository.folder)), git_ref="main", hook_secret=Secret("s"))


@pytest.fixture
def ring(var, settings, monkeypatch) -> Iterator[Callable[[], bool]]:
    monkeypatch.setattr(resident, "BEGIN_SECONDS", 0)
    made = resident.start(var, settings)
    yield made
    os.close(made.args[0])
    os.wait()


def push(var: Path, settings: Settings, ring: Callable[[], bool] | None) -> None:
    background.push(order_of(settings, cause="hook", asked=time.time()), var, ring)


def until(happened: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answered(var: Path) -> bool:
    return statuses.wanted(var) is None and not statuses.under_way(var)


def test_each_ring_publishes_what_was_pushed_in_a_process_that_ends(repository, var, settings, ring):
    for number in range(2):
        commit = repository.commit({f"en/n{number}.md": f"# N{number}\n\nokapi\n"})
        push(var, settings, ring)
        until(lambda: answered(var))
        assert live(var).commit == commit
        assert statuses.last(var).cause == "hook"
    assert len(found(var, "okapi")) == 2
    log = var / "publish" / "background.log"
    until(lambda: log.read_text().count("\n") == 2)
    assert [json.loads(line)["state"] for line in log.read_text().splitlines()] == ["live", "live"]


def test_pushes_during_a_build_are_one_more_publish_and_none_is_lost(repository, var, settings, ring):
    with statuses.locked(var, "publish", wait=True):
        for number in range(5):
            commit = repository.commit({f"en/n{number}.md": f"# N{number}\n\nokapi\n"})
            push(var, settings, ring)
            time.sleep(0.05)
    until(lambda: answered(var))
    assert live(var).commit == commit
    # who waited took all of them with it
    assert len((var / "publish" / "log.jsonl").read_bytes().splitlines()) <= 2


def test_a_publish_by_hand_meanwhile_is_seen_and_not_undone(repository, var, settings, ring, publishing):
    repository.commit({"en/a.md": "# A\n\nokapi\n"})
    push(var, settings, ring)
    until(lambda: answered(var))
    repository.commit({"en/b.md": "# B\n\nokapi\n"})
    publishing(ref="main")
    repository.commit({"en/c.md": "# C\n\nokapi\n"})
    push(var, settings, ring)
    until(lambda: answered(var))
    assert sorted(found(var, "okapi")) == ["a", "b", "c"]
    assert statuses.last(var).changed == 1


def test_going_back_by_hand_wins_over_a_push_that_came_before_it(repository, var, settings, publishing):
    first = publishing(ref="main").commit
    repository.commit({"en/a.md": "# A\n\nokapi\n"})
    statuses.want(var, time.time())
    with statuses.locked(var, "publish", wait=True):
        waiting = threading.Thread(target=background.publish, args=(order_of(settings, cause="hook"), var))
        waiting.start()
        time.sleep(0.1)
        back = threading.Thread(target=publishing, kwargs={"ref": first})
        back.start()
        time.sleep(0.1)
    waiting.join()
    back.join()
    assert statuses.wanted(var) is None
    assert live(var).commit == first


def test_when_it_was_killed_a_push_gets_a_process_of_its_own(repository, var, settings, monkeypatch):
    monkeypatch.setattr(resident, "BEGIN_SECONDS", 60)
    ring, waiting = started(var, settings, monkeypatch)
    os.kill(waiting, signal.SIGKILL)
    os.waitpid(waiting, 0)
    assert not ring()
    commit = repository.commit({"en/a.md": "# A\n\nokapi\n"})
    push(var, settings, ring)
    until(lambda: answered(var))
    assert live(var).commit == commit


def test_it_ends_with_the_last_process_that_could_wake_it(var, settings, monkeypatch):
    ring, waiting = started(var, settings, monkeypatch)
    os.close(ring.args[0])
    assert os.waitpid(waiting, 0) == (waiting, 0)


def test_a_push_whose_publish_was_killed_is_begun_again(repository, var, settings, ring, publishing):
    publishing(ref="main")
    commit = repository.commit({"en/a.md": "# A\n\nokapi\n"})
    # noted, and killed before it did anything
    statuses.want(var, time.time())
    watcher = schedule.Scheduler(live=LiveIndex(var), var=var, settings=settings, ring=ring)
    watcher.look()
    assert live(var).commit != commit
    watcher.look()
    until(lambda: answered(var))
    assert live(var).commit == commit


def test_what_kills_its_publish_is_begun_again_three_times_only(var, settings, publishing):
    publishing(ref="main")
    rings: list[int] = []
    statuses.want(var, time.time())
    watcher = schedule.Scheduler(
        live=LiveIndex(var), var=var, settings=settings, ring=lambda: not rings.append(1)
    )
    for _ in range(6):
        watcher.look()
    assert len(rings) == schedule.MOST_RESUMED


def started(var: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[partial[bool], int]:
    """What wakes a new one, and its process."""
    forked: list[int] = []
    fork = os.fork
    with monkeypatch.context() as patched:
        patched.setattr(os, "fork", lambda: forked.append(fork()) or forked[-1])
        return resident.start(var, settings), forked[0]
