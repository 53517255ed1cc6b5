"""A builder that is killed, and a reader that does not stop meanwhile. Each runs in a process of its own.

Where to kill is counted in what the builder asks of the operating system (files opened, linked, renamed,
removed), which Python tells to audit hooks: so a kill hits the same step on every machine.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from trees import found, helpers, index

from kb.index.live import LiveIndex

CALLS = frozenset({"open", "os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir", "os.chmod"})


def count_calls(root: Path, var: Path, at: int | str, said: Connection) -> None:
    """Build; SIGKILL at call number `at` that concerns `var`, or that names the file `at`.

    At the end sends how many there were.
    """
    number = count(1)  # threads write, too: no two of them may count the same, or pass over `at`

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CALLS and str(arguments[0]).startswith(str(var)):
            call = next(number)
            if at == Path(str(arguments[0])).name or at == call:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    index(root, var)
    said.send(next(number) - 1)


def search_until_told(var: Path, told: Connection) -> None:
    """Search without a pause until something is received, then send how often, and what was not found."""
    os.nice(10)
    live = LiveIndex(var)
    searches, wrong = 0, []
    while not told.poll():
        try:
            hits = found(live.current(), "ja", "返金")
            if hits != ["orders/refund"]:
                wrong.append(repr(hits))
        except Exception as error:  # the test tells whatever it is
            wrong.append(repr(error))
        searches += 1
        if searches == 1:
            told.send("searching")
    told.recv()
    told.send((searches, wrong[:5], live.current().folder))


def build_with_helpers(root: Path, var: Path, said: Connection) -> None:
    """Build with two processes; sends their numbers when they work, then waits to be killed."""

    def stop(step: str, done: int, total: int) -> None:
        said.send(helpers())
        time.sleep(3600)

    index(root, var, processes=2, progress=stop)
