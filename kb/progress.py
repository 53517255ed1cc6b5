"""The progress bar of a command; what draws it is imported only where somebody sees it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Step = Callable[[str, int, int], None]
"""Called with (step, done, total)."""
_DRAW_SECONDS = 0.1


@contextmanager
def progress() -> Iterator[Step]:
    """A progress bar on a terminal, nothing elsewhere: `with progress() as step: step("reading", 3, 10)`."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(),
               bars.TimeElapsedColumn())  # fmt: skip
    tasks: dict[str, bars.TaskID] = {}
    drawn = 0.0
    # drawn at a step: a thread that draws would keep this process from forking helpers
    with bars.Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:

        def step(name: str, done: int, total: int) -> None:
            nonlocal drawn
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            now = time.monotonic()
            due = now - drawn >= _DRAW_SECONDS
            drawn = now if due else drawn
            bar.update(tasks[name], completed=done, total=total, refresh=due)

        yield step
