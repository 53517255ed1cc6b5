"""Other engines, each behind one function, so that `engines.py` can ask all of them the same in turns."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

QUICK = 5_000
"""Microseconds up to which a question is timed three times, and the median taken."""


class Missing(Exception):
    """An engine is not installed; says what to install."""


class Question(NamedTuple):
    """The ten best sections that hold any of these words."""

    words: tuple[int, ...]
    """Numbers of terms in our snapshot."""
    category: str = ""
    """Only sections of this one."""
    counted: bool = False
    """All matches counted, too, by category."""
    excerpts: bool = False
    """With an excerpt of each of the ten, in which the words are marked."""
    text: str = ""
    """The sentence that the words were cut from: for ours alone, which reads more in it."""
    article: int = -1
    """The article that the words stand for, when others like it are wanted: for ours alone, too."""

    @property
    def plain(self) -> bool:
        """Nothing but the ten best."""
        return not (self.category or self.counted or self.excerpts)


class Corpus(NamedTuple):
    """What every engine indexes. Words are written as numbers, so that nobody cuts them again."""

    texts: list[str]
    """The words of each section, spaces between."""
    categories: list[str]


class Answer(NamedTuple):
    microseconds: float
    found: int
    """At most ten; with `counted` all matches, for engines that count them."""


class Peer(NamedTuple):
    name: str
    clock: str
    """What is timed."""
    ask: Callable[[Question], Answer | None]
    """None: it cannot."""
    slow: bool = False
    """Asked the first questions only."""


Ask = Callable[[], int]
"""Asks once; how many it found."""


def word(number: int) -> str:
    """A term for the others, all of one length: none is the beginning of another."""
    return f"t{number:06d}"


def words(question: Question) -> list[str]:
    return [word(number) for number in question.words]


def here(name: str, ready: Callable[[Question], Ask | None], slow: bool = False) -> Peer:
    """An engine in this process: time of its thread, of a question that is ready and was asked before."""

    def ask(question: Question) -> Answer | None:
        once = ready(question)
        if once is None:
            return None
        found = once()
        spent = [_timed(once)]
        if spent[0] < QUICK:
            spent += [_timed(once), _timed(once)]
        return Answer(statistics.median(spent), found)

    return Peer(name, "thread", ask, slow)


def _timed(once: Ask) -> float:
    return _spent(once) - _CLOCK


def _spent(once: Ask) -> float:
    started = time.thread_time_ns()
    once()
    return (time.thread_time_ns() - started) / 1000


_CLOCK = statistics.median(_spent(int) for _ in range(1000))
"""What asking the clock takes, about a microsecond: it would bring quick engines closer together."""


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, made now unless an earlier run has made it; half of one is made again."""
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        part.rename(folder)
    return folder
