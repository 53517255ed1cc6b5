"""Hits as JSON: what is spliced is what msgspec would have written, and both who splice write the same bytes."""

from __future__ import annotations

import gc
import weakref
from array import array
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from conftest import Indexed, MakeIndex
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.paths import article_url
from kb.index import kernel
from kb.index.generation import open_live
from kb.model import Audience, Kind, Span
from kb.search import Hit, Query, read_hit, search
from kb.web import hits as splicing
from kb.web.hits import hits_json
from kb.web.marking import mark
from kb.web.present import search_json
from kb.web.reader import Shelf
from kb.web.remembered import Found
from kb.web.resources import run_search
from kb.web.shapes import FacetCount, SearchAnswer, SearchHit, SectionLink, SectionName

compiled = pytest.mark.skipif(splicing.compiled is None, reason="kb was installed without a compiler")


@pytest.fixture(params=["auto", "numpy"])
def spliced_by(request):
    kernel.choose(request.param)
    yield
    kernel.choose("auto")


def shape(hit: Hit, prefix: str) -> SearchHit:
    """The shape of the API, field by field."""
    card = hit.card
    links = [
        SectionLink(
            anchor=each.anchor, title=each.title, url=prefix + article_url(card.locale, card.id, each.anchor)
        )
        for each in hit.sections
    ]
    return SearchHit(
        id=card.id,
        locale=card.locale,
        url=links[0].url,
        title=card.title,
        kind=card.kind,
        section=SectionName(anchor=hit.section.anchor, title=hit.section.title),
        sections=links,
        snippet=hit.snippet,
        snippet_html=mark(hit.snippet.text, hit.snippet.marks),
        title_html=mark(card.title, hit.title_marks),
        score=hit.score,
        category=card.category,
        tags=card.tags,
        products=card.products,
        audience=card.audience,
        updated_at=card.updated,
    )


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("prefix", ["", "/hilfe"])
def test_spliced_hits_are_what_the_shapes_encode_to(bundled: Indexed, spliced_by, locale, prefix):
    snapshot = bundled.snapshot(locale)
    titles = [snapshot.card(number).title for number in range(0, snapshot.meta.articles, 9)]
    for text in [*titles, "返金 期限", "refund exchange", "かいやく"]:
        found = search(snapshot, Query(text=text, limit=20))
        expected = msgspec.json.encode([shape(hit, prefix) for hit in found.hits])
        assert b"[%s]" % hits_json(snapshot, found.records, prefix) == expected


@pytest.mark.parametrize("text", ["返金 期限", "かいやく", "qwrtp", "へんきn", '"\\\n'])
def test_an_answer_is_what_its_shape_encodes_to(bundled: Indexed, spliced_by, text):
    generation = open_live(bundled.var)
    shelf = Shelf(generation, Audience.PUBLIC, "ja")
    found = search(shelf.snapshot, Query(text=text))
    expected = SearchAnswer(
        query=found.query, locale="ja", search_id="it", total=found.total, took_ms=1.25,
        generation=generation.name, corrected=found.corrected, hits=[shape(hit, "/at") for hit in found.hits],
        facets={
            name: [FacetCount(value=value, count=count) for value, count in pairs]
            for name, pairs in found.facets.items()
        },
    )  # fmt: skip
    made = Found(found, search_json(found, shelf, "/at")).body("it", 1.25)
    assert made == msgspec.json.encode(expected)


def test_a_snapshot_goes_though_its_hits_were_written_and_remembered(make_index: MakeIndex):
    generation = open_live(make_index({"ja/a.md": "# 返金\n\n返金は十日以内です。\n"}).var)
    shelf = Shelf(generation, Audience.PUBLIC, "ja")
    results, _ = run_search(shelf, Query(text="返金"))
    assert b"".join(search_json(results, shelf, "")).count(b"<mark>") > 1
    gone = weakref.ref(shelf.snapshot)
    del generation, shelf, results
    gc.collect()
    assert gone() is None


TEXTS = st.text(st.sampled_from("aé<>&\"'\\/\x00\x08\t\n\x0c\r\x1f\x7f かガ漢😀\u2028"), max_size=40)


@st.composite
def marked(draw) -> tuple[str, tuple[Span, ...]]:
    """A text, and spans as the kernel gives them: in order, none empty, none touching the next."""
    text = draw(TEXTS)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return text, tuple(Span(*pair) for pair in zip(places[::2], places[1::2], strict=False))


@st.composite
def prepared(draw) -> tuple[SimpleNamespace, SimpleNamespace, str, bytes]:
    """An article's card, a heading of it, the text of a passage, and a record as the kernel writes it."""
    title, title_marks = draw(marked())
    text, marks = draw(marked())
    before, behind = draw(TEXTS), draw(TEXTS)
    card = SimpleNamespace(
        id=draw(TEXTS), locale="ja", title=title, kind=Kind.FAQ, category=draw(TEXTS), tags=(draw(TEXTS),),
        products=(), audience=Audience.PUBLIC, updated="2026-05-01T00:00:00Z",
    )  # fmt: skip
    heading = SimpleNamespace(anchor=draw(TEXTS), title=draw(TEXTS))
    sections = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    numbers = (
        0, draw(st.integers(0, 2_000_000_000)), draw(st.integers(0, 1)), len(sections), *sections,
        len(before), len(before) + len(text), len(marks), *places(marks), len(title_marks), *places(title_marks),
    )  # fmt: skip
    return card, heading, before + text + behind, array("i", numbers).tobytes()


def places(marks: tuple[Span, ...]) -> list[int]:
    return [place for mark in marks for place in (mark.start, mark.end)]


@compiled
@settings(max_examples=100, deadline=None)
@given(st.lists(prepared(), max_size=3))
def test_both_splice_the_same_bytes_which_are_those_of_the_shapes(given_):
    for card, heading, text, record in given_:
        snapshot: Any = SimpleNamespace(
            card=lambda number, card=card: card, heading=lambda number, heading=heading: heading,
            passage=lambda number, text=text: SimpleNamespace(text=text),
        )  # fmt: skip
        article = splicing._article(snapshot.card, 0)
        section = splicing._section(snapshot.card, snapshot.heading, [0], "", 0)
        asked = ((record, record), lambda number, it=article: it, lambda number, it=section: it, snapshot)
        expected = msgspec.json.encode([shape(read_hit(snapshot, record), "")] * 2)
        assert b"[%s]" % splicing.joined(*asked) == expected
        assert b"[%s]" % splicing.compiled.joined(*asked) == expected
