"""Synonym groups, cut into terms once at indexing, matched against a query's terms at search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

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


class Synonyms:
    """Looks up which other words stand for what was typed."""

    def __init__(self, groups: Sequence[Sequence[Member]]) -> None:
        self.groups = groups
        self._numbers: dict[Member, list[int]] = {}
        """The groups of each member."""
        self._lengths: dict[str, list[int]] = {}
        """How many terms the members have that begin with a term, the longest first."""
        for number, group in enumerate(groups):
            for member in group:
                self._numbers.setdefault(member, []).append(number)
        for first, members in groupby(sorted(self._numbers), key=lambda member: member[0]):
            self._lengths[first] = sorted({len(member) for member in members}, reverse=True)

    def matching(self, terms: Sequence[str]) -> list[tuple[int, Member]]:
        """The groups of which a member stands in `terms`, by number, with that member.

        At each place only the longest members count: クレジット カード is not also カード.
        """
        found: dict[int, Member] = {}
        place = 0
        while place < len(terms):
            taken = 1
            for length in self._lengths.get(terms[place], ()):
                member = tuple(terms[place : place + length])
                if member in self._numbers:
                    for number in self._numbers[member]:
                        found.setdefault(number, member)
                    taken = len(member)
                    break
            place += taken
        return list(found.items())

    def expand(self, terms: Sequence[str]) -> list[Concept]:
        """What of `terms` has synonyms, and these."""
        return [
            Concept(typed, tuple(m for m in self.groups[n] if m != typed))
            for n, typed in self.matching(terms)
        ]
