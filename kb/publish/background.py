"""A publish in a process of its own, so that no worker ever builds: for pushes and for times that have come.

One runs and one may wait; who comes while one waits need not, since the waiting one fetches later than that
push. So no push is lost, and a hundred pushes are two publishes. What to do goes through the new process's
standard input: an address may hold a password, and command lines can be read by everybody.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kb.publish import status as statuses

if TYPE_CHECKING:
    from kb.publish.orders import Order

LOG_BYTES = 1_000_000


def start(order: Order, var: Path) -> subprocess.Popen[bytes]:
    """Begin, and do not wait. It prints to `<var>/publish/background.log`. Raises IndexNotWritable."""
    log = statuses.make_folder(var) / "background.log"
    fresh = log.exists() and log.stat().st_size > LOG_BYTES
    with log.open("wb" if fresh else "ab") as output:
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


def main(var: Path, encoded: bytes) -> None:
    """What the process does."""
    with ExitStack() as waiting:
        if not waiting.enter_context(statuses.locked(var, "queue", wait=False)):
            return
        # not earlier: importing the indexer takes longer than finding that there is nothing to do
        from kb.publish.orders import Order
        from kb.publish.publish import publish

        order = msgspec.json.decode(encoded, type=Order)
        status = publish(order, var, began=waiting.close)
    print(msgspec.json.encode(status).decode(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.buffer.read())
