"""The YAML head of an article: split from the body and read into typed values. Used by `tree`.

What is wrong is told as `Finding`s with line and column in the file. How hard a wrong value is taken depends
on the tree: with a `kb.yml` the writers know our keys, so a wrong one is an error and the file is left
out; without one the keys are somebody else's, so it is a warning and the value is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from msgspec import Struct

from kb.content import questions, values
from kb.content.paths import nfc
from kb.content.yamltext import Mapping, Mark, Node, Refused, Scalar, load
from kb.errors import ContentError
from kb.model import Audience, CallCard, Finding, Kind, Severity, Status

MAX_BYTES = 16 * 1024

_FENCE = re.compile(r"---[ \t]*(?:\n|$)")
_END = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.M)
_ENDING = re.compile(r"\.(?:md|mdx|markdown)$", re.I)


class FrontMatter(Struct, frozen=True, kw_only=True):
    """Every key of the contract; what was not written is None or empty."""

    title: str = ""
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    golden: tuple[str, ...] = ()
    audience: Audience | None = None
    status: Status | None = None
    owner: str = ""
    review_by: str = ""
    redirect_from: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    call_card: CallCard | None = None
    kind: Kind | None = None
    products: tuple[str, ...] = ()
    updated: datetime | None = None
    publish_at: datetime | None = None
    unpublish_at: datetime | None = None


class Parsed(Struct, frozen=True, kw_only=True):
    """What the head says, what is wrong with it, and whether the file must be left out for it."""

    values: FrontMatter
    findings: tuple[Finding, ...] = ()
    left_out: bool = False


def split(source: str, path: str = "") -> tuple[str, str, int]:
    """(YAML text, body, line of the file where the body begins), line ends made `\\n`, BOM dropped.

    Only a `---` in the very first line opens a front matter; one that is never closed is an error
    rather than an article whose audience nobody read.
    """
    source = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    opening = _FENCE.match(source)
    if opening is None:
        return "", source, 1
    closing = _END.search(source, opening.end())
    if closing is None:
        if _is_rule(source[opening.end() :]):
            return "", source, 1
        raise ContentError(path, 1, "the front matter that opens here is never closed by ---", 1)
    body_start = min(closing.end() + 1, len(source))
    first_line = source.count("\n", 0, closing.end()) + 2
    return source[opening.end() : closing.start()], source[body_start:], first_line


def _is_rule(rest: str) -> bool:
    """Whether the `---` was a horizontal rule: what follows it is no `key:`."""
    following = rest.lstrip("\n").split("\n", 1)[0]
    return rest.startswith("\n") or not re.match(r"[\w.\-\"' ]+:(?:\s|$)", following)


def parse(yaml_text: str, path: str, *, strict: bool, first_line: int = 2) -> Parsed:
    """Values and findings; raises ContentError when the text is no YAML mapping at all.

    `strict`: the tree has a `kb.yml` (see above).
    """
    if len(yaml_text.encode()) > MAX_BYTES:
        raise ContentError(path, 1, f"the front matter is larger than {MAX_BYTES // 1024} KB")
    node = load(yaml_text, path, first_line)
    if node is None or (isinstance(node, Scalar) and node.absent):
        return Parsed(values=FrontMatter())
    if not isinstance(node, Mapping):
        reason = "the front matter must be keys with values, like `title: …`"
        raise ContentError(path, node.at.line, reason, node.at.column)
    return _Reader(path, strict).read(node)


@dataclass(slots=True)
class _Reader:
    """Reads one mapping key by key and collects what is wrong."""

    path: str
    strict: bool
    findings: list[Finding] = field(default_factory=list)
    left_out: bool = False
    closed: bool = False

    def read(self, node: Mapping) -> Parsed:
        found: dict[str, Any] = {}
        for key, entry in node.entries.items():
            if key in _READERS and not (isinstance(entry, Scalar) and entry.absent):
                self._known(key, entry, found)
        self._draft(node, found)
        self._unknown(node.keys)
        if self.closed:
            found["audience"] = Audience.AGENT
        return Parsed(values=FrontMatter(**found), findings=tuple(self.findings), left_out=self.left_out)

    def _known(self, key: str, entry: Node, found: dict[str, Any]) -> None:
        try:
            found[key] = self._questions(entry) if key == "questions" else _READERS[key](entry)
        except Refused as error:
            if key in _CLOSED and self.strict:
                # Nobody can say who may read it, so only those do who may read everything.
                self.closed = True
                self._tell(f"unknown-{key}", error.at, f"{key} {error.reason}; counts as agents-only")
                return
            self.left_out = self.left_out or self.strict
            self._tell("front-matter", error.at, f"{key} {error.reason}")

    def _questions(self, entry: Node) -> tuple[str, ...]:
        forms: list[str] = []
        for item in values.items(entry):
            line = values.text(item)
            try:
                forms.extend(questions.expand(line) if line else ())
            except questions.TooManyForms as error:
                forms.append(line)
                self._tell("questions", item.at, f"the question {line[:60]!r} {error}; taken literally")
        return tuple(dict.fromkeys(forms))

    def _draft(self, node: Mapping, found: dict[str, Any]) -> None:
        """`draft: true` of other systems; it never makes public what `status` holds back."""
        if "draft" not in node.entries:
            return
        try:
            if values.flag(node.entries["draft"]) and found.get("status") is not Status.ARCHIVED:
                found["status"] = Status.DRAFT
        except Refused as error:
            self.left_out = self.left_out or self.strict
            self._tell("front-matter", error.at, f"draft {error.reason}")

    def _unknown(self, keys: AnyMapping[str, Mark]) -> None:
        unknown = {key: at for key, at in keys.items() if key not in _READERS and key != "draft"}
        if not unknown:
            return
        if self.strict:
            for key, at in unknown.items():
                self._warn_unknown(at, f"unknown key {key!r}", _guess(key))
            return
        # A foreign tree has a dozen keys of its own in each of thousands of files: one line a file.
        first, names = min(unknown.values()), ", ".join(unknown)
        self._warn_unknown(
            first, f"unknown keys ignored: {names}", "with a kb.yml they are checked one by one"
        )

    def _warn_unknown(self, at: Mark, message: str, mend: str) -> None:
        self.findings.append(
            Finding(code="unknown-key", severity=Severity.WARNING, path=self.path, line=at.line,
                    column=at.column, message=message, mend=mend)
        )  # fmt: skip

    def _tell(self, code: str, at: Mark, message: str) -> None:
        severity = Severity.ERROR if self.strict or code == "questions" else Severity.WARNING
        ignored = "" if self.strict or code == "questions" else "; ignored"
        self.findings.append(
            Finding(code=code, severity=severity, path=self.path, line=at.line, column=at.column,
                    message=message + ignored, mend=_MENDS.get(code, ""))
        )  # fmt: skip


def _guess(key: str) -> str:
    close = get_close_matches(key, [*_READERS, "draft"], n=1, cutoff=0.75)
    return f"did you mean {close[0]!r}?" if close else "remove it, or see the list of keys in the manual"


def _one_of(choices: type[StrEnum]) -> Callable[[Node], StrEnum]:
    """A reader for a word out of a closed list; case does not matter."""

    def read(node: Node) -> StrEnum:
        written = values.text(node)
        try:
            return choices(written.lower())
        except ValueError:
            known = ", ".join(choice.value for choice in choices)
            raise Refused(node.at, f"must be one of {known}, not {written[:60]!r}") from None

    return read


def _call_card(node: Node) -> CallCard:
    found = values.mapping(node)
    for key, at in found.keys.items():
        if key not in CallCard.__struct_fields__:
            raise Refused(at, f"has an unknown key {key!r}; it may hold say, ask and dont_say")
    return CallCard(**{key: values.texts(entry) for key, entry in found.entries.items()})


def _ids(node: Node) -> tuple[str, ...]:
    return ids_in(*values.texts(node))


def ids_in(*written: str) -> tuple[str, ...]:
    """Ids of articles, forgiving a leading slash and a Markdown ending."""
    names = (_ENDING.sub("", each.strip("/ ")) for each in written)
    return tuple(nfc(each) for each in names if each)


_READERS: dict[str, Callable[[Node], Any]] = {
    "title": values.text,
    "description": values.text,
    "category": values.text,
    "tags": values.words,
    "questions": values.texts,
    "golden": values.texts,
    "audience": _one_of(Audience),
    "status": _one_of(Status),
    "owner": values.text,
    "review_by": values.day,
    "redirect_from": values.texts,
    "related": _ids,
    "call_card": _call_card,
    "kind": _one_of(Kind),
    "products": values.words,
    "updated": values.moment,
    "publish_at": values.zoned,
    "unpublish_at": values.zoned,
}

_CLOSED = frozenset({"audience", "status"})
"""Keys that decide who reads the article: a value nobody knows must never make it public."""

_MENDS = {
    "unknown-audience": "write `audience: public` or `audience: agent`",
    "unknown-status": "write `status: published`, `draft` or `archived`",
    "questions": "split the line into several questions",
    "front-matter": "write the value as the message says, or drop the key",
}
