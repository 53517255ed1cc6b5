"""What is slow to import keeps nobody waiting: parts made when they are first used, imports made quick."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

Part = TypeVar("Part")

_YOUNG = 20_000
"""Values that are made before Python looks for circles among them."""


def later(make: Callable[[], Part]) -> Part:
    """Stands for what `make` gives; it is called once, by the first who asks something of it."""
    return cast(Part, _Later(make))


@contextmanager
def importing() -> Iterator[None]:
    """Code that is being imported is no garbage: looking for some takes a twelfth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """Everything is imported: Python need not look through it for garbage, nor often through what comes.

    A search, and an article that is cut, make some thousand values and no circles: to look for these after
    every 700 is a thirtieth of a search's time, a tenth of an index's.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG)


def work_out(kind: type[Struct] = Struct) -> None:
    """From now on any number of threads may read what is below `kind`, as far as it is imported.

    msgspec works out what a type holds when one is first read. A second thread that reads one meanwhile takes
    the unfinished for the whole, and the process ends with a segmentation fault (0.22).
    """
    for each in kind.__subclasses__():
        with suppress(NameError):  # names what only a type checker sees: never read from anywhere
            msgspec.json.Decoder(each)
        work_out(each)


class _Later:
    """For any number of threads."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: object = None

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)
