"""Term vectors: all that one article gives to a snapshot, in arrays: compiling never cuts words again.

The indexer stores them with the article's first document; `compile` joins them. Terms, readings and written
forms are numbers into the article's own lists; rows are its sections, from 0. Arrays are little-endian bytes,
because that is read a hundred times faster than as many numbers of MessagePack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Raw, Struct

from kb.index import grams, schema
from kb.index.records import Analysed, field_tokens, headings_texts, labels_text, records_of
from kb.index.snapshot import Card, Passage
from kb.index.suggestions import Entry, entries_of, keys_of
from kb.model import Article, Audience
from kb.text.analyze import Analysis, Token
from kb.text.normalize import fold

Numbers = npt.NDArray[np.int32]

COUNT_BITS, ROW_BITS = np.uint64(8), np.uint64(22)
"""Of a packed n-gram, below its code: 4 million sections a locale, and a count of 127 saturates anyway."""


class Vectors(Struct, frozen=True, array_like=True):
    """One article. Shapes: `S` sections, `Q` lines of `questions`, `F` scored fields."""

    key: str
    article: Raw
    """The `Article` in MessagePack."""
    version: bytes
    """Changes when the article has to be indexed anew."""
    card: Card
    """Its `title_terms` are numbers into `terms`."""
    passages: tuple[bytes, ...]
    """S `Passage`s in MessagePack."""
    terms: tuple[str, ...]
    counts: bytes
    """int32 (n, 4): field, section, term, how often."""
    lengths: bytes
    """int32 (F, S): terms of each field."""
    asked: bytes
    """int32 (n, 3): line of `questions`, term, how often."""
    asked_lengths: bytes
    """int32 (Q,)."""
    grams: bytes
    """uint64 (n,): code, section (22 bits), how often in halves, weighted by `GRAM_BOOSTS` (8 bits)."""
    forward: bytes
    """int32 (n, 3): term, start and end in the passage's text, in order."""
    forward_lengths: bytes
    """int32 (S,)."""
    readings: tuple[str, ...]
    read_as: bytes
    """int32 (n, 2): reading, term."""
    forms: tuple[str, ...]
    written: bytes
    """int32 (n, 3): term, form (-1: the term itself), how often."""
    entries: tuple[Entry, ...]
    """Suggestions; their `article` is 0."""
    keys: tuple[tuple[bytes, int, int], ...]
    """Key, entry, place."""


def vectors_of(article: Article) -> Vectors:
    """Cut an article into words and count them."""
    record, sections = analysed = records_of(article)
    numbers: dict[str, int] = {}
    for analysis in _analyses(analysed):
        for token in analysis.tokens:
            numbers.setdefault(token.term, len(numbers))
    fields = [[field_tokens(name, record, section) for section in sections] for name in schema.FIELDS]
    readings, read_as = _readings(numbers, analysed)
    forms, written = _written(numbers, article, analysed)
    entries = tuple(entries_of(article))
    keys = [(key.encode(), n, place) for n, entry in enumerate(entries) for key, place in keys_of(entry.text)]
    return Vectors(
        key=article.key,
        article=Raw(schema.encode(article)),
        version=version_of(article),
        card=_card(article, record.title.tokens, numbers),
        passages=tuple(schema.encode(Passage(s.anchor, s.heading, s.text)) for s in sections),
        terms=tuple(numbers),
        counts=_table((f, *each) for f, rows in enumerate(fields) for each in _counted(numbers, rows)),
        lengths=_table(map(len, rows) for rows in fields),
        asked=_table(_counted(numbers, [line.tokens for line in record.questions])),
        asked_lengths=_table([len(line.tokens)] for line in record.questions),
        grams=_grams(analysed).tobytes(),
        forward=_table((numbers[t.term], t.start, t.end) for s in sections for t in s.body.tokens),
        forward_lengths=_table([len(section.body.tokens)] for section in sections),
        readings=readings,
        read_as=read_as,
        forms=forms,
        written=written,
        entries=entries,
        keys=tuple(keys),
    )


def version_of(article: Article) -> bytes:
    """Differs where an article has to be indexed anew."""
    return f"{article.audience} {article.digest}".encode()


def is_public(version: bytes) -> bool:
    """Of a `version_of`."""
    return version.startswith(Audience.PUBLIC.encode())


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Vectors).decode


def terms_by_field(vectors: Vectors) -> list[dict[str, list[str]]]:
    """What Whoosh is given: of each section the terms of each field, as often as they occur."""
    found: list[dict[str, list[str]]] = [{} for _ in vectors.passages]
    names = list(schema.FIELDS)
    for field, section, term, count in numbers_of(vectors.counts, 4).tolist():
        found[section].setdefault(names[field], []).extend([vectors.terms[term]] * count)
    return found


def numbers_of(table: bytes, columns: int) -> Numbers:
    """An int32 table from its bytes."""
    return np.frombuffer(table, np.int32).reshape(-1, columns)


def _table(rows: Iterable[Iterable[int]]) -> bytes:
    return np.fromiter(chain.from_iterable(rows), np.int32).tobytes()


def _analyses(analysed: Analysed) -> list[Analysis]:
    record, sections = analysed
    parts = [each for section in sections for each in (section.headings, section.body)]
    return [record.title, record.tags, *record.questions, *parts]


def _counted(numbers: dict[str, int], rows: Sequence[Sequence[Token]]) -> Iterable[tuple[int, int, int]]:
    """(row, term, how often)."""
    for row, tokens in enumerate(rows):
        for term, count in Counter(token.term for token in tokens).items():
            yield row, numbers[term], count


def _readings(numbers: dict[str, int], analysed: Analysed) -> tuple[tuple[str, ...], bytes]:
    """Which terms a kana spelling may stand for: かいやく → 解約."""
    pairs = {(t.reading, numbers[t.term]) for a in _analyses(analysed) for t in a.tokens if t.reading}
    spelled = {reading: number for number, reading in enumerate(sorted({reading for reading, _ in pairs}))}
    return tuple(spelled), _table(sorted((spelled[reading], term) for reading, term in pairs))


def _written(numbers: dict[str, int], article: Article, analysed: Analysed) -> tuple[tuple[str, ...], bytes]:
    """The ways in which each term is written: パスワード for ぱすわーど."""
    record, sections = analysed
    texts = [(article.title, record.title), (labels_text(article), record.tags)]
    texts += zip(article.questions, record.questions, strict=True)
    texts += zip(headings_texts(article), (section.headings for section in sections), strict=True)
    texts += [(section.text, section.body) for section in sections]
    counted = Counter((t.term, text[t.start : t.end]) for text, a in texts for t in a.tokens)
    forms = {form: number for number, form in enumerate({form for term, form in counted if form != term})}
    rows = ((numbers[t], -1 if form == t else forms[form], n) for (t, form), n in counted.items())
    return tuple(forms), _table(rows)


def _grams(analysed: Analysed) -> npt.NDArray[np.uint64]:
    """n-grams as `Vectors.grams` holds them: counts are summed over fields, then saturate once."""
    boosts, sections, texts, spoken = zip(*_gram_sources(analysed), strict=True)
    folded = [fold(text).text for text in texts]
    found = (grams.bigrams(folded), grams.readings(spoken), grams.fourgrams(folded))
    code = np.concatenate([codes for codes, _ in found])
    text = np.concatenate([rows for _, rows in found])
    section, halves = np.array(sections, np.uint64)[text], (2 * np.array(boosts))[text]
    place, which = np.unique((code << ROW_BITS) | section, return_inverse=True)
    count = np.minimum(np.bincount(which, halves, len(place)), 255)
    packed: npt.NDArray[np.uint64] = (place << COUNT_BITS) | count.astype(np.uint64)
    return packed


def _gram_sources(analysed: Analysed) -> Iterable[tuple[float, int, str, str]]:
    """(boost, section, text, reading of it)."""
    record, sections = analysed
    article, boosts = record.article, schema.GRAM_BOOSTS
    spoken = " ".join(line.reading for line in record.questions)
    yield boosts["questions"], 0, " ".join(article.questions), spoken
    for number, section in enumerate(sections):
        yield boosts["title"], number, article.title, record.title.reading
        yield boosts["headings"], number, section.heading, section.headings.reading
        yield boosts["body"], number, section.text, section.body.reading


def _card(article: Article, title: Sequence[Token], numbers: dict[str, int]) -> Card:
    return Card(
        article.locale,
        article.id,
        article.title,
        article.kind,
        article.category,
        article.tags,
        article.products,
        article.audience,
        article.updated.isoformat(timespec="seconds").replace("+00:00", "Z"),
        tuple(numbers[token.term] for token in title),
        tuple((token.start, token.end) for token in title),
    )
