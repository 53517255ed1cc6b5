"""Results and articles → the shapes of the API. Called by resources and pages.

This is the edge: nothing below knows marks as HTML or where the service is reached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
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
    RelatedItem,
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


def search_json(results: Results, shelf: Shelf, prefix: str) -> tuple[bytes, ...]:
    """The answer to a search, in the shape of `SearchAnswer`: before its id, its time, and behind them."""
    counts = [b"%b:[%b]" % (encode(name), _counts(pairs)) for name, pairs in results.facets.items()]
    generation, corrected = encode(shelf.generation.name), encode(results.corrected)
    return (
        b'{"query":%b,"locale":%b,"search_id":' % (encode(results.query), encode(shelf.locale)),
        b',"total":%d,"took_ms":' % results.total,
        b',"generation":%b,"corrected":%b,"hits":[' % (generation, corrected),
        hits_json(results.snapshot, results.records, prefix),
        b'],"facets":{%b}}' % b",".join(counts),
    )


def _counts(pairs: Sequence[tuple[str, int]]) -> bytes:
    return b",".join([b'{"value":%b,"count":%d}' % (_as_json(value), count) for value, count in pairs])


_as_json = lru_cache(1024)(encode)
"""Of values of facets, which are few."""


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
