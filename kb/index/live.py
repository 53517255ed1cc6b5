"""The live generation, followed while it is served: a switch of the pointer is seen by whoever asks next."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index.generation import Generation, live_folder, open_live
from kb.index.layout import POINTER, index_root

PATIENCE = 0.5
"""Seconds for which others may go on with the old generation while one thread opens the new one."""


class LiveIndex:
    """The live generation of a state folder, followed by one `stat`. For any number of threads."""

    def __init__(self, var: Path, every: float = 0.0) -> None:
        """`every`: seconds until the pointer is looked at again; with each look other threads go first."""
        self._var, self._every, self._looked = var, every, -math.inf
        self._pointer = os.fspath(index_root(var) / POINTER)
        self._opening = threading.Lock()
        self._began = 0.0
        # one reference, so that nobody sees the stamp of one generation beside another
        self._followed: tuple[tuple[int, int] | None, Generation] | None = None

    def current(self) -> Generation:
        """The live generation; a new one that cannot be opened leaves the old one serving, and is logged.

        The first call after a switch opens the new one and returns it. What was built by a fork of the same
        process takes 0.02 s, since that told the checksums of what it wrote; else files are read to compare
        them, 0.1 s for 10,000 sections. Meanwhile other threads are answered with the old one, but no longer
        than `PATIENCE` from then on: after that they wait. So no request is held up by more than the
        opening, and what was withdrawn is gone a second after the switch wherever anybody asks.
        Raises IndexMissing, IndexDamaged, IndexMismatch when there is none to fall back on.
        """
        followed, now = self._followed, time.monotonic()
        if followed is not None and now - self._looked < self._every:
            return followed[1]
        if followed is not None and followed[0] == self._stamp():
            self._looked = now
            return followed[1]
        if not self._opening.acquire(blocking=followed is None):
            if followed is not None and time.monotonic() - self._began < PATIENCE:
                return followed[1]
            self._opening.acquire()
        try:
            self._began = time.monotonic()
            followed = self._followed = self._follow(self._followed)
        finally:
            self._opening.release()
        return followed[1]

    def _follow(
        self, followed: tuple[tuple[int, int] | None, Generation] | None
    ) -> tuple[tuple[int, int] | None, Generation]:
        stamp = self._stamp()
        if followed is None:
            return stamp, open_live(self._var)
        if followed[0] == stamp:
            return followed
        generation = followed[1]
        try:
            # the pointer may have been replaced between the stamp and the last opening
            if live_folder(self._var) != generation.folder:
                generation = open_live(self._var)
        except (IndexMissing, IndexDamaged, IndexMismatch) as error:
            import structlog  # takes longer to import than all of this module

            log = structlog.get_logger("kb")
            log.error("the old index is kept", generation=generation.name, reason=str(error))
        return stamp, generation

    def _stamp(self) -> tuple[int, int] | None:
        """Changes with every switch; None when the pointer is gone."""
        try:
            status = os.stat(self._pointer)  # noqa: PTH116 (pathlib takes thrice as long)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
