"""Keystrokes → questions and titles, while somebody types.

Tried in this order until there are enough: what was typed, as the beginning of any word; the same as kana
or romaji under way, or another form of an English word; every word as a beginning, in any order. Where
nothing begins so, one slip of the finger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
from msgspec import Struct

from kb.index.snapshot import Snapshot
from kb.index.suggestions import Entry, SuggestionKind, SuggestionTable
from kb.text import english
from kb.text.analyze import analyze
from kb.text.kana import to_hiragana, under_way
from kb.text.normalize import fold

MAX_LIMIT = 20
PER_ARTICLE = 2
"""Suggestions that lead to one article."""
_MAX_TYPED = 60
_STEM_FROM = 3
"""Letters that tell a word."""
_TYPO_FROM = 4
"""Characters from which one may be wrong."""
_TYPO_CANDIDATES = 4000
"""Keys compared letter by letter; bounds a keystroke's time."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NOT_TYPED = re.compile(r"[^\w]|_")


class Suggestion(Struct, frozen=True):
    text: str
    kind: SuggestionKind
    article: str
    """Id."""
    anchor: str


def suggest(snapshot: Snapshot, text: str, limit: int = 8) -> tuple[Suggestion, ...]:
    """The best `limit` questions and titles for a cleaned, unfinished query."""
    table = snapshot.suggestions
    chosen: dict[str, Entry] = {}
    count: dict[int, int] = {}
    for entry in map(table.__getitem__, _candidates(table, text[:_MAX_TYPED], limit)):
        # a title that stands among the questions, too, is shown once
        if entry.text not in chosen and count.get(entry.article, 0) < PER_ARTICLE:
            chosen[entry.text] = entry
            count[entry.article] = count.get(entry.article, 0) + 1
        if len(chosen) == limit:
            break
    return tuple(Suggestion(e.text, e.kind, snapshot.card(e.article).id, e.anchor) for e in chosen.values())


def _candidates(table: SuggestionTable, text: str, limit: int) -> Iterator[int]:
    folded = to_hiragana(fold(text).text)
    typed = _NOT_TYPED.sub("", folded)
    if not typed:
        return
    begun = _beginning(table, [typed], limit)
    yield from begun
    analysis = analyze(folded)
    spoken = _spoken(typed, analysis.reading.replace(" ", ""))
    for forms in (spoken, _inflected(typed)):
        more = _beginning(table, forms, limit)
        begun += more
        yield from more
    words = (
        folded.split()
        if " " in folded
        else [folded[t.start : t.end] for t in analysis.tokens if not t.compound]
    )
    yield from _all_words(table, typed, words, limit)
    if not begun:  # what begins a title was meant as it stands
        yield from _with_a_slip(table, [typed, *spoken[:1]], limit)


def _spoken(typed: str, reading: str) -> list[str]:
    """Kana that may be meant, kanji read by the dictionary or as they stand: 返き → へんき, 返き.

    `reading`: that of the Japanese words in `typed`.
    """
    if not any("\u3400" <= character <= "\u9fff" for character in typed):
        return [reading for reading in under_way(typed) if reading != typed]
    letters = typed[len(typed.rstrip(_LETTERS)) :]
    last = max(place for place, character in enumerate(typed) if "\u3400" <= character <= "\u9fff") + 1
    # 届かn may go on as 届かない, though 届 alone is not read とど
    return [*under_way(reading + letters), *(typed[:last] + kana for kana in under_way(typed[last:]))]


def _inflected(word: str) -> list[str]:
    """What all forms of an English word begin with: exchange → exchang. Nothing for other words."""
    if not (word.isascii() and word.isalpha()):
        return []
    stem = english.term(word)
    while not word.startswith(stem):
        stem = stem[:-1]  # deliveri of delivery
    return [stem] if _STEM_FROM <= len(stem) < len(word) else []


def _beginning(table: SuggestionTable, prefixes: Iterable[str], limit: int) -> list[int]:
    """Entries with a key that begins with one of the prefixes, the best first."""
    ranges = [slice(*table.range(prefix.encode())) for prefix in prefixes]
    found = [each for each in ranges if each.start < each.stop]
    if not found:
        return []
    entries = np.concatenate([table.entry[each] for each in found])
    score = np.concatenate([table.score[each] for each in found])
    wanted = min(len(entries), 8 * limit)
    top = np.argpartition(-score, wanted - 1)[:wanted] if wanted < len(entries) else np.arange(wanted)
    top = top[np.lexsort((entries[top], -score[top]))]
    return list(dict.fromkeys(entries[top].tolist()))


def _all_words(table: SuggestionTable, typed: str, words: Iterable[str], limit: int) -> list[int]:
    """Entries in which every word that was typed begins some word, as far as there are such."""
    shared: np.ndarray | None = None
    for word in dict.fromkeys([_NOT_TYPED.sub("", word) for word in words][:8]):
        if not word or word == typed:  # alone it was looked for already
            continue
        begin = np.zeros(len(table.weight), bool)
        for form in dict.fromkeys([word, *under_way(word), *_inflected(word)]):
            begin[table.entry[slice(*table.range(form.encode()))]] = True
        both = begin if shared is None else shared & begin
        # a word that fits nowhere is passed over: 返金いつ still proposes what begins with 返金
        shared = both if shared is None or both.any() else shared
    if shared is None:
        return []
    numbers = np.flatnonzero(shared)
    order = np.argsort(-table.weight[numbers], kind="stable")[: 8 * limit]
    return [int(n) for n in numbers[order]]


def _with_a_slip(table: SuggestionTable, forms: Iterable[str], limit: int) -> list[int]:
    """Entries with a key whose beginning differs from what was typed by one letter, or by two swapped."""
    found: set[int] = set()
    for typed in forms:
        if len(typed) < _TYPO_FROM:
            continue
        # hardly anybody errs in the first letter but by swapping it
        for start in (typed[:1], typed[1] + typed[0]):
            first, end = table.range(start.encode())
            keys = table.keys.near(first, min(end, first + _TYPO_CANDIDATES), typed)
            found.update(table.entry[keys].tolist())
    return sorted(found, key=lambda entry: (-table.weight[entry], entry))[: 4 * limit]
