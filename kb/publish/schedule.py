"""`publish_at` and `unpublish_at` take effect by themselves: one worker watches the clock and has it rebuilt.

Each worker runs the same thread; who holds a lock acts, and when that worker ends another gets it. What was
published is read again at the same commit, which the mirror holds: no remote is asked. It also begins again
what was to publish a push and was killed, so that no push is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing, KbError
from kb.index import kept
from kb.index.generation import Generation
from kb.index.live import LiveIndex
from kb.publish import background
from kb.publish import status as statuses
from kb.publish.orders import Order, order_of
from kb.publish.source import Source
from kb.settings import Settings

TICK_SECONDS = 2.0
AGAIN_SECONDS = 15.0
"""After a time that could not take effect (blocked, disk full) it is tried again; doubled every time."""
MOST_SECONDS = 3600.0
MOST_RESUMED = 3
"""Times that a push whose publish was killed is begun again: it may be what kills it."""


class Scheduler(Struct, kw_only=True):
    """What one worker remembers between two looks at the clock."""

    live: LiveIndex
    var: Path
    settings: Settings
    articles: Path | None = None
    """Folder of `kb serve --articles`: what the index was made of when nothing was published."""
    locale: str | None = None
    tried_for: datetime | None = None
    """The time that was last tried to take effect."""
    tries: int = 0
    again: float = 0.0
    """When it may be tried again, by the monotonic clock."""
    ring: Callable[[], bool] | None = None
    """Wakes the publisher that waits ready."""
    left: int = 0
    """Number of the push that nobody was publishing at the last look."""
    resumed: int = 0

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; while another worker has the lock, only that is tried."""
        while not stop.is_set():
            with statuses.locked(self.var, "scheduler", wait=False) as had:
                while had and not stop.wait(TICK_SECONDS):
                    self.look()
            stop.wait(TICK_SECONDS)

    def look(self) -> None:
        """Have rebuilt what is due; never raises."""
        try:
            self._resume()
            order = self._due(self.live.current(), datetime.now(UTC))
            if order:
                background.start(order, self.var).wait()
        except (IndexMissing, IndexDamaged, IndexMismatch):
            return  # there is nothing yet that could change
        except (KbError, OSError) as error:
            structlog.get_logger("kb").error("a time that came could not take effect", reason=str(error))

    def _due(self, generation: Generation, now: datetime) -> Order | None:
        due = generation.next_change
        if due is None or due > now:
            return None
        if self.tried_for != due:
            self.tried_for, self.tries, self.again = due, 0, 0.0
        if time.monotonic() < self.again:
            return None
        self.again = time.monotonic() + min(AGAIN_SECONDS * 2**self.tries, MOST_SECONDS)
        self.tries += 1
        order = self._as_published(generation)
        return replace(order, cause="schedule", asked=due.timestamp()) if order else None

    def _as_published(self, generation: Generation) -> Order | None:
        """What made the live generation, at its commit."""
        base = order_of(self.settings, place=".", ref="")
        try:
            made = msgspec.json.decode(
                (kept.root(self.var) / generation.folder / kept.MADE).read_bytes(), type=dict[str, str]
            )
        except (OSError, msgspec.MsgspecError):
            if self.articles is None:
                return None
            # read as `kb index` does: what is wrong is told, and stops nothing
            folder = Source(folder=str(self.articles.absolute()))
            return replace(base, source=folder, locale=self.locale, gates=False)
        path = {"": None, ".": ""}.get(made["path"], made["path"])
        source = Source(url=made["source"], path=path) if made["commit"] else Source(folder=made["source"])
        return replace(base, source=source, ref=made["commit"], locale=made["locale"] or None)

    def _resume(self) -> None:
        """Begin again with a push that nobody is publishing, if that was so at the last look already."""
        wanted = statuses.wanted(self.var)
        if wanted is None or statuses.under_way(self.var):
            self.left = 0 if wanted is None else self.left
            return
        if self.left != wanted.number:
            self.left, self.resumed = wanted.number, 0
        elif self.resumed < MOST_RESUMED and self.settings.git_url:
            self.resumed += 1
            background.push_again(order_of(self.settings, cause="hook"), self.var, self.ring)


def start(scheduler: Scheduler) -> threading.Event:
    """Watch the clock in a thread until the event that is returned is set."""
    stop = threading.Event()
    threading.Thread(target=scheduler.run, args=(stop,), name="schedule", daemon=True).start()
    return stop
