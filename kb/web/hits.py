"""Hits → JSON. What is always the same of an article or a section is encoded once; a search fills the gaps.

The shape is `SearchHit`: each part is cut out of one that msgspec has encoded, so fields, order and escapes
are its own. Called by `present`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from kb.content.paths import article_url
from kb.index import kernel
from kb.index.recent import Recent
from kb.index.snapshot import Card, Heading, Ints, Snapshot
from kb.model import Snippet
from kb.search import Hit, read_hit
from kb.web.answers import encode
from kb.web.marking import mark
from kb.web.shapes import SearchHit, SectionLink, SectionName

ARTICLES, SECTIONS = 4096, 4096
"""How many are kept in memory when they were shown: some 2 MB each."""

_GAPS = tuple(
    part.encode()
    for part in (
        '"url":""',
        '"section":{"anchor":"","title":""},"sections":[]',
        '"snippet":{"text":"","marks":[]},"snippet_html":""',
        '"title_html":""',
        '"score":0.0',
    )
)
"""What a search fills in. Within a string a quotation mark is escaped: these can stand nowhere else."""


class _Article(NamedTuple):
    """A hit's JSON around the gaps, each part with the name of the field that follows."""

    url: bytes
    section: bytes
    snippet: bytes
    title_html: bytes
    title: str
    score: bytes
    rest: bytes


class _Section(NamedTuple):
    """What a hit says of a section, as JSON."""

    url: bytes
    name: bytes
    link: bytes


class _Prepared:
    """The parts of one snapshot's hits, by number; does not hold the snapshot itself, so that it can go."""

    def __init__(self, snapshot: Snapshot, prefix: str) -> None:
        self.article = Recent(ARTICLES, partial(_article, snapshot.card)).__getitem__
        self.section = Recent(
            SECTIONS, partial(_section, snapshot.card, snapshot.heading, snapshot.section_article, prefix)
        ).__getitem__


compiled: Any = kernel.extension("kb.web.hits_compiled")
_prepared: WeakKeyDictionary[Snapshot, dict[str, _Prepared]] = WeakKeyDictionary()


def hits_json(snapshot: Snapshot, records: Sequence[bytes], prefix: str) -> bytes:
    """Hits of one snapshot in the shape of the API, commas between them."""
    prepared = _of(snapshot, prefix)
    join = compiled.joined if compiled and kernel.name() == "compiled" else joined
    made: bytes = join(records, prepared.article, prepared.section, snapshot)
    return made


def joined(
    records: Sequence[bytes], article_of: Callable[[int], _Article], section_of: Callable[[int], _Section],
    snapshot: Snapshot,
) -> bytes:  # fmt: skip
    """The same in Python: the reference of `hits_compiled`."""
    return b",".join([_hit(read_hit(snapshot, record), article_of, section_of) for record in records])


def _hit(hit: Hit, article_of: Callable[[int], _Article], section_of: Callable[[int], _Section]) -> bytes:
    article, sections = article_of(hit.article), [section_of(number) for number in hit.shown]
    links = b",".join([each.link for each in sections])
    excerpt, title = mark(hit.snippet.text, hit.snippet.marks), mark(article.title, hit.title_marks)
    parts = (
        article.url, sections[0].url,
        article.section, sections[0].name, b',"sections":[', links, b"]",
        article.snippet, encode(hit.snippet), b',"snippet_html":', encode(excerpt),
        article.title_html, encode(title),
        article.score, encode(hit.score), article.rest,
    )  # fmt: skip
    return b"".join(parts)


def _of(snapshot: Snapshot, prefix: str) -> _Prepared:
    by_prefix = _prepared.get(snapshot)
    if by_prefix is None:
        by_prefix = _prepared.setdefault(snapshot, {})
    return by_prefix.get(prefix) or by_prefix.setdefault(prefix, _Prepared(snapshot, prefix))


def _article(card_of: Callable[[int], Card], number: int) -> _Article:
    card = card_of(number)
    rest, parts = encode(SearchHit(
        id=card.id, locale=card.locale, url="", title=card.title, kind=card.kind,
        section=SectionName(anchor="", title=""), sections=[],
        snippet=Snippet(text=""), snippet_html="", title_html="", score=0.0,
        category=card.category, tags=card.tags, products=card.products, audience=card.audience,
        updated_at=card.updated,
    )), []  # fmt: skip
    for gap in _GAPS:
        before, _, rest = rest.partition(gap)
        parts.append(before + gap[: gap.index(b":") + 1])
    url, section, snippet, title_html, score = parts
    return _Article(url, section, snippet, title_html, card.title, score, rest)


def _section(
    card_of: Callable[[int], Card],
    heading_of: Callable[[int], Heading],
    owner: Ints,
    prefix: str,
    number: int,
) -> _Section:
    card, heading = card_of(int(owner[number])), heading_of(number)
    url = prefix + article_url(card.locale, card.id, heading.anchor)
    return _Section(
        encode(url),
        encode(SectionName(anchor=heading.anchor, title=heading.title)),
        encode(SectionLink(anchor=heading.anchor, title=heading.title, url=url)),
    )
