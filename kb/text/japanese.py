"""Words in Japanese script, cut by Sudachi: content words (mode A), compounds (mode C), readings.

One dictionary a process, one tokenizer a thread (a tokenizer is not thread-safe, the dictionary is
80 MB mapped from disk and shared by all processes).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sudachipy import Dictionary, MorphemeList, SplitMode

from kb.text.kana import to_hiragana

JAPANESE = re.compile(
    r"[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)

LONGEST = 64
"""Characters of a term; a longer one is a row of unknown characters, not a word."""
_CHUNK = 8000
"""Characters given to Sudachi at once; it refuses more than 49,149 bytes, four a character at most."""

# The first two levels of Sudachi's part of speech that carry no meaning of their own.
_FUNCTION = {"助詞", "助動詞", "補助記号", "空白", "記号"}
# Verbs and formal nouns that help others (normalised forms); they stand in every second sentence.
_LIGHT = frozenset(
    [
        "為る",
        "居る",
        "有る",
        "成る",
        "呉れる",
        "下さる",
        "頂く",
        "貰う",
        "仕舞う",
        "見る",
        "致す",
        "御座る",
        "申す",
        "参る",
        "伺う",
        "置く",
        "良い",
        "宜しい",
        "事",
        "物",
        "所",
        "為",
        "時",
        "様",
        "方",
        "訳",
        "筈",
        "儘",
        "此れ",
        "其れ",
        "彼れ",
        "何れ",
        "此の",
        "其の",
        "御",
        "さん",
        "等",
        "そう",
        "こう",
        "どう",
        "です",
        "ます",
        "たい",
        "ない",
        "無い",
    ]
)


Content = tuple[str, int, int, bool, str]
"""A term, its start and end, whether it is a compound, its reading where that is not the term itself."""


class Morpheme(Struct, frozen=True):
    """Positions count characters, from where the whole word begins."""

    term: str
    start: int
    end: int
    reading: str
    """In hiragana; empty where it is unknown."""
    content: bool
    """Whether it carries meaning; function words count only for readings."""
    parts: tuple[Morpheme, ...] = ()
    """The words of a compound (mode A); empty for a single word."""
    contents: tuple[Content, ...] = ()
    """What carries meaning of a whole word: itself, then its parts. Ready, since it is asked for often."""


_dictionary_lock = threading.Lock()
_dictionary: Dictionary | None = None
_local = threading.local()
_KNOWN = 32_768
_known: dict[tuple[int, str], Morpheme] = {}
"""Words of the dictionary by number and as written: most of a text has stood somewhere before."""


def _tokenize(text: str) -> MorphemeList:
    """What Sudachi makes of a text, in a list that is filled anew by the next call in this thread."""
    try:
        tokenizer, morphemes = _local.tokenizer
    except AttributeError:
        global _dictionary
        with _dictionary_lock:
            if _dictionary is None:
                _dictionary = Dictionary()
        tokenizer = _dictionary.tokenizer(mode=SplitMode.C)
        morphemes = tokenizer.tokenize("")
        _local.tokenizer = tokenizer, morphemes
    return tokenizer.tokenize(text, out=morphemes)


def cut(text: str) -> Iterable[tuple[int, Morpheme]]:
    """Morphemes of folded text that holds only Japanese script and spaces, and where each begins."""
    if len(text) <= LONGEST:
        return _cut_again(text)
    return chain.from_iterable(_cut(text, start) for start in range(0, len(text), _CHUNK))


@lru_cache(maxsize=64)
def _cut_again(text: str) -> Sequence[tuple[int, Morpheme]]:
    """Titles, questions and queries are asked for more than once, one soon after the other."""
    return _cut(text, 0)


def _cut(text: str, start: int) -> list[tuple[int, Morpheme]]:
    """Of the chunk that starts there."""
    words = []
    chunk, begin = text[start : start + _CHUNK], 0
    for morpheme in _tokenize(chunk):
        # one begins where the last ended; to ask for its text takes longer than to cut it out
        end = morpheme.end()
        surface = chunk[begin:end]
        if surface and not surface.isspace():
            # in a long word that is spelled even longer (スーーパー) its words stand elsewhere
            key = morpheme.word_id(), surface
            words.append((start + begin, _known.get(key) or _new(morpheme, key)))
        begin = end
    return words


def _new(morpheme: Any, key: tuple[int, str]) -> Morpheme:
    """Looked up once: that takes longer than to find the words in a text."""
    word = _looked_up(morpheme, key[1])
    # only words of the dictionary are remembered: a reader may type anything
    if not morpheme.is_oov():
        if len(_known) >= _KNOWN:
            _known.clear()
        _known[key] = word
    return word


def _looked_up(morpheme: Any, surface: str) -> Morpheme:
    start = morpheme.begin()
    parts = morpheme.split(SplitMode.A, add_single=False) if len(surface) > 1 else ()
    word = _entry(morpheme, start)
    words = tuple(_entry(part, start) for part in parts if part.surface())
    contents = tuple(_content(each, each is word and bool(words)) for each in (word, *words) if each.content)
    return replace(word, parts=words, contents=contents)


def _content(word: Morpheme, compound: bool) -> Content:
    return word.term, word.start, word.end, compound, word.reading if word.reading != word.term else ""


def _entry(morpheme: Any, start: int) -> Morpheme:
    pos = morpheme.part_of_speech()
    normal = morpheme.normalized_form()
    reading = morpheme.reading_form()
    return Morpheme(
        term(normal[:LONGEST]),
        morpheme.begin() - start,
        morpheme.end() - start,
        # nothing long is remembered: a reader may type it
        _hiragana(reading) if len(reading) <= LONGEST else to_hiragana(reading),
        pos[0] not in _FUNCTION and normal not in _LIGHT,
    )


@lru_cache(maxsize=16384)
def _hiragana(reading: str) -> str:
    return to_hiragana(reading) if reading != "キゴウ" else ""


@lru_cache(maxsize=16384)
def term(normal: str) -> str:
    """The index term of a normalised form: katakana folds to hiragana, so that ゴミ finds ごみ."""
    return to_hiragana(normal).lower()
