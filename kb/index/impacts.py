"""Counts of terms and n-grams → posting lists with impacts. Called by `compile`, in bulk.

    impact(t, s) = sum over fields f of
        boost_f * idf(t) * tf * (K1 + 1) / (tf + K1 * (1 - B_f + B_f * len_f / avg_f))

The statistics are those of live documents, with lengths rounded as Whoosh rounds them: on an index without
deletions scores equal Whoosh's (tests/test_ranking_is_whooshs.py). Each article changes the statistics and
so every impact a little: impacts are computed anew each time, from counts that are merged.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from whoosh.util.numeric import byte_to_length, length_to_byte

from kb.index import grams, schema
from kb.index.joined import Joined
from kb.index.schema import GRAM_B, QUESTION_B
from kb.index.splice import Ints, Lists, Wide
from kb.index.vectors import COUNT_BITS, ROW_BITS
from kb.index.words import Vocabulary

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

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


def bm25(idf: Any, tf: Any, length: Any, average: float, b: float) -> Doubles:
    """Impacts of one field before its boost."""
    return np.asarray(
        idf * tf * (schema.K1 + 1) / (tf + schema.K1 * (1 - b + b * length / max(average, 1e-9)))
    )


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
    return Lists(ptr, (place % max(rows, 1)).astype(np.int32), held)


def word_impacts(words: Lists, lengths: Wide, asked_lengths: Wide) -> Impacts:
    """`lengths` (sections, F) of the fields, and (Q,) of the lines of `questions`."""
    sections, terms = len(lengths), len(words.ptr) - 1
    term = np.repeat(np.arange(terms), np.diff(words.ptr))
    lines = np.flatnonzero(words.row >= sections)
    held = []
    for column in words.held.T:
        column = column.copy()
        column[lines] = 0
        held.append(np.flatnonzero(column))
    df = np.max([np.bincount(term[each], minlength=terms) for each in held], axis=0, initial=0)
    idf = idf_of(sections, df)
    impact = np.zeros(len(words.row))
    averages = {}
    for number, (name, (boost, b)) in enumerate(schema.FIELDS.items()):
        each, length = held[number], lengths[:, number]
        averages[name] = float(length.sum()) / max(sections, 1)
        tf, of_row = words.held[each, number].astype(np.float64), quantised(length)[words.row[each]]
        impact[each] += boost * bm25(idf[term[each]], tf, of_row, averages[name], b)
    impact[lines] = _line_impacts(words, term, lines, sections, asked_lengths)
    every = np.bincount(term, minlength=terms) - np.bincount(term[lines], minlength=terms)
    return Impacts(impact.astype(np.float32), idf.astype(np.float32), every.astype(np.int32), averages)


def _line_impacts(words: Lists, term: Wide, lines: Wide, sections: int, lengths: Wide) -> Doubles:
    """Single lines of `questions` have statistics of their own."""
    idf = idf_of(len(lengths), np.bincount(term[lines], minlength=len(words.ptr) - 1))
    average = lengths.mean() if len(lengths) else 1.0
    of_line = lengths[words.row[lines] - sections]
    return bm25(idf[term[lines]], words.held[lines, 0].astype(np.float64), of_line, average, QUESTION_B)


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
    return Grams(packed[first], Lists(np.append(first, len(packed)), row, held))


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


def gram_impacts(found: Grams, lengths: Floats) -> Floats:
    """`lengths` (sections, 3)."""
    lists, k1 = found.lists, np.float32(schema.K1)
    idf = idf_of(len(lengths), np.diff(lists.ptr)).astype(np.float32)
    average = np.maximum(lengths.sum(axis=0, dtype=np.float64) / max(len(lengths), 1), 1e-9)
    impact = np.empty(len(lists.row), np.float32)
    kinds = np.searchsorted(found.codes, np.arange(4, dtype=np.uint64) << np.uint64(grams.KIND_BIT)).tolist()
    for kind, (first, end) in enumerate(pairwise(kinds)):
        here = slice(lists.ptr[first], lists.ptr[end])
        saturation = (k1 * (1 - GRAM_B + GRAM_B * lengths[:, kind] / average[kind])).astype(np.float32)
        tf = lists.held[here] * np.float32(0.5)
        below = saturation[lists.row[here]]
        below += tf
        tf *= np.repeat(idf[first:end] * (k1 + 1), np.diff(lists.ptr[first : end + 1]))
        np.divide(tf, below, out=impact[here])
    return impact
