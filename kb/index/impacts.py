"""Counts of terms and n-grams → posting lists with impacts. Called by `compile`, in bulk.

    impact(t, s) = sum over fields f of
        boost_f * idf(t) * tf * (K1 + 1) / (tf + K1 * (1 - B_f + B_f * len_f / avg_f))

The statistics are those of live documents, with lengths rounded as Whoosh rounds them: on an index without
deletions scores equal Whoosh's (tests/test_ranking_is_whooshs.py). Each article changes the statistics and
so every impact a little: impacts are computed anew each time, from counts that are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from whoosh.util.numeric import byte_to_length, length_to_byte

from kb.index import grams, kernel, schema
from kb.index.blob import offsets
from kb.index.joined import Joined
from kb.index.postings import Doubles, Floats, Ints, Lists, Wide
from kb.index.schema import GRAM_B, QUESTION_B
from kb.index.splice import among
from kb.index.vectors import COUNT_BITS, ROW_BITS, Vectors
from kb.index.words import Vocabulary

FIELDS = len(schema.FIELDS)
MOST = 0xFFFF
"""As often as a word is counted in a field: by far saturated."""

_QUANTISED = np.array([byte_to_length(length_to_byte(n)) for n in range(4096)], np.float32)


# ---------------------------------------------------------------- formulas


def idf_of(documents: int, df: Wide) -> Doubles:
    """`schema.idf` of many."""
    return np.asarray(np.log(1 + (documents - df + 0.5) / (df + 0.5)))


def quantised(lengths: Wide) -> Doubles:
    """Lengths as Whoosh stores them in one byte; it takes 1 for an empty field."""
    found = _QUANTISED[np.minimum(lengths, len(_QUANTISED) - 1)].astype(np.float64)
    for place in np.flatnonzero(lengths >= len(_QUANTISED)).tolist():
        found[place] = byte_to_length(length_to_byte(int(lengths[place])))
    return found


def norm(length: Any, average: float, b: float) -> Any:
    """What BM25 adds to a count below the line."""
    return schema.K1 * (1 - b + b * length / max(average, 1e-9))


def bm25(idf: Any, tf: Any, length: Any, average: float, b: float) -> Doubles:
    """Impacts of one field before its boost."""
    return np.asarray(idf * tf * (schema.K1 + 1) / (tf + norm(length, average, b)))


# ---------------------------------------------------------------- words


class Impacts(Struct, frozen=True):
    """Of words: impacts of the postings, idf and df of the terms, average length of each field."""

    impact: Floats
    idf: Floats
    df: Ints
    averages: dict[str, float]


def counted_words(
    joined: Joined, vocabulary: Vocabulary, sections: Ints, questions: Ints, rows: int
) -> Lists:
    """Lists of some articles' words: `held` is how often, by field. Rows are numbered by what is given.

    Single lines of `questions` have rows of their own, and count in the first column.
    """
    field, own_row, own, tf = joined.table("counts", 4)
    row = sections[own_row + joined.shift("counts", 16, joined.section_offsets)]
    key = vocabulary.of(joined, "counts", 4, own) * rows + row
    line, own, asked = joined.table("asked", 3)
    of_line = questions[line + joined.shift("asked", 12, joined.question_offsets)]
    keys = np.concatenate((key, vocabulary.of(joined, "asked", 3, own) * rows + of_line))
    place, which = np.unique(keys, return_inverse=True)
    held = np.zeros((len(place), FIELDS), np.uint16)
    held[which, np.concatenate((field, np.zeros_like(asked)))] = np.minimum(np.append(tf, asked), MOST)
    ptr = np.searchsorted(place, np.arange(len(vocabulary.names) + 1) * rows)
    return ptr, (place % max(rows, 1)).astype(np.int32), held


def word_impacts(words: Lists, lengths: Wide, asked_lengths: Wide) -> Impacts:
    """`lengths` (sections, F) of the fields; (Q,) of the lines of `questions`, which count by themselves."""
    sections = len(lengths)
    *fields, every = kernel.chosen.counts(words, sections)
    names, asked = list(schema.FIELDS), np.diff(words[0]) - every
    averages = {
        name: float(length.sum()) / max(sections, 1) for name, length in zip(names, lengths.T, strict=True)
    }
    norms = [
        norm(quantised(length), averages[name], schema.FIELDS[name][1])
        for name, length in zip(names, lengths.T, strict=True)
    ]
    idf = idf_of(sections, np.max(fields, axis=0))
    average = float(asked_lengths.mean()) if len(asked_lengths) else 1.0
    impact = kernel.chosen.word_impacts(
        words,
        idf,
        np.stack(norms),
        np.array([boost for boost, _ in schema.FIELDS.values()]),
        idf_of(len(asked_lengths), asked),
        norm(asked_lengths.astype(np.float64), average, QUESTION_B),
        schema.K1,
    )
    return Impacts(impact, idf.astype(np.float32), every.astype(np.int32), averages)


# ---------------------------------------------------------------- n-grams


class Grams(Struct, frozen=True):
    """Lists by code; `held` is how often, in halves."""

    codes: npt.NDArray[np.uint64]
    lists: Lists


def counted_grams(joined: Joined, sections: Ints) -> Grams:
    """n-grams of some articles, rows numbered by `sections`."""
    packed = np.frombuffer(b"".join(each.grams for each in joined.articles), np.uint64).copy()
    row = ((packed >> COUNT_BITS) & np.uint64((1 << int(ROW_BITS)) - 1)).astype(np.int32)
    row += joined.shift("grams", 8, joined.section_offsets).astype(np.int32)
    packed &= ~np.uint64(((1 << int(ROW_BITS)) - 1) << int(COUNT_BITS))
    packed |= sections[row].astype(np.uint64) << COUNT_BITS
    packed.sort()
    held = packed.astype(np.uint8)
    row = ((packed >> COUNT_BITS) & np.uint64((1 << int(ROW_BITS)) - 1)).astype(np.int32)
    packed >>= COUNT_BITS + ROW_BITS
    first = np.flatnonzero(np.append(True, packed[1:] != packed[:-1])[: len(packed)])
    return Grams(packed[first], (np.append(first, len(packed)), row, held))


def merged_grams(old: Grams, came: Grams, moved: Ints) -> Iterator[Grams]:
    """The lists of both, `moved` as in `merge`, some at a time: what is left of a list is used at once.

    All at once they are the largest arrays there are, and memory that a process has not had yet is dear.
    """
    places, there = among(old.codes, came.codes)
    codes = np.insert(old.codes, places[~there], came.codes[~there])
    if not len(codes):
        yield came
    sizes = np.zeros(len(codes), np.int64)
    for each in (old, came):
        sizes[np.searchsorted(codes, each.codes)] += np.diff(each.lists[0])
    ends = np.flatnonzero(np.diff(np.cumsum(sizes) // STRETCH, append=-1)) + 1
    for first, end in pairwise([0, *ends.tolist()]):
        some = codes[first:end]
        merged = _merged(some, _between(old, some), _between(came, some), moved)
        alive = np.diff(merged[0]) > 0
        yield Grams(some[alive], (np.append(0, merged[0][1:][alive]), *merged[1:]))


STRETCH = 1 << 19
"""Postings of n-grams that are merged at a time: their rows, counts and impacts stay in the cache."""


def _merged(codes: npt.NDArray[np.uint64], old: Grams, came: Grams, moved: Ints) -> Lists:
    counts = np.zeros(len(codes), np.int64)
    counts[np.searchsorted(codes, came.codes)] = np.diff(came.lists[0])
    merged: Lists = kernel.chosen.merge(
        old.lists, np.searchsorted(codes, old.codes), moved, (offsets(counts), *came.lists[1:])
    )
    return merged


def _between(found: Grams, codes: npt.NDArray[np.uint64]) -> Grams:
    """The lists from the first to the last of some codes."""
    first = int(np.searchsorted(found.codes, codes[0]))
    end = int(np.searchsorted(found.codes, codes[-1], side="right"))
    ptr, row, held = found.lists
    here = slice(ptr[first], ptr[end])
    return Grams(found.codes[first:end], (ptr[first : end + 1] - ptr[first], row[here], held[here]))


def gram_postings(articles: Sequence[Vectors]) -> int:
    """How many postings they have: each n-gram stands once for each of its sections."""
    return sum(len(each.grams) for each in articles) // 8


def gram_lengths(joined: Joined) -> Floats:
    """(sections, 3): how many n-grams of each kind."""
    rows = int(joined.section_offsets[-1])
    packed = np.frombuffer(b"".join(each.grams for each in joined.articles), np.uint64)
    row = (packed >> COUNT_BITS) & np.uint64((1 << int(ROW_BITS)) - 1)
    row += joined.shift("grams", 8, joined.section_offsets).astype(np.uint64)
    kind = packed >> (COUNT_BITS + ROW_BITS + np.uint64(grams.KIND_BIT))
    place = (row * np.uint64(3) + kind).astype(np.int64)
    halves = np.bincount(place, packed.astype(np.uint8), 3 * rows)
    return (halves.reshape(rows, 3) / 2).astype(np.float32)


def gram_norms(lengths: Floats) -> Floats:
    """What BM25 adds to a count: (3, sections) of `lengths` (sections, 3)."""
    k1 = np.float32(schema.K1)
    average = np.maximum(lengths.sum(axis=0, dtype=np.float64) / max(len(lengths), 1), 1e-9)
    return np.ascontiguousarray((k1 * (1 - GRAM_B + GRAM_B * lengths / average)).astype(np.float32).T)


def gram_impacts(found: Grams, norms: Floats) -> Floats:
    """Of some whole lists; `norms` (3, sections)."""
    idf = idf_of(norms.shape[1], np.diff(found.lists[0])).astype(np.float32)
    kinds = np.searchsorted(found.codes, np.arange(4, dtype=np.uint64) << np.uint64(grams.KIND_BIT))
    impact: Floats = kernel.chosen.gram_impacts(found.lists, idf * np.float32(schema.K1 + 1), norms, kinds)
    return impact
