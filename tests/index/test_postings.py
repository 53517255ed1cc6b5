"""Lists are merged and weighed by both kernels to the same bits, and merging does what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.index import kernel, kernel_numpy
from kb.index.blob import offsets
from kb.index.postings import BLOCK, Lists

compiled = pytest.mark.skipif(kernel.compiled is None, reason="kb was installed without a compiler")
MODULES = [kernel_numpy, *([kernel.compiled] if kernel.compiled else [])]
seeds = given(st.integers(0, 2**32))


def lists_of(chance: np.random.Generator, lists: int, rows: Any, columns: int) -> Lists:
    """Some of `rows` in each list; five columns are counts of words, one is halves of n-grams."""
    chosen = [np.sort(rows[chance.random(len(rows)) < chance.choice([0, 0.1, 0.9])]) for _ in range(lists)]
    row = np.concatenate([np.zeros(0, np.int32), *chosen]).astype(np.int32)
    shape = (len(row), columns) if columns > 1 else (len(row),)
    held = chance.choice([0, 0, 1, 2, 200], shape).astype(np.uint16 if columns > 1 else np.uint8)
    return offsets([len(each) for each in chosen]), row, held


def items(lists: Lists) -> list[dict[int, Any]]:
    """Row → what is held, of each list."""
    ptr, row, held = lists
    parts = zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True)
    return [dict(zip(row[a:b].tolist(), held[a:b].tolist(), strict=True)) for a, b in parts]


@settings(max_examples=200, deadline=None)
@seeds
def test_merged_lists_hold_what_stayed_at_its_new_row_and_what_came(seed: int) -> None:
    chance = np.random.default_rng(seed)
    old, new, rows = chance.integers(0, 6), chance.integers(1, 9), chance.integers(1, 40)
    stays = np.flatnonzero(chance.random(rows) < chance.choice([0.0, 0.6, 1.0]))
    free = chance.permutation(rows + 10)
    moved = np.full(rows, -1, np.int32)
    moved[stays] = np.sort(free[: len(stays)])
    columns = int(chance.choice([1, 5]))
    before = lists_of(chance, int(min(old, new)), np.arange(rows), columns)
    place = np.sort(chance.permutation(new)[: len(before[0]) - 1])
    gone = [not any(moved[row] >= 0 for row in each) and chance.random() < 0.5 for each in items(before)]
    place[np.array(gone, bool)] = -1
    added = lists_of(chance, int(new), np.sort(free[len(stays) :]), columns)
    wanted: list[dict[int, Any]] = items(added)
    for number, own in zip(place.tolist(), items(before), strict=True):
        if number >= 0:
            wanted[number] |= {int(moved[row]): held for row, held in own.items() if moved[row] >= 0}
    for module in MODULES:
        found = module.merge(before, place, moved, added)
        assert items(found) == wanted
        assert all(list(each) == sorted(each) for each in items(found))
        assert [each.dtype for each in found] == [np.int64, np.int32, before[2].dtype]


@compiled
@settings(max_examples=200, deadline=None)
@seeds
def test_both_kernels_weigh_words_alike(seed: int) -> None:
    chance = np.random.default_rng(seed)
    sections, lines, terms = chance.integers(1, 30), chance.integers(0, 5), int(chance.integers(0, 6))
    words = lists_of(chance, terms, np.arange(sections + lines), 5)
    asked = [chance.random(terms), chance.random((5, sections)), chance.random(5), chance.random(terms)]
    ours, theirs = kernel.compiled, kernel_numpy
    assert ours.counts(words, sections).tolist() == theirs.counts(words, sections).tolist()
    given = (words, *asked, chance.random(lines), 1.2)
    assert ours.word_impacts(*given).tobytes() == theirs.word_impacts(*given).tobytes()


@compiled
@settings(max_examples=200, deadline=None)
@seeds
def test_both_kernels_weigh_ngrams_alike(seed: int) -> None:
    chance = np.random.default_rng(seed)
    sections, lists = int(chance.integers(1, 30)), int(chance.integers(0, 6))
    found = lists_of(chance, lists, np.arange(sections), 1)
    kinds = np.array([0, *np.sort(chance.integers(0, lists + 1, 2)), lists])
    factor, norms = chance.random(lists, np.float32), 0.1 + chance.random((3, sections), np.float32)
    impacts = [each.gram_impacts(found, factor, norms, kinds) for each in (kernel.compiled, kernel_numpy)]
    assert impacts[0].tobytes() == impacts[1].tobytes()


@compiled
@settings(max_examples=100, deadline=None)
@seeds
def test_both_kernels_gather_the_same_articles(seed: int) -> None:
    chance = np.random.default_rng(seed)
    articles, lists = int(chance.integers(1, 200)), int(chance.integers(0, 5))
    owner = np.repeat(np.arange(articles, dtype=np.int32), chance.integers(1, 4, articles))
    ptr, row, _ = lists_of(chance, lists, np.arange(len(owner)), 1)
    often = np.flatnonzero(chance.random(lists) < 0.7)
    sets = [each.article_sets(ptr, row, often, owner, articles) for each in (kernel.compiled, kernel_numpy)]
    assert sets[0].tobytes() == sets[1].tobytes()


@settings(max_examples=200, deadline=None)
@seeds
def test_blocks_of_long_lists_begin_where_their_rows_do_and_have_their_highest_impact(seed: int) -> None:
    chance = np.random.default_rng(seed)
    sections = int(chance.integers(0, 400))
    lists = lists_of(chance, 5, np.arange(sections + chance.integers(0, 9)), 1)
    impact = chance.random(len(lists[1])).astype(np.float32)
    chosen = np.flatnonzero(chance.random(5) < 0.7)
    wanted_begin, wanted_peak = [], []
    for number in chosen.tolist():
        here = slice(*lists[0][number : number + 2].tolist())
        own = list(zip(lists[1][here].tolist(), impact[here].tolist(), strict=True))
        for first in range(0, sections, BLOCK):
            end = min(first + BLOCK, sections)
            wanted_begin.append(sum(row < first for row, _ in own))
            wanted_peak.append(max((value for row, value in own if first <= row < end), default=0.0))
        wanted_begin.append(sum(row < sections for row, _ in own))
    for module in MODULES:
        begin, peak = module.blocks(lists[0], lists[1], impact, chosen, sections)
        assert (begin.tolist(), peak.tolist()) == (wanted_begin, wanted_peak)
        assert (begin.dtype, peak.dtype) == (np.int32, np.float32)
