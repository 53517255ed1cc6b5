"""How much a search does, counted, so that a change which makes it do more is seen without a clock."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from conftest import Indexed

from kb.index import kernel
from kb.index.blob import Blob
from kb.index.pieces import Pieces
from kb.index.scorer import Best
from kb.index.snapshot import Snapshot
from kb.related import related
from kb.search import Query, search
from kb.suggest import suggest


class Work(NamedTuple):
    postings: float
    """Read, by section of the index."""
    strings: int
    """Taken from mapped files …"""
    letters: int
    """… and their bytes."""
    memory: int
    """Bytes allocated at once, at most."""
    calls: int
    """Of functions, those of C included."""


BOUNDS = {
    # a third above what was counted; postings and strings do not depend on the machine
    "one word": ("返金", Work(1.7, 0, 0, 8_500, 110)),
    "three words": ("返金 期限 方法", Work(4.1, 0, 0, 10_000, 130)),
    "sentence": ("注文した商品を返品したときの返金はいつになりますか", Work(26, 0, 0, 22_000, 170)),
    "kana": ("へんきんのきげん", Work(2.9, 0, 0, 8_000, 185)),
    "suggest": ("返", Work(0, 14, 470, 14_500, 195)),
    "suggest, a slip": ("はんきん", Work(0, 4, 220, 14_000, 345)),
    "related": ("returns/refund", Work(0, 11, 16_500, 44_500, 185)),
}


class Counting:
    """The scorer of a snapshot, with the postings that it reads counted."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.postings = inner, 0

    def best(self, *asked: Any) -> Best:
        best: Best = self._inner.best(*asked)
        self.postings += best.postings
        return best

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _asking(snapshot: Snapshot, name: str, text: str) -> Callable[[], object]:
    if name.startswith("suggest"):
        return lambda: suggest(snapshot, text)
    if name == "related":
        article = snapshot.find_article(text)
        return lambda: related(snapshot, article)
    return lambda: search(snapshot, Query(text=text)).records


def _work(snapshot: Snapshot, ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Work:
    # what is made once and kept, a memory of queries and of n-grams, is no part of a search
    assert ask()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    ask()
    memory = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    events: list[str] = []
    sys.setprofile(lambda frame, event, argument: events.append(event))
    ask()
    sys.setprofile(None)
    with monkeypatch.context() as patch:
        counting, read = Counting(snapshot.scorer), list[bytes]()
        patch.setattr(Snapshot, "scorer", counting)
        for strings in (Blob, Pieces):
            patch.setattr(strings, "__getitem__", _noted(strings.__getitem__, read))
        ask()
    calls = sum(event in ("call", "c_call") for event in events)
    return Work(counting.postings / snapshot.meta.sections, len(read), sum(map(len, read)), memory, calls)


def _noted(taken: Callable[[Any, int], bytes], read: list[bytes]) -> Callable[[Any, int], bytes]:
    def take(strings: Any, number: int) -> bytes:
        read.append(taken(strings, number))
        return read[-1]

    return take


@pytest.mark.parametrize("name", BOUNDS)
def test_a_search_does_no_more_than_its_bound(
    bundled: Indexed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text, most = BOUNDS[name]
    snapshot = bundled.snapshot("ja")
    work = _work(snapshot, _asking(snapshot, name, text), monkeypatch)
    if kernel.name() == "numpy":
        # an array for each step, made by many calls; what is not compiled is not counted
        work, most = work._replace(calls=0), most._replace(memory=4 * most.memory)
    assert all(done <= bound for done, bound in zip(work, most, strict=True)), work
