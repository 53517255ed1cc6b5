"""What was looked up by number: most of it is asked for again. Used by `snapshot` and by the web's hits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Recent(dict[int, T]):
    """Values by number, made when they are asked for; when it is full it begins anew.

    To keep those that were asked for last, as `lru_cache` does, takes longer than to find one.
    """

    def __init__(self, most: int, make: Callable[[int], T]) -> None:
        super().__init__()
        self._most, self._make = most, make

    def __missing__(self, number: int) -> T:
        if len(self) >= self._most:
            self.clear()
        made = self[number] = self._make(number)
        return made
