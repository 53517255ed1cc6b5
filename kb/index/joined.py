"""The term vectors of several articles as one: tables end to end, own numbers turned into common ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from kb.index import schema
from kb.index.blob import Strings, offsets
from kb.index.splice import Splice, spliced
from kb.index.vectors import Vectors

Wide = npt.NDArray[np.int64]


class Names(Struct, frozen=True):
    """Strings of before and of some articles, each once, in order, as a binary search compares them."""

    splice: Splice
    both: tuple[Strings, Strings]
    """Those of before, and those that are new; `splice` puts them together."""
    before: Wide
    """Number of each string of before."""
    number: Wide
    """Number of each article's own strings, one article after the other."""
    first: list[int]
    """Where an article's own begin in `number`."""

    def __len__(self) -> int:
        return len(self.splice)

    def alive(self, numbers: Wide) -> tuple[Strings, Wide]:
        """Those whose number occurs, and the new number of each, -1 for the others."""
        alive = np.zeros(len(self), bool)
        alive[numbers] = True
        kept = self.splice.those(np.flatnonzero(alive)).string_each(*self.both)
        return kept, np.where(alive, np.cumsum(alive) - 1, -1)


def names_of(before: Strings, lists: Sequence[Sequence[str]]) -> Names:
    """The strings of before (each once, in order) and those of a list an article, joined."""
    own = {text: text.encode() for each in lists for text in each}
    wanted = sorted(own.values())
    at = np.array([before.bisect(each) for each in wanted], np.int64)
    missing = [place == len(before) or before[place] != each for place, each in zip(at, wanted, strict=True)]
    new = np.flatnonzero(missing)
    old = np.arange(len(before))
    place = old + np.searchsorted(at[new], old, side="right")
    # behind the old ones before it and the new ones before it
    final = dict(zip(wanted, (at + np.cumsum(missing) - missing).tolist(), strict=True))
    number = np.array([final[own[text]] for each in lists for text in each], np.int64)
    both = before, Strings.of([wanted[each] for each in new.tolist()])
    first = [0, *accumulate(map(len, lists))][:-1]
    return Names(spliced(len(before), old, at[new]), both, place, number, first)


class Joined:
    """The vectors of some articles as one, in this order."""

    def __init__(self, articles: Sequence[Vectors]) -> None:
        self.articles = articles
        self.section_offsets = offsets([len(each.passages) for each in articles])
        self.question_offsets = offsets([len(each.asked_lengths) // 4 for each in articles])

    def table(self, name: str, columns: int) -> list[Wide]:
        """The columns of a table of all articles."""
        parts = [getattr(each, name) for each in self.articles]
        found = np.frombuffer(b"".join(parts), np.int32).reshape(-1, columns)
        return [column.astype(np.int64) for column in found.T]

    def shift(self, name: str, size: int, starts: npt.ArrayLike) -> Wide:
        """For each row (`size` bytes) of a table, where its article begins in something else."""
        rows = [len(getattr(each, name)) // size for each in self.articles]
        return np.repeat(np.asarray(starts, np.int64)[: len(rows)], rows)

    def named(self, names: Names, name: str, columns: int, own: Wide) -> Wide:
        """Common numbers of articles' own, which stand in a table; `names` ends with these articles."""
        first = names.first[len(names.first) - len(self.articles) :]
        found: Wide = names.number[own + self.shift(name, 4 * columns, first)]
        return found

    @cached_property
    def lengths(self) -> Wide:
        """(sections, F): terms of each field."""
        fields = len(schema.FIELDS)
        parts = [np.frombuffer(each.lengths, np.int32).reshape(fields, -1).T for each in self.articles]
        return np.concatenate([np.zeros((0, fields), np.int64), *parts]).astype(np.int64)
