"""How much a search touches, counted, so that a change which makes it do more is seen without a clock."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Indexed

from kb.index import kernel_numpy
from kb.index.blob import Blob
from kb.index.snapshot import Snapshot
from kb.search import Query, search

CLASSES = {
    # class: (query, postings per section at most, strings read at most)
    "one word": ("返金", 1.3, 55),
    "three words": ("返金 期限 方法", 3.6, 75),
    "sentence": ("注文した商品を返品したときの返金はいつになりますか", 22.0, 90),
    "kana": ("へんきんのきげん", 3.0, 50),
}


class Counting:
    """The scorer of a snapshot, with the postings that it reads counted."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.postings = inner, 0

    def best(self, *asked: Any) -> kernel_numpy.Best:
        best: kernel_numpy.Best = self._inner.best(*asked)
        self.postings += best.postings
        return best


@pytest.mark.parametrize("name", CLASSES)
def test_a_search_touches_no_more_than_its_bound(
    bundled: Indexed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    query, postings, strings = CLASSES[name]
    snapshot = bundled.snapshot("ja")
    counting, read = Counting(snapshot.scorer), []
    monkeypatch.setattr(Snapshot, "scorer", counting)
    taken = Blob.__getitem__
    monkeypatch.setattr(Blob, "__getitem__", lambda self, number: read.append(number) or taken(self, number))
    assert search(snapshot, Query(text=query)).total
    assert counting.postings <= postings * snapshot.meta.sections, counting.postings / snapshot.meta.sections
    assert len(read) <= strings
