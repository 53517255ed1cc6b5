"""Builders and readers at the same time."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from trees import SHOP, folders, found, index, live, write

from kb.errors import IndexDamaged, IndexLocked
from kb.index.generation import live_folder
from kb.index.layout import generation_folder, index_root, manifest_file
from kb.index.live import PATIENCE, LiveIndex
from kb.model import Audience

SWITCHES = 10
THREADS = 4


def processes() -> ForkServerContext:
    """Starts processes that inherit no thread and no lock of the tests, at little cost."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["kb.indexer", "kb.search"])
    return context


def numbered(root: Path, number: int) -> None:
    write(root, {"en/shipping.md": f"---\ndescription: '{number}'\n---\n# Shipping overseas\n\nBy sea.\n"})


def number_of(live_index: LiveIndex) -> int:
    """Search, and tell the number of the text that was found."""
    generation = live_index.current()
    assert found(generation, "en", "overseas") == ["shipping"]
    snapshot = generation.snapshot("en", Audience.PUBLIC)
    return int(snapshot.article(snapshot.find_article("shipping")).description)


def test_a_second_builder_is_refused_while_the_first_works(tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    refused = []

    def build_within(step: str, done: int, total: int) -> None:
        with pytest.raises(IndexLocked) as told:
            index(root, var)
        refused.append(str(told.value))

    summary = index(root, var, progress=build_within)
    assert set(refused) == {f"{index_root(var)}: another process is building the index"}
    assert summary.articles == 6
    assert folders(var) == {live(var).folder}
    assert index(root, var).unchanged


def build_numbers(root: Path, var: Path, said: Connection) -> None:
    """One generation after the other, each without an article of the one before; tells when it is live."""
    for number in range(1, SWITCHES + 1):
        numbered(root, number)
        write(root, {f"en/help/a{number}.md": "# Help\n\nText.\n"})
        (root / f"en/help/a{number - 1}.md").unlink(missing_ok=True)
        index(root, var)
        said.send((number, len(folders(var))))


def test_threads_that_search_while_generations_switch_see_each_within_a_second(tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    numbered(root, 0)
    index(root, var)
    following = LiveIndex(var)
    live_number, wrong, searches = 0, [], [0] * THREADS
    switched: list[float] = []

    def surely() -> int:
        """What was live long enough ago that nobody goes on with an older one."""
        return sum(time.monotonic() - when > PATIENCE + 0.5 for when in list(switched))

    def work(thread: int) -> None:
        while live_number < SWITCHES and not wrong:
            before = surely() if thread else live_number
            try:
                # one of them opens whatever is live each time, though each generation removes the one before
                seen = number_of(following if thread else LiveIndex(var))
            except BaseException as error:
                wrong.append(repr(error))
                return
            if seen < before:
                wrong.append(f"{seen} after {before} was live")
            searches[thread] += 1

    said, sayer = processes().Pipe()
    builder = processes().Process(target=build_numbers, args=(root, var, sayer))
    builder.start()
    sayer.close()
    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    left = []
    while live_number < SWITCHES:
        live_number, folders_left = said.recv()
        switched.append(time.monotonic())
        left.append(folders_left)
    for thread in (*threads, builder):
        thread.join()
    assert wrong == []
    assert min(searches) > 0
    assert number_of(following) == SWITCHES
    assert set(left) == {2}  # it, and the very first, which shows nothing that it does not


def test_while_one_thread_opens_a_new_generation_others_are_answered_for_a_while_and_then_wait(
    tmp_path: Path,
) -> None:
    """The manifest becomes a pipe, so that opening takes as long as nobody writes it."""
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    following = LiveIndex(var)
    old = following.current().folder
    write(root, {"en/shipping.md": "# Shipping\n\nBy balloon.\n"})
    index(root, var)
    file = manifest_file(var, live_folder(var))
    written = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    with ThreadPoolExecutor(2) as others:
        opens = others.submit(following.current)
        with file.open("wb") as pipe:  # opens when the reader does
            began = time.monotonic()
            seen = following.current().folder
            assert (seen, time.monotonic() - began < PATIENCE / 2) == (old, True)
            time.sleep(PATIENCE)
            waits = others.submit(following.current)
            time.sleep(0.1)
            assert not opens.done()
            assert not waits.done()
            pipe.write(written)
        assert opens.result() is waits.result() is following.current()
        assert opens.result().folder == live_folder(var) != old


def test_a_reader_keeps_what_it_has_open_when_the_folder_is_removed(tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    generation = live(var)
    for audience in Audience:
        shutil.rmtree(generation_folder(var, generation.folder, audience))
    for text in ("返金", "へんきん", "期限"):
        assert "orders/refund" in found(generation, "ja", text)
    assert found(generation, "en", "shippin")[0] == "shipping"
    assert len(list(generation.articles())) == 6
    with pytest.raises(IndexDamaged):
        live(var)


def open_while_it_vanishes(root: Path, var: Path, said: Connection) -> None:
    """Between reading the pointer and opening the manifest, the next generation replaces this one."""
    first = live_folder(var)
    waiting = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal waiting
        if waiting and event == "open" and str(arguments[0]).endswith(f"{first}/manifest.json"):
            waiting = False
            (root / "ja/orders/cancel.md").unlink()  # withdrawn, so the first generation goes at once
            index(root, var)

    sys.addaudithook(hook)
    opened = LiveIndex(var).current()
    said.send((waiting, first, opened.folder, found(opened, "ja", "返金"), folders(var)))


def test_a_generation_that_vanishes_while_it_is_opened_is_replaced_by_the_one_that_is_live_now(
    tmp_path: Path,
) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    said, sayer = processes().Pipe()
    process = processes().Process(target=open_while_it_vanishes, args=(root, var, sayer))
    process.start()
    sayer.close()
    waiting, first, opened, hits, left = said.recv()
    process.join()
    assert not waiting
    assert first not in left
    assert left == {opened}
    assert hits == ["orders/refund"]
