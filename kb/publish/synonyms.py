"""Candidates for `synonyms.yml`, each with its blast radius: the queries whose first three hits it changes.

Synonyms are applied to queries, not to documents, so what a candidate would do is asked of the live index
with the candidate added to its groups: the same answer as after a publish, without one.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from kb.deflection.failures import MIN_SESSIONS
from kb.evaluate import GOLDEN_RANK
from kb.index.generation import Generation
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.plan import analyze_query
from kb.publish.replay import Asked
from kb.publish.wordings import Evidence, Found, Pair
from kb.search import Query, search
from kb.text.normalize import clean_query
from kb.text.synonyms import Member, Synonyms, cut_groups

MOST_EXAMPLES = 3
MOST_QUERIES = 5000
"""Asked of each candidate, the heaviest first."""

Groups = Sequence[Sequence[Member]]


class Changed(Struct, frozen=True, kw_only=True):
    """A query whose first three hits would be others."""

    query: str
    """Empty when too few sessions typed it."""
    locale: str
    weight: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    golden: str = ""
    """`lost` or `won`, when a golden or read article leaves or enters the first three."""


class Candidate(Struct, frozen=True, kw_only=True):
    """Words that could be one group."""

    words: tuple[str, str]
    evidence: dict[str, int]
    """Source → sessions (of `searches`) or articles."""
    examples: tuple[str, ...]
    """Paths of articles."""
    extends: tuple[str, ...] = ()
    """Those of the words that stand in a group already, to which the other one would be added."""
    changed: tuple[Changed, ...] = ()
    """The blast radius, the heaviest first."""

    @property
    def weight(self) -> int:
        return sum(each.weight for each in self.changed)

    @property
    def lost(self) -> int:
        return sum(each.golden == "lost" for each in self.changed)


def merged(sources: Iterable[Found]) -> Found:
    """All evidence of each pair."""
    found: defaultdict[Pair, set[Evidence]] = defaultdict(set)
    for source in sources:
        for pair, evidence in source.items():
            found[pair] |= evidence
    return found


def candidates(
    mined: Found, generation: Generation, asked: Sequence[Asked], *, min_sessions: int = MIN_SESSIONS,
    most: int = 50,
) -> list[Candidate]:  # fmt: skip
    """The best founded first. Left out: what few sessions typed, what no article says, what is a group."""
    radius = _Radius(generation, asked)
    ranked = []
    for pair, evidence in mined.items():
        counts = Counter(each.source for each in evidence)
        if 0 < counts["searches"] < min_sessions:
            del counts["searches"]
        if counts and radius.is_news(pair):
            ranked.append((pair, counts, {each.where for each in evidence if each.source != "searches"}))
    ranked.sort(key=lambda each: (-each[1]["searches"], -len(each[1]), -each[1].total(), each[0]))
    found = [
        Candidate(
            words=(pair.one, pair.other), evidence=dict(sorted(counts.items())),
            examples=tuple(sorted(paths)[:MOST_EXAMPLES]), extends=radius.extended(pair),
            changed=radius.of(pair, min_sessions),
        )
        for pair, counts, paths in ranked[:most]
    ]  # fmt: skip
    # what changes nothing today is told after what does
    return sorted(found, key=lambda each: not each.changed)


class _Radius:
    """Asks the queries before and after; what they find now is asked once."""

    def __init__(self, generation: Generation, asked: Sequence[Asked]) -> None:
        self._generation = generation
        self._all = [generation.snapshot(locale, Audience.AGENT) for locale in generation.locales]
        self._groups: Groups = self._all[0].synonyms.groups if self._all else ()
        known = [each for each in asked if each.locale in generation.locales]
        self._asked = sorted(known, key=lambda each: (-each.weight, each.query, each.locale))[:MOST_QUERIES]
        self._now = [self._first(each, self._snapshot(each)) for each in self._asked]

    def is_news(self, pair: Pair) -> bool:
        """Whether no group holds both, and at least one of them stands in an article."""
        cut = cut_groups([(pair.one, pair.other)])
        if not cut or any(set(cut[0]) <= set(group) for group in self._groups):
            return False
        return any(
            all(snapshot.term(term) >= 0 for term in member) for snapshot in self._all for member in cut[0]
        )

    def extended(self, pair: Pair) -> tuple[str, ...]:
        members = zip((pair.one, pair.other), cut_groups([(pair.one, pair.other)])[0], strict=True)
        return tuple(word for word, member in members if any(member in group for group in self._groups))

    def of(self, pair: Pair, min_sessions: int) -> tuple[Changed, ...]:
        synonyms = Synonyms(_with(self._groups, cut_groups([(pair.one, pair.other)])[0]))
        found = []
        for each, (before, sure) in zip(self._asked, self._now, strict=True):
            snapshot = self._snapshot(each)
            tokens = analyze_query(clean_query(each.query)).tokens
            typed = [token.term for token in tokens if not token.compound]
            # where nothing matches strictly, its corrections are expanded, too
            if sure and synonyms.expand(typed) == snapshot.synonyms.expand(typed):
                continue
            other = copy.copy(snapshot)
            other.synonyms = synonyms
            after, _ = self._first(each, other)
            if after != before:
                found.append(_changed(each, before, after, min_sessions))
        return tuple(sorted(found, key=lambda change: (-change.weight, change.query)))

    def _snapshot(self, asked: Asked) -> Snapshot:
        return self._generation.snapshot(asked.locale, asked.audience)

    def _first(self, asked: Asked, snapshot: Snapshot) -> tuple[tuple[str, ...], bool]:
        """(ids of the first three, whether they match what was typed)."""
        text = clean_query(asked.query)
        pins = self._generation.pinned(asked.locale, text)
        found = search(snapshot, Query(text=text, limit=GOLDEN_RANK), pins)
        return tuple(hit.card.id for hit in found.hits), bool(found.total and not found.corrected)


def _with(groups: Groups, members: Sequence[Member]) -> list[Sequence[Member]]:
    """The groups with one more, which takes in those that have a word of it: a word has one group."""
    touched = [group for group in groups if set(group) & set(members)]
    joined = dict.fromkeys([*(member for group in touched for member in group), *members])
    return [*(group for group in groups if group not in touched), list(joined)]


def _changed(asked: Asked, before: tuple[str, ...], after: tuple[str, ...], min_sessions: int) -> Changed:
    had, has = (bool(asked.expected & set(ids)) for ids in (before, after))
    return Changed(
        query=asked.query if asked.sessions >= min_sessions else "", locale=asked.locale, weight=asked.weight,
        before=before, after=after, golden="lost" if had and not has else "won" if has and not had else "",
    )  # fmt: skip


def text(found: Sequence[Candidate], most: int = 5) -> str:
    """For people: a line to paste into `synonyms.yml`, and below it why, and what it would change."""
    lines = []
    for each in found:
        lines.append(f"- [{', '.join(each.words)}]")
        examples = f": {', '.join(each.examples)}" if each.examples else ""
        lines.append(f"    because of {_told(each.evidence)}{examples}")
        if each.extends:
            lines.append(f"    {' and '.join(each.extends)}: in a group already, which this would extend")
        lost = f", {each.lost} of them would lose their article" if each.lost else ""
        queries = f"{len(each.changed)} quer{'y' if len(each.changed) == 1 else 'ies'}"
        lines.append(f"    first three hits change for {queries} (weight {each.weight}){lost}")
        for change in each.changed[:most]:
            name = change.query or "(typed in too few sessions to be shown)"
            mark = f" [{change.golden}]" if change.golden else ""
            lines.append(
                f"      {name} ({change.locale}): {_ids(change.before)} → {_ids(change.after)}{mark}"
            )
        if len(each.changed) > most:
            lines.append(f"      and {len(each.changed) - most} more")
    return "\n".join(lines or ["no candidates"])


def _told(evidence: Mapping[str, int]) -> str:
    one = {"searches": "session that searched again", "brackets": "article with brackets",
           "questions": "article with such questions", "translations": "translated title"}  # fmt: skip
    many = {"searches": "sessions that searched again", "brackets": "articles with brackets",
            "questions": "articles with such questions", "translations": "translated titles"}  # fmt: skip
    return ", ".join(f"{count} {(one if count == 1 else many)[source]}" for source, count in evidence.items())


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(ids) or "nothing"
