"""Where a text may be cut: between what a reader sees as characters. Used by the kernels and by snippets.

A part of https://www.unicode.org/reports/tr29/: marks, joined signs, endings of syllables, skin tones and
flags stay with what stands before them.
"""

from __future__ import annotations

import re
import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = ("Mn", "Mc", "Me")
_EXTENDERS = (
    (0x1160, 0x11FF),  # Hangul vowels and endings
    (0xFF9E, 0xFF9F),  # half-width ﾞ and ﾟ
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0020, 0xE007F),  # the tags of a region's flag
)
_WHOLE_LETTERS = re.compile("[\0-\u02ff\u3041-\u3096\u4e00-\u9fff\u30a1-\u30ff]")
"""Latin letters, hiragana, kanji and katakana, asked first because nearly all text is of them."""
_FLAG_LETTERS = (0x1F1E6, 0x1F1FF)


def tears(text: str, place: int) -> bool:
    """Whether a cut there would tear apart what a reader sees as one character."""
    if not 0 < place < len(text):
        return False
    after = text[place]
    if _WHOLE_LETTERS.match(after):
        return False
    code = ord(after)
    return (
        unicodedata.category(after) in _MARKS
        or after == _ZERO_WIDTH_JOINER
        or (text[place - 1] == _ZERO_WIDTH_JOINER and not after.isalnum())
        or any(low <= code <= high for low, high in _EXTENDERS)
        or (_is_flag_letter(after) and _flag_letters_before(text, place) % 2 == 1)
    )


def whole(text: str, end: int) -> int:
    """`end`, moved behind the marks and joined signs that belong to the character before it."""
    while tears(text, end):
        end += 1
    return end


def _is_flag_letter(character: str) -> bool:
    return _FLAG_LETTERS[0] <= ord(character) <= _FLAG_LETTERS[1]


def _flag_letters_before(text: str, place: int) -> int:
    """Flags are pairs of letters: an odd number before a cut means that it stands inside a pair."""
    start = place
    while start and _is_flag_letter(text[start - 1]):
        start -= 1
    return place - start
