"""YAML as text with its places: what `frontmatter` and `site` read, before any meaning is given to it.

Built on the parser's events, so that nothing is ever constructed: every scalar stays the text that was
written (`no` is not False, 1:30 is not 90), every node knows its place, and aliases are refused before
they can be multiplied. https://yaml.org/spec/1.2.2/#71-alias-nodes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from kb.errors import ContentError

MAX_DEPTH = 8
"""The deepest thing we know is categories → one → title → locale; foreign trees nest a little more."""

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where it is there: 3,000 front matters in 0.4 s instead of 4 s."""


class Mark(NamedTuple):
    """A place in the file; both from 1, the column in characters."""

    line: int
    column: int

    @classmethod
    def of_byte(cls, data: bytes, offset: int) -> Mark:
        before = data[:offset].decode("utf-8-sig", "replace")
        return cls(before.count("\n") + 1, len(before) - before.rfind("\n"))


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str
    at: Mark
    plain: bool

    @property
    def absent(self) -> bool:
        """`key:`, `key: ~` and `key: null` say that there is no value."""
        return self.plain and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    at: Mark


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: dict[str, Node]
    keys: dict[str, Mark]
    """Place of each key."""
    at: Mark


Node = Scalar | Sequence | Mapping


class Refused(Exception):
    """YAML that we do not take, with its place; becomes a `ContentError` once the file is known."""

    def __init__(self, at: Mark, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


def load(text: str, path: str, first_line: int = 1) -> Node | None:
    """The only document in `text`, or None if there is none; `first_line` is where it stands in the file."""
    try:
        return _Composer(text, first_line).document()
    except Refused as error:
        raise ContentError(path, error.at.line, error.reason, error.at.column) from None
    except yaml.YAMLError as error:
        at, reason = _explain(error, text, first_line)
        raise ContentError(path, at.line, f"broken YAML: {reason}", at.column) from None


def _explain(error: yaml.YAMLError, text: str, first_line: int) -> tuple[Mark, str]:
    if isinstance(error, yaml.reader.ReaderError):
        # its own position counts bytes in C and characters in Python
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        before = text[: found.start()] if found else ""
        at = Mark(first_line + before.count("\n"), len(before) - before.rfind("\n"))
        return at, "a control character is not allowed here"
    if isinstance(error, yaml.MarkedYAMLError):
        reason = error.problem or error.context or "cannot be parsed"
        return _mark(error.problem_mark or error.context_mark, first_line), reason
    return Mark(first_line, 1), "cannot be parsed"


def _mark(mark: Any, first_line: int) -> Mark:
    """Of a mark of the parser, in Python or in C, if it gives one; its own count from 0."""
    return Mark(first_line + mark.line, mark.column + 1) if mark else Mark(first_line, 1)


class _Composer:
    """Builds nodes from events; holds the position in the stream of events."""

    def __init__(self, text: str, first_line: int) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_Loader)
        self._first_line = first_line

    def document(self) -> Node | None:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    raise Refused(self._at(event), "more than one YAML document")
                node = self._node(next(self._events), 0)
        return node

    def _at(self, event: yaml.Event) -> Mark:
        return _mark(event.start_mark, self._first_line)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        at = self._at(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Refused(at, "anchors and aliases (& and *) are not allowed; quote a text that starts so")
        if getattr(event, "tag", None):
            raise Refused(at, "tags (!) are not allowed; quote a text that starts so")
        if depth > MAX_DEPTH:
            raise Refused(at, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, at, not event.style)
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), at)
        return self._mapping(at, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth + 1)

    def _mapping(self, at: Mark, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise Refused(key.at, "a key must be plain text")
            if key.plain and key.text == "<<":
                raise Refused(key.at, "merging (<<) is not allowed")
            if key.text in entries:
                first = keys[key.text].line
                raise Refused(key.at, f"the key {key.text!r} stands twice, first in line {first}")
            keys[key.text] = key.at
            entries[key.text] = self._node(next(self._events), depth + 1)
        return Mapping(entries, keys, at)
