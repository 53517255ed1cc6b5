"""Results and articles → the shapes of the API. Called by resources and pages.

This is the edge: nothing below knows marks as HTML or where the service is reached.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape, unescape
from urllib.parse import quote

import msgspec

from kb.content.paths import article_url
from kb.index.snapshot import Card
from kb.model import Article
from kb.related import Related
from kb.search import Hit, Results
from kb.suggest import Suggestion
from kb.web.answers import encode
from kb.web.hits import hits_json
from kb.web.reader import Shelf
from kb.web.shapes import (
    ArticleAnswer,
    ArticleLink,
    ArticleSection,
    ArticleSummary,
    FacetCount,
    RelatedItem,
    SearchAnswer,
    SearchHit,
    SuggestionItem,
)
from kb.words import Texts

_OWN_LINK = re.compile(r'(<(?:a|img)\s[^<>]*?(?:href|src)=")/')
"""The sanitiser writes attributes with quotes and escaped angles, and lets no `//host` through."""


_HEADING = re.compile(r'<h([2-4]) id="(?P<anchor>[^"]+)">(?P<title>.*?)</h\1>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def own_links(html: str, prefix: str) -> str:
    """An article's HTML with the path prefix before links to this site."""
    return _OWN_LINK.sub(rf"\g<1>{prefix}/", html) if prefix else html


def readable(html: str, texts: Texts) -> str:
    """An article's HTML with a link beside each heading, and tables that can be scrolled by keyboard."""

    def linked(found: re.Match[str]) -> str:
        anchor, title = found["anchor"], _TAG.sub("", found["title"])
        label = escape(texts("article.link", title=unescape(title)))
        return (
            f'<div class="heading">{found[0]}'
            f'<a class="anchor" href="#{quote(unescape(anchor))}" aria-label="{label}">#</a></div>'
        )

    html = _HEADING.sub(linked, html)
    opening = (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(texts("article.table"))}"><table>'
    )
    return html.replace("<table>", opening).replace("</table>", "</table></div>")


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def search_json(results: Results, shelf: Shelf, prefix: str) -> tuple[bytes, bytes, bytes]:
    """The answer to a search, as JSON around its id and its time."""
    answer = encode(SearchAnswer(
        query=results.query, locale=shelf.locale, search_id="", total=results.total,
        took_ms=0.0, generation=shelf.generation.name, corrected=results.corrected, hits=[],
        facets={
            name: [FacetCount(value=value, count=count) for value, count in pairs]
            for name, pairs in results.facets.items()
        },
    ))  # fmt: skip
    # within a string a quotation mark is escaped: these can stand nowhere else
    before, name, rest = answer.partition(b'"search_id":')
    between, time, rest = rest[len(b'""') :].partition(b'"took_ms":')
    rest, hits, after = rest[len(b"0.0") :].partition(b'"hits":[')
    return before + name, between + time, b"".join((
        rest, hits, hits_json(results.snapshot, results.records, prefix), after,
    ))  # fmt: skip


def search_hit(hit: Hit, prefix: str) -> SearchHit:
    """A hit in the shape of the API; the excerpt as text with marks, and as HTML."""
    return _decode_hit(hits_json(hit.snapshot, (hit.record,), prefix))


_decode_hit = msgspec.json.Decoder(SearchHit).decode


def suggestion(item: Suggestion, locale: str, prefix: str) -> SuggestionItem:
    return SuggestionItem(
        text=item.text, kind=item.kind, url=prefix + article_url(locale, item.article, item.anchor)
    )


def summary(card: Card, prefix: str) -> ArticleSummary:
    return ArticleSummary(
        id=card.id,
        locale=card.locale,
        url=prefix + article_url(card.locale, card.id),
        title=card.title,
        kind=card.kind,
        category=card.category,
        tags=card.tags,
        products=card.products,
        audience=card.audience,
        updated_at=card.updated,
    )


def link(article: Article | None, prefix: str) -> ArticleLink | None:
    """The title and address of an article, where there is one."""
    if article is None:
        return None
    return ArticleLink(
        id=article.id, title=article.title, url=prefix + article_url(article.locale, article.id)
    )


def related_item(item: Related, prefix: str) -> RelatedItem:
    """A related article in the shape of the API, with the reason."""
    card = item.card
    return RelatedItem(
        id=card.id,
        locale=card.locale,
        url=prefix + article_url(card.locale, card.id),
        title=card.title,
        category=card.category,
        reason=item.reason,
        terms=item.terms,
    )


def article_answer(article: Article, shelf: Shelf, prefix: str) -> ArticleAnswer:
    """An article in the shape of the API, with its neighbours in a manual."""
    before, after = shelf.neighbours(article)
    return ArticleAnswer(
        id=article.id,
        locale=article.locale,
        url=prefix + article_url(article.locale, article.id),
        title=article.title,
        description=article.description,
        kind=article.kind,
        category=article.category,
        tags=article.tags,
        products=article.products,
        audience=article.audience,
        updated_at=iso(article.updated),
        sections=[
            ArticleSection(
                anchor=each.anchor,
                title=each.title,
                level=each.level,
                text=each.text,
                url=prefix + article_url(article.locale, article.id, each.anchor),
            )
            for each in article.sections
        ],
        html=own_links(article.html, prefix),
        markdown=article.markdown,
        questions=article.questions,
        translations=shelf.translations(article.id),
        previous=link(before, prefix),
        next=link(after, prefix),
    )
