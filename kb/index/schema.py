"""The fields of a section and the numbers that weigh them. What Whoosh makes of them stands in `durable`.

Title and tags of an article stand in each of its sections, so that "refund deadline" finds the section
about deadlines in the article about refunds. Questions stand with the lead.
"""

from __future__ import annotations

import math
import zlib

import msgspec

from kb.text.analyze import ANALYZER_VERSION

SCHEMA_VERSION = "8"
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

QUESTION_B = 0.6
"""Length discount of a single line of `questions`."""

GRAM_B = 0.75
GRAM_BOOSTS = {"title": 2.0, "questions": 1.0, "headings": 1.5, "body": 1.0}
"""n-grams sum their counts over fields before they saturate once (BM25F as in the literature)."""


def fingerprint() -> str:
    """Of everything that makes two indexes incompatible; the numbers above are compiled into impacts."""
    numbers = zlib.crc32(repr((K1, FIELDS, QUESTION_B, GRAM_B, GRAM_BOOSTS)).encode())
    return f"schema {SCHEMA_VERSION}-{numbers:08x}, analyzer {ANALYZER_VERSION}"


def idf(documents: int, frequency: int) -> float:
    """Inverse document frequency as Lucene has it: never negative, near 0 for words in every section.

    Whoosh's own (`log(N / (n + 1)) + 1`) gives a word in every document a third of the weight of a rare
    one, which buries the rare word of a sentence under its common ones.
    """
    return math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))


encode = msgspec.msgpack.Encoder().encode
