"""Hits as JSON: what is spliced is what msgspec would have written, and both who splice write the same bytes."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from conftest import Indexed
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.paths import article_url
from kb.index import kernel
from kb.model import Audience, Kind, Snippet, Span
from kb.search import Hit, Query, search
from kb.web import hits as splicing
from kb.web.hits import hits_json
from kb.web.marking import mark
from kb.web.remembered import packed, unpacked
from kb.web.shapes import SearchHit, SectionLink, SectionName

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
        hits = search(snapshot, Query(text=text, limit=20)).hits
        expected = msgspec.json.encode([shape(hit, prefix) for hit in hits])
        assert b"[%s]" % hits_json(hits, prefix) == expected


def test_results_come_out_of_memory_as_they_went_in(bundled: Indexed):
    snapshot = bundled.snapshot("ja")
    for text in ("返金 期限", "かいやく", "qwrtp", "へんきn"):
        found = search(snapshot, Query(text=text))
        assert unpacked(packed(found), snapshot) == found


TEXTS = st.text(st.sampled_from("aé<>&\"'\\/\x00\x08\t\n\x0c\r\x1f\x7f かガ漢😀\u2028"), max_size=40)


@st.composite
def marked(draw) -> tuple[str, tuple[Span, ...]]:
    """A text, and spans as the kernel gives them: in order, none empty, none touching the next."""
    text = draw(TEXTS)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return text, tuple(Span(*pair) for pair in zip(places[::2], places[1::2], strict=False))


@st.composite
def prepared(draw) -> tuple[Hit, splicing._Article, dict[int, splicing._Section]]:
    title, title_marks = draw(marked())
    text, marks = draw(marked())
    card = SimpleNamespace(
        id=draw(TEXTS), locale="ja", title=title, kind=Kind.FAQ, category=draw(TEXTS), tags=(draw(TEXTS),),
        products=(), audience=Audience.PUBLIC, updated="2026-05-01T00:00:00Z",
    )  # fmt: skip
    heading = SimpleNamespace(anchor=draw(TEXTS), title=draw(TEXTS))
    shown = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    article = splicing._article(lambda number: card, 0)
    sections = {
        n: splicing._section(lambda number: card, lambda n: heading, [0] * 3, "", n) for n in range(3)
    }
    hit = Hit(
        snapshot=SimpleNamespace(card=lambda number: card, heading=lambda number: heading), article=0,
        shown=tuple(shown), snippet=Snippet(text=text, marks=marks), title_marks=title_marks,
        score=draw(st.floats(0, 1e6)), strict=True,
    )  # fmt: skip
    return hit, article, sections


@compiled
@settings(max_examples=60, deadline=None)
@given(st.lists(prepared(), max_size=3))
def test_both_splice_the_same_bytes_which_are_those_of_the_shapes(given_):
    article_of = {number: article for number, (_, article, _) in enumerate(given_)}
    section_of = {10 * n + k: each for n, (_, _, all_) in enumerate(given_) for k, each in all_.items()}
    hits = [
        msgspec.structs.replace(hit, article=n, shown=tuple(10 * n + k for k in hit.shown))
        for n, (hit, _, _) in enumerate(given_)
    ]
    asked = (hits, article_of.__getitem__, section_of.__getitem__)
    expected = msgspec.json.encode([shape(hit, "") for hit, _, _ in given_])
    assert b"[%s]" % splicing.joined(*asked) == expected
    assert b"[%s]" % splicing.compiled.joined(*asked) == expected
