"""Synonym groups, cut into terms once at indexing, matched against a query's terms at search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kb.text.analyze import analyze
from kb.text.english import WORD
from kb.text.normalize import fold

Member = tuple[str, ...]
"""The terms of one word or phrase of a group."""


def cut_groups(groups: Iterable[Sequence[str]]) -> list[list[Member]]:
    """Each member as its terms; what is the same after analysis, or lost its meaning by it, is dropped."""
    cut = []
    for group in groups:
        distinct = [each for each in dict.fromkeys(map(member, group)) if each]
        if len(distinct) > 1:
            cut.append(distinct)
    return cut


def member(text: str) -> Member:
    """The terms of a member; none when stop words were all that set it apart ("out of order" is no order)."""
    terms = tuple(token.term for token in analyze(text).tokens if not token.compound)
    words = WORD.findall(fold(text).text)
    return () if len(terms) == 1 and len(words) > 1 else terms


class Concept(Struct, frozen=True):
    """What was typed, and the other members of its group."""

    typed: Member
    others: tuple[Member, ...]


class _Begun(Struct, frozen=True):
    """Where the members lie that begin with some terms."""

    groups: list[tuple[int, Member]]
    """By number, with the member that ends here."""
    following: dict[str, _Begun]


class Synonyms:
    """Looks up which other words stand for what was typed."""

    def __init__(self, groups: Sequence[Sequence[Member]]) -> None:
        self.groups = groups
        self._members: dict[str, _Begun] = {}
        for number, group in enumerate(groups):
            for member in group:
                following = self._members
                for term in member:
                    begun = following.setdefault(term, _Begun([], {}))
                    following = begun.following
                begun.groups.append((number, member))

    def matching(self, terms: Sequence[str]) -> list[tuple[int, Member]]:
        """The groups of which a member stands in `terms`, by number, with that member.

        At each place only the longest members count: クレジット カード is not also カード.
        """
        found: dict[int, tuple[int, Member]] = {}
        free = 0
        for place, first in enumerate(terms):
            begun = self._members.get(first) if place >= free else None
            longest: list[tuple[int, Member]] = []
            end = place
            while begun is not None:
                end += 1
                if begun.groups:
                    longest, free = begun.groups, end
                begun = begun.following.get(terms[end]) if end < len(terms) else None
            for each in longest:
                found.setdefault(each[0], each)
        return list(found.values())

    def expand(self, terms: Sequence[str]) -> list[Concept]:
        """What of `terms` has synonyms, and these."""
        return [
            Concept(typed, tuple(m for m in self.groups[n] if m != typed))
            for n, typed in self.matching(terms)
        ]
