"""The durable index: a Whoosh folder an audience and locale. Called by the indexer; serving never does.

A document is a section; the first of each article stores the article's term vectors, of which snapshots are
compiled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from whoosh import columns, fields, formats, scoring
from whoosh import index as whoosh_index
from whoosh.codec.whoosh3 import W3Codec
from whoosh.filedb.filestore import FileStorage
from whoosh.reading import SegmentReader
from whoosh.writing import SegmentWriter

from kb.index import vectors
from kb.index.schema import FIELDS, K1, idf
from kb.index.store import link_all
from kb.index.vectors import Vectors, terms_by_field

MERGE_SEGMENTS = 8
"""So many segments of like size become one: each costs a reader some milliseconds."""
_TIERS = (8, 64, 512)
"""Sections up to which segments are of like size; larger ones are merged no more, as that takes seconds."""
SEGMENT = 1000
"""Sections from which a first index begins another segment: one is made anew in 1.5 s, memory is spared."""
_MEMORY_MB = 256


def schema() -> fields.Schema:
    """Fields are fed lists of terms that `kb.text.analyze` has cut; Whoosh does not cut text here."""
    scored = {name: fields.TEXT(analyzer=None, phrase=False, stored=False, spelling=False) for name in FIELDS}
    for field in scored.values():
        field.format = formats.Frequency()
    return fields.Schema(
        key=fields.ID(unique=False, stored=True),
        ordinal=fields.STORED,
        vectors=fields.COLUMN(columns.VarBytesColumn()),
        **scored,
    )


class Weighting(scoring.BM25F):  # type: ignore[misc]
    """Whoosh's BM25F with Lucene's idf, taken over the field where the term is most frequent."""

    def __init__(self) -> None:
        super().__init__(K1=K1, **{f"{name}_B": b for name, (_, b) in FIELDS.items()})

    def idf(self, searcher: Any, fieldname: str, text: bytes) -> float:
        parent = searcher.get_parent()
        frequency = max(parent.doc_frequency(name, text) for name in FIELDS)
        return idf(parent.doc_count_all(), frequency)


class _Writer(SegmentWriter):  # type: ignore[misc]
    """Whoosh's own, but that the length of a field is not looked up for each of its terms: a quarter less.

    Nor is what it writes to be compressed: most blocks hold a few numbers, and all would be 5 % smaller.
    """

    def per_document_reader(self) -> Any:
        reader = super().per_document_reader()
        reader.doc_field_length = lru_cache(maxsize=None)(reader.doc_field_length)
        return reader


def start(folder: Path, before: Path | None) -> None:
    """An empty index, or one that shares the segments of `before`: Whoosh never changes a segment."""
    if before is not None:
        link_all(before, folder)
    else:
        folder.mkdir(mode=0o700)
        whoosh_index.create_in(str(folder), schema())


class Found(NamedTuple):
    """What an index holds of some articles."""

    numbers: list[int]
    """Of their documents."""
    vectors: list[Vectors]
    """By key."""


def find(folder: Path, keys: Collection[str]) -> Found:
    """The articles of these keys that are here; those that were deleted left out."""
    found = Found([], [])
    # not mapped: of mapped files Whoosh copies each whole
    with FileStorage(str(folder), supports_mmap=False).open_index().reader() as reader:
        for segment, first in reader.leaf_readers():
            numbers = [number for key in keys for number in _documents(segment, key)]
            found.numbers.extend(first + number for number in numbers)
            if numbers and segment.has_column("vectors"):
                column = segment.column_reader("vectors")
                found.vectors.extend(vectors.decode(own) for number in numbers if (own := column[number]))
    return Found(found.numbers, sorted(found.vectors, key=lambda each: each.key))


def _documents(segment: Any, key: str) -> list[int]:
    """Numbers of a key's documents in one segment, those that were deleted left out."""
    if ("key", key.encode()) not in segment:
        return []
    return list(segment.postings("key", key.encode()).all_ids())


def update(folder: Path, articles: Iterable[Vectors], stale: Collection[int], rewrite: bool = False) -> None:
    """Delete the documents `stale`, by number, and add `articles`.

    Whoosh only marks documents as deleted, their stored fields stay in its segments. `rewrite` makes those
    segments anew, so that no byte remains of what was deleted now or earlier.
    """
    fresh = iter(articles)
    first = next(fresh, None)
    if first is None and not stale and not rewrite:
        return
    index = whoosh_index.open_dir(str(folder))
    while True:
        writer = _Writer(index, limitmb=_MEMORY_MB, codec=W3Codec(compression=0))
        try:
            for number in stale:
                writer.delete_document(number)
            while first is not None and writer.doc_count() < SEGMENT:
                _add(writer, first)
                first = next(fresh, None)
        except BaseException:
            writer.cancel()
            raise
        writer.commit(mergetype=partial(_merge, rewrite))
        if first is None:
            return
        stale, rewrite = (), False


def _merge(rewrite: bool, writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh's call at a commit: the segments that stay; what the others hold becomes part of the new one."""
    chosen = [each for each in segments if _worn(each) or (rewrite and each.has_deletions())]
    for least, most in pairwise((0, *_TIERS)):
        if sum(least < each.doc_count_all() <= most for each in segments) >= MERGE_SEGMENTS:
            chosen += [each for each in segments if each.doc_count_all() <= most]
    for segment in segments:
        if segment in chosen and segment.doc_count():
            reader = SegmentReader(writer.storage, writer.schema, segment)
            writer.add_reader(reader)
            reader.close()
    return [each for each in segments if each not in chosen]


def _worn(segment: Any) -> bool:
    """Whether most of it is deleted."""
    return bool(2 * segment.deleted_count() > segment.doc_count_all())


def _add(writer: Any, article: Vectors) -> None:
    for ordinal, terms in enumerate(terms_by_field(article)):
        own = {} if ordinal else {"vectors": vectors.encode(article)}
        writer.add_document(key=article.key, ordinal=ordinal, **own, **terms)


def is_empty(folder: Path) -> bool:
    """Whether nothing is held but what was deleted."""
    return bool(whoosh_index.open_dir(str(folder)).doc_count() == 0)
