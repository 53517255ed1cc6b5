"""Folding: the first step of analysis, and the check that a reader's query passes.

`fold` makes characters comparable (NFKC, lower case) and remembers where each came from, so that a
match in the folded text can be marked in the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from kb.errors import BadParameter

MAX_QUERY = 400
"""Characters of a query after NFKC."""
BLANKS = " \t\r\n\u3000"
"""What alone is no query."""
_MAX_RAW_QUERY = 4 * MAX_QUERY
"""Checked before anything is normalised: NFKC may make 18 characters of one (U+FDFA)."""

_INVISIBLE = r"\u00ad\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
"""Soft hyphens, zero-width spaces and joiners, variation selectors: they part no words and mean nothing."""
_MARKS = r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f"
_CLUSTER = re.compile(rf".[{_MARKS}{_INVISIBLE}\u1160-\u11ff\uff9e\uff9f]*", re.S)
"""A character with what NFKC may compose with it: half-width ﾊﾟ is one パ, Hangul letters one syllable."""
_DROPPED = re.compile(rf"[{_MARKS}{_INVISIBLE}]")
"""Left over after NFKC: the dot of İ in lower case, an accent that no letter has."""

_RARE = re.compile(rf"[{_MARKS}{_INVISIBLE}\u1100-\u11ff\uff9e\uff9f\ud800-\udfff]")
"""What composes with its neighbours, or is half a character."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""But for those that are white space; `str.split` takes four separators (U+001C …) for such, too."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_DASHES = str.maketrans(
    dict.fromkeys("‐‑‒–—―−－", "-") | {"〜": "~", "～": "~", "’": "'", "‘": "'", "＇": "'", "ς": "σ"}
)


_DASHED = re.compile(f"[{''.join(map(chr, _DASHES))}]")
"""To look for them takes a sixth of the time that `str.translate` takes."""


class Folded(NamedTuple):
    text: str
    offsets: Sequence[int] | None
    """For each character of `text`, and its end, the position in the original; None: the same."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a range of the folded text, not empty, stands in the original: whole characters only."""
        if self.offsets is None:
            return start, end
        last = self.offsets[end - 1]
        # a part of what one character stood for (株式 of ㍿) is the whole character
        while self.offsets[end] == last:
            end += 1
        return self.offsets[start], self.offsets[end]


def fold(text: str) -> Folded:
    """NFKC, lower case, one kind of dash and apostrophe; with the way back to the original."""
    if text.isascii():
        return Folded(text.lower(), None)
    if not _RARE.search(text):
        # nothing composes, so an equal length means one character for each: by far the most texts
        lower = unicodedata.normalize("NFKC", text).lower()
        if len(lower) == len(text):
            return Folded(lower.translate(_DASHES) if _DASHED.search(lower) else lower, None)
    # the dictionary refuses lone surrogates; files may hold them through escapes
    text = text.encode("utf-8", "replace").decode("utf-8")
    parts: list[str] = []
    offsets: list[int] = []
    for match in _CLUSTER.finditer(text):
        part = unicodedata.normalize("NFKC", match.group()).lower().translate(_DASHES)
        part = part if part.isascii() else _DROPPED.sub("", part)
        parts.append(part)
        offsets.extend([match.start()] * len(part))
    offsets.append(len(text))
    return Folded("".join(parts), offsets)


def clean_query(raw: str, field: str = "q") -> str:
    """The query as it is searched, echoed and logged: NFKC, white space tidied, 1 to 400 characters.

    Raises BadParameter for control characters, lone surrogates, nothing, and too much.
    """
    if len(raw) > _MAX_RAW_QUERY:
        raise BadParameter(field, f"is longer than {MAX_QUERY} characters")
    text = unicodedata.normalize("NFKC", raw)
    # most are, and this is told at once; neither halves nor controls come or go with NFKC
    if not text.isprintable():
        if _SURROGATE.search(text):
            raise BadParameter(field, "holds half a character (a lone surrogate)")
        # Cc without white space; Cn with no assignment is left alone, new emoji arrive every year
        if control := _CONTROL.search(text):
            raise BadParameter(field, f"holds the control character U+{ord(control[0]):04X}")
    text = " ".join(text.split())
    if not text:
        raise BadParameter(field, "is empty")
    if len(text) > MAX_QUERY:
        raise BadParameter(field, f"is longer than {MAX_QUERY} characters")
    return text
