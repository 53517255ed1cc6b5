"""Processes to share work with, which end with the one that started them."""

from __future__ import annotations

import os
import select
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import Any, NoReturn, TypeVar

from kb.later import settle

Given = TypeVar("Given")
Made = TypeVar("Made")

_LOOK_SECONDS = 0.1
_counter: Any = None
"""In a helper: the number that all helpers count up together."""
_own: set[int] = set()
"""Descriptors of this process alone."""


class Helpers:
    """Processes of one pool. A process that dies breaks it: BrokenProcessPool."""

    def __init__(self, executor: ProcessPoolExecutor, counter: Any) -> None:
        self._executor = executor
        self._counter = counter

    def map(self, make: Callable[[Given], Made], items: Sequence[Given], chunksize: int) -> Iterator[Made]:
        """What `make` gives for each item, in order."""
        return self._executor.map(make, items, chunksize=chunksize)

    def run(
        self, work: Callable[[Given], Iterable[None]], items: Sequence[Given], tell: Callable[[int], None]
    ) -> None:
        """Exhaust `work` for each item; `tell` hears now and then how many steps were done in all."""
        rest = {self._executor.submit(_count_steps, work, item) for item in items}
        while rest:
            done, rest = wait(rest, _LOOK_SECONDS)
            for each in done:
                each.result()
            tell(self._counter.value)


def forked(act: Callable[[], None]) -> NoReturn:
    """What a process does that was just forked, and nothing of what its parent would do at its end."""
    try:
        act()
    except BaseException:  # it must not go on as the parent, whatever happens
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def ring(descriptor: int, what: bytes) -> bool:
    """Wake whoever reads the other end of a pipe that does not block; False when nobody does any more."""
    try:
        os.write(descriptor, what)
    except BlockingIOError:
        return True  # thousands of rings are waiting already
    except OSError:
        return False
    return True


def heard(descriptor: int, seconds: float) -> bool:
    """Whether something can be read, or the other side has ended, before so many seconds are over.

    Not by `select`, which takes no descriptor above 1,023: a served index maps hundreds of files.
    """
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def by_two(make: Callable[[Sequence[Given]], list[Made]], items: Sequence[Given]) -> list[Made]:
    """What `make` gives for all items, one each, the second half by a fork of this process.

    Alone where there are threads: a fork would inherit their locks without them.
    """
    half = (len(items) + 1) // 2
    if half == len(items) or threading.active_count() > 1:
        return make(items)
    hears, tells = connection.Pipe(duplex=False)

    def tell() -> None:
        hears.close()  # else it would not notice when this process is killed
        for descriptor in _own:
            os.close(descriptor)
        tells.send(make(items[half:]))

    other = get_context("fork").Process(target=tell)
    other.start()
    tells.close()
    try:
        return [*make(items[:half]), *_told(hears, make, items[half:])]
    finally:
        hears.close()
        other.join()


def _told(hears: Any, make: Callable[[Sequence[Given]], list[Made]], items: Sequence[Given]) -> list[Made]:
    try:
        told: list[Made] = hears.recv()
        return told
    except EOFError:
        return make(items)  # it was killed, or failed as this will


@contextmanager
def pool(processes: int) -> Iterator[Helpers | None]:
    """A pool of `processes`; None when one is enough. What is not begun when the block ends is never done."""
    if processes < 2:
        yield None
        return
    # what is imported here is in a fork at once; but it would inherit locks of threads that it has not
    context = get_context("fork" if threading.active_count() == 1 else "forkserver")
    counter = context.Value("q", 0)
    executor = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(counter,))
    try:
        yield Helpers(executor, counter)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def kept_from_helpers(descriptor: int) -> Iterator[None]:
    """A lock that is to end with this process: those that it forks within the block do not hold it, too."""
    _own.add(descriptor)
    try:
        yield
    finally:
        _own.discard(descriptor)


def _count_steps(work: Callable[[Given], Iterable[None]], item: Given) -> None:
    for _ in work(item):
        with _counter.get_lock():
            _counter.value += 1


def _begin(counter: Any) -> None:
    """In a child: it would wait for ever for work from a parent that was killed."""
    global _counter
    _counter = counter
    for descriptor in _own:
        os.close(descriptor)
    settle()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
