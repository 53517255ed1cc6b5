"""Whoosh's records → the serving snapshot: a folder of arrays. Called by the indexer after each commit.

The heart is one posting list a term: the rows where it occurs beside its impact there, which is the BM25F
weight already summed over all fields:

    impact(t, s) = sum over fields f of
        boost_f * idf(t) * tf * (K1 + 1) / (tf + K1 * (1 - B_f + B_f * len_f / avg_f))

so that a query is a sum of (query weight * impact). Rows are sections, then single lines of `questions`.
The statistics are those of live documents, with lengths rounded as Whoosh rounds them: on an index without
deletions scores equal Whoosh's (tests/test_ranking_is_whooshs.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from whoosh.util.numeric import byte_to_length, length_to_byte

from kb.index import grams, schema
from kb.index.blob import offsets, save, save_blob
from kb.index.records import field_tokens, headings_texts, labels_text
from kb.index.schema import ArticleRecord, Records, SectionRecord
from kb.index.snapshot import Card, Floats, Ints, Meta, Passage
from kb.index.suggestions import compile_suggestions
from kb.text.analyze import Analysis, Token
from kb.text.kana import to_hiragana
from kb.text.normalize import fold

QUESTION_B = 0.6
"""Length discount of a single line of `questions`."""
GRAM_B = 0.75
GRAM_BOOSTS = {"title": 2.0, "questions": 1.0, "headings": 1.5, "body": 1.0}
"""n-grams sum their counts over fields before they saturate once (BM25F as in the literature)."""

_QUANTISED = np.array([byte_to_length(length_to_byte(n)) for n in range(4096)], np.float32)


_encode = msgspec.msgpack.Encoder().encode


def compile_snapshot(records: Records, folder: Path, locale: str) -> Meta:
    """Write the snapshot of one locale and audience to `folder`, which must not exist. Returns its meta."""
    folder.mkdir(parents=True)
    records = sorted(records, key=lambda record: record[0].article.id)
    sections = [section for _, parts in records for section in parts]
    owners = [record for record, parts in records for _ in parts]
    questions = [question for record, _ in records for question in record.questions]
    vocabulary = _vocabulary(records)
    ids = {term: number for number, term in enumerate(vocabulary)}

    save(folder, "article_sections", offsets([len(parts) for _, parts in records]))
    save(folder, "article_questions", offsets([len(record.questions) for record, _ in records]))
    save_blob(folder, "terms", [term.encode() for term in vocabulary])
    section_postings, idf, averages = _section_postings(ids, owners, sections)
    question_postings = _question_postings(ids, questions, len(sections))
    save(folder, "idf", idf)
    save(folder, "df", np.bincount(section_postings[0], minlength=len(ids)).astype(np.int32))
    _save_postings(folder, "words", [section_postings, question_postings], len(ids))
    _compile_grams(folder, owners, sections, questions)
    _compile_forward(folder, ids, sections)
    _compile_lexicon(folder, ids, records)
    written = _written(records)
    save_blob(folder, "surfaces", [_surface(term, written.get(term)).encode() for term in vocabulary])
    _compile_spellings(folder, ids, written)
    compile_suggestions(records, folder)
    names = _compile_facets(folder, records)
    meta = Meta(
        locale=locale,
        articles=len(records),
        sections=len(sections),
        questions=len(questions),
        terms=len(ids),
        categories=names["category"],
        tags=names["tags"],
        products=names["products"],
        averages=averages,
    )
    save_blob(folder, "cards", [_encode(_card(record, ids)) for record, _ in records])
    save_blob(folder, "articles", [_encode(record.article) for record, _ in records])
    save_blob(folder, "article_ids", [record.article.id.encode() for record, _ in records])
    save_blob(folder, "passages", [_encode(Passage(s.anchor, s.heading, s.text)) for s in sections])
    (folder / "meta.json").write_bytes(msgspec.json.encode(meta))
    return meta


def _vocabulary(records: Records) -> list[str]:
    terms: set[str] = set()
    for record, parts in records:
        for analysis in (record.title, record.tags, *record.questions):
            terms.update(token.term for token in analysis.tokens)
        for section in parts:
            terms.update(token.term for token in section.headings.tokens)
            terms.update(token.term for token in section.body.tokens)
    # by bytes, as a binary search over the blob compares them
    return sorted(terms, key=str.encode)


Postings = tuple[npt.NDArray[np.int64], Ints, Floats]
"""Term or code number, row, impact; ordered by number, then row."""


def _section_postings(
    ids: dict[str, int], owners: Sequence[ArticleRecord], sections: Sequence[SectionRecord]
) -> tuple[Postings, Floats, dict[str, float]]:
    """Postings of all sections, the idf of each term, the average length of each field."""
    rows = len(sections)
    counted = {name: _count(ids, analyses) for name, analyses in _fields(owners, sections).items()}
    df = np.zeros(len(ids), np.int64)
    for terms, _, _, _ in counted.values():
        df = np.maximum(df, np.bincount(terms, minlength=len(ids)))
    idf = np.array([schema.idf(rows, int(n)) for n in df], np.float64)
    average = {name: float(lengths.sum()) / max(rows, 1) for name, (_, _, _, lengths) in counted.items()}
    keys, impacts = [], []
    for name, (terms, where, tf, lengths) in counted.items():
        boost, b = schema.FIELDS[name]
        keys.append(terms * rows + where)
        impacts.append(boost * bm25(idf[terms], tf, quantised(lengths)[where], average[name], b))
    postings = _sum_by_key(np.concatenate(keys), np.concatenate(impacts), rows)
    return postings, idf.astype(np.float32), average


def _fields(
    owners: Sequence[ArticleRecord], sections: Sequence[SectionRecord]
) -> dict[str, list[list[Token]]]:
    """The tokens of each scored field, a list a section; the indexer feeds Whoosh the very same."""
    return {
        name: [field_tokens(name, o, s) for o, s in zip(owners, sections, strict=True)]
        for name in schema.FIELDS
    }


def _count(
    ids: dict[str, int], rows: Sequence[Sequence[Token]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """(term, row, count) of all that occur, and the length of each row."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    terms = np.fromiter((ids[token.term] for row in rows for token in row), np.int64, int(lengths.sum()))
    where = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
    keys, counts = np.unique(terms * max(len(rows), 1) + where, return_counts=True)
    return keys // max(len(rows), 1), keys % max(len(rows), 1), counts.astype(np.float64), lengths


def quantised(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Lengths as Whoosh stores them in one byte; it takes 1 for an empty field."""
    long = [byte_to_length(length_to_byte(int(n))) if n >= len(_QUANTISED) else 0 for n in lengths]
    small = _QUANTISED[np.minimum(lengths, len(_QUANTISED) - 1)].astype(np.float64)
    return np.where(lengths >= len(_QUANTISED), long, small)


def bm25(idf: Any, tf: Any, length: Any, average: float, b: float) -> npt.NDArray[np.float64]:
    return np.asarray(
        idf * tf * (schema.K1 + 1) / (tf + schema.K1 * (1 - b + b * length / max(average, 1e-9)))
    )


def _sum_by_key(keys: npt.NDArray[np.int64], impacts: npt.NDArray[np.float64], rows: int) -> Postings:
    unique, inverse = np.unique(keys, return_inverse=True)
    summed = np.bincount(inverse, weights=impacts, minlength=len(unique)).astype(np.float32)
    return unique // max(rows, 1), (unique % max(rows, 1)).astype(np.int32), summed


def _question_postings(ids: dict[str, int], questions: Sequence[Analysis], first: int) -> Postings:
    """Single lines of `questions`, rows after the sections, with statistics of their own."""
    terms, where, tf, lengths = _count(ids, [line.tokens for line in questions])
    df = np.bincount(terms, minlength=len(ids))
    idf = np.array([schema.idf(len(questions), int(n)) for n in df], np.float64)
    impacts = bm25(idf[terms], tf, lengths[where], lengths.mean() if len(lengths) else 1.0, QUESTION_B)
    return terms, (where + first).astype(np.int32), impacts.astype(np.float32)


def _compile_grams(
    folder: Path,
    owners: Sequence[ArticleRecord],
    sections: Sequence[SectionRecord],
    questions: Sequence[Analysis],
) -> None:
    rows = len(sections)
    codes, where, weights = [], [], []
    for boost, texts, spoken in _gram_sources(owners, sections):
        folded = [fold(text).text for text in texts]
        for code, row in (grams.bigrams(folded), grams.readings(spoken), grams.fourgrams(folded)):
            codes.append(code)
            where.append(row.astype(np.int64))
            weights.append(np.full(len(code), boost))
    table, inverse = np.unique(np.concatenate(codes), return_inverse=True)
    row, weight = np.concatenate(where), np.concatenate(weights)
    number, at, tf = _sum_by_key(inverse.astype(np.int64) * max(rows, 1) + row, weight, rows)
    kind = (table >> np.uint64(62)).astype(np.int64)
    df = np.bincount(number, minlength=len(table))
    idf = np.array([schema.idf(rows, int(n)) for n in df], np.float64)
    length = np.zeros((3, max(rows, 1)))
    np.add.at(length, (kind[number], at), tf)
    average = length.mean(axis=1)
    impact = idf[number] * tf * (schema.K1 + 1)
    impact /= tf + schema.K1 * (
        1 - GRAM_B + GRAM_B * length[kind[number], at] / np.maximum(average, 1e-9)[kind[number]]
    )
    save(folder, "gram_codes", table)
    _save_postings(folder, "grams", [(number, at, impact.astype(np.float32))], len(table))


def _gram_sources(
    owners: Sequence[ArticleRecord], sections: Sequence[SectionRecord]
) -> Iterable[tuple[float, list[str], list[str]]]:
    """(boost, text of each section, reading of each section) a field."""
    asked = [o.article.questions if s.ordinal == 0 else () for o, s in zip(owners, sections, strict=True)]
    spoken = [o.questions if s.ordinal == 0 else () for o, s in zip(owners, sections, strict=True)]
    yield GRAM_BOOSTS["title"], [o.article.title for o in owners], [o.title.reading for o in owners]
    yield (
        GRAM_BOOSTS["questions"],
        [" ".join(lines) for lines in asked],
        [" ".join(a.reading for a in lines) for lines in spoken],
    )
    yield GRAM_BOOSTS["headings"], [s.heading for s in sections], [s.headings.reading for s in sections]
    yield GRAM_BOOSTS["body"], [s.text for s in sections], [s.body.reading for s in sections]


def _compile_forward(folder: Path, ids: dict[str, int], sections: Sequence[SectionRecord]) -> None:
    """Body tokens of each section in order, with positions: snippets are cut from these."""
    tokens = [token for section in sections for token in section.body.tokens]
    save(folder, "forward_ptr", offsets([len(section.body.tokens) for section in sections]))
    save(folder, "forward_term", np.fromiter((ids[t.term] for t in tokens), np.int32, len(tokens)))
    save(folder, "forward_start", np.fromiter((t.start for t in tokens), np.int32, len(tokens)))
    save(folder, "forward_end", np.fromiter((t.end for t in tokens), np.int32, len(tokens)))


def _compile_lexicon(folder: Path, ids: dict[str, int], records: Records) -> None:
    """Which terms a kana spelling may stand for: かいやく → 解約."""
    spelled: dict[str, set[int]] = {}
    for record, parts in records:
        analyses = [record.title, record.tags, *record.questions]
        analyses += [a for section in parts for a in (section.headings, section.body)]
        for analysis in analyses:
            for token in analysis.tokens:
                if token.reading:
                    spelled.setdefault(token.reading, set()).add(ids[token.term])
    entries = sorted(spelled.items(), key=lambda entry: entry[0].encode())
    save_blob(folder, "lexicon", [reading.encode() for reading, _ in entries])
    save(folder, "lexicon_terms_ptr", offsets([len(terms) for _, terms in entries]))
    save(folder, "lexicon_terms", np.array([n for _, terms in entries for n in sorted(terms)], np.int32))


def _written(records: Records) -> dict[str, Counter[str]]:
    """The ways in which each term is written, with counts: パスワード for ぱすわーど."""
    written: dict[str, Counter[str]] = {}
    for record, parts in records:
        article = record.article
        texts = [(article.title, record.title), (labels_text(article), record.tags)]
        texts += zip(article.questions, record.questions, strict=True)
        texts += zip(headings_texts(article), (section.headings for section in parts), strict=True)
        texts += [(section.text, section.body) for section in parts]
        for text, analysis in texts:
            for token in analysis.tokens:
                written.setdefault(token.term, Counter())[text[token.start : token.end]] += 1
    return written


def _compile_spellings(folder: Path, ids: dict[str, int], written: dict[str, Counter[str]]) -> None:
    """Every form in which a word in Latin script is written, Wi-Fi as wifi: what typos are compared with."""
    forms = {
        re.sub(r"[-_.+/&']", "", form).lower(): ids[term] for term, forms in written.items() for form in forms
    }
    latin = sorted(form for form in forms if form.isascii() and form.isalpha())
    save_blob(folder, "spellings", [form.encode() for form in latin])
    save(folder, "spelling_terms", np.array([forms[form] for form in latin], np.int32))


def _surface(term: str, written: Counter[str] | None) -> str:
    if not written:
        return term
    same = Counter({text: count for text, count in written.items() if to_hiragana(text.lower()) == term})
    if same:
        return same.most_common(1)[0][0]
    # an inflected Japanese word is told by its dictionary form, a stemmed English one is not a word
    return written.most_common(1)[0][0].lower() if term.isascii() else term


def _compile_facets(folder: Path, records: Records) -> dict[str, list[str]]:
    """Write the values of each facet by article; return their names."""
    articles = [record.article for record, _ in records]
    names: dict[str, list[str]] = {}
    for facet in ("category", "tags", "products"):
        values = [(a.category,) if facet == "category" else getattr(a, facet) for a in articles]
        names[facet] = sorted({value for some in values for value in some if value})
        number = {value: n for n, value in enumerate(names[facet])}
        numbers = [[number[value] for value in dict.fromkeys(some) if value] for some in values]
        save(folder, f"{facet}_ptr", offsets([len(some) for some in numbers]))
        save(folder, f"{facet}_values", np.array([n for some in numbers for n in some], np.int32))
    return names


def _card(record: ArticleRecord, ids: dict[str, int]) -> Card:
    a, tokens = record.article, record.title.tokens
    updated = a.updated.isoformat(timespec="seconds").replace("+00:00", "Z")
    spans = tuple((token.start, token.end) for token in tokens)
    return Card(
        a.locale,
        a.id,
        a.title,
        a.kind,
        a.category,
        a.tags,
        a.products,
        a.audience,
        updated,
        tuple(ids[t.term] for t in tokens),
        spans,
    )


def _save_postings(folder: Path, name: str, parts: Sequence[Postings], count: int) -> None:
    """Merge postings whose rows follow each other; within a term, rows ascend."""
    number = np.concatenate([part[0] for part in parts])
    order = np.argsort(number, kind="stable")
    save(folder, f"{name}_ptr", offsets(np.bincount(number, minlength=count).tolist()))
    save(folder, f"{name}_row", np.concatenate([part[1] for part in parts])[order].astype(np.int32))
    save(folder, f"{name}_impact", np.concatenate([part[2] for part in parts])[order].astype(np.float32))
