"""Anchors of headings: from the heading's words alone, so that they stay when others come and go.

Like GitHub's for English (`How to pay?` → `how-to-pay`), Japanese kept as it is (`返金の期限`); full-width
letters are folded first, so that a link typed with either width finds its heading.
"""

from __future__ import annotations

import re
import unicodedata

_DROPPED = re.compile(r"[^\w\- ]")
WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
"""A character of a script that is written without spaces between words."""
_FALLBACK = "section"


def slug(heading: str) -> str:
    """The anchor for a heading's plain text, not yet unique."""
    folded = unicodedata.normalize("NFKC", heading).lower()
    kept = _DROPPED.sub("", " ".join(folded.split()))
    return kept.strip().replace(" ", "-") or _FALLBACK


class Anchors:
    """Hands out anchors of one page, each once: `refund`, `refund-1`, `refund-2`."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def __contains__(self, anchor: str) -> bool:
        return anchor in self._next

    def take(self, wanted: str) -> str:
        anchor = wanted
        while anchor in self._next:
            anchor = f"{wanted}-{self._next[wanted]}"
            self._next[wanted] += 1
        self._next[anchor] = 1
        return anchor
