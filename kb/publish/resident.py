"""The publisher that waits ready beside the workers of `kb serve`, so that no push pays for a start.

Forked once, from the process that has the code and the dictionary; a byte through a pipe wakes it. Between
two publishes it compares the live generation with its checksums and decodes its articles. For each publish
it forks a child, which ends with it: what it was given it uses only if the same generation still is live,
nothing leaks, and what kills a publish does not kill what waits. What was pushed lies on
disk (`statuses.want`), not in the pipe. It ends when the last process that could wake it has ended.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kb.errors import KbError
from kb.later import importing
from kb.processes import forked, heard, ring
from kb.publish import background
from kb.publish import status as statuses
from kb.publish.orders import Order, order_of
from kb.settings import Settings

if TYPE_CHECKING:
    from kb.publish.publish import Ready

BEGIN_SECONDS = 2.0
"""From the start of the service until it imports what only publishing needs: readers come first."""
REST_SECONDS = 0.5
"""From a switch until what the next publish begins with is made ready, unless it is asked for: readers open
the new generation first."""
LOOK_SECONDS = 1.0
"""Between two looks at whether a publish has told everybody and ended."""


def start(var: Path, settings: Settings) -> partial[bool]:
    """Fork the publisher; returns what wakes it, and says whether somebody heard it: not when it was killed.

    To be called while this process has one thread only, and before it forks those that are to call that.
    """
    hears, rings = os.pipe()
    os.set_blocking(rings, False)
    if os.fork() == 0:
        os.close(rings)
        forked(lambda: _wait(hears, var, settings))
    os.close(hears)
    return partial(ring, rings, b".")


def _wait(hears: int, var: Path, settings: Settings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: a publish under way is ended in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    heard(hears, BEGIN_SECONDS)
    with importing():
        from kb.publish import publish

        ready, order = publish.get_ready(var), _order(settings)
    gc.freeze()
    ending: set[int] = set()
    while _rung(hears, ending):
        if statuses.wanted(var) is None:
            continue  # the publish before this ring fetched it already
        over, ends = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(hears)
            os.close(over)
            forked(partial(_publish, var, settings, order, partial(_over, ends), ready))
        os.close(ends)
        os.read(over, 1)  # nothing comes: its turn is over, or it was killed
        os.close(over)
        ending.add(child)
        heard(hears, REST_SECONDS)
        ready = publish.Ready()  # before there is another
        ready, order = publish.get_ready(var), _order(settings)
        gc.freeze()


def _order(settings: Settings) -> Order | None:
    """What each push asks for; to find the repository of a folder takes git. None without one for now."""
    with suppress(KbError):
        order = order_of(settings, cause="hook")
        return order if order.source.url else None
    return None


def _rung(hears: int, ending: set[int]) -> bool:
    """Wait for a push, and for publishes whose turn is over to end; False: the service has ended."""
    while ending and not heard(hears, LOOK_SECONDS):
        ending -= {child for child in ending if os.waitpid(child, os.WNOHANG)[0]}
    return bool(os.read(hears, 65536))


def _over(ends: int) -> None:
    """Let the next publish begin; what is left to do gives way to it, and to workers opening the index."""
    os.close(ends)
    os.nice(10)


def _publish(
    var: Path, settings: Settings, order: Order | None, ended: Callable[[], None], ready: Ready
) -> None:
    with background.log(var) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    background.publish(order or order_of(settings, cause="hook"), var, ended=ended, ready=ready)
