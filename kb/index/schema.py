"""What Whoosh holds: one document a section, its fields, and the weighting model of the ranking.

Title and tags of an article stand in each of its sections, so that "refund deadline" finds the section
about deadlines in the article about refunds. Questions stand with the lead.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from whoosh import fields, formats, scoring

from kb.model import Article
from kb.text.analyze import ANALYZER_VERSION, Analysis

SCHEMA_VERSION = "1"
"""Raised by hand when documents, records, the snapshot or the weighting change shape."""

K1 = 1.2
"""BM25's saturation of repeated words: the textbook value; 0.9 to 1.6 differ by less than 0.003 here."""

FIELDS: dict[str, tuple[float, float]] = {
    # field: (boost, B)         B is how much a long field is discounted
    "title": (2.0, 0.5),
    "questions": (1.5, 0.5),
    "headings": (1.5, 0.5),
    "tags": (0.8, 0.3),
    "body": (1.0, 0.75),
}
"""The scored fields. docs/relevance.md shows what each number gives."""


class SectionRecord(Struct, frozen=True, array_like=True):
    """What is stored with each section: enough to compile the snapshot without cutting words again."""

    article: str
    """Key of the article."""
    ordinal: int
    """Place in the article, from 0."""
    anchor: str
    heading: str
    text: str
    """What snippets are cut from; the lead's begins with the article's description."""
    headings: Analysis
    """Of the heading and those above it."""
    body: Analysis


class ArticleRecord(Struct, frozen=True, array_like=True):
    """Stored with an article's first section."""

    article: Article
    title: Analysis
    tags: Analysis
    questions: tuple[Analysis, ...]


Records = Sequence[tuple[ArticleRecord, Sequence[SectionRecord]]]
"""Articles with their sections in order."""


def schema() -> fields.Schema:
    """Fields are fed lists of terms that `kb.text.analyze` has cut; Whoosh does not cut text here."""
    scored = {name: fields.TEXT(analyzer=None, phrase=False, stored=False, spelling=False) for name in FIELDS}
    for field in scored.values():
        field.format = formats.Frequency()
    return fields.Schema(
        key=fields.ID(unique=False),
        section=fields.STORED,
        article=fields.STORED,
        **scored,
    )


def fingerprint() -> str:
    """Of everything that makes two indexes incompatible; the numbers above are compiled into impacts."""
    numbers = zlib.crc32(repr((K1, FIELDS)).encode())
    return f"schema {SCHEMA_VERSION}-{numbers:08x}, analyzer {ANALYZER_VERSION}"


def idf(documents: int, frequency: int) -> float:
    """Inverse document frequency as Lucene has it: never negative, near 0 for words in every section.

    Whoosh's own (`log(N / (n + 1)) + 1`) gives a word in every document a third of the weight of a rare
    one, which buries the rare word of a sentence under its common ones.
    """
    return math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))


class Weighting(scoring.BM25F):  # type: ignore[misc]
    """Whoosh's BM25F with Lucene's idf, taken over the field where the term is most frequent."""

    def __init__(self) -> None:
        super().__init__(K1=K1, **{f"{name}_B": b for name, (_, b) in FIELDS.items()})

    def idf(self, searcher: Any, fieldname: str, text: bytes) -> float:
        parent = searcher.get_parent()
        frequency = max(parent.doc_frequency(name, text) for name in FIELDS)
        return idf(parent.doc_count_all(), frequency)


encode = msgspec.msgpack.Encoder().encode
decode_section = msgspec.msgpack.Decoder(SectionRecord).decode
decode_article = msgspec.msgpack.Decoder(ArticleRecord).decode
