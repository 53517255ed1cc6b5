"""The analyzer: text → tokens with positions, and the reading of the whole.

One function for documents and queries, whatever their language: script decides how a run of
characters is cut, so an English word in a Japanese article is stemmed like any other.
"""

from __future__ import annotations

import re
from importlib.metadata import version

from msgspec import Struct

from kb.text import english, japanese
from kb.text.normalize import Folded, fold

ANALYZER_VERSION = (
    f"2-sudachi{version('sudachipy')}-{version('sudachidict_core')}-whoosh{version('whoosh-reloaded')}"
)
"""Changes whenever the same text might be cut differently; an index of another version is refused."""

_NOT_JAPANESE = re.compile(
    r"[^\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
_JOINT = r"[-_.+/&]|(?<=[0-9]),(?=[0-9]{3}(?![0-9]))"
_JOINED = re.compile(rf"(?<!{english.LETTER}){english.LETTER}++(?:(?:{_JOINT}){english.LETTER}++)+")
"""wi-fi, e-mail, 3.5, p&p, 3,000: the words, and one compound without the joint (wifi, email, 3000).
Never tried inside a word, so that a megabyte of letters (an image in a page) is still cut in linear time."""
_MAYBE_JOINED = re.compile(rf"[-_.+/&,]{english.LETTER}")
"""To look for this takes a fraction of the time: most signs end a sentence."""


class Token(Struct, frozen=True, array_like=True):
    """A term and where it stands, in characters of the original text."""

    term: str
    start: int
    end: int
    compound: bool = False
    """It spans other tokens; a compound is found by its words, too."""
    reading: str = ""
    """Hiragana, where the term is written with kanji."""


class Analysis(Struct, frozen=True, array_like=True):
    tokens: tuple[Token, ...]
    """In order of their start; a compound before its words."""
    reading: str
    """Hiragana of all Japanese words, function words too; a space where something else stands between."""


def analyze(text: str) -> Analysis:
    """Cut any text. Deterministic, linear in its length, never raises."""
    return analyze_folded(fold(text))


def analyze_folded(folded: Folded) -> Analysis:
    """The same of a text that is folded already."""
    text, offsets = folded
    script = japanese_only(text) if japanese.JAPANESE.search(text) else ""
    tokens, reading = _japanese(script) if script else ([], "")
    # of a text that is all in Japanese script nothing is left, and its tokens are in order
    mixed = script != text
    if mixed:
        tokens += _latin(text)
    if offsets is not None:
        tokens = [_unfolded(token, folded) for token in tokens]
    if mixed or offsets is not None:
        tokens.sort(key=lambda token: (token.start, -token.end, not token.compound))
    return Analysis(tuple(tokens), reading)


def japanese_only(text: str) -> str:
    """Other scripts become spaces of the same length: positions stay, and one call cuts the whole text."""
    return _NOT_JAPANESE.sub(" ", text)


def _japanese(text: str) -> tuple[list[Token], str]:
    """The tokens of Japanese words, a compound before its parts, and the reading of them all."""
    tokens: list[Token] = []
    reading: list[str] = []
    end = 0
    for start, word in japanese.cut(text):
        if start > end:
            reading.append(" ")
        reading.append(word.reading)
        end = start + word.end
        for term, first, last, compound, read in word.contents:
            tokens.append(Token(term, start + first, start + last, compound, read))
    return tokens, "".join(reading)


def _latin(text: str) -> list[Token]:
    tokens: list[Token] = []
    for match in english.WORD.finditer(text):
        term = english.content(match.group())
        if term:
            tokens.append(Token(term, *match.span()))
    for match in _JOINED.finditer(text) if _MAYBE_JOINED.search(text) else ():
        compound = english.term(re.sub(_JOINT, "", match.group()))
        tokens.append(Token(compound, *match.span(), True))
    return tokens


def _unfolded(token: Token, folded: Folded) -> Token:
    start, end = folded.span(token.start, token.end)
    return Token(token.term, start, end, token.compound, token.reading)
