"""A spool and its delivery in one process: what a worker and the office are together."""

from __future__ import annotations

import time
from pathlib import Path

from kb.deflection.delivery import Delivery, Pace
from kb.deflection.facts import AnyFact
from kb.deflection.spool import Bounds, Spool
from kb.deflection.store import EventStore

QUICK = Pace(first_wait=0.05, longest_wait=0.2, adopt_every=0.1)


class Spooling(Spool):
    def __init__(
        self, folder: Path, store: EventStore, bounds: Bounds | None = None, pace: Pace = QUICK
    ) -> None:
        self.delivery = Delivery(folder, store, pace)
        super().__init__(folder, self.delivery.ring, bounds or Bounds(linger=0.01, retry=0.05))

    def put(self, fact: AnyFact) -> None:
        self.delivery.start()
        super().put(fact)

    def flush(self, seconds: float) -> bool:
        """Wait until the store has everything; False when it has not after so long."""
        end = time.monotonic() + seconds
        return self.settle(seconds) and self.delivery.flush(end - time.monotonic())

    def close(self, seconds: float = 10.0) -> None:
        super().close(seconds)
        self.delivery.close(seconds)
