"""The serving snapshot, opened: arrays that every worker maps from the same pages. Written by `compile`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from kb.index import kernel
from kb.index.blob import Blob, Mapped, load
from kb.index.kernel_numpy import Forward
from kb.index.pieces import Pieces
from kb.index.readings import Readings
from kb.index.recent import Recent
from kb.index.schema import idf
from kb.index.scorer import Postings, Scorer
from kb.index.sets import Bits, Filled, bits_needed, filled, packed, tally_filled
from kb.index.suggestions import SuggestionTable
from kb.model import Article, Audience, Kind
from kb.text.synonyms import Member, Synonyms

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

CARDS, PASSAGES = 4096, 2048
"""How many are kept once they were shown: 3 and 2 MB."""


class Card(Struct, frozen=True, array_like=True):
    """What a hit shows of its article."""

    locale: str
    id: str
    title: str
    kind: Kind
    category: str
    tags: tuple[str, ...]
    products: tuple[str, ...]
    audience: Audience
    updated: str
    title_terms: tuple[int, ...]
    """Beside the encoded cards, since their numbers change with other articles."""
    title_spans: tuple[tuple[int, int], ...]


class Heading(Struct, frozen=True, array_like=True):
    """What names a section: the beginning of its passage."""

    anchor: str
    title: str


class Passage(Struct, frozen=True, array_like=True):
    """A section as a hit shows it."""

    anchor: str
    heading: str
    text: str


class Meta(Struct, frozen=True, kw_only=True):
    """Small facts about a snapshot, in meta.json."""

    locale: str
    articles: int
    sections: int
    questions: int
    terms: int
    categories: list[str]
    tags: list[str]
    products: list[str]
    averages: dict[str, float]
    """Mean number of terms a section, by field."""


class PostingLists:
    """Posting lists by number."""

    def __init__(self, files: Mapped, name: str) -> None:
        self.ptr = load(files, f"{name}_ptr")
        self.row: Ints = load(files, f"{name}_row")
        self.impact: Floats = load(files, f"{name}_impact")
        self._long = [load(files, f"{name}_{part}") for part in ("long", "begin", "peak")]

    def of(self, number: int) -> tuple[Ints, Floats]:
        start, end = self.ptr[number], self.ptr[number + 1]
        return self.row[start:end], self.impact[start:end]

    def arrays(self) -> Postings:
        return Postings(self.ptr, self.row, self.impact, *self._long)


class Facet:
    """Values of one facet: `names[v] for v in values[ptr[a]:ptr[a + 1]]` are those of article a."""

    def __init__(self, files: Mapped, name: str, names: list[str]) -> None:
        self.names = names
        self.ptr = load(files, f"{name}_ptr")
        self.values: Ints = load(files, f"{name}_values")
        self._holders: dict[str, Bits] = {}

    def tally(self, articles: Bits) -> list[int]:
        """How many articles of a set have each value."""
        if kernel.name() == "numpy":
            return tally_filled(self._filled, articles)
        counts: list[int] = kernel.chosen.tally(self._sets, articles)
        return counts

    @cached_property
    def _sets(self) -> Bits:
        """A row for each value: the articles that have it."""
        sets = [self.holders(value) for value in self.names]
        return np.stack(sets) if sets else np.zeros((0, bits_needed(len(self.ptr) - 1)), np.uint64)

    @cached_property
    def _filled(self) -> Filled:
        return filled(self._sets)

    def holders(self, value: str) -> Bits:
        """The articles that have a value; none an unknown one. Kept: a bit an article, for each value."""
        if value in self._holders:
            return self._holders[value]
        holds = np.zeros(len(self.ptr) - 1, bool)
        if value in self.names:
            places = np.flatnonzero(self.values == self.names.index(value))
            holds[np.searchsorted(self.ptr, places, side="right") - 1] = True
            self._holders[value] = packed(holds)
        return packed(holds)


class Texts:
    """What is shown, encoded: each article, followed by its sections as passages."""

    def __init__(self, files: Mapped, article_sections: npt.NDArray[np.int64], section_article: Ints) -> None:
        self._texts = Pieces(files, "texts")
        self._sections, self._owner = article_sections, section_article

    def article(self, article: int) -> bytes:
        return self._texts[self._sections.item(article) + article]

    def passage(self, section: int) -> bytes:
        return self._texts[section + self._owner.item(section) + 1]


class Snapshot:
    """One locale as one audience may see it. Immutable; any number of threads may read it."""

    def __init__(self, folder: Path, synonyms: Synonyms | None = None) -> None:
        self.folder = folder
        self.synonyms = synonyms or Synonyms([])
        files = Mapped(folder)
        self.meta = msgspec.json.decode(files["meta.json"], type=Meta)
        self.terms = Blob(files, "terms")
        self.words = PostingLists(files, "words")
        self.grams = PostingLists(files, "grams")
        self.gram_codes = load(files, "gram_codes")
        self.idf: Floats = load(files, "idf")
        self.df: Ints = load(files, "df")
        self.article_sections = load(files, "article_sections")
        self.article_questions = load(files, "article_questions")
        self.forward_ptr = load(files, "forward_ptr")
        self.forward_term: Ints = load(files, "forward_term")
        self.forward_start: Ints = load(files, "forward_start")
        self.forward_end: Ints = load(files, "forward_end")
        lexicon = Blob(files, "lexicon"), load(files, "lexicon_terms_ptr"), load(files, "lexicon_terms")
        self.readings = Readings(*lexicon, self.terms, self.df)
        self.facets = {
            "category": Facet(files, "category", self.meta.categories),
            "tags": Facet(files, "tags", self.meta.tags),
            "products": Facet(files, "products", self.meta.products),
        }
        self.suggestions = SuggestionTable(files)
        self._surfaces = Blob(files, "surfaces")
        self._spellings = Blob(files, "spellings")
        self._spelling_terms = load(files, "spelling_terms")
        self._article_ids = Blob(files, "article_ids")
        self.card: Callable[[int], Card] = _cards(files)
        """What a hit shows of an article, by number; a search asks for sixty."""
        self._named: tuple[str, list[str]] = "", []
        self.nearest: dict[str, tuple[str, int] | None] = {}
        """What `kb.vocabulary.near` found, kept here so that it goes when this snapshot is replaced."""
        articles = np.arange(self.meta.articles, dtype=np.int32)
        lengths = (np.diff(self.article_sections), np.diff(self.article_questions))
        self.owner: Ints = np.concatenate([np.repeat(articles, length) for length in lengths])
        """The article of each row; small, and every query needs it, so it is held in memory."""
        self.section_article = self.owner[: self.meta.sections]
        # nothing that is kept beside a snapshot may hold it: these hold its files alone
        self._texts = texts = Texts(files, self.article_sections, self.section_article)
        self.heading: Callable[[int], Heading] = lambda section: _decode_heading(texts.passage(section))
        """What a link to a section shows, by number."""
        self.passage: Callable[[int], Passage] = Recent(
            PASSAGES, lambda section: _decode_passage(texts.passage(section))
        ).__getitem__
        """A section as a hit shows it, by number."""
        self._synonyms_known: dict[int, tuple[tuple[Member, tuple[int, ...], float], ...]] = {}
        self._frequent = load(files, "frequent"), load(files, "frequent_articles")
        self._made: dict[ModuleType, tuple[Scorer, Forward]] = {}

    @property
    def scorer(self) -> Scorer:
        """Of the chosen kernel."""
        return self._of_kernel()[0]

    @property
    def forward(self) -> Forward:
        """Of the chosen kernel."""
        return self._of_kernel()[1]

    def _of_kernel(self) -> tuple[Scorer, Forward]:
        made = self._made.get(kernel.chosen)
        if made is None:
            lists = (self.words.arrays(), self.grams.arrays())
            made = self._made[kernel.chosen] = (
                kernel.chosen.Scorer(*lists, self.owner, self.article_sections, *self._frequent),
                kernel.chosen.Forward(
                    self.forward_ptr, self.forward_term, self.forward_start, self.forward_end
                ),
            )
        return made

    @cached_property
    def typical_idf(self) -> float:
        return float(np.log1p(self.meta.sections) / 2)

    def term(self, text: str) -> int:
        """Number of a term, or -1."""
        return self.terms.find(text.encode())

    def term_text(self, number: int) -> str:
        return self.terms[number].decode()

    def surface(self, number: int) -> str:
        """The term as it is mostly written."""
        return self._surfaces[number].decode()

    @cached_property
    def latin_words(self) -> dict[str, int]:
        """Words in Latin script as they are written (policy, policies), in lower case, with their terms."""
        return dict(zip(map(bytes.decode, self._spellings), self._spelling_terms.tolist(), strict=True))

    def synonyms_known(self, group: int) -> tuple[tuple[Member, tuple[int, ...], float], ...]:
        """The members of a synonym group that stand in this index: numbers and mean idf of their terms."""
        if group not in self._synonyms_known:
            members = ((m, tuple(map(self.term, m))) for m in self.synonyms.groups[group])
            self._synonyms_known[group] = tuple(
                (m, terms, self._mean_idf(terms)) for m, terms in members if -1 not in terms
            )
        return self._synonyms_known[group]

    def _mean_idf(self, terms: Sequence[int]) -> float:
        return sum(idf(self.meta.sections, int(self.df[term])) for term in terms) / len(terms)

    def known_grams(self, codes: Sequence[int]) -> list[int]:
        """Numbers of those n-grams that occur here."""
        if not len(self.gram_codes):
            return []
        sought = np.array(codes, np.uint64)
        places = np.minimum(np.searchsorted(self.gram_codes, sought), len(self.gram_codes) - 1)
        numbers: list[int] = places[self.gram_codes[places] == sought].tolist()
        return numbers

    def article(self, article: int) -> Article:
        return _decode_article(self._texts.article(article))

    def named_at(self, version: str, articles: Sequence[int]) -> tuple[str, ...]:
        """`id@version` of articles, by number. A search is recorded with fifty, so all are kept."""
        kept = self._named
        if kept[0] != version:
            kept = self._named = version, [f"{each.decode()}@{version}" for each in self._article_ids]
        return tuple(map(kept[1].__getitem__, articles))

    def find_article(self, article_id: str) -> int:
        """Number of the article with this id, or -1."""
        return self._article_ids.find(article_id.encode("utf-8", "replace"))


def _cards(files: Mapped) -> Callable[[int], Card]:
    """Cards by number, some of them kept in memory; they go when the snapshot does."""
    cards = Blob(files, "cards")
    ptr, terms = load(files, "title_terms_ptr"), load(files, "title_terms")

    def card(number: int) -> Card:
        own = terms[ptr[number] : ptr[number + 1]].tolist()
        return replace(_decode_card(cards[number]), title_terms=tuple(own))

    return Recent(CARDS, card).__getitem__


_decode_card = msgspec.msgpack.Decoder(Card).decode
_decode_heading = msgspec.msgpack.Decoder(Heading).decode
_decode_passage = msgspec.msgpack.Decoder(Passage).decode
_decode_article = msgspec.msgpack.Decoder(Article).decode
