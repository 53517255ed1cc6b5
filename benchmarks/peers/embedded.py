"""Engines that are libraries: each is called in this process and timed by the time of its thread."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kb.index.generation import live_folder
from kb.index.layout import locale_folder
from kb.index.schema import FIELDS
from kb.index.snapshot import Snapshot
from kb.model import Audience
from peers import Ask, Corpus, Missing, Peer, Question, here, kept, words

DEBIAN = Path("/usr/lib/python3/dist-packages")
CATEGORY = "XC"
"""Prefix of Xapian's terms for a category."""
EXCERPT = 320
"""Characters of an excerpt: 40 words."""


def whoosh(var: Path, snapshot: Snapshot, limit: int | None) -> Peer:
    """Stock Whoosh over the index that ours is compiled from; `limit=10` misses some that rank higher."""
    from whoosh.index import open_dir
    from whoosh.query import Or, Term

    folder = locale_folder(var, live_folder(var), Audience.PUBLIC, snapshot.meta.locale) / "whoosh"
    searcher = open_dir(str(folder)).searcher()
    fields = [name for name in FIELDS if name in ("title", "headings", "body")]

    def ready(question: Question) -> Ask | None:
        if not question.plain:
            return None
        terms = [Term(field, snapshot.term_text(number)) for number in question.words for field in fields]
        return lambda: len([hit.docnum for hit in searcher.search(Or(terms), limit=limit)[:10]])

    return here(f"Whoosh {version('whoosh-reloaded')}, limit={limit}", ready, slow=True)


def fts5(corpus: Corpus, folder: Path) -> Peer:
    def make(new: Path) -> None:
        database = sqlite3.connect(new / "sections.sqlite3")
        database.execute("CREATE VIRTUAL TABLE section USING fts5(body, detail=column)")
        database.execute("CREATE TABLE place(id INTEGER PRIMARY KEY, category TEXT)")
        database.executemany("INSERT INTO section(rowid, body) VALUES (?, ?)", enumerate(corpus.texts, 1))
        database.executemany("INSERT INTO place VALUES (?, ?)", enumerate(corpus.categories, 1))
        database.execute("INSERT INTO section(section) VALUES ('optimize')")
        database.commit()

    file = kept(folder, make) / "sections.sqlite3"
    database = sqlite3.connect(file)
    database.execute("PRAGMA cache_size = -2000000")
    database.execute("PRAGMA mmap_size = 4000000000")
    best = "SELECT rowid FROM section WHERE section MATCH ? ORDER BY rank LIMIT 10"
    excerpts = (
        "SELECT rowid, snippet(section, 0, '[', ']', '…', 40) FROM section "
        "WHERE section MATCH ? ORDER BY rank LIMIT 10"
    )
    within = (
        "SELECT section.rowid FROM section JOIN place ON place.id = section.rowid "
        "WHERE section MATCH ? AND category = ? ORDER BY rank LIMIT 10"
    )
    counts = (
        "SELECT category, count(*) FROM section JOIN place ON place.id = section.rowid "
        "WHERE section MATCH ? GROUP BY category"
    )

    def ready(question: Question) -> Ask:
        query = " OR ".join(words(question))

        def ask() -> int:
            if question.category:
                return len(database.execute(within, (query, question.category)).fetchall())
            found = database.execute(excerpts if question.excerpts else best, (query,)).fetchall()
            if not question.counted:
                return len(found)
            return sum(count for _, count in database.execute(counts, (query,)))

        return ask

    return here(f"SQLite FTS5 {sqlite3.sqlite_version}", ready, slow=True)


def tantivy(corpus: Corpus, folder: Path) -> Peer:
    import tantivy as library

    builder = library.SchemaBuilder()
    builder.add_text_field("body", stored=True, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("category", tokenizer_name="raw", index_option="basic", fast=True)
    schema = builder.build()

    def make(new: Path) -> None:
        # one thread and room enough for one segment, which is what answers fastest
        writer = library.Index(schema, path=str(new)).writer(2_000_000_000, 1)
        for text, category in zip(corpus.texts, corpus.categories, strict=True):
            writer.add_document(library.Document(body=text, category=category))
        writer.commit()
        writer.wait_merging_threads()

    index = library.Index.open(str(kept(folder, make)))
    searcher = index.searcher()
    by_category = {"categories": {"terms": {"field": "category", "size": 100}}}

    def ready(question: Question) -> Ask:
        query = index.parse_query(" ".join(words(question)), ["body"])
        if question.category:
            only = library.Query.term_query(schema, "category", question.category, "basic")
            only = library.Query.const_score_query(only, 0.0)
            both = [(library.Occur.Must, query), (library.Occur.Must, only)]
            query = library.Query.boolean_query(both)

        def ask() -> int:
            if question.counted:
                searcher.aggregate(query, by_category)
                return int(searcher.search(query, 10, count=True).count)
            # without a count it may pass over what cannot reach the ten best
            hits = searcher.search(query, 10, count=False).hits
            if question.excerpts:
                generator = library.SnippetGenerator.create(searcher, query, schema, "body")
                generator.set_max_num_chars(EXCERPT)
                return len([generator.snippet_from_doc(searcher.doc(place)).to_html() for _, place in hits])
            return len(hits)

        return ask

    return here(f"tantivy {version('tantivy')}", ready)


def bm25s(corpus: Corpus, backend: str, folder: Path) -> Peer:
    """Scores of all sections as one array; a filter is a mask, counts are made of the scores."""
    import bm25s as library

    if backend == "numba" and importlib.util.find_spec("numba") is None:
        raise ImportError(name="numba")

    def make(new: Path) -> None:
        retriever = library.BM25(method="lucene", k1=1.2, b=0.75)
        retriever.index([text.split(" ") for text in corpus.texts], show_progress=False)
        retriever.save(new, show_progress=False)

    retriever: Any = library.BM25.load(kept(folder, make), load_vocab=True)
    retriever.backend = backend
    if backend == "numba":
        retriever.activate_numba_scorer()
    names, numbers = np.unique(corpus.categories, return_inverse=True)
    masks = {str(name): (numbers == n).astype(np.float32) for n, name in enumerate(names)}

    def ready(question: Question) -> Ask | None:
        if question.excerpts:
            return None
        query = [retriever.get_tokens_ids(words(question))]
        mask = masks[question.category] if question.category else None

        def ask() -> int:
            found = retriever.retrieve(query, k=10, show_progress=False, n_threads=0, weight_mask=mask)
            if not question.counted:
                return int(np.count_nonzero(found.scores))
            matching = retriever.get_scores_from_ids(query[0]) > 0
            np.bincount(numbers[matching], minlength=len(names))
            return int(np.count_nonzero(matching))

        return ask

    return here(f"bm25s {version('bm25s')}, {backend}", ready)


def xapian(corpus: Corpus, folder: Path) -> Peer:
    library = _xapian()

    def make(new: Path) -> None:
        database = library.WritableDatabase(str(new / "index"), library.DB_CREATE)
        for text, category in zip(corpus.texts, corpus.categories, strict=True):
            document = library.Document()
            for each in text.split(" "):
                document.add_term(each)
            document.add_boolean_term(CATEGORY + category)
            document.add_value(0, category)
            document.set_data(text)
            database.add_document(document)
        database.commit()
        database.compact(str(new / "compact"))
        database.close()

    database = library.Database(str(kept(folder, make) / "compact"))
    enquire = library.Enquire(database)
    enquire.set_weighting_scheme(library.BM25Weight(1.2, 0, 1, 0.75, 0.5))

    def ready(question: Question) -> Ask:
        query = library.Query(library.Query.OP_OR, words(question))
        if question.category:
            only = library.Query(CATEGORY + question.category)
            query = library.Query(library.Query.OP_FILTER, query, only)

        def ask() -> int:
            enquire.set_query(query)
            if question.excerpts:
                hits = enquire.get_mset(0, 10)
                return len([hits.snippet(hit.document.get_data(), EXCERPT) for hit in hits])
            if not question.counted:
                return int(enquire.get_mset(0, 10).size())
            enquire.clear_matchspies()
            counts = library.ValueCountMatchSpy(0)
            enquire.add_matchspy(counts)
            found = enquire.get_mset(0, 10, database.get_doccount())
            enquire.clear_matchspies()
            return int(found.get_matches_estimated())

        return ask

    return here(f"Xapian {library.version_string()}", ready)


def _xapian() -> Any:
    """Installed for this Python, or by Debian for its own of the same version, whose rest stays unseen."""
    if "xapian" not in sys.modules and importlib.util.find_spec("xapian") is None:
        file = DEBIAN / "xapian" / "__init__.py"
        spec = importlib.util.spec_from_file_location("xapian", file) if file.exists() else None
        if spec is None or spec.loader is None:
            raise Missing("apt-get install python3-xapian")
        sys.modules["xapian"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["xapian"])
    return importlib.import_module("xapian")
