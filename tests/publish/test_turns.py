"""One publish at a time, but only until the switch: what a publish does afterwards keeps no push waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from kb.publish import background, resident
from kb.publish import status as statuses
from kb.publish.orders import Order, order_of
from kb.publish.publish import publish
from kb.publish.source import source_of
from kb.publish.status import Status
from kb.settings import Secret, Settings

from .conftest import Publish, Repository, found, live


class Listener(ThreadingHTTPServer):
    """Where results are posted to; it answers the first one only when it may."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[Status] = []
        self.may_answer = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(msgspec.json.decode(body, type=Status))
        if len(self.server.heard) == 1:
            self.server.may_answer.wait(120)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(statuses, "POST_SECONDS", 120)
    with Listener() as made:
        yield made
        made.may_answer.set()
        made.shutdown()


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_push_is_live_while_the_result_before_it_is_still_being_posted(
    repository: Repository, var: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        git_url=Secret(str(repository.folder)), git_ref="main", publish_status_url=listener.url
    )
    monkeypatch.setattr(resident, "BEGIN_SECONDS", 0)
    ring = resident.start(var, settings)
    commits = []
    for number in range(3):
        commits.append(repository.commit({f"en/n{number}.md": f"# N{number}\n\nokapi\n"}))
        background.push(order_of(settings, cause="hook", asked=time.time()), var, ring)
        until(lambda: (var / "index" / "current").exists() and live(var).commit == commits[-1])
        until(lambda number=number: len(listener.heard) == number + 1)
    assert len(found(var, "okapi")) == 3
    until(lambda: (last := statuses.last(var)) and last.posted == "told: 204")
    third = statuses.last(var)
    listener.may_answer.set()
    log = var / "publish" / "background.log"
    until(lambda: log.read_text().count("\n") == 3)
    # the first was told of last, and did not put itself in the place of the third
    assert statuses.last(var) == third
    assert [status.commit for status in listener.heard] == commits
    assert [status.number for status in listener.heard] == sorted(status.number for status in listener.heard)
    assert all(status.finished for status in listener.heard)
    logged = [msgspec.json.decode(line, type=Status) for line in log.read_bytes().splitlines()]
    assert [(each.commit, each.posted) for each in logged][-1] == (commits[0], "told: 204")
    assert [each.commit for each in statuses.published(var)] == commits[::-1]
    os.close(ring.args[0])
    os.wait()


def test_the_check_after_the_switch_keeps_nobody_waiting_and_sees_the_files_of_its_own_commit(
    repository: Repository, var: Path, publishing: Publish
) -> None:
    repository.commit({"en/a.md": "---\nowner: us\nreview_by: 2020-01-01\n---\n# A\n\nokapi\n"})
    second: list[Status] = []

    def push_again() -> None:
        assert not statuses.under_way(var)
        repository.commit({"en/a.md": "# A\n\nzebra\n"})
        second.append(publishing())

    first = publish(Order(source=source_of(str(repository.folder)), processes=1), var, ended=push_again)
    assert [(each.state, "check" in each.steps) for each in (first, *second)] == [("live", True)] * 2
    told = [(each.code, each.line, each.column) for each in first.findings if each.path == "en/a.md"]
    assert ("review-overdue", 3, 12) in told
    assert all(each.code != "review-overdue" for each in second[0].findings)
    assert found(var, "zebra") == ["a"]
    assert statuses.last(var) == second[0]
    assert not list((var / "publish").glob("checked-*"))


def test_what_a_killed_check_left_behind_is_removed_in_time(
    repository: Repository, var: Path, publishing: Publish
) -> None:
    publishing()
    left, fresh = var / "publish" / "checked-old", var / "publish" / "checked-now"
    for folder in (left, fresh):
        folder.mkdir()
        (folder / "a.md").write_text("# A\n")
    os.utime(left, (0, 0))
    repository.commit({"en/a.md": "# A\n\nokapi\n"})
    publishing()
    assert (left.exists(), fresh.exists()) == (False, True)


def test_what_is_said_when_ones_turn_is_over_never_hides_another_publish(var: Path) -> None:
    statuses.make_folder(var)
    first = Status(number=1, state="live", asked=1.0, started=1.0)
    statuses.write(var, first)
    statuses.amend(var, replace(first, posted="told: 200"))
    assert statuses.last(var) == replace(first, posted="told: 200")
    second = Status(number=1, state="blocked", asked=1.0, started=2.0)
    statuses.write(var, second)
    statuses.amend(var, replace(first, posted="not told"))
    assert statuses.last(var) == second
