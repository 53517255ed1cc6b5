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
_MAX_RAW_QUERY = 4 * MAX_QUERY
"""Checked before anything is normalised: NFKC may make 18 characters of one (U+FDFA)."""

_CLUSTER = re.compile(r".[̀-゙゚ͯﾞﾟ]*", re.S)
"""A character with the marks that NFKC may compose with it: half-width ﾊﾟ is one パ."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_DASHES = str.maketrans(
    dict.fromkeys("‐‑‒–—―−－", "-") | {"〜": "~", "～": "~", "’": "'", "‘": "'", "＇": "'"}
)


class Folded(NamedTuple):
    text: str
    offsets: Sequence[int] | None
    """For each character of `text`, and its end, the position in the original; None: the same."""

    def origin(self, position: int) -> int:
        return position if self.offsets is None else self.offsets[position]


def fold(text: str) -> Folded:
    """NFKC, lower case, one kind of dash and apostrophe; with the way back to the original."""
    if text.isascii():
        return Folded(text.lower(), None)
    # the dictionary refuses lone surrogates; files may hold them through escapes
    text = text.encode("utf-8", "replace").decode("utf-8") if _has_surrogate(text) else text
    if unicodedata.is_normalized("NFKC", text):
        lower = text.lower()
        if len(lower) == len(text):
            return Folded(lower.translate(_DASHES), None)
    parts: list[str] = []
    offsets: list[int] = []
    for match in _CLUSTER.finditer(text):
        part = unicodedata.normalize("NFKC", match.group()).lower().translate(_DASHES)
        parts.append(part)
        offsets.extend([match.start()] * len(part))
    offsets.append(len(text))
    return Folded("".join(parts), offsets)


def _has_surrogate(text: str) -> bool:
    return _SURROGATE.search(text) is not None


def clean_query(raw: str, field: str = "q") -> str:
    """The query as it is searched, echoed and logged: NFKC, white space tidied, 1 to 400 characters.

    Raises BadParameter for control characters, lone surrogates, nothing, and too much.
    """
    if len(raw) > _MAX_RAW_QUERY:
        raise BadParameter(field, f"is longer than {MAX_QUERY} characters")
    if _has_surrogate(raw):
        raise BadParameter(field, "holds half a character (a lone surrogate)")
    text = " ".join(unicodedata.normalize("NFKC", raw).split())
    for character in text:
        # Cc: control; Cn with no assignment is left alone, new emoji arrive every year
        if unicodedata.category(character) == "Cc":
            raise BadParameter(field, f"holds the control character U+{ord(character):04X}")
    if not text:
        raise BadParameter(field, "is empty")
    if len(text) > MAX_QUERY:
        raise BadParameter(field, f"is longer than {MAX_QUERY} characters")
    return text
