"""Words of the index, looked up by how they sound and how they are spelled. For `plan` and `spelling`."""

from __future__ import annotations

from kb.index.readings import BEGINNING
from kb.index.snapshot import Snapshot

SHORTEST_READING = BEGINNING
"""Readings of two kana (かい, ほう) stand for too many words to guess."""
LONGEST_READING = 14
_WORTH = [length**1.5 for length in range(LONGEST_READING + 1)]
"""Of a reading, by its length."""
_LONGEST_NEAR = 40
"""Letters of a word that may be a slip of another; nobody misspells a longer one."""
_REMEMBERED = 2048
"""Unknown words of which a snapshot remembers the nearest: a word is asked for at each keystroke after it."""

Reading = tuple[int, int, tuple[int, ...]]
"""Start, end, numbers of the terms that are read like the text between."""
Near = tuple[str, int]
"""A word as it is written (Latin script) or read (kana), and the number of its term."""


def read_kana(snapshot: Snapshot, run: str) -> list[Reading]:
    """Cut hiragana into readings that the index knows, the longest words won.

    The best path maximises the sum of length^1.5, so かいやく beats かい + やく; what no word covers is
    passed over (particles, endings). Linear in the run times the longest reading.
    """
    beginning = snapshot.readings.beginning
    places = range(len(run) - BEGINNING + 1)
    # at most places none begins, so the twelve stretches from there need not be looked up
    begun = {start: some for start in places if (some := beginning(run[start : start + BEGINNING]))}
    if not begun:
        return []
    scores = [0.0] * (len(run) + 1)
    # the best that ends at each place
    readings: list[Reading | None] = [None] * (len(run) + 1)
    for start in range(len(run) + 1):
        if start and scores[start] <= scores[start - 1]:
            scores[start], readings[start] = scores[start - 1], None
        if start in begun:
            for length in range(SHORTEST_READING, min(LONGEST_READING, len(run) - start) + 1):
                end = start + length
                terms = begun[start].get(run[start:end])
                if terms and scores[start] + _WORTH[length] > scores[end]:
                    scores[end], readings[end] = scores[start] + _WORTH[length], (start, end, terms)
    path: list[Reading] = []
    end = len(run)
    while end > 0:
        reading = readings[end]
        if reading:
            path.append(reading)
        end = reading[0] if reading else end - 1
    # a short reading in a run that is mostly something else is a chance (りょう in りょうしゅしょ)
    sure = 2 * sum(end - start for start, end, _ in path) > len(run)
    return [each for each in reversed(path) if sure or each[1] - each[0] > SHORTEST_READING]


def near(snapshot: Snapshot, word: str) -> Near | None:
    """The word that is written most like an unknown one in Latin script or kana; None when none is near.

    One slip from four letters on (a letter more, less, other, or two swapped), two from eight. Of equals the
    one that shares more letters at both ends: slips are rarely there.
    """
    try:
        return snapshot.nearest[word]
    except KeyError:
        pass
    found = _nearest(snapshot, word)
    if len(snapshot.nearest) >= _REMEMBERED:
        snapshot.nearest.clear()
    snapshot.nearest[word] = found
    return found


def _nearest(snapshot: Snapshot, word: str) -> Near | None:
    allowed = 2 if len(word) >= 8 else 1 if len(word) >= 4 else 0
    latin = word.isascii()
    if not allowed or len(word) > _LONGEST_NEAR:
        return None
    from rapidfuzz import process  # 0.05 s, for words that nobody wrote
    from rapidfuzz.distance import DamerauLevenshtein

    choices = snapshot.latin_words.keys() if latin else snapshot.readings.keys()
    found = process.extract(word, choices, scorer=DamerauLevenshtein.distance, score_cutoff=allowed, limit=20)
    matches = [
        (distance, text, snapshot.latin_words[text] if latin else snapshot.readings[text][0])
        for text, distance, _ in found
    ]
    if not matches:
        return None
    _, text, number = min(matches, key=lambda m: (m[0], -_shared(m[1], word), -snapshot.df[m[2]]))
    return text, number


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
