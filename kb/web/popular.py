"""What was read most this week, for the home page: what the office counted last, at first nothing."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

from kb.deflection.popular import noted
from kb.web.reader import Shelf

LOOK_SECONDS = 10.0
"""Between looks at the file; it changes every ten minutes."""


class MostRead:
    """As this process last saw it."""

    def __init__(self, var: Path | None) -> None:
        self._var = var
        self._noted: dict[str, tuple[str, ...]] = {}
        self._next = 0.0

    def of(self, shelf: Shelf, limit: int) -> list[int]:
        """Numbers of articles that this reader may see, the most read first."""
        now = time.monotonic()
        if self._var is not None and now >= self._next:
            self._noted, self._next = noted(self._var), now + LOOK_SECONDS
        found = (shelf.snapshot.find_article(each) for each in self._noted.get(shelf.locale, ()))
        return list(islice((number for number in found if number >= 0), limit))
