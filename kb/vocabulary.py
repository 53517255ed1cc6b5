"""Words of the index, looked up by how they sound and by how nearly they are spelled. For `plan` and `spelling`."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from kb.index.snapshot import Snapshot

SHORTEST_READING = 3
"""Readings of two kana (かい, ほう) stand for too many words to guess."""
LONGEST_READING = 14

Reading = tuple[int, int, tuple[int, ...]]
"""Start, end, numbers of the terms that are read like the text between."""


def read_kana(snapshot: Snapshot, run: str) -> list[Reading]:
    """Cut hiragana into readings that the index knows, the longest words won.

    The best path maximises the sum of length^1.5, so かいやく beats かい + やく; what no word covers is
    passed over (particles, endings). Linear in the run times the longest reading.
    """
    best: list[tuple[float, tuple[Reading, ...]]] = [(0.0, ())]
    for end in range(1, len(run) + 1):
        options = [best[end - 1]]
        for start in range(max(0, end - LONGEST_READING), end - SHORTEST_READING + 1):
            terms = _spelled(snapshot, run[start:end])
            if terms:
                score, path = best[start]
                options.append((score + (end - start) ** 1.5, (*path, (start, end, terms))))
        best.append(max(options, key=lambda option: option[0]))
    return list(best[-1][1])


def _spelled(snapshot: Snapshot, reading: str) -> tuple[int, ...]:
    terms = tuple(int(number) for number in snapshot.spelled(reading))
    itself = snapshot.term(reading)
    return (*terms, itself) if itself >= 0 and itself not in terms else terms


@lru_cache(maxsize=2048)
def near(snapshot: Snapshot, word: str) -> int:
    """The term that is written most like an unknown word in Latin script or kana; -1 when none is near.

    One slip from four letters on (a letter more, less, other, or two swapped), two from eight. Of equals the
    one that shares more letters at both ends: slips are rarely there.
    """
    allowed = 2 if len(word) >= 8 else 1 if len(word) >= 4 else 0
    choices = snapshot.latin_words if word.isascii() else snapshot.kana_words
    if not allowed or not choices:
        return -1
    found = process.extract(
        word, choices.keys(), scorer=DamerauLevenshtein.distance, score_cutoff=allowed, limit=20
    )
    ranked = sorted(
        found, key=lambda match: (match[1], -_shared(match[0], word), -snapshot.df[choices[match[0]]])
    )
    return choices[ranked[0][0]] if ranked else -1


def begun(snapshot: Snapshot, word: str, limit: int = 3) -> list[int]:
    """The most frequent terms that an unknown word is the beginning of: キャンセ → キャンセル."""
    if len(word) < 3:
        return []
    first, end = snapshot.terms.bisect(word.encode()), snapshot.terms.bisect(word.encode() + b"\xff")
    return sorted(range(first, end), key=lambda number: -int(snapshot.df[number]))[:limit]


def _shared(a: str, b: str) -> int:
    """Letters that two words share at their beginning and end."""
    start = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    end = next(
        (n for n, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y), min(len(a), len(b))
    )
    return start + end
