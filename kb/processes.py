"""Processes to share work with, which end with the one that started them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait


@contextmanager
def pool(processes: int) -> Iterator[ProcessPoolExecutor | None]:
    """A pool of `processes`; None when one is enough. Raises BrokenProcessPool when one of them dies."""
    if processes < 2:
        yield None
        return
    # spawn: a forked child would inherit locks of threads that it does not have
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as executor:
        yield executor


def _end_with_parent() -> None:
    """In a child: it would wait for ever for work from a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
