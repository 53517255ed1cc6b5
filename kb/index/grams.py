"""Character n-grams: what finds typos, half words and kana where words do not match.

Three kinds share one table of codes of 34 bits, so that a code, a row and a count fit one number, which is
sorted ten times faster than three: bigrams of Japanese script, bigrams of its reading in hiragana, 4-grams of
words in other scripts. Articles are cut many texts at once, in numpy, which is only fast in bulk; a query is
cut by plain Python into the same codes, in a tenth of the time that numpy takes for one short text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kb.text import english
from kb.text.kana import to_hiragana

Codes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int32]

BIGRAM, READING, FOURGRAM = 0, 1, 2
"""The kind, held in the two highest bits of a code."""

KIND_BIT = 32
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: its multiples are spread evenly (Knuth, TAOCP 6.4)."""

_EDGE = 1
"""Code point that marks where a word begins and ends; never in text."""

_JAPANESE_RUN = re.compile(
    "[\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0010ffff]{2,}"
)
"""What `_is_japanese` says, of neighbouring characters."""


def bigrams(texts: Sequence[str]) -> tuple[Codes, Rows]:
    """Codes of all bigrams of Japanese script in folded texts, and for each the number of its text."""
    return _pairs([to_hiragana(text) for text in texts], BIGRAM)


def readings(texts: Sequence[str]) -> tuple[Codes, Rows]:
    """The same of readings in hiragana."""
    return _pairs(texts, READING)


def fourgrams(texts: Sequence[str]) -> tuple[Codes, Rows]:
    """Codes of the 4-grams of each word, stop words too, with its edges (`^ref`, `refu` … `und$`)."""
    edge = chr(_EDGE)
    joined = [edge + edge.join(english.WORD.findall(text)) + edge for text in texts]
    points, rows = _points(joined)
    if len(points) < 4:
        return np.empty(0, np.uint64), np.empty(0, np.int32)
    windows = [points[i : len(points) - 3 + i] for i in range(4)]
    inside = (windows[1] != _EDGE) & (windows[2] != _EDGE) & (rows[:-3] == rows[3:])
    letters = np.zeros(len(inside), np.uint64)
    for i, window in enumerate(windows):
        letters |= (window & 0xFFFF).astype(np.uint64) << np.uint64(16 * (3 - i))
    # of a million 4-grams some hundred share a code with another, which only blurs a hint
    code = np.uint64(FOURGRAM << KIND_BIT) | ((letters * _SPREAD) >> np.uint64(64 - KIND_BIT))
    return code[inside], rows[:-3][inside]


def _pairs(texts: Sequence[str], kind: int) -> tuple[Codes, Rows]:
    points, rows = _points(texts)
    if len(points) < 2:
        return np.empty(0, np.uint64), np.empty(0, np.int32)
    japanese = _is_japanese(points)
    both = japanese[:-1] & japanese[1:] & (rows[:-1] == rows[1:])
    # letters beyond the first plane share the codes of others, as with 4-grams
    wide = (points & 0xFFFF).astype(np.uint64)
    code = np.uint64(kind << KIND_BIT) | (wide[:-1] << np.uint64(16)) | wide[1:]
    return code[both], rows[:-1][both]


def _points(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint32], Rows]:
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    points = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32)
    return points, np.repeat(np.arange(len(texts), dtype=np.int32), lengths)


def _is_japanese(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    kana = (points >= 0x3041) & (points <= 0x30FF) & (points != 0x30FB)
    han = (
        ((points >= 0x3400) & (points <= 0x9FFF))
        | (points >= 0x20000)
        | ((points >= 0x3005) & (points <= 0x3007))
    )
    hangul = (points >= 0xAC00) & (points <= 0xD7AF)
    return np.asarray(kana | han | hangul | ((points >= 0xF900) & (points <= 0xFAFF)))


# ---------------------------------------------------------------- a query


def query_bigrams(folded: str) -> list[int]:
    """`bigrams` of one text, each code once, sorted."""
    return _query_pairs(to_hiragana(folded), BIGRAM)


def query_readings(reading: str) -> list[int]:
    """`readings` of one text, each code once, sorted."""
    return _query_pairs(reading, READING)


def query_fourgrams(folded: str) -> list[int]:
    """`fourgrams` of one text, each code once, sorted."""
    found = set()
    for word in english.WORD.findall(folded):
        letters = [_EDGE, *(ord(letter) & 0xFFFF for letter in word), _EDGE]
        for a, b, c, d in zip(letters, letters[1:], letters[2:], letters[3:], strict=False):
            number = a << 48 | b << 32 | c << 16 | d
            found.add(FOURGRAM << KIND_BIT | (number * int(_SPREAD) & _ALL_BITS) >> 64 - KIND_BIT)
    return sorted(found)


_ALL_BITS = (1 << 64) - 1


def _query_pairs(text: str, kind: int) -> list[int]:
    runs = _JAPANESE_RUN.findall(text)
    pairs = {pair for run in runs for pair in pairwise([ord(letter) & 0xFFFF for letter in run])}
    return sorted(kind << KIND_BIT | a << 16 | b for a, b in pairs)
