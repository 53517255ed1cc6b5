"""Term vectors of articles → the serving snapshot: a folder of arrays. Called by the indexer.

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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from whoosh.util.numeric import byte_to_length, length_to_byte

from kb.index import grams, schema
from kb.index.blob import load, offsets, save, save_blob
from kb.index.joined import Joined, Wide, names_of
from kb.index.schema import GRAM_B, QUESTION_B
from kb.index.sets import bits_needed, packed
from kb.index.snapshot import Meta
from kb.index.suggestions import save_suggestions
from kb.index.vectors import COUNT_BITS, ROW_BITS, Vectors
from kb.text.kana import to_hiragana

_QUANTISED = np.array([byte_to_length(length_to_byte(n)) for n in range(4096)], np.float32)

_encode = msgspec.msgpack.Encoder().encode


def compile_snapshot(vectors: Sequence[Vectors], folder: Path, locale: str) -> Meta:
    """Write the snapshot of one locale and audience to `folder`, which must not exist. Returns its meta."""
    folder.mkdir(parents=True)
    joined = Joined(sorted(vectors, key=lambda each: each.card.id))
    articles = joined.articles
    save(folder, "article_sections", joined.section_offsets)
    save(folder, "article_questions", joined.question_offsets)
    save_blob(folder, "terms", [term.encode() for term in joined.terms.names])
    averages = _compile_words(folder, joined)
    _compile_grams(folder, joined)
    _compile_forward(folder, joined)
    _compile_lexicon(folder, joined)
    _compile_forms(folder, joined)
    save_suggestions(folder, [(each.entries, each.keys) for each in articles])
    names = _compile_facets(folder, joined)
    meta = Meta(
        locale=locale,
        articles=len(articles),
        sections=joined.sections,
        questions=joined.questions,
        terms=len(joined.terms.names),
        categories=names["category"],
        tags=names["tags"],
        products=names["products"],
        averages=averages,
    )
    save_blob(folder, "cards", _cards(joined))
    save_blob(folder, "articles", [bytes(each.article) for each in articles])
    save_blob(folder, "article_ids", [each.card.id.encode() for each in articles])
    save_blob(folder, "passages", [passage for each in articles for passage in each.passages])
    (folder / "meta.json").write_bytes(msgspec.json.encode(meta))
    return meta


class _Postings(Struct, frozen=True):
    """Ordered by number, then row."""

    number: Wide
    row: Wide
    impact: npt.NDArray[np.float64]


# ---------------------------------------------------------------- words


def _compile_words(folder: Path, joined: Joined) -> dict[str, float]:
    """Posting lists of words, with their statistics; returns the average length of each field."""
    sections, idf, averages = _section_postings(joined)
    save(folder, "idf", idf.astype(np.float32))
    save(folder, "df", np.bincount(sections.number, minlength=len(idf)).astype(np.int32))
    _save_postings(folder, "words", [sections, _question_postings(joined)], len(idf))
    lines = (joined.section_offsets, joined.question_offsets)
    owner = np.concatenate([np.repeat(np.arange(len(joined.articles)), np.diff(each)) for each in lines])
    ptr, row = load(folder, "words_ptr"), load(folder, "words_row")
    for name, array in zip(
        ("frequent", "frequent_articles"), frequent_sets(ptr, row, owner, len(joined.articles)), strict=True
    ):
        save(folder, name, array)
    return averages


def _section_postings(joined: Joined) -> tuple[_Postings, npt.NDArray[np.float64], dict[str, float]]:
    """Postings of all sections, the idf of each term, the average length of each field."""
    rows, terms = joined.sections, len(joined.terms.names)
    field, own_row, own_term, tf = joined.table("counts", 4)
    row = own_row + joined.shift("counts", 16, joined.section_offsets)
    term = joined.term("counts", 4, own_term)
    lengths, impact = joined.lengths, np.zeros(len(tf))
    held = [field == number for number in range(len(schema.FIELDS))]
    df = np.max([np.bincount(term[each], minlength=terms) for each in held], axis=0)
    idf = idf_of(rows, df)
    averages = {name: float(lengths[n].sum()) / max(rows, 1) for n, name in enumerate(schema.FIELDS)}
    for (name, (boost, b)), each, length in zip(schema.FIELDS.items(), held, lengths, strict=True):
        of_row = quantised(length)[row[each]]
        impact[each] = boost * bm25(idf[term[each]], tf[each], of_row, averages[name], b)
    return _summed(term, row, impact, rows), idf, averages


def _question_postings(joined: Joined) -> _Postings:
    """Single lines of `questions`, rows after the sections, with statistics of their own."""
    line, own, tf = joined.table("asked", 3)
    line = line + joined.shift("asked", 12, joined.question_offsets)
    term = joined.term("asked", 3, own)
    (length,) = joined.table("asked_lengths", 1)
    idf = idf_of(joined.questions, np.bincount(term, minlength=len(joined.terms.names)))
    impact = bm25(idf[term], tf, length[line], length.mean() if len(length) else 1.0, QUESTION_B)
    order = np.lexsort((line, term))
    return _Postings(term[order], line[order] + joined.sections, impact[order])


def idf_of(documents: int, df: Wide) -> npt.NDArray[np.float64]:
    """`schema.idf` of many."""
    return np.asarray(np.log(1 + (documents - df + 0.5) / (df + 0.5)))


def quantised(lengths: Wide) -> npt.NDArray[np.float64]:
    """Lengths as Whoosh stores them in one byte; it takes 1 for an empty field."""
    long = [byte_to_length(length_to_byte(int(n))) if n >= len(_QUANTISED) else 0 for n in lengths]
    small = _QUANTISED[np.minimum(lengths, len(_QUANTISED) - 1)].astype(np.float64)
    return np.where(lengths >= len(_QUANTISED), long, small)


def bm25(idf: Any, tf: Any, length: Any, average: float, b: float) -> npt.NDArray[np.float64]:
    """Impacts of one field before its boost."""
    return np.asarray(
        idf * tf * (schema.K1 + 1) / (tf + schema.K1 * (1 - b + b * length / max(average, 1e-9)))
    )


def _summed(number: Wide, row: Wide, impact: npt.NDArray[np.float64], rows: int) -> _Postings:
    """Several impacts at one place become one."""
    key = number * max(rows, 1) + row
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    total = np.add.reduceat(impact[order], first) if len(first) else impact
    return _Postings(key[first] // max(rows, 1), key[first] % max(rows, 1), total)


def _save_postings(folder: Path, name: str, parts: Sequence[_Postings], count: int) -> None:
    """Merge postings whose rows follow each other; within a term, rows ascend."""
    number = np.concatenate([part.number for part in parts])
    order = np.argsort(number, kind="stable") if len(parts) > 1 else slice(None)
    row = np.concatenate([part.row for part in parts]).astype(np.int32)
    impact = np.concatenate([part.impact for part in parts]).astype(np.float32)
    save(folder, f"{name}_ptr", offsets(np.bincount(number, minlength=count)))
    save(folder, f"{name}_row", row[order])
    save(folder, f"{name}_impact", impact[order])


FREQUENT = 16
"""A term with a posting for every so many articles is frequent: its articles are stored as a set, too, which
takes less room than its postings, and is or-ed instead of looking up the article of each posting."""


def frequent_sets(ptr: Wide, row: npt.NDArray[Any], owner: Wide, articles: int) -> tuple[Any, Any]:
    """For each term the number of its set of articles, -1 without one; and the sets, one after the other."""
    often = np.flatnonzero(np.diff(ptr) * FREQUENT >= max(articles, 1))
    place = np.full(len(ptr) - 1, -1, np.int32)
    place[often] = np.arange(len(often))
    sets = np.zeros((len(often), bits_needed(articles)), np.uint64)
    for number, term in enumerate(often.tolist()):
        members = np.zeros(articles, bool)
        members[owner[row[ptr[term] : ptr[term + 1]]]] = True
        sets[number] = packed(members)
    return place, sets.ravel()


# ---------------------------------------------------------------- n-grams


def _compile_grams(folder: Path, joined: Joined) -> None:
    rows = max(joined.sections, 1)
    packed = np.frombuffer(b"".join(each.grams for each in joined.articles), np.uint64)
    packed = packed + (joined.shift("grams", 8, joined.section_offsets).astype(np.uint64) << COUNT_BITS)
    packed.sort()
    code = packed >> (COUNT_BITS + ROW_BITS)
    row = ((packed >> COUNT_BITS) & np.uint64((1 << int(ROW_BITS)) - 1)).astype(np.int32)
    tf = (packed & np.uint64(0xFF)).astype(np.float32) / 2
    first = np.flatnonzero(np.append(True, code[1:] != code[:-1])[: len(code)])
    df = np.diff(first, append=len(code))
    kind = (code >> np.uint64(grams.KIND_BIT)).astype(np.int64)
    length = np.bincount(kind * rows + row, tf, 3 * rows).reshape(3, rows)
    fullness = GRAM_B * length / np.maximum(length.mean(axis=1, keepdims=True), 1e-9)
    saturation = (schema.K1 * (1 - GRAM_B + fullness)).astype(np.float32)
    idf = np.repeat(idf_of(joined.sections, df).astype(np.float32), df)
    save(folder, "gram_codes", code[first])
    save(folder, "grams_ptr", offsets(df))
    save(folder, "grams_row", row)
    save(folder, "grams_impact", idf * tf * np.float32(schema.K1 + 1) / (tf + saturation[kind, row]))


# ---------------------------------------------------------------- the rest


def _compile_forward(folder: Path, joined: Joined) -> None:
    """Body tokens of each section in order, with positions: snippets are cut from these."""
    (lengths,) = joined.table("forward_lengths", 1)
    own, start, end = joined.table("forward", 3)
    save(folder, "forward_ptr", offsets(lengths))
    save(folder, "forward_term", joined.term("forward", 3, own).astype(np.int32))
    save(folder, "forward_start", start.astype(np.int32))
    save(folder, "forward_end", end.astype(np.int32))


def _compile_lexicon(folder: Path, joined: Joined) -> None:
    """Which terms a kana spelling may stand for: かいやく → 解約."""
    spelled = names_of([each.readings for each in joined.articles])
    own_reading, own_term = joined.table("read_as", 2)
    reading = spelled.number[own_reading + joined.shift("read_as", 8, spelled.first)]
    terms = max(len(joined.terms.names), 1)
    pairs = np.unique(reading * terms + joined.term("read_as", 2, own_term))
    save_blob(folder, "lexicon", [name.encode() for name in spelled.names])
    save(folder, "lexicon_terms_ptr", offsets(np.bincount(pairs // terms, minlength=len(spelled.names))))
    save(folder, "lexicon_terms", (pairs % terms).astype(np.int32))


def _compile_forms(folder: Path, joined: Joined) -> None:
    """How each term is written, and every word in Latin script as written: what typos are compared with."""
    forms = names_of([each.forms for each in joined.articles])
    own_term, own_form, count = joined.table("written", 3)
    term, itself = joined.term("written", 3, own_term), own_form < 0
    form = forms.number[(own_form + joined.shift("written", 12, forms.first))[~itself]]
    other = _summed(term[~itself], form, count[~itself].astype(np.float64), len(forms.names))
    same = np.bincount(term[itself], count[itself], len(joined.terms.names)).tolist()
    written = [[(name, n)] if n else [] for name, n in zip(joined.terms.names, same, strict=True)]
    for number, found, often in zip(
        *(a.tolist() for a in (other.number, other.row, other.impact)), strict=True
    ):
        written[number].append((forms.names[found], often))
    spelled: dict[str, int] = {}
    for number, found in enumerate(written):
        for text, _ in found:
            # Wi-Fi as wifi
            latin = _JOINTS.sub("", text).lower()
            if latin.isascii() and latin.isalpha():
                spelled[latin] = number
    surfaces = [_surface(term, found) for term, found in zip(joined.terms.names, written, strict=True)]
    save_blob(folder, "surfaces", [surface.encode() for surface in surfaces])
    save_blob(folder, "spellings", [latin.encode() for latin in sorted(spelled)])
    save(folder, "spelling_terms", np.array([spelled[latin] for latin in sorted(spelled)], np.int32))


_JOINTS = re.compile(r"[-_.+/&']")


def _surface(term: str, written: list[tuple[str, int]]) -> str:
    """The form that is written most, of those that are the term itself."""
    if not written:
        return term
    same = [each for each in written if to_hiragana(each[0].lower()) == term]
    if same:
        return max(same, key=_often)[0]
    # an inflected Japanese word is told by its dictionary form, a stemmed English one is not a word
    return max(written, key=_often)[0].lower() if term.isascii() else term


def _often(form: tuple[str, int]) -> tuple[int, str]:
    """Among equals small letters go before capitals, kanji before kana."""
    return form[1], form[0]


def _compile_facets(folder: Path, joined: Joined) -> dict[str, list[str]]:
    """Write the values of each facet by article; return their names."""
    cards = [each.card for each in joined.articles]
    names: dict[str, list[str]] = {}
    for facet in ("category", "tags", "products"):
        values = [(card.category,) if facet == "category" else getattr(card, facet) for card in cards]
        names[facet] = sorted({value for some in values for value in some if value})
        number = {value: n for n, value in enumerate(names[facet])}
        numbers = [[number[value] for value in dict.fromkeys(some) if value] for some in values]
        save(folder, f"{facet}_ptr", offsets([len(some) for some in numbers]))
        save(folder, f"{facet}_values", np.array([n for some in numbers for n in some], np.int32))
    return names


def _cards(joined: Joined) -> list[bytes]:
    number, found = joined.terms.number, []
    for each, first in zip(joined.articles, joined.terms.first, strict=True):
        terms = tuple(int(number[first + own]) for own in each.card.title_terms)
        found.append(_encode(msgspec.structs.replace(each.card, title_terms=terms)))
    return found
