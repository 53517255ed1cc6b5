"""A generation that lies whole beside the live one, just built or once live and kept: to be switched to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from kb.index import kept, store
from kb.index.generation import Generation
from kb.index.previous import continued
from kb.model import Audience


class Summary(Struct, frozen=True, kw_only=True):
    """What was done to have a generation."""

    generation: str
    articles: int
    """Articles that can be found, both audiences."""
    sections: int
    changed: int = 0
    """Articles analysed anew."""
    removed: int = 0
    unchanged: bool
    """Nothing differed, so the live generation stayed."""
    left_out: dict[str, int] = {}
    """Articles that are not indexed, by reason."""
    seconds: float
    rebuilt_because: str = ""
    """Why the previous index could not be continued."""


class Prepared:
    """A generation to be looked at, then switched to."""

    def __init__(
        self, var: Path, summary: Summary, generation: Generation, previous: Generation | None
    ) -> None:
        self.summary = summary
        self.generation = generation
        """As a reader will open it; the live one when nothing differs."""
        self.previous = previous
        """The live generation, where there is a sound one."""
        self._var = var

    @property
    def folder(self) -> str:
        return self.generation.folder

    def switch(self, keep: bool = False) -> None:
        """Make it the live one; `keep`: so that `going_back` finds it when others have followed."""
        with store.writable(self._var):
            if not self.summary.unchanged:
                store.switch(self._var, self.folder)
        # the switch is done: what fails from here on does not undo it, and is made good next time
        with suppress(OSError):
            if keep:
                kept.add(self._var, self.folder)
        with suppress(OSError):
            store.prune(self._var)


@contextmanager
def going_back(var: Path, folder: str) -> Iterator[Prepared]:
    """An older generation that was kept, its checksums compared: this takes no building.

    Raises IndexLocked, IndexNotWritable, IndexMissing, IndexDamaged, IndexMismatch.
    """
    started = time.monotonic()
    with store.locked(var):
        previous, _ = continued(var)
        unchanged = previous is not None and previous.folder == folder
        with store.removed_unless_live(var, folder):
            with store.writable(var):
                if not unchanged:
                    kept.restore(var, folder)
                older = Generation(var, folder, durable=True)
            counted = [older.snapshot(locale, Audience.AGENT).meta for locale in older.locales]
            summary = Summary(
                generation=older.name,
                articles=sum(each.articles for each in counted),
                sections=sum(each.sections for each in counted),
                unchanged=unchanged,
                seconds=time.monotonic() - started,
            )
            yield Prepared(var, summary, older, previous)
