"""Marked text → HTML. This is the edge: nothing below knows marks as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from kb.model import Span


def mark(text: str, marks: Sequence[Span], element: str = "mark") -> str:
    """HTML: everything escaped, then the spans within an element."""
    # most texts have nothing to escape, which is known at once for all their parts
    plain = not ("&" in text or "<" in text or ">" in text or '"' in text or "'" in text)
    safe = str if plain else escape
    parts: list[str] = []
    opening, closing, last = f"<{element}>", f"</{element}>", 0
    for span in marks:
        parts += (safe(text[last : span.start]), opening, safe(text[span.start : span.end]), closing)
        last = span.end
    return "".join((*parts, safe(text[last:])))
