"""What a page is about, as schema.org data for search engines (JSON-LD). Called by `articles`.

The data stands in a script element that no browser runs, so the content security policy lets it be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from kb.model import Article, Kind, Section
from kb.web.present import iso

CONTEXT = "https://schema.org"
MAX_ANSWER = 800
"""Characters of an answer: search engines show less, and the page has it already."""


def described(article: Article, place: str) -> str:
    """The article at its absolute address; a FAQ with its questions."""
    data: dict[str, Any] = {
        "@type": "TechArticle" if article.kind is Kind.MANUAL else "Article",
        "headline": article.title,
        "inLanguage": article.locale,
        "dateModified": iso(article.updated),
        "mainEntityOfPage": place,
    }
    if article.description:
        data["description"] = article.description
    answered = [each for each in article.sections if each.level == 2 and each.text]
    if article.kind is Kind.FAQ and answered:
        data = {"@type": "FAQPage", "inLanguage": article.locale, "dateModified": iso(article.updated),
                "mainEntity": [_question(each) for each in answered]}  # fmt: skip
    return _encoded(data)


def breadcrumbs(way: Sequence[tuple[str, str]]) -> str:
    """The way from the home page, as (name, absolute address)."""
    items = [
        {"@type": "ListItem", "position": place, "name": name, "item": address}
        for place, (name, address) in enumerate(way, 1)
    ]
    return _encoded({"@type": "BreadcrumbList", "itemListElement": items})


def _question(section: Section) -> dict[str, Any]:
    answer = {"@type": "Answer", "text": _shortened(section.text.splitlines())}
    return {"@type": "Question", "name": section.title, "acceptedAnswer": answer}


def _shortened(lines: Iterable[str]) -> str:
    text = " ".join(lines)
    return text if len(text) <= MAX_ANSWER else f"{text[: MAX_ANSWER - 1]}…"


def _encoded(data: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps({"@context": CONTEXT} | data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
