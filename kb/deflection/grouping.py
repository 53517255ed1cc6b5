"""Queries grouped by meaning: the same words after synonyms, kana, and near spellings. Used by `report`.

    返金 いつ · 返金されない · へんきん · 払い戻し       →   返金
    forgot pasword · I forgot my password             →   forgot + password

Each query becomes a set of concepts; equal sets are one group, and a set that hardly differs from a more
frequent one joins it. Languages stay apart, because each has its own articles.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from kb.index.schema import idf
from kb.index.snapshot import Snapshot
from kb.plan import kana_lean
from kb.text.analyze import Token, analyze
from kb.text.kana import is_kana, to_hiragana
from kb.text.normalize import fold
from kb.text.synonyms import Synonyms
from kb.vocabulary import LONGEST_READING, SHORTEST_READING, near

SAME = 0.75
"""Share of meaning (Jaccard, words weighted by idf) from which two sets of concepts are one need."""
SLIP = 5
"""A word is a slip of a near one that so many times as many sessions typed."""
_FREQUENT = 2000
"""Words that slips are compared with, the most frequent ones."""

_ASKING = frozenset(
    """いつ 何時 どこ 何処 なぜ 何故 どうして どう 如何 何 なに いくら 幾ら どれ 何れ 誰 だれ
    方法 仕方 遣り方 手順 遣る 教える 知る 聞く 質問 問い合わせる 場合 出来る 欲しい 下さい 困る 件
    need want help question know tell ask way possible information info no not yet still now""".split()  # noqa: SIM905
)
"""Terms that ask, wish or deny, whatever about: "返金 いつ" and "返金されない" both ask about 返金, as the
analyzer drops ない. They count only in a query of nothing else."""

_HIRAGANA_RUN = re.compile(r"[\u3041-\u3096\u30fc]+")

Snapshots = Callable[[str], Snapshot | None]
"""Locale → today's public index; None where there is none."""


class Wording(Struct, frozen=True):
    """A query as it was typed, and in how many sessions."""

    locale: str
    query: str
    sessions: int


class Group(Struct, frozen=True):
    locale: str
    concepts: tuple[str, ...]
    """Sorted; of the most frequent member."""
    wordings: tuple[Wording, ...]
    """The most frequent first."""


def group(wordings: Iterable[Wording], snapshots: Snapshots) -> list[Group]:
    """Groups, those of most sessions first. Deterministic, whatever the order."""
    locales: defaultdict[str, list[Wording]] = defaultdict(list)
    for wording in sorted(set(wordings), key=lambda w: (-w.sessions, w.query)):
        locales[wording.locale].append(wording)
    groups: list[Group] = []
    for locale, those in locales.items():
        words = Words(snapshots(locale), those)
        sets: defaultdict[frozenset[str], list[Wording]] = defaultdict(list)
        for wording in those:
            sets[words.concepts(wording.query)].append(wording)
        groups += [Group(locale, tuple(sorted(key)), members) for key, members in _merged(sets, words.weight)]
    return sorted(groups, key=lambda g: (-sum(w.sessions for w in g.wordings), g.locale, g.concepts))


def _merged(
    sets: Mapping[frozenset[str], Sequence[Wording]], weight: Callable[[str], float]
) -> Iterable[tuple[frozenset[str], tuple[Wording, ...]]]:
    """Let the most frequent sets lead; each other joins the leader it shares most with, or leads itself."""
    order = sorted(sets, key=lambda key: (-sum(w.sessions for w in sets[key]), sorted(key)))
    leaders: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    members: dict[frozenset[str], list[Wording]] = {}
    for key in order:
        near_by = {leader: None for concept in sorted(key) for leader in leaders[concept]}
        shares = [(_shared(key, leader, weight), leader) for leader in near_by]
        best = max(shares, key=lambda pair: pair[0], default=(0.0, key))
        if best[0] >= SAME:
            members[best[1]].extend(sets[key])
            continue
        members[key] = list(sets[key])
        for concept in key:
            leaders[concept].append(key)
    for key, those in members.items():
        yield key, tuple(sorted(those, key=lambda w: (-w.sessions, w.query)))


def _shared(one: frozenset[str], other: frozenset[str], weight: Callable[[str], float]) -> float:
    return sum(map(weight, one & other)) / sum(map(weight, one | other))


class Words:
    """The words of one locale's failed queries, beside those of today's index."""

    def __init__(self, snapshot: Snapshot | None, wordings: Sequence[Wording]) -> None:
        self._snapshot = snapshot
        self._synonyms = snapshot.synonyms if snapshot else Synonyms([])
        self._typed: Counter[str] = Counter()
        self._readings: dict[str, Counter[str]] = defaultdict(Counter)
        for wording in wordings:
            for token in _tokens(wording.query):
                self._typed[token.term] += wording.sessions
                if token.reading:
                    self._readings[token.reading][token.term] += wording.sessions
        self._frequent = [term for term, _ in self._typed.most_common(_FREQUENT) if _may_slip(term)]
        self._known: dict[str, str] = {}
        self._weights: dict[str, float] = {}

    def concepts(self, query: str) -> frozenset[str]:
        """What a query is about; its folded text when no word of it means anything."""
        terms = [self._spelled(term) for term in self._terms(query)]
        about = [term for term in terms if term not in _ASKING] or terms
        found = set(about)
        for concept in self._synonyms.expand(about):
            found -= set(concept.typed)
            found.add(" ".join(min(concept.typed, *concept.others)))
        return frozenset(found) or frozenset([" ".join(fold(query).text.split())])

    def weight(self, concept: str) -> float:
        """How much a concept says: its idf in today's index, or among the queries."""
        if concept not in self._weights:
            self._weights[concept] = self._idf(concept)
        return self._weights[concept]

    def _idf(self, concept: str) -> float:
        if self._snapshot is not None:
            number = self._snapshot.term(concept)
            documents = int(self._snapshot.df[number]) if number >= 0 else 0
            return idf(self._snapshot.meta.sections, documents)
        return 1.0 + math.log(1 + self._typed.total() / (1 + self._typed[concept]))

    def _terms(self, query: str) -> list[str]:
        """Typed terms; hiragana that stands for kanji is read as a word of the index or of other queries."""
        tokens = _tokens(query)
        if not kana_lean(query):
            return [token.term for token in tokens]
        kana = to_hiragana(fold(query).text)
        read = [term for run in _HIRAGANA_RUN.findall(kana) for term in self._read(run)]
        # the analyzer cuts hiragana words wrongly (へん|きん), so what was read replaces them
        rest = [token.term for token in tokens if not (read and is_kana(query[token.start : token.end]))]
        return list(dict.fromkeys(read + rest))

    def _read(self, run: str) -> Iterable[str]:
        """Words that a run of hiragana holds, the longest first from the left."""
        start = 0
        while start < len(run):
            for end in range(min(len(run), start + LONGEST_READING), start + SHORTEST_READING - 1, -1):
                if term := self._word_read(run[start:end]):
                    yield term
                    start = end
                    break
            else:
                start += 1

    def _word_read(self, reading: str) -> str:
        """The word with this reading that is most typed, else most written; empty for none."""
        if typed := self._readings.get(reading):
            return max(typed, key=lambda term: (typed[term], term))
        if self._snapshot is None:
            return reading if self._typed[reading] else ""
        numbers = self._snapshot.readings.get(reading)
        return self._snapshot.term_text(numbers[0]) if numbers else ""

    def _spelled(self, term: str) -> str:
        if term not in self._known:
            self._known[term] = self._right(term)
        return self._known[term]

    def _right(self, term: str) -> str:
        """The term that is meant: a word that the index knows, or one that many others typed."""
        if not _may_slip(term) or (self._snapshot is not None and self._snapshot.term(term) >= 0):
            return term
        allowed = 2 if len(term) >= 8 else 1
        found = process.extract(
            term, self._frequent, scorer=DamerauLevenshtein.distance, score_cutoff=allowed, limit=5
        )
        usual = [other for other, _, _ in found if self._typed[other] >= SLIP * self._typed[term]]
        if usual:
            return max(usual, key=lambda other: (self._typed[other], other))
        # what many people type is a word of theirs, even if no article has it: the most telling gap of all
        if self._snapshot is None or self._typed[term] >= SLIP:
            return term
        found_near = near(self._snapshot, term)
        return self._snapshot.term_text(found_near[1]) if found_near else term


def words_of(query: str) -> set[str]:
    """The words of a query that say what it is about, as they are typed (folded)."""
    folded = [(token, fold(query[token.start : token.end]).text) for token in _tokens(query)]
    return {text for token, text in folded if token.term not in _ASKING}


def _may_slip(term: str) -> bool:
    """Numbers are never near each other, and short words are near too many."""
    return len(term) >= 4 and ((term.isascii() and term.isalpha()) or is_kana(term))


@lru_cache(maxsize=16384)
def _tokens(query: str) -> tuple[Token, ...]:
    return tuple(token for token in analyze(query).tokens if not token.compound)
