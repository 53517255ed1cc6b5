"""HTML that writers put into Markdown: what may stay, and what was never meant as HTML.

`sift` runs on each raw piece while mistune renders; `clean` runs once on the whole page and leaves only
well-formed, harmless HTML for `page` to walk over. `<App ID>` in a command line is a placeholder that
readers must see, so names that are no HTML are shown as text, unless they are components with an end.
"""

from __future__ import annotations

import re
from html import escape
from re import Match

import nh3

_VUE_ASSET = re.compile(r"""(?<=\s):(src|href)=(["'])\$withBase\(\s*["'`]([^"'`]*)["'`]\s*\)\2""")
_TAG = re.compile(r"<(/?)([A-Za-z][\w.:\-]*)([^<>]*)>")
_ENDED = re.compile(r"</([A-Za-z][\w.:\-]*)\s*>|<([A-Za-z][\w.:\-]*)[^<>]*/>")

ALLOWED = frozenset(
    """a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 hr i iframe img ins kbd li mark ol p pre q rp rt ruby s samp section small span strong
    sub summary sup table tbody td tfoot th thead tr u ul var video""".split()  # noqa: SIM905
)
_DROPPED = frozenset(
    """address area article aside audio base bdi bdo big body button canvas center data datalist dir embed
    fieldset font footer form frame frameset head header hgroup html input label legend link main map menu
    meta meter nav nobr noscript object optgroup option output param picture progress script select slot
    source strike style svg template textarea time title track tt wbr""".split()  # noqa: SIM905
)
"""HTML of which only the inner text is kept, if anything."""
_EMPTY = frozenset(
    "area base embed frame input link meta param source track wbr option".split()  # noqa: SIM905
)
"""Of those, the ones that need no end tag. Another without an end is a placeholder like `<title>`, which
HTML would let swallow all that follows."""

_GLOBAL = {"id", "class", "title", "lang", "dir"}
_ATTRIBUTES = {tag: set(_GLOBAL) for tag in ALLOWED}
for _tag, _more in {
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height"},
    "iframe": {"src"},
    "video": {"src"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "type", "reversed"},
    "li": {"value"},
    "details": {"open"},
    **{f"h{level}": {"data-line"} for level in range(1, 7)},
}.items():
    _ATTRIBUTES[_tag] |= _more

_CLEANER = nh3.Cleaner(
    tags=set(ALLOWED),
    attributes=_ATTRIBUTES,
    clean_content_tags=set("script style template svg math object textarea title select".split()),  # noqa: SIM905
    url_schemes={"http", "https", "mailto", "tel"},
    strip_comments=True,
    link_rel=None,
)


def clean(html: str) -> str:
    """Well-formed HTML of allowed elements and attributes only; script, style and comments are gone."""
    return _CLEANER.clean(html)


def ended_names(source: str) -> frozenset[str]:
    """Names, lower case, that the file closes somewhere, as `</Name>` or `<Name/>`."""
    return frozenset((match[1] or match[2]).lower() for match in _ENDED.finditer(source))


def sift(html: str, ended: frozenset[str]) -> str:
    """A raw piece with components taken out and placeholders escaped."""

    def decide(match: Match[str]) -> str:
        name = match[2].lower()
        if name in ALLOWED or name in _EMPTY:
            return match[0]
        if name in _DROPPED:
            return match[0] if name in ended else escape(match[0], quote=False)
        return "" if name in ended else escape(match[0], quote=False)

    return _TAG.sub(decide, _VUE_ASSET.sub(r'\1="\3"', html))
