"""The process beside the workers that stores facts, hands tickets over, and counts what is read most.

Forked once, before the workers; a byte through a pipe says what there is to do. It alone has the database
open as long as nobody signs in, files a ticket or reads a report. It ends when the last process that could
ring has ended; when it was killed, a worker that rings is told, and does its work instead.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from kb.errors import KbError
from kb.processes import forked, heard, ring
from kb.settings import Settings

BEGIN_SECONDS = 2.0
"""From the start until it imports the database, for a second: the first readers come first."""

COUNT_SECONDS = 600.0
"""Between two counts of what is read most."""

FACTS, TICKETS = b"f", b"t"


class Bell:
    """The workers' end of the pipe."""

    def __init__(self, rings: int, office: int) -> None:
        self._rings = rings
        self._office = office

    def ring(self, what: bytes) -> bool:
        """Never waits; False when nobody hears it."""
        return ring(self._rings, what)

    def let_go(self) -> None:
        """Wait until the office has done what there was to do; for the process that opened it."""
        os.close(self._rings)
        with suppress(ChildProcessError):  # gunicorn collects whatever child ends
            os.waitpid(self._office, 0)


def open_office(var: Path, settings: Settings) -> Bell:
    """To be called while this process has one thread only, and before it forks those that are to ring.

    Nobody else may inherit the bell and wait for this process to end: the office would never end.
    """
    hears, rings = os.pipe()
    os.set_blocking(rings, False)
    child = os.fork()
    if child == 0:
        os.close(rings)
        forked(lambda: _work(hears, var, settings))
    os.close(hears)
    return Bell(rings, child)


def _work(hears: int, var: Path, settings: Settings) -> None:
    # it ends with the workers, who come to their end in order
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _step_aside()
    heard(hears, BEGIN_SECONDS)
    run(hears, var, settings)


def _step_aside() -> None:
    """Readers come first: it never takes a processor from a worker that has just got one.

    A lower priority would have it starve, and facts wait, where the machine is busy with other work.
    """
    with suppress(AttributeError, OSError):  # only Linux has it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def run(hears: int, var: Path, settings: Settings) -> None:
    """Work until the other end of the pipe is closed."""
    from kb.deflection import popular
    from kb.deflection.delivery import Delivery
    from kb.deflection.store import EventStore, database_url
    from kb.desk.clerk import Clerk

    with EventStore(database_url(var, settings.database_url.value)) as store:
        delivery, clerk = Delivery(var / "spool", store), Clerk(store, settings)
        delivery.start()
        clerk.start()
        wake: dict[bytes, Callable[[], object]] = {FACTS: delivery.ring, TICKETS: clerk.wake}
        next_count = 0.0
        while True:
            if heard(hears, max(0.0, next_count - time.monotonic())):
                rung = os.read(hears, 65536)
                if not rung:
                    break
                for what, act in wake.items():
                    if what in rung:
                        act()
            if time.monotonic() >= next_count:
                next_count = time.monotonic() + COUNT_SECONDS
                try:
                    popular.note(store, var)
                except (KbError, OSError) as error:
                    structlog.get_logger("kb").warning("most read not counted", reason=str(error))
        clerk.close()
        delivery.close()
