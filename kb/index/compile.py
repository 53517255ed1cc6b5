"""Term vectors of articles → the serving snapshot: a folder of arrays. Called by the indexer.

The heart is one posting list a term: the rows where it occurs beside its impact there, which is the BM25F
weight already summed over all fields (`impacts`), so that a query is a sum of (query weight * impact). Rows
are sections, then single lines of `questions`.

A snapshot is made of the one before it, of the vectors of articles that went and of those that came. Without
one before it all have come: there is one way, and files are the same to the byte by whichever history.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from kb.index import impacts, kernel
from kb.index.blob import Strings, offsets
from kb.index.former import Former
from kb.index.joined import Joined, names_of
from kb.index.pieces import save_pieces
from kb.index.postings import Floats, Ints, Wide
from kb.index.saver import Saver, saving
from kb.index.sets import Bits
from kb.index.snapshot import Card, Meta
from kb.index.splice import by_name
from kb.index.suggestions import save_suggestions
from kb.index.vectors import Vectors
from kb.index.words import Vocabulary, compile_vocabulary

_encode = msgspec.msgpack.Encoder().encode


def compile_snapshot(
    target: Path, locale: str, before: Path | None, went: Sequence[Vectors], came: Sequence[Vectors]
) -> Meta:
    """Write `snapshot` and `tables` of one locale and audience below `target`; they must not exist.

    `before`: the folder of the same in the generation before. Returns the meta.
    """
    made = _Making(before, went, came)
    with saving(target / "snapshot", target / "tables") as (made.folder, made.tables):
        return _compile(made, locale, went)


def _compile(made: _Making, locale: str, went: Sequence[Vectors]) -> Meta:
    folder, came = made.folder, made.came.articles
    # what is largest is made and written beside the rest
    folder.beside(_save_texts, made)
    folder.beside(_compile_grams, made)
    made.vocabulary = compile_vocabulary(folder, made.tables, made.former, went, came)
    averages = _compile_words(made)
    _compile_forward(made)
    save_suggestions(folder, made.former, made.splice, [(each.entries, each.keys) for each in came])
    names = _compile_facets(made)
    _save_cards(made)
    meta = Meta(
        locale=locale,
        articles=len(made.splice),
        sections=int(made.sections[-1]),
        questions=int(made.questions[-1]),
        terms=len(made.vocabulary.names),
        categories=names["categories"],
        tags=names["tags"],
        products=names["products"],
        averages=averages,
    )
    folder.put("meta.json", [msgspec.json.encode(meta)])
    return meta


def _id(article: Vectors) -> bytes:
    return article.card.id.encode()


class _Making:
    """What the steps share. Numbers of sections and lines are offsets by article."""

    folder: Saver
    tables: Saver
    vocabulary: Vocabulary

    def __init__(self, before: Path | None, went: Sequence[Vectors], came: Sequence[Vectors]) -> None:
        self.former = former = Former(before)
        self.went = went
        self.came = new = Joined(sorted(came, key=_id))
        self.splice = by_name(former.items("article_ids"), set(map(_id, went)), list(map(_id, new.articles)))
        self.former_sections = former.offsets("article_sections")
        self.former_questions = former.offsets("article_questions")
        self.sections = offsets(self.splice.lengths(self.former_sections, new.section_offsets))
        self.questions = offsets(self.splice.lengths(self.former_questions, new.question_offsets))
        self.moved_sections, self.new_sections = self.splice.moved(
            self.former_sections, self.sections, new.section_offsets
        )
        self.moved_lines, self.new_lines = self.splice.moved(
            self.former_questions, self.questions, new.question_offsets
        )

    def by_section(self, name: str, columns: int, came: npt.NDArray[Any]) -> Any:
        """A table with `columns` numbers a section."""
        old = self.former.array(name, came.dtype).reshape(-1, columns)
        new = came.reshape(-1, columns)
        return self.splice.rows(old, self.former_sections, new, self.came.section_offsets)

    def owners(self) -> Ints:
        """The article of each row: of sections, then of lines."""
        articles = np.arange(len(self.splice), dtype=np.int32)
        return np.concatenate(
            [np.repeat(articles, np.diff(each)) for each in (self.sections, self.questions)]
        )


# ---------------------------------------------------------------- postings


def _compile_words(made: _Making) -> dict[str, float]:
    """Posting lists of words, with their statistics; returns the average length of each field."""
    former, sections = made.former, int(made.sections[-1])
    rows = sections + int(made.questions[-1])
    counts = former.array("words_tf", np.uint16).reshape(-1, impacts.FIELDS)
    lines = np.where(made.moved_lines >= 0, made.moved_lines + sections, -1).astype(np.int32)
    came = impacts.counted_words(
        made.came, made.vocabulary, made.new_sections, made.new_lines + sections, rows
    )
    words = ptr, row, tf = kernel.chosen.merge(
        (former.offsets("words_ptr"), former.array("words_row"), counts),
        made.vocabulary.before,
        np.concatenate((made.moved_sections, lines)),
        came,
    )
    lengths = made.by_section("lengths", impacts.FIELDS, made.came.lengths.astype(np.int32))
    (asked,) = made.came.table("asked_lengths", 1)
    asked = made.splice.rows(
        former.array("asked_lengths"),
        made.former_questions,
        asked.astype(np.int32),
        made.came.question_offsets,
    )
    found = impacts.word_impacts(words, lengths.astype(np.int64), asked.astype(np.int64))
    for name, array in (("words_tf", tf), ("lengths", lengths), ("asked_lengths", asked)):
        made.tables.save(name, array.ravel())
    for name, array in (
        ("article_sections", made.sections),
        ("article_questions", made.questions),
        ("idf", found.idf),
        ("df", found.df),
    ):
        made.folder.save(name, array)
    _save_lists(made.folder, "words", ptr, row, found.impact, sections)
    place, sets = frequent_sets(ptr, row, made.owners(), len(made.splice))
    made.folder.save("frequent", place)
    made.folder.save("frequent_articles", sets)
    return found.averages


def _save_lists(folder: Saver, name: str, ptr: Wide, row: Ints, impact: Floats, sections: int) -> None:
    arrays: tuple[npt.NDArray[Any], ...] = (ptr, row, impact, *long_lists(ptr, row, impact, sections))
    for part, array in zip(("ptr", "row", "impact", "long", "begin", "peak"), arrays, strict=True):
        folder.save(f"{name}_{part}", array)


LONG = 32
"""A list with a posting for every so many sections is long: of its blocks of rows is stored where they begin
and their highest impact, which takes little room and lets a search pass over most of them."""


def long_lists(ptr: Wide, row: Ints, impact: Floats, sections: int) -> tuple[Ints, Ints, Floats]:
    """For each list its number among the long ones, -1 of a short one; then `postings.blocks` of the long."""
    often = np.flatnonzero(np.diff(ptr) * LONG >= max(sections, 1))
    place = np.full(len(ptr) - 1, -1, np.int32)
    place[often] = np.arange(len(often))
    return place, *kernel.chosen.blocks(ptr, row, impact, often, sections)


FREQUENT = 64
"""A term with a posting for every so many articles is frequent: its articles are stored as a set, too, which
takes no more room than its postings, and is or-ed instead of looking up the article of each posting."""


def frequent_sets(ptr: Wide, row: Ints, owner: Ints, articles: int) -> tuple[Ints, Bits]:
    """For each term the number of its set of articles, -1 without one; and the sets, one after the other."""
    often = np.flatnonzero(np.diff(ptr) * FREQUENT >= max(articles, 1))
    place = np.full(len(ptr) - 1, -1, np.int32)
    place[often] = np.arange(len(often))
    return place, kernel.chosen.article_sets(ptr, row, often, owner, articles)


def _compile_grams(made: _Making) -> None:
    """Posting lists of n-grams, by far the most there are: each part is written as soon as it is made."""
    former = made.former
    lengths = made.by_section("gram_lengths", 3, impacts.gram_lengths(made.came))
    made.tables.save("gram_lengths", lengths.ravel())
    norms = impacts.gram_norms(lengths)
    row, tf = former.array("grams_row"), former.array("grams_tf", np.uint8)
    old = impacts.Grams(former.array("gram_codes", np.uint64), (former.offsets("grams_ptr"), row, tf))
    came = impacts.counted_grams(made.came, made.new_sections)
    size = len(row) - impacts.gram_postings(made.went) + len(came.lists[1])
    parts = []
    with (
        made.folder.growing("grams_row", np.int32, size) as rows,
        made.folder.growing("grams_impact", np.float32, size) as weights,
        made.tables.growing("grams_tf", np.uint8, size) as counts,
    ):
        for found in impacts.merged_grams(old, came, made.moved_sections):
            (ptr, row, tf), impact = found.lists, impacts.gram_impacts(found, norms)
            rows(row)
            counts(tf)
            weights(impact)
            parts.append((found.codes, np.diff(ptr), *long_lists(ptr, row, impact, len(lengths))))
    codes, sizes, place, begin, peak = map(np.concatenate, zip(*parts, strict=True))
    place[place >= 0] = np.arange(np.count_nonzero(place >= 0))
    for name, array in (("ptr", offsets(sizes)), ("long", place), ("begin", begin), ("peak", peak)):
        made.folder.save(f"grams_{name}", array)
    made.folder.save("gram_codes", codes)


def _compile_forward(made: _Making) -> None:
    """Body tokens of each section in order, with positions: snippets are cut from these."""
    former, came, vocabulary = made.former, made.came, made.vocabulary
    (own_lengths,) = came.table("forward_lengths", 1)
    own, start, end = came.table("forward", 3)
    starts = former.offsets("forward_ptr")
    places = (starts[made.former_sections], offsets(own_lengths)[came.section_offsets])
    old_terms = vocabulary.before.astype(np.int32)[former.array("forward_term")]
    for name, old, new in (
        ("forward_term", old_terms, vocabulary.of(came, "forward", 3, own)),
        ("forward_start", former.array("forward_start"), start),
        ("forward_end", former.array("forward_end"), end),
    ):
        parts = made.splice.parts(old, places[0], new.astype(np.int32), places[1])
        made.folder.save_joined(name, np.int32, parts)
    lengths = made.splice.rows(np.diff(starts), made.former_sections, own_lengths, came.section_offsets)
    made.folder.save("forward_ptr", offsets(lengths))


# ---------------------------------------------------------------- the rest


def _save_texts(made: _Making) -> None:
    """What is shown: each article, followed by its sections as passages."""
    splice, former, came = made.splice, made.former, made.came
    ids = splice.pick(former.items("article_ids"), list(map(_id, came.articles)))
    versions = splice.pick(former.items("versions"), [each.version for each in came.articles])
    made.folder.save_blob("article_ids", ids)
    made.tables.save_blob("versions", versions)
    texts = [text for each in came.articles for text in (bytes(each.article), *each.passages)]
    starts = [each + np.arange(len(each)) for each in (made.former_sections, came.section_offsets)]
    save_pieces(made.folder, "texts", former, splice, ids, starts[0], texts, starts[1])


def _save_cards(made: _Making) -> None:
    """Their title terms by themselves: these get new numbers whenever a term comes or goes."""
    splice, former, vocabulary, articles = made.splice, made.former, made.vocabulary, made.came.articles
    first = vocabulary.every.first[len(vocabulary.every.first) - len(articles) :]
    own = [
        start + each
        for article, start in zip(articles, first, strict=True)
        for each in article.card.title_terms
    ]
    ptr, added = former.offsets("title_terms_ptr"), offsets([len(each.card.title_terms) for each in articles])
    terms = splice.rows(
        vocabulary.before[former.array("title_terms")],
        ptr,
        vocabulary.final[vocabulary.every.number[np.array(own, np.int64)]],
        added,
    )
    made.folder.save("title_terms", terms.astype(np.int32))
    made.folder.save("title_terms_ptr", offsets(splice.lengths(ptr, added)))
    cards = Strings.of([_encode(replace(each.card, title_terms=())) for each in articles])
    made.folder.save_strings("cards", splice.string_each(former.strings("cards"), cards))


def _compile_facets(made: _Making) -> dict[str, list[str]]:
    """Write the values of each facet by article; return their names."""
    before, names = made.former.meta(), dict[str, list[str]]()
    for facet, plural in (("category", "categories"), ("tags", "tags"), ("products", "products")):
        came = [_values(each.card, facet) for each in made.came.articles]
        every = names_of(Strings.of([name.encode() for name in before.get(plural, [])]), came)
        starts, added = made.former.offsets(f"{facet}_ptr"), offsets([len(each) for each in came])
        old = every.before[made.former.array(f"{facet}_values")]
        values = made.splice.rows(old, starts, every.number, added)
        alive, final = every.alive(values)
        names[plural] = [alive[number].decode() for number in range(len(alive))]
        made.folder.save(f"{facet}_ptr", offsets(made.splice.lengths(starts, added)))
        made.folder.save(f"{facet}_values", final[values].astype(np.int32))
    return names


def _values(card: Card, facet: str) -> tuple[str, ...]:
    """Each once, in the order that the article names them."""
    values = (card.category,) if facet == "category" else getattr(card, facet)
    return tuple(value for value in dict.fromkeys(values) if value)
