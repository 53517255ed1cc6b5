"""An article's page, and what its readers answer to "did this help?", with and without JavaScript.

    GET  /articles/{id}        the article; behind `.md` the Markdown it was written in
    POST /articles/{id}        helpful=yes|no, perhaps with reason and comment → 303 back to the same page

The page is the same for everybody, so that it may be kept; which answer was given stands in its address.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from urllib.parse import urlencode

import falcon
from msgspec import Struct

from kb.content.paths import article_url
from kb.deflection.facts import Entry
from kb.errors import InvalidBody
from kb.model import Article
from kb.related import related
from kb.web import present
from kb.web.answers import HTML, send_body, send_cached
from kb.web.event_shapes import FeedbackBody
from kb.web.events import feedback_fact
from kb.web.forms import read_form_from_here
from kb.web.pages import Page, card_of
from kb.web.reader import Shelf, page_shelf
from kb.web.recording import SEARCH_ID, record, record_view
from kb.web.rendering import absolute, updated
from kb.web.sessions import visitor_of
from kb.web.structured import breadcrumbs, described
from kb.words import Texts, language_name, texts_for

TWIN = ".md"
"""Ending at which an article's Markdown is served."""
REASONS = ("unclear", "incomplete", "wrong", "other")
"""Why an article did not help; `feedback.reason.…` in the catalogues."""
STAGES = {"yes": "thanks", "no": "why", "thanks": "thanks"}
"""What the address says was answered → what is shown."""
MAX_COMMENT = 2000
_SEARCH = secrets.token_urlsafe(24)
"""Stands in a remembered page for the id of the search that led to it; no writer can know it."""


class Translated(Struct, frozen=True):
    """The same article in another language, changed later than this one."""

    locale: str
    name: str
    url: str
    updated: str


class ArticlePage(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        if article_id.endswith(TWIN) and not shelf.holds(article_id):
            article = shelf.snapshot.article(shelf.find(article_id.removesuffix(TWIN)))
            text = f"# {article.title}\n\n{article.markdown.strip()}\n"
            send_cached(req, resp, text.encode("utf-8", "replace"), "text/markdown; charset=utf-8")
            return
        number = shelf.find(article_id)
        stage = STAGES.get(str(req.params.get("feedback")), "")
        visitor = visitor_of(req, resp, self.parts)
        if not stage:
            record_view(req, self.parts, locale, shelf.snapshot.card(number).id, visitor)
        given = str(req.params.get("s"))
        search_id = _SEARCH if SEARCH_ID.fullmatch(given) else ""
        page = self.rendered(
            req, shelf, (number, stage, search_id), lambda: self._render(req, shelf, number, stage, search_id)
        )
        if search_id:
            send_cached(req, resp, page.body.replace(_SEARCH.encode(), given.encode()), HTML)
        else:
            send_body(req, resp, page, HTML)

    def _render(self, req: falcon.Request, shelf: Shelf, number: int, stage: str, search_id: str) -> bytes:
        article, locale = shelf.snapshot.article(number), shelf.locale
        values = self._around(shelf, number, article) | self._translations(shelf, article)
        return self.pages.render(
            req, shelf, "article.html",
            article=article,
            content=present.readable(
                present.own_links(article.html, self.prefix), texts_for(locale)
            ),
            contents=[each for each in article.sections if each.title and each.level <= 3],
            updated=updated(texts_for(locale), shelf, article.updated),
            structured=self._structured(req, shelf, article),
            stage=stage,
            reasons=REASONS,
            most_comment=MAX_COMMENT,
            place=self.pages.article(locale, article.id),
            search_id=search_id,
            others={each: self.pages.article(each, article.id) for each in shelf.translations(article.id)},
            **values,
        )  # fmt: skip

    def on_post(self, req: falcon.Request, resp: falcon.Response, locale: str, article_id: str) -> None:
        shelf = page_shelf(req, self.parts, locale)
        article = shelf.snapshot.article(shelf.find(article_id))
        fields = read_form_from_here(req, self.parts)
        body = _feedback(fields)
        visitor = visitor_of(req, resp, self.parts)
        record(req, self.parts, feedback_fact(body, shelf, article.id, visitor, Entry.ARTICLE))
        said = "thanks" if "reason" in fields or "comment" in fields else "yes" if body.helpful else "no"
        query = {"feedback": said} | ({"s": body.search_id} if body.search_id else {})
        resp.status = falcon.HTTP_303
        resp.location = f"{self.pages.article(locale, article.id)}?{urlencode(query)}#feedback"
        resp.set_header("Cache-Control", "no-store")

    def _around(self, shelf: Shelf, number: int, article: Article) -> dict[str, object]:
        """What leads on from the article."""
        before, after = shelf.neighbours(article)
        return {
            "category": card_of(self.pages, shelf, article.category, 0) if article.category else None,
            "related": [
                (present.related_item(each, self.prefix), _spoken(each.terms))
                for each in related(shelf.snapshot, number, 5)
            ],
            "before": present.link(before, self.prefix),
            "after": present.link(after, self.prefix),
            "twin": self.prefix + article_url(article.locale, article.id + TWIN),
        }

    def _translations(self, shelf: Shelf, article: Article) -> dict[str, object]:
        """`newer`: the translation to read instead; `notes`: what the language switch says of older ones."""
        texts, day, newer, notes = texts_for(shelf.locale), article.updated.date(), None, {}
        for locale in shelf.translations(article.id):
            other = Shelf(shelf.generation, shelf.audience, locale)
            card = other.snapshot.card(other.find(article.id))
            changed = datetime.fromisoformat(card.updated)
            if changed.date() < day:
                notes[locale] = _older(locale)
            elif changed.date() > day and (newer is None or changed > newer[0]):
                newer = changed, _translated(self, texts, shelf, locale, article.id, changed)
        return {"newer": newer[1] if newer else None, "notes": notes}

    def _structured(self, req: falcon.Request, shelf: Shelf, article: Article) -> list[str]:
        """JSON-LD of the article and of the way to it."""
        root = absolute(req, self.parts, self.prefix + "/")[:-1]
        way = [(texts_for(shelf.locale)("home"), f"{root}/{shelf.locale}/")]
        if article.category:
            category = card_of(self.pages, shelf, article.category, 0)
            way.append((category.title, root + category.url.removeprefix(self.prefix)))
        place = root + article_url(article.locale, article.id)
        return [described(article, place), breadcrumbs([*way, (article.title, place)])]


def _spoken(terms: tuple[str, ...]) -> list[str]:
    """Shared words that say something by themselves: of Wi, Fi and Wi-Fi the last alone."""
    whole = [each for each in terms if len(each) > 2 or not each.isascii()]
    return [each for each in whole if not any(each != other and each in other for other in whole)]


def _older(locale: str) -> str:
    """What the language switch says of a translation that was not changed with the rest, in its language."""
    texts = texts_for(locale)
    return texts("languages.older")


def _translated(
    page: ArticlePage, texts: Texts, shelf: Shelf, locale: str, article_id: str, changed: datetime
) -> Translated:
    return Translated(
        locale, language_name(locale), page.pages.article(locale, article_id), updated(texts, shelf, changed)
    )


def _feedback(fields: dict[str, str]) -> FeedbackBody:
    """Raises InvalidBody."""
    helpful, reason, search_id = fields.get("helpful"), fields.get("reason", ""), fields.get("search_id", "")
    if helpful not in ("yes", "no"):
        raise InvalidBody([("helpful", "must be yes or no")])
    return FeedbackBody(
        helpful=helpful == "yes",
        reason=reason if reason in REASONS else "",
        comment=fields.get("comment", "").strip()[:MAX_COMMENT],
        search_id=search_id if SEARCH_ID.fullmatch(search_id) else None,
    )
