"""`(a|b)` in a question means either: written once, indexed in every form. Used by `frontmatter`.

Parentheses that hold no `|` are what they are in real questions, "(Wi-Fi)", and stay; so do
parentheses without a partner, and a `|` outside of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from math import prod

MAX_FORMS = 64
"""Forms of one line. Writers use two or three groups; three groups of four are 64."""
MAX_DEPTH = 8


class TooManyForms(ValueError):
    """The line stands for more forms than are sensible, or nests too deeply."""


@dataclass(slots=True)
class _Group:
    """Alternatives; each is a run of literal texts and groups."""

    alternatives: list[list[str | _Group]] = field(default_factory=lambda: [[]])


def expand(line: str) -> tuple[str, ...]:
    """Every form of one line, in the order written and without repetition."""
    root = _Group()
    root.alternatives = [_parse(line)]
    if _count(root) > MAX_FORMS:
        raise TooManyForms(f"stands for more than {MAX_FORMS} forms")
    forms = (" ".join(form.split()) for form in _forms(root))
    return tuple(dict.fromkeys(form for form in forms if form))


def _parse(line: str) -> list[str | _Group]:
    opens = _alternations(line)
    ends = set(opens.values())
    stack = [_Group()]
    for position, char in enumerate(line):
        if position in opens:
            group = _Group()
            stack[-1].alternatives[-1].append(group)
            stack.append(group)
            if len(stack) > MAX_DEPTH:
                raise TooManyForms(f"nests alternatives deeper than {MAX_DEPTH}")
        elif position in ends:
            stack.pop()
        elif char == "|" and len(stack) > 1:
            stack[-1].alternatives.append([])
        else:
            stack[-1].alternatives[-1].append(char)
    return stack[0].alternatives[0]


def _alternations(line: str) -> dict[int, int]:
    """Where each pair of parentheses that holds a `|` of its own starts and ends."""
    pairs: dict[int, int] = {}
    waiting: list[tuple[int, bool]] = []
    for position, char in enumerate(line):
        if char == "(":
            waiting.append((position, False))
        elif char == "|" and waiting:
            waiting[-1] = (waiting[-1][0], True)
        elif char == ")" and waiting:
            start, has_bar = waiting.pop()
            if has_bar:
                pairs[start] = position
    return pairs


def _count(group: _Group) -> int:
    return sum(prod(_count(part) for part in run if isinstance(part, _Group)) for run in group.alternatives)


def _forms(group: _Group) -> list[str]:
    found: list[str] = []
    for run in group.alternatives:
        choices = [_forms(part) if isinstance(part, _Group) else [part] for part in run]
        found.extend("".join(choice) for choice in product(*choices))
    return found
