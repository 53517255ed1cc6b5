"""From a query's text to weighted terms. Below `search`, which only adds up what stands here.

    typed words 1, their compounds, the other words of their synonym groups, kana read as kanji,
    and character n-grams at a tenth, which find what no word finds

The weights are one table for both languages; docs/relevance.md shows what each of them gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from msgspec import Struct

from kb.index import grams, kernel
from kb.index.snapshot import Snapshot
from kb.text.analyze import Analysis, Token, analyze_folded
from kb.text.kana import to_hiragana
from kb.text.normalize import fold
from kb.text.synonyms import Member
from kb.vocabulary import begun, near, read_kana


class Weights(Struct, frozen=True):
    """Weight of each kind of term against a typed word's 1."""

    compound: float = 0.4
    """The words of a compound count already; this rewards them standing together."""
    synonym: float = 0.5
    question: float = 0.7
    """Of the best single line of `questions`, beside the best section."""
    bigram: float = 0.1
    reading: float = 0.05
    """Bigrams of the reading, for a query with kanji …"""
    reading_kana: float = 1.0
    """… and for one typed in hiragana throughout, where words are cut wrongly (かい|やく)."""
    fourgram: float = 0.2
    kana_word: float = 0.5
    """A hiragana word in such a query: perhaps cut wrongly."""
    lexicon: float = 0.8
    """A term of the index that is read as typed (かいやく → 解約)."""
    near: float = 0.8
    """The nearest spelling of an unknown word …"""
    begun: float = 0.3
    """… and words that begin with it."""


WEIGHTS = Weights()

MAX_WORDS = 24
"""Typed words used, the rarest first; expansions are not counted. A sentence has ten."""
_KANA_FROM = 0.7
"""Share of hiragana among hiragana and kanji from which a query leans on readings; all at 1."""

_REMEMBERED_LENGTH = 100
"""Characters of a query that is remembered; 512 of them take 15 MB at the very most."""

_REMEMBERED_TERMS = 4096
"""Terms of queries of which the numbers are remembered: to find one takes thirty times as long. 1 MB."""

_HIRAGANA_RUN = re.compile(r"[\u3041-\u3096\u30fc]+")


compiled: Any = kernel.extension("kb.text.query_compiled")


class Typed(Struct, frozen=True):
    """A query as it was typed, before any index is asked."""

    folded: str
    analysis: Analysis
    lean: float
    bigrams: list[int]
    readings: list[int]
    fourgrams: list[int]


class Alternative(Struct, frozen=True):
    """A synonym: its terms count only where all of them stand."""

    terms: tuple[int, ...]
    weight: float


class _Known(Struct, frozen=True):
    """What queries ask a snapshot again and again; does not hold the snapshot itself, so that it can go."""

    term: Callable[[str], int]
    groups: dict[tuple[tuple[int, Member], float], tuple[Alternative, ...]]
    """Synonyms of a group's member, at a weight."""


_known: WeakKeyDictionary[Snapshot, _Known] = WeakKeyDictionary()


def _known_of(snapshot: Snapshot) -> _Known:
    known = _known.get(snapshot)
    if known is None:
        terms = snapshot.terms
        known = _known[snapshot] = _Known(
            lru_cache(_REMEMBERED_TERMS)(lambda term: terms.find(term.encode())), {}
        )
    return known


class Plan(Struct, frozen=True):
    """What to add up: numbers of terms and n-grams of one snapshot, with their weights."""

    words: dict[int, float]
    """Terms as typed; whatever holds one matches strictly."""
    concepts: tuple[tuple[Alternative, ...], ...]
    """Synonyms, a group each: the best of a group counts, strictly."""
    loose: dict[int, float]
    """Terms that were perhaps meant; they never make a strict match."""
    grams: dict[int, float]
    gram_mass: float
    """Sum of weights over all n-grams of the query, also those that occur nowhere."""

    def phrases(self) -> tuple[Alternative, ...]:
        """Synonyms of several words: snippets mark them where the words stand next to each other."""
        return tuple(a for group in self.concepts for a in group if len(a.terms) > 1)

    def weighted_terms(self) -> dict[int, float]:
        """Every single term with its weight: what snippets look for and mark."""
        single = {a.terms[0]: a.weight for group in self.concepts for a in group if len(a.terms) == 1}
        return {**single, **self.loose, **self.words}


def plan(snapshot: Snapshot, text: str, weights: Weights = WEIGHTS) -> Plan:
    """Weighted terms for a cleaned query."""
    typed, known = read_query(text), _known_of(snapshot)
    lean, tokens = typed.lean, typed.analysis.tokens
    single = [token for token in tokens if not token.compound]
    words: dict[int, float] = {}
    unknown = []
    # a word counts more than the compound of the same letters: "wi-fi wifi"
    for token in (*single, *(token for token in tokens if token.compound)):
        number = known.term(token.term)
        if number >= 0 and number not in words:
            weight = weights.compound if token.compound else 1.0
            if lean and _HIRAGANA_RUN.fullmatch(text, token.start, token.end):
                weight *= 1 - lean * (1 - weights.kana_word)
            words[number] = weight
        elif number < 0 and not token.compound:
            unknown.append(token)
    if len(words) > MAX_WORDS:
        words = _rarest(snapshot, words)
    if lean:
        for number, weight in _read_as_kanji(snapshot, typed).items():
            words[number] = max(words.get(number, 0.0), weights.lexicon * lean * weight)
    concepts = _concepts(snapshot, known, [token.term for token in single], weights)
    found, mass = _grams(snapshot, typed, weights)
    return Plan(words, concepts, _loose(snapshot, unknown, text, weights) if unknown else {}, found, mass)


def _read_as_kanji(snapshot: Snapshot, typed: Typed) -> dict[int, float]:
    """Terms whose reading was typed, each with its share among words that sound alike."""
    words: dict[int, float] = {}
    for run in _HIRAGANA_RUN.findall(to_hiragana(typed.folded)):
        for _, _, terms in read_kana(snapshot, run):
            words |= dict.fromkeys(terms, len(terms) ** -0.5)
    return words


def _concepts(
    snapshot: Snapshot, known: _Known, typed: Sequence[str], weights: Weights
) -> tuple[tuple[Alternative, ...], ...]:
    """Synonyms of what was typed."""
    groups = []
    for matched in snapshot.synonyms.matching(typed):
        group = known.groups.get((matched, weights.synonym))
        if group is None:
            group = known.groups[matched, weights.synonym] = _others(snapshot, *matched, weights.synonym)
        if group:
            groups.append(group)
    return tuple(groups)


def _others(snapshot: Snapshot, number: int, member: Member, weight: float) -> tuple[Alternative, ...]:
    """The other members of a group. A rare synonym of a common word weighs as much as the common word."""
    known = snapshot.synonyms_known(number)
    common = min((idf for _, _, idf in known), default=0.0)
    # two members may be the same terms of this index
    own = next((terms for each, terms, _ in known if each == member), ())
    return tuple(Alternative(terms, weight * common / idf) for _, terms, idf in known if terms != own)


def _loose(snapshot: Snapshot, unknown: Iterable[Token], text: str, weights: Weights) -> dict[int, float]:
    """For words that the index does not know: the nearest spelling, and words that begin like them."""
    # slips are in what was typed, not in its stem: "waranty" is near "warranty", "waranti" is near nothing
    typed = {
        token.term: fold(text[token.start : token.end]).text if token.term.isascii() else token.term
        for token in unknown
    }
    loose: dict[int, float] = {}
    for term, written in list(typed.items())[:MAX_WORDS]:
        loose |= dict.fromkeys(begun(snapshot, term), weights.begun)
        nearest = near(snapshot, written)
        if nearest:
            loose[nearest[1]] = weights.near
    return loose


def analyze_query(text: str) -> Analysis:
    """The analysis of a query, remembered."""
    return read_query(text).analysis


def read_query(text: str) -> Typed:
    """What a query's text gives whatever the index; remembered for the next page, reader or keystroke."""
    return _kept.get(text) or (_remembered(text) if len(text) <= _REMEMBERED_LENGTH else _read(text))


def keep(texts: Iterable[str]) -> None:
    """Read these queries now, and remember them for good: the golden ones, which each publish asks."""
    _kept.update({text: _read(text) for text in texts if text not in _kept})


def _read(text: str) -> Typed:
    folded = fold(text)
    analysis = analyze_folded(folded)
    cut = compiled if _is_compiled() else grams
    return Typed(
        folded.text,
        analysis,
        kana_lean(text),
        cut.query_bigrams(folded.text),
        cut.query_readings(analysis.reading),
        cut.query_fourgrams(folded.text),
    )


def _is_compiled() -> bool:
    return compiled is not None and kernel.name() == "compiled"


_remembered = lru_cache(maxsize=512)(_read)
_kept: dict[str, Typed] = {}


def kana_lean(text: str) -> float:
    """How much a query is hiragana where kanji would be usual, 0 to 1; katakana does not count."""
    hiragana, kanji = (compiled.scripts if _is_compiled() else scripts)(text)
    share = hiragana / (hiragana + kanji) if hiragana else 0.0
    return (share - _KANA_FROM) / (1 - _KANA_FROM) if share > _KANA_FROM else 0.0


def scripts(text: str) -> tuple[int, int]:
    """How many letters are hiragana, how many kanji."""
    hiragana = sum("\u3041" <= character <= "\u3096" for character in text)
    return hiragana, sum("\u3400" <= character <= "\u9fff" for character in text)


def _rarest(snapshot: Snapshot, words: dict[int, float]) -> dict[int, float]:
    return dict(sorted(words.items(), key=lambda pair: int(snapshot.df[pair[0]]))[:MAX_WORDS])


def _grams(snapshot: Snapshot, typed: Typed, weights: Weights) -> tuple[dict[int, float], float]:
    """Weights of the query's n-grams that occur here, and the sum over all of them."""
    found: dict[int, float] = {}
    reading = weights.reading + (weights.reading_kana - weights.reading) * typed.lean
    kinds = [
        (codes, weight)
        for codes, weight in (
            (typed.bigrams, weights.bigram * (1 - typed.lean)),
            (typed.readings, reading),
            (typed.fourgrams, weights.fourgram),
        )
        if weight and codes
    ]
    if _is_compiled():
        compiled.weigh(snapshot.gram_codes, kinds, found)
    else:
        for codes, weight in kinds:
            found |= dict.fromkeys(snapshot.known_grams(codes), weight)
    return found, sum((weight * len(codes) for codes, weight in kinds), 0.0)
