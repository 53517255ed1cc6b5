"""kill -9 of the builder: nobody notices, and the next build cleans up."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from trees import SHOP, answers, folders, index, live, write

from failures.killed import build_with_helpers, count_calls, search_until_told
from kb.index.layout import index_root, manifest_file
from kb.index.store import locked
from kb.indexer import POOL_FROM
from kb.model import Audience
from kb.processes import pool

KILLS = 10


@pytest.fixture
def processes() -> ForkServerContext:
    """Starts processes that inherit no thread and no lock of the tests, at little cost."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["kb.indexer", "kb.search"])
    return context


def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "articles", SHOP)


def edit(root: Path, number: int) -> None:
    """A change in each locale and one public article less, so that every kind of step is taken."""
    write(root, {"en/shipping.md": f"# Shipping overseas\n\nBy sea, in {number} weeks.\n"})
    write(root, {f"ja/help/a{number}.md": f"# 質問その{number}\n\nそれは{number}です。\n"})
    (root / f"ja/help/a{number - 1}.md").unlink(missing_ok=True)


def test_a_builder_killed_ten_times_never_disturbs_a_reader_and_leaves_nothing(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    root, var = tree(tmp_path), tmp_path / "var"
    index(root, var)
    edit(root, 1)
    said, sayer = processes.Pipe()
    whole = processes.Process(target=count_calls, args=(root, var, 0, sayer))
    whole.start()
    calls = said.recv()
    whole.join()
    assert calls > 10 * KILLS
    here, there = processes.Pipe()
    reader = processes.Process(target=search_until_told, args=(var, there))
    reader.start()
    assert here.recv() == "searching"
    for kill in range(KILLS):
        edit(root, kill + 2)
        # the last ones hit the pointer's replacement and the removal of what is old
        at = 1 + (calls - 1) * kill // (KILLS - 1)
        builder = processes.Process(target=count_calls, args=(root, var, at, sayer))
        builder.start()
        builder.join()
        assert builder.exitcode == -signal.SIGKILL
    edit(root, KILLS + 2)
    summary = index(root, var)
    here.send("enough")
    searches, wrong, folder = here.recv()
    reader.join()
    assert wrong == []
    assert searches > KILLS
    assert folder == live(var).folder
    assert not summary.unchanged
    index(root, tmp_path / "scratch")
    assert answers(live(var)) == answers(live(tmp_path / "scratch"))
    assert folders(var) == folders(var, Audience.AGENT)
    assert len(folders(var)) <= 2
    assert {path.name for path in index_root(var).iterdir()} == {"public", "agent", "current", "lock"}


def test_a_generation_that_was_whole_but_never_live_is_removed_by_the_next_build(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    root, var = tree(tmp_path), tmp_path / "var"
    index(root, var)
    before = live(var).folder
    write(root, {"en/shipping.md": "# Shipping overseas\n\nBy balloon.\n"})
    builder = processes.Process(target=count_calls, args=(root, var, "current.new", processes.Pipe()[1]))
    builder.start()
    builder.join()
    assert builder.exitcode == -signal.SIGKILL
    assert live(var).folder == before
    (killed,) = folders(var) - {before}
    assert manifest_file(var, killed).exists()
    write(root, SHOP)
    assert index(root, var).unchanged
    assert folders(var) == folders(var, Audience.AGENT) == {before}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_the_helpers_of_a_killed_builder_end_with_it(tmp_path: Path, processes: ForkServerContext) -> None:
    numbers = range(POOL_FROM)
    root = write(
        tmp_path / "many", {f"en/a{n}.md": f"# Parrot {n}\n\nIt speaks {n} words.\n" for n in numbers}
    )
    said, sayer = processes.Pipe()
    builder = processes.Process(target=build_with_helpers, args=(root, tmp_path / "var", sayer))
    builder.start()
    sayer.close()
    helpers = said.recv()
    assert len(helpers) == 2
    builder.kill()
    builder.join()
    deadline = time.monotonic() + 30
    while any(alive(helper) for helper in helpers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [helper for helper in helpers if alive(helper)] == []
    assert index(root, tmp_path / "var").articles == POOL_FROM


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_the_lock_of_a_build_is_not_held_by_its_helpers(tmp_path: Path) -> None:
    """It would outlive a builder that was killed."""
    with locked(tmp_path), pool(2) as helpers:
        assert helpers is not None
        assert str(index_root(tmp_path) / "lock") in open_files(0)
        assert str(index_root(tmp_path) / "lock") not in next(helpers.map(open_files, [0], 1))


def open_files(_: int) -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(entry.readlink()))
    return found


def alive(process: int) -> bool:
    """Whether it runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
