"""The durable index: a Whoosh folder an audience and locale, holding the records of its articles.

The indexer writes here and reads back what it compiles; serving never does. A document is a section, its
stored fields are its record (the first one's holds the article's, too).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from whoosh import index as whoosh_index

from kb.index.records import Analysed, field_tokens
from kb.index.schema import (
    FIELDS,
    ArticleRecord,
    Records,
    SectionRecord,
    decode_article,
    decode_section,
    encode,
    schema,
)
from kb.index.store import link_all

MERGE_SEGMENTS = 8
"""Segments from which an update merges them: each costs a reader some milliseconds."""
_MEMORY_MB = 256


def start(folder: Path, before: Path | None) -> None:
    """An empty index, or one that shares the segments of `before`: Whoosh never changes a segment."""
    if before is not None:
        link_all(before, folder)
    else:
        folder.mkdir(mode=0o700)
        whoosh_index.create_in(str(folder), schema())


def update(
    folder: Path, records: Iterable[Analysed], stale: Collection[str], rewrite: bool = False
) -> Iterator[str]:
    """Delete the articles of the keys `stale`, add `records`; yields each key that was written.

    Whoosh only marks documents as deleted, their stored fields stay in its segments. `rewrite` makes all
    segments anew, so that no byte remains of what was deleted now or earlier.
    """
    index = whoosh_index.open_dir(str(folder))
    with index.reader() as reader:
        old = [key for key in stale if reader.doc_frequency("key", key)]
    fresh = iter(records)
    first = next(fresh, None)
    if first is None and not old and not rewrite:
        return
    writer = index.writer(limitmb=_MEMORY_MB)
    try:
        for key in old:
            writer.delete_by_term("key", key)
        while first is not None:
            for section in first[1]:
                _add(writer, first[0], section)
            yield first[0].article.key
            first = next(fresh, None)
    except BaseException:
        writer.cancel()
        raise
    writer.commit(merge=False, optimize=rewrite or len(index._segments()) >= MERGE_SEGMENTS)


def _add(writer: Any, record: ArticleRecord, section: SectionRecord) -> None:
    fields = {name: [token.term for token in field_tokens(name, record, section)] for name in FIELDS}
    article = encode(record) if section.ordinal == 0 else None
    stored = {"section": encode(section), "article": article}
    writer.add_document(
        key=record.article.key,
        **{k: v for k, v in stored.items() if v},
        **{k: v for k, v in fields.items() if v},
    )


def read_records(folder: Path) -> Records:
    """All records of a Whoosh folder, live documents only, sections in order."""
    articles: dict[str, ArticleRecord] = {}
    sections: dict[str, list[SectionRecord]] = {}
    index = whoosh_index.open_dir(str(folder))
    with index.reader() as reader:
        for _, stored in reader.iter_docs():
            section = decode_section(stored["section"])
            sections.setdefault(section.article, []).append(section)
            if stored.get("article"):
                articles[section.article] = decode_article(stored["article"])
    return [(record, sorted(sections[key], key=lambda s: s.ordinal)) for key, record in articles.items()]
