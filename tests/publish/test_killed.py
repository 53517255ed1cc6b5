from __future__ import annotations

import os
import random
import signal
import threading
import time

from kb.index import store
from kb.index.live import LiveIndex
from kb.model import Audience
from kb.publish import status as statuses
from kb.search import Query, search

from .conftest import fork, found, live


def test_kill_9_ten_times_in_the_middle_never_disturbs_a_reader(repository, var, publishing):
    publishing()
    repository.commit({"en/new/first.md": "# First\n\nfirst\n"})
    took = -time.monotonic()
    publishing()
    took += time.monotonic()
    following, stop, wrong, asked = LiveIndex(var), threading.Event(), [], 0

    def read() -> None:
        nonlocal asked
        while not stop.is_set():
            try:
                snapshot = following.current().snapshot("en", Audience.PUBLIC)
                if not search(snapshot, Query(text="refund")).hits:
                    wrong.append("nothing found")
            except Exception as error:
                wrong.append(repr(error))
            asked += 1
            time.sleep(0.002)

    reader = threading.Thread(target=read)
    reader.start()
    chance = random.Random(7)
    killed = 0
    for number in range(10):
        repository.commit({f"en/new/{number}.md": f"# Number {number}\n\nword{number}\n" * 3})
        child = fork(publishing)
        time.sleep(chance.uniform(0.05, 0.9) * took)
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        # a git that was just being started holds the lock for a moment longer
        deadline = time.monotonic() + 10
        while (last := statuses.last(var)).state == "running" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert last.state in ("live", "interrupted")
    stop.set()
    reader.join()
    assert wrong == []
    assert asked > 10
    assert killed >= 5
    # nothing has to be cleaned up by hand
    assert publishing().state in ("live", "unchanged")
    assert found(var, "word9") == ["new/9"]
    assert sorted(path.name for path in (var / "publish" / "export").iterdir()) == ["en", "ja", "kb.yml"]
    assert live(var).commit == repository.git("rev-parse", "HEAD")


def test_a_killed_publish_is_told_as_interrupted_with_its_step(repository, var, publishing):
    publishing()
    repository.commit({"en/new.md": "# New\n\nnew\n"})
    with store.locked(var):
        # the build waits for another one, so it is met there
        child = fork(publishing)
        while (last := statuses.last(var)) is None or last.step != "build" or last.state != "running":
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    last = statuses.last(var)
    assert (last.state, last.step) == ("interrupted", "build")
    assert "'build'" in last.error
