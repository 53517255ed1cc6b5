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
_JOINT_SIGN = re.compile(r"[-_.+/&,]")


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
    tokens: list[Token] = []
    reading: list[str] = []
    if japanese.JAPANESE.search(folded.text):
        _japanese(folded, tokens, reading)
    _latin(folded, tokens)
    tokens.sort(key=lambda token: (token.start, -token.end, not token.compound))
    return Analysis(tuple(tokens), "".join(reading))


def japanese_only(text: str) -> str:
    """Other scripts become spaces of the same length: positions stay, and one call cuts the whole text."""
    return _NOT_JAPANESE.sub(" ", text)


def _japanese(folded: Folded, tokens: list[Token], reading: list[str]) -> None:
    end = 0
    for start, word in japanese.cut(japanese_only(folded.text)):
        if start > end:
            reading.append(" ")
        reading.append(word.reading)
        end = start + word.end
        for part in word.parts:
            if part.content:
                tokens.append(_token(part, start, folded, compound=False))
        if word.content:
            tokens.append(_token(word, start, folded, compound=bool(word.parts)))


def _token(word: japanese.Morpheme, at: int, folded: Folded, compound: bool) -> Token:
    reading = word.reading if word.reading != word.term else ""
    start, end = at + word.start, at + word.end
    if folded.offsets is not None:
        start, end = folded.span(start, end)
    return Token(word.term, start, end, compound, reading)


def _latin(folded: Folded, tokens: list[Token]) -> None:
    text = folded.text
    for match in english.WORD.finditer(text):
        word = match.group()
        if english.is_stop(word):
            continue
        term = english.term(word)
        if term:
            tokens.append(Token(term, *folded.span(*match.span())))
    for match in _JOINED.finditer(text) if _JOINT_SIGN.search(text) else ():
        compound = english.term(re.sub(_JOINT, "", match.group()))
        tokens.append(Token(compound, *folded.span(*match.span()), True))
