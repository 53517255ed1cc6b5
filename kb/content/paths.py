"""What a path means: locale, id, kind, chapter; and what a link in an article points at.

Purely lexical, so that an article can be read without knowing any other; whether a target exists is
for `check` and `tree` to say. Everything that builds a URL of an article uses `article_url`.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, unquote

from msgspec import Struct

from kb.model import Kind

SITE_FILE = "kb.yml"

MARKDOWN_ENDINGS = (".md", ".markdown", ".mdx")

_LANGUAGES = frozenset(
    """aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv
    dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii
    ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk
    ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc
    sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve
    vi vo wa wo xh yi yo za zh zu""".split()  # noqa: SIM905
)
"""ISO 639-1, the two-letter codes."""

_REGION = re.compile(r"([a-z]{2})(?:-(?:[A-Z]{2}|[A-Z][a-z]{3}|[0-9]{3}))?")
_ENDING = re.compile(r"\.(?:md|markdown|mdx|html?)$", re.I)
_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}$|\.(?:mp[34]|7z)$")
_CHAPTER = re.compile(r"(\d{1,9})(?:[-_. ]|$)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f]+")
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_PAGES = frozenset({"search", "categories", "contact"})
"""Pages of the site itself below `/{locale}/`."""
_SETTINGS = frozenset({"kb.yml", "synonyms.yml"})


class Layout(Struct, frozen=True):
    """Which root folders are locales, and whose locale the files outside of them have."""

    locales: tuple[str, ...] = ()
    default_locale: str = "en"


class Place(Struct, frozen=True):
    """What a file's path says about the article in it."""

    locale: str
    id: str
    below: str
    """Path below the locale folder."""
    category: str
    kind: Kind
    manual: str
    order: int


class Target(Struct, frozen=True):
    """What a link points at. `href` is what the page shows; empty if the link must be dropped."""

    kind: Literal["article", "anchor", "media", "external", "page", "refused"]
    href: str = ""
    locale: str = ""
    id: str = ""
    anchor: str = ""
    media: str = ""
    """Path of the file below the root of the tree."""


REFUSED = Target("refused")


def is_language(name: str) -> bool:
    """Whether a folder is named exactly like a language: `ja`, `en`, `pt-BR`, `zh-Hant`."""
    match = _REGION.fullmatch(name)
    return match is not None and match[1] in _LANGUAGES


def locate(path: str, layout: Layout) -> Place:
    """Locale, id and the rest for the file at `path` below the root."""
    locale, below = split_locale(path, layout)
    folders = below.split("/")[:-1]
    manual, order = _chapter(below.split("/"))
    kind = Kind.MANUAL if "manuals" in folders else Kind.FAQ if "faq" in folders else Kind.ARTICLE
    category = nfc(folders[0]) if folders else ""
    return Place(locale, article_id(below), below, category, kind, nfc(manual), order)


def split_locale(path: str, layout: Layout) -> tuple[str, str]:
    """(locale, path below its folder) of a path below the root."""
    first, slash, rest = path.partition("/")
    if slash and first in layout.locales:
        return first, rest
    return layout.default_locale, path


def article_id(below: str) -> str:
    """Id of the file at this path below its locale folder; README and index stand for their folder.

    At the very root there is no folder to stand for, so the id is `index`.
    """
    folder, name = posixpath.split(nfc(_ENDING.sub("", below)))
    if name.lower() in ("readme", "index"):
        return folder or "index"
    return posixpath.join(folder, name)


@lru_cache(maxsize=50_000)
def article_url(locale: str, article: str, anchor: str = "") -> str:
    """`/ja/articles/orders/refund#%E6%9C%9F%E9%99%90`. Remembered: a page of hits has dozens, 10 µs each."""
    fragment = f"#{quote(anchor, safe='')}" if anchor else ""
    return f"/{quote(locale)}/articles/{quote(article)}{fragment}"


def media_url(path: str) -> str:
    return f"/media/{quote(path)}"


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _chapter(parts: list[str]) -> tuple[str, int]:
    """(`manuals/tablet`, 3) for `manuals/tablet/03-reset.md`; ("", 0) for what is no chapter."""
    if "manuals" not in parts[:-2]:
        return "", 0
    end = parts.index("manuals") + 2
    number = _CHAPTER.match(parts[-1])
    return "/".join(parts[:end]), int(number[1]) if number else 0


def resolve(url: str, path: str, layout: Layout) -> Target:
    """What `url`, written in the file at `path`, points at.

    Browsers read `\\` as `/` and skip control characters within a scheme, so both are undone first:
    what is refused here (`//host`, `javascript:`, `data:`) must not come back in another spelling.
    """
    url = _INVISIBLE.sub("", url).strip().replace("\\", "/")
    scheme = _SCHEME.match(url)
    if scheme:
        return Target("external", url) if scheme[1].lower() in _SCHEMES else REFUSED
    if url.startswith("//"):
        return REFUSED
    where, _, fragment = url.partition("#")
    anchor = _anchor(fragment)
    where, _, query = where.partition("?")
    where = unquote(where)
    if "\x00" in where or "\ufffd" in where:
        return REFUSED
    if not where:
        return Target("anchor", f"#{quote(anchor, safe='')}", anchor=anchor) if anchor else REFUSED
    if where.startswith("/"):
        return _from_root(where, query, anchor, path, layout)
    joined = posixpath.join(posixpath.dirname(path), where)
    return _in_tree(_tidy(joined), where.endswith(("/", "/.", "..")), anchor, layout)


def _anchor(fragment: str) -> str:
    """The fragment as our anchors are written; VuePress puts `_` before a leading digit."""
    decoded = unquote(fragment)
    return nfc(decoded[1:] if re.match(r"_\d", decoded) else decoded)


def _tidy(path: str) -> str:
    tidied = posixpath.normpath(path).lstrip("/")
    return "" if tidied == "." else tidied


def _from_root(where: str, query: str, anchor: str, path: str, layout: Layout) -> Target:
    tidied = _tidy(where)
    parts = tidied.split("/")
    own = split_locale(path, layout)[0]
    if parts[0] == "media" and len(parts) > 1:
        return _media("/".join(parts[1:]))
    if parts[0] in (*layout.locales, layout.default_locale):
        if len(parts) == 1 or parts[1] in _PAGES:
            trailing = "/" if len(parts) == 1 else ""
            asked = f"?{quote(query, safe='=&%+')}" if query else ""
            return Target("page", f"/{quote(tidied)}{trailing}{asked}")
        if parts[1] == "articles" and len(parts) > 2:
            return _article(parts[0], "/".join(parts[2:]), anchor)
        if parts[0] not in layout.locales:
            return _in_tree(tidied, where.endswith("/"), anchor, layout)
    elif layout.locales and not _is_file(tidied):
        # `/guide/x` in a page below `ja/`: written for a site whose root is the locale.
        return _article(own, tidied, anchor) if tidied else Target("page", f"/{quote(own)}/")
    return _in_tree(tidied, where.endswith("/"), anchor, layout)


def _in_tree(tidied: str, folder: bool, anchor: str, layout: Layout) -> Target:
    if tidied == ".." or tidied.startswith("../"):
        return REFUSED
    if not folder and _is_file(tidied):
        return _media(tidied)
    locale, below = split_locale(tidied if tidied not in layout.locales else f"{tidied}/", layout)
    return _article(locale, below, anchor)


def _is_file(path: str) -> bool:
    """Whether it looks like a file that is no page: `img/a.png`, but not `v1.2` or `refund.md`."""
    return bool(_FILE.search(path)) and not _ENDING.search(path)


def _article(locale: str, below: str, anchor: str) -> Target:
    article = article_id(below.strip("/") or "index")
    return Target("article", article_url(locale, article, anchor), locale=locale, id=article, anchor=anchor)


def _media(path: str) -> Target:
    """A file of the tree; hidden ones (`.git/config`) and our own settings are nobody's to fetch."""
    parts = path.split("/")
    if any(part.startswith(".") for part in parts) or path in _SETTINGS:
        return REFUSED
    return Target("media", media_url(path), media=path)
