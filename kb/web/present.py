"""Results and articles → the shapes of the API, and marked text → HTML. Called by resources and pages.

This is the edge: nothing below knows marks as HTML or where the service is reached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape, unescape
from urllib.parse import quote

from kb.content.paths import article_url
from kb.index.snapshot import Card
from kb.model import Article, Span
from kb.related import Related
from kb.search import Hit, Results
from kb.suggest import Suggestion
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
    SectionLink,
    SectionName,
    SuggestionItem,
)
from kb.words import Texts

_OWN_LINK = re.compile(r'(<(?:a|img)\s[^<>]*?(?:href|src)=")/')
"""The sanitiser writes attributes with quotes and escaped angles, and lets no `//host` through."""


_HEADING = re.compile(r'<h([2-4]) id="(?P<anchor>[^"]+)">(?P<title>.*?)</h\1>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def mark(text: str, marks: Sequence[Span], element: str = "mark") -> str:
    """HTML: everything escaped, then the spans within an element."""
    # most texts have nothing to escape, which is known at once for all their parts
    plain = not ("&" in text or "<" in text or ">" in text or '"' in text or "'" in text)
    safe = str if plain else escape
    parts: list[str] = []
    opening, closing, last = f"<{element}>", f"</{element}>", 0
    for span in marks:
        parts += (safe(text[last : span.start]), opening, safe(text[span.start : span.end]), closing)
        last = span.end
    return "".join((*parts, safe(text[last:])))


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


def search_answer(
    results: Results, shelf: Shelf, prefix: str, search_id: str, took_ms: float
) -> SearchAnswer:
    return SearchAnswer(
        query=results.query,
        locale=shelf.locale,
        search_id=search_id,
        total=results.total,
        took_ms=round(took_ms, 2),
        generation=shelf.generation.name,
        corrected=results.corrected,
        hits=[search_hit(hit, prefix) for hit in results.hits],
        facets={
            name: [FacetCount(value=value, count=count) for value, count in pairs]
            for name, pairs in results.facets.items()
        },
    )


def search_hit(hit: Hit, prefix: str) -> SearchHit:
    """A hit in the shape of the API; the excerpt as text with marks, and as HTML."""
    card = hit.card
    page = prefix + article_url(card.locale, card.id)
    links = [
        SectionLink(
            anchor=each.anchor, title=each.title, url=prefix + article_url(card.locale, card.id, each.anchor)
        )
        for each in hit.sections
    ]
    return SearchHit(
        id=card.id,
        locale=card.locale,
        url=links[0].url if links else page,
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
