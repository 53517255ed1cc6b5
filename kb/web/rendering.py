"""Templates and what all pages share: words, links, site name, notice, language switch. Used by `pages`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import falcon
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from kb.content.paths import article_url
from kb.errors import KbError
from kb.model import Site
from kb.web.files import STATIC, TEMPLATES
from kb.web.guard import audience_of
from kb.web.languages import preferred
from kb.web.parts import Parts
from kb.web.reader import Shelf, default_locale, generation_of, locales_of
from kb.web.shapes import Problem
from kb.words import FALLBACK, Texts, language_name, languages, texts_for


class Language(Struct, frozen=True):
    """An entry of the language switch."""

    locale: str
    name: str
    url: str
    current: bool
    note: str = ""
    """What to know before one goes there, in that language."""


class Pages:
    """The template environment, opened once a process."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.prefix = parts.settings.base_url.prefix
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals.update(
            prefix=self.prefix,
            static=lambda name: f"{self.prefix}/static/{name}?v={STATIC[name].tag[:10]}",
            html=Markup,
            tagged=tagged,
            preview=parts.preview,
        )

    def render(self, req: falcon.Request, shelf: Shelf, template: str, **values: Any) -> bytes:
        """One page; `others` may say where the same page is in other locales, `notes` what of them."""
        texts = texts_for(shelf.locale)
        notes: Mapping[str, str] = values.pop("notes", {})
        others: Mapping[str, str] = values.pop("others", {})
        frame = {
            "t": texts,
            "locale": shelf.locale,
            "site_name": localized(shelf.generation.site.site_name, shelf, texts("site")),
            "incident": localized(shelf.generation.site.incident, shelf, ""),
            "languages": [
                self._language(each, shelf.locale, others, notes.get(each, "")) for each in shelf.locales
            ],
            "home": self.home(shelf.locale),
            "here": absolute(req, self.parts, others.get(shelf.locale, "")),
            "alternates": {each: absolute(req, self.parts, url) for each, url in others.items()},
            "query": "",
            "robots": "noindex" if self.parts.preview else "",
            "served": shelf.generation.version,
        }
        return self._templates.get_template(template).render(frame | values).encode()

    def problem(self, req: falcon.Request, problem: Problem) -> str:
        """The page for a failure: with the site's name and search box when there is an index."""
        key = str(problem.status)
        if f"problem.{key}" not in texts_for(FALLBACK):
            key = "400" if problem.status < 500 else "500"
        return self.without_shelf(req, "problem.html", problem=problem, key=key, robots="noindex")

    def without_shelf(self, req: falcon.Request, template: str, **values: Any) -> str:
        """A page at an address without a locale: in the reader's own, and also while there is no index."""
        shelf = self._shelf_for_problem(req)
        if shelf:
            return self.render(req, shelf, template, **values).decode()
        locale = preferred(req, languages(), FALLBACK)
        texts = texts_for(locale)
        frame = {"t": texts, "locale": locale, "site_name": texts("site"), "incident": "", "languages": [],
                 "home": "", "here": "", "alternates": {}, "query": ""}  # fmt: skip
        return self._templates.get_template(template).render(frame | values)

    def home(self, locale: str) -> str:
        return f"{self.prefix}/{quote(locale)}/"

    def article(self, locale: str, article_id: str, anchor: str = "") -> str:
        return self.prefix + article_url(locale, article_id, anchor)

    def category(self, locale: str, name: str) -> str:
        return f"{self.prefix}/{quote(locale)}/categories/{quote(name)}"

    def _language(self, locale: str, current: str, others: Mapping[str, str], note: str) -> Language:
        url = others.get(locale) or self.home(locale)
        return Language(locale, language_name(locale), url, locale == current, note)

    def _shelf_for_problem(self, req: falcon.Request) -> Shelf | None:
        """In the language of the address, else of the reader; None without an index."""
        try:
            generation = generation_of(req, self.parts)
        except KbError:
            return None
        audience = audience_of(req)
        known = locales_of(generation, audience)
        first = req.path.split("/")[1] if "/" in req.path else ""
        fallback = default_locale(generation, audience, self.parts)
        chosen = first if first in known else preferred(req, known, fallback)
        return Shelf(generation, audience, chosen) if chosen in known else None


def tagged(url: str, search_id: str, place: int) -> str:
    """The address of a hit that tells which search led there and from which place."""
    path, hash_sign, anchor = url.partition("#")
    return f"{path}?s={search_id}&n={place}{hash_sign}{anchor}" if search_id else url


def localized(texts: Mapping[str, str], shelf: Shelf, default: str) -> str:
    """What the site says in this locale, else in its default, else `default`."""
    return texts.get(shelf.locale) or texts.get(shelf.generation.site.default_locale) or default


def absolute(req: falcon.Request, parts: Parts, path: str) -> str:
    """A path, prefix included, with scheme and host."""
    return f"{origin(req, parts)}{path}" if path else ""


def origin(req: falcon.Request, parts: Parts) -> str:
    """Scheme and host: of KB_BASE_URL, else of the request."""
    return parts.settings.base_url.origin or f"{req.scheme}://{req.netloc}"


def category_title(site: Site, name: str, shelf: Shelf) -> str:
    """The name of a category in the language of the shelf; its id when `kb.yml` names none."""
    category = next((each for each in site.categories if each.id == name), None)
    return localized(category.title, shelf, name) if category else name


def updated(texts: Texts, shelf: Shelf, moment: Any) -> str:
    return texts.date(moment, shelf.generation.site.time_zone)
