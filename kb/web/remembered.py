"""Answers that were just given: what many readers ask is made once. Used by resources and pages.

They belong to one generation of the index and go when it does. What is a request's own (a search's id, the
time it took, its facts, its cookie) is never among them: one that is remembered differs only in its time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from msgspec import Struct

from kb.index.generation import Generation
from kb.search import Results
from kb.web.answers import encode

MOST_BYTES = 2_000_000
"""Of one kind of answer in one process: some 100 articles."""

T = TypeVar("T")


class Remembered(Generic[T]):
    """By generation, and by a key that names all else that an answer depends on: the audience before all."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[Generation, _Kept[T]] = WeakKeyDictionary()

    def get(self, generation: Generation, key: Hashable) -> T | None:
        with self._lock:
            kept = self._kept.get(generation)
            if kept is None or key not in kept.answers:
                return None
            kept.answers.move_to_end(key)
            return kept.answers[key][0]

    def keep(self, generation: Generation, key: Hashable, answer: T, size: int) -> T:
        """`size`: about how many bytes it takes. What was asked for longest ago makes room."""
        with self._lock:
            kept = self._kept.get(generation)
            if kept is None:
                kept = self._kept[generation] = _Kept()
            if key in kept.answers:
                kept.size -= kept.answers.pop(key)[1]
            kept.answers[key] = (answer, size)
            kept.size += size
            while kept.size > self._most:
                kept.size -= kept.answers.popitem(last=False)[1][1]
        return answer


class _Kept(Generic[T]):
    """The answers of one generation with their sizes, what was asked for last at the end."""

    def __init__(self) -> None:
        self.answers: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self.size = 0


class Found(Struct, frozen=True):
    """The answer to a search but for its id and its time, which go between the parts."""

    results: Results
    parts: tuple[bytes, ...]
    """Its JSON, see `present.search_json`."""

    def body(self, search_id: str, took_ms: float) -> bytes:
        before, between, *rest = self.parts
        return b"".join((before, encode(search_id), between, encode(round(took_ms, 2)), *rest))
