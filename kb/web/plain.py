"""An article's HTML → text that can be pasted into a mail or a chat: numbered steps, list marks, table rows.

The text that is searched has no numbers and marks (`Section.text`); a customer who reads steps needs them.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(("p", "pre", "blockquote", "table", "ul", "ol", "dl", "dt", "dd", "figure", "div", "hr"))
_HEADINGS = frozenset(("h2", "h3", "h4", "h5", "h6"))
_SENTENCE = re.compile(r"(?<=[。！？])|(?<=[.!?]\s)")


class _Reader(HTMLParser):
    """Collects lines of the part below one heading, or of everything."""

    def __init__(self, anchor: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._anchor, self._level = anchor, 0
        self._inside = not anchor
        self._text = ""
        self._lists: list[int] = []
        """Of the lists that are open: the number of the last item, -1 in one without numbers."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _HEADINGS:
            self._end_line()
            self._heading(int(tag[1]), given.get("id") or "")
        elif tag in ("ul", "ol"):
            self._end_line()
            start = given.get("start") or "1"
            self._lists.append(int(start) - 1 if tag == "ol" and start.isdigit() else -1)
        elif tag == "li":
            self._end_line()
            self._text = self._mark()
        elif tag in ("td", "th"):
            self._text += " | " if self._text.strip() else ""
        elif tag in ("br", "tr") or tag in _BLOCKS:
            # a paragraph within an item goes on behind its number
            if self._text.strip() not in self._marks():
                self._end_line()
        elif tag == "img" and given.get("alt"):
            self._text += f"[{given['alt']}]"

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS or tag in ("li", "tr") or tag in _BLOCKS:
            self._end_line()
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in _HEADINGS or (tag in _BLOCKS and not self._lists):
            self._gap()

    def handle_data(self, data: str) -> None:
        if self._text.strip() or data.strip():
            self._text += data

    def end(self) -> None:
        """Nothing more comes."""
        self.close()
        self._end_line()

    def _heading(self, level: int, name: str) -> None:
        if name and name == self._anchor:
            self._inside, self._level = True, level
        elif self._level and level <= self._level:
            self._inside = False

    def _mark(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1] < 0:
            return f"{indent}- "
        self._lists[-1] += 1
        return f"{indent}{self._lists[-1]}. "

    def _marks(self) -> tuple[str, ...]:
        return ("-", f"{self._lists[-1]}.") if self._lists else ()

    def _end_line(self) -> None:
        indent = self._text[: len(self._text) - len(self._text.lstrip(" "))] if self._lists else ""
        line = indent + " ".join(self._text.split())
        self._text = ""
        if self._inside and line.strip():
            self.lines.append(line)

    def _gap(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")


def plain_text(html: str, anchor: str = "") -> str:
    """The whole of an article, or what stands below the heading `anchor` with the heading itself."""
    reader = _Reader(anchor)
    reader.feed(html)
    reader.end()
    return "\n".join(reader.lines).strip()


def shortened(text: str, most: int) -> str:
    """The first lines within `most` characters; of a single long one its first sentences."""
    kept: list[str] = []
    for line in text.split("\n"):
        if sum(map(len, kept)) + len(line) > most:
            break
        kept.append(line)
    if any(kept):
        return "\n".join(kept).strip()
    short = ""
    for sentence in _SENTENCE.split(text.split("\n")[0]):
        if short and len(short) + len(sentence) > most:
            break
        short += sentence
    return short[:most].strip()
