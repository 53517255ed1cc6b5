"""What a page says, without its markup: one block a line, the cells of a row in one line. Fed by `page`."""

from __future__ import annotations

import re

from kb.content.slugs import WIDE

_BLOCKS = frozenset(
    """blockquote caption dd details div dl dt figcaption figure hr li ol p pre section summary table tbody
    tfoot thead tr ul""".split()  # noqa: SIM905
)
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"[^\S\n]+")
_CELL = "\x1f"
"""Stands between cells while a row is collected; nh3 lets no such character through."""
_BREAK = "\v"
"""A line break while a block is collected."""


class PageText:
    """Tell it of tags and text in their order; `take` gives a section, `end_heading` a heading.

    What is `silent` is shown and not said.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        """Of the section so far."""
        self._buffer: list[str] = []
        self._heading: list[str] | None = None
        self._silent = self._pre = self._cell = 0
        self._row_has_cell = False

    def say(self, text: str) -> None:
        """Unless it is silent here."""
        if not self._silent:
            self._add(text)

    def start(self, tag: str, silent: bool) -> None:
        """Of any element but a heading."""
        self._silent += silent
        self._edge(tag)
        if tag == "br":
            self._add(" " if self._cell else _BREAK)
        self._pre += tag == "pre"
        self._cell += tag in _CELLS

    def end(self, tag: str, silent: bool) -> None:
        """Of what was started, and with the same `silent`; not of an element that is empty."""
        if tag in _CELLS:
            self._cell = max(0, self._cell - 1)
            self._row_has_cell = True
        else:
            self._edge(tag)
        self._silent -= silent
        self._pre -= tag == "pre"

    def start_heading(self) -> None:
        """What is said from here on is the heading's."""
        if self._heading is None:
            self._flush()
        self._heading = []

    def end_heading(self) -> str:
        """The heading in one line."""
        said, self._heading = self._heading or [], None
        return flow("".join(said).replace(_BREAK, "\n"))

    def take(self) -> str:
        """All that was said since the last section."""
        self._flush()
        lines, self.lines = self.lines, []
        return "\n".join(lines)

    def _add(self, text: str) -> None:
        (self._buffer if self._heading is None else self._heading).append(text)

    def _edge(self, tag: str) -> None:
        """Ends a line of text at the edge of a block; cells of one row share a line."""
        if tag == "tr":
            self._flush()
            self._row_has_cell = False
        elif tag in _CELLS:
            if self._row_has_cell:
                self._buffer.append(_CELL)
                self._row_has_cell = False
        elif tag in _BLOCKS:
            if self._cell:
                self._buffer.append(" ")
            elif self._heading is None:
                self._flush()

    def _flush(self) -> None:
        raw = "".join(self._buffer)
        self._buffer.clear()
        if self._pre:
            self.lines.extend(line.rstrip() for line in raw.strip("\n").split("\n") if line.strip())
        else:
            self.lines.extend(line for part in raw.split(_BREAK) if (line := _row(part)))


def _row(text: str) -> str:
    """One line of text; cells that say something, parted by bars."""
    return " | ".join(cell for part in text.split(_CELL) if (cell := flow(part)))


def flow(text: str) -> str:
    """Running text in one line; a line break between Japanese characters is none in the sentence."""
    flowing = ""
    for line in text.split("\n"):
        line = _SPACE.sub(" ", line).strip()
        if not line:
            continue
        glued = not flowing or (WIDE.match(flowing[-1]) and WIDE.match(line))
        flowing += line if glued else f" {line}"
    return flowing
