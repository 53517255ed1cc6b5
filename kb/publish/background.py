"""A publish in a process of its own, so that no worker ever builds: for pushes and for times that have come.

A push is published by the process that waits ready for it (`kb.publish.resident`); where there is none, and
for what may take a minute, one is started. Of these one runs and one may wait; who comes while one waits
need not, since the waiting one fetches later than that push. So no push is lost, and a hundred pushes are
two publishes. What to do goes through the new process's standard input: an address may hold a password, and
command lines can be read by everybody.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from kb.publish import status as statuses

if TYPE_CHECKING:
    from kb.publish.orders import Order
    from kb.publish.publish import Ready

LOG_BYTES = 1_000_000


def push(order: Order, var: Path, ring: Callable[[], bool] | None) -> None:
    """Have a push published. Returns at once. `ring` tells the resident. Raises IndexNotWritable."""
    statuses.want(var, order.asked)
    push_again(order, var, ring)


def push_again(order: Order, var: Path, ring: Callable[[], bool] | None) -> None:
    """The same for a push that was noted before, and whose publisher was killed."""
    if ring is None or not ring():
        start(order, var)


def start(order: Order, var: Path) -> subprocess.Popen[bytes]:
    """Begin, and do not wait. It prints to `<var>/publish/background.log`. Raises IndexNotWritable."""
    with log(var) as output:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "kb.publish.background", str(var.absolute())],
            stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(order))
    process.stdin.close()
    # somebody must take note of its end, else it stays as a zombie
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def log(var: Path) -> IO[bytes]:
    """Where publishes that nobody watches print to."""
    file = statuses.make_folder(var) / "background.log"
    fresh = file.exists() and file.stat().st_size > LOG_BYTES
    return file.open("wb" if fresh else "ab")


def publish(
    order: Order, var: Path, waiting: ExitStack | None = None, ended: Callable[[], None] | None = None,
    ready: Ready | None = None,
) -> None:  # fmt: skip
    """Do it in this process, and print what came of it. `waiting` is left when it begins, `ended` called
    when the next may begin."""
    from kb.publish import publish as publishing  # the indexer: a second of importing

    status = publishing.publish(
        order, var, began=waiting.close if waiting else None, ended=ended, ready=ready or publishing.Ready()
    )
    os.write(1, msgspec.json.encode(status) + b"\n")


def main(var: Path, encoded: bytes) -> None:
    """What the process does."""
    with ExitStack() as waiting:
        if not waiting.enter_context(statuses.locked(var, "queue", wait=False)):
            return
        # not earlier: importing it takes longer than finding that there is nothing to do
        from kb.publish.orders import Order

        publish(msgspec.json.decode(encoded, type=Order), var, waiting)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.buffer.read())
