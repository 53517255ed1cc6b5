"""One Markdown body → title, sections, safe HTML, links and files. Called by `tree` for each file.

mistune parses, `rawhtml` cleans (nh3), `page` walks over the result once. Nothing here knows whether a
link's target exists. Whoever calls it on files of strangers goes through `guard`, which adds a deadline.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from mistune import HTMLRenderer, InlineParser, Markdown
from mistune.plugins import Plugin
from mistune.plugins.footnotes import footnotes
from mistune.plugins.formatting import strikethrough
from mistune.plugins.table import table, table_in_list, table_in_quote
from mistune.plugins.task_lists import task_lists
from msgspec import Struct

from kb.content import dialects, mdx, rawhtml
from kb.content.page import PageReader
from kb.content.paths import Layout
from kb.errors import ContentError
from kb.model import Section

MAX_BYTES = 1_000_000
_PLUGINS: tuple[Plugin, ...] = (
    table, table_in_list, table_in_quote, strikethrough, task_lists, footnotes, dialects.install,
)  # fmt: skip


_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
"""Control characters but tab and line ends: nothing to read, and `page` uses two of them as marks."""
_ATTRIBUTE_LIST = re.compile(r"\{:?[ ]?(?:[.#][A-Za-z][\w\-]*[ ]?)+\}")
"""kramdown's `{.button}` behind a link or paragraph: styling for another renderer."""


class Link(Struct, frozen=True):
    """A link or image as the page shows it."""

    kind: str
    href: str


class Rendered(Struct, frozen=True, kw_only=True):
    """What one body says and shows."""

    title_from_h1: str
    sections: tuple[Section, ...]
    html: str
    media: tuple[str, ...]
    links: tuple[Link, ...]


class _Renderer(HTMLRenderer):
    """Markdown to HTML that still has to be cleaned; raw HTML passes through `rawhtml.sift`."""

    def __init__(self, locale: str, ended: frozenset[str]) -> None:
        super().__init__(escape=False)
        self._locale = locale
        self._ended = ended

    def sanitize_url(self, url: str) -> str:
        """As written: `page` resolves every address, those within raw HTML too."""
        return url

    def text(self, text: str) -> str:
        return super().text(_ATTRIBUTE_LIST.sub("", text) if "{" in text else text)

    def inline_html(self, html: str) -> str:
        return rawhtml.sift(html, self._ended)

    def block_html(self, html: str) -> str:
        return rawhtml.sift(html, self._ended) + "\n"

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        line, own = attrs.get("line"), attrs.get("id")
        marks = (f' data-line="{line}"' if line else "") + (f' id="{escape(own)}"' if own else "")
        return f"<h{level}{marks}>{text}</h{level}>\n"

    def alert(self, text: str, kind: str) -> str:
        return dialects.box_start(kind, "", self._locale) + text + dialects.box_end(kind)

    def box_open(self, kind: str, title: str) -> str:
        return dialects.box_start(kind, title, self._locale)

    def box_close(self, kind: str) -> str:
        return dialects.box_end(kind)


def _table_cell(_: Any, text: str, align: str | None = None, head: bool = False) -> str:
    tag = "th" if head else "td"
    mark = f' align="{align}"' if align else ""
    return f"<{tag}{mark}>{text}</{tag}>\n"


def _task(_: Any, text: str, checked: bool = False) -> str:
    """A sign instead of a control that nobody could use."""
    sign = "☑ " if checked else "☐ "
    text = text.replace("<p>", f"<p>{sign}", 1) if text.startswith("<p>") else sign + text
    return f'<li class="task-list-item">{text}</li>\n'


def render(
    body: str, path: str, locale: str, *, layout: Layout | None = None, title: str = "", first_line: int = 1
) -> Rendered:
    """`body` of the file at `path`, whose line `first_line` it begins at.

    `title` is the one that front matter gives: an H1 that says the same is left out, as is a single H1
    at the top that says it differently; that one's words stay searchable in the lead.
    Raises ContentError for what cannot be rendered.
    """
    if len(body) > MAX_BYTES or len(body.encode("utf-8", "replace")) > MAX_BYTES:
        raise ContentError(path, 0, f"larger than {MAX_BYTES // 1_000_000} MB")
    body = body.translate(_CONTROLS)
    try:
        raw = _to_html(mdx.to_markdown(body) if path.lower().endswith(".mdx") else body, locale)
        html = rawhtml.clean(raw)
        page = PageReader(path, layout or Layout((), locale), title, html.count("<h1") == 1)
        page.feed(html)
    except RecursionError:
        raise ContentError(path, 0, "is nested too deeply to be rendered") from None
    except Exception as error:
        # A parser that stumbles over one file must not take the other thousands with it.
        raise ContentError(path, 0, f"cannot be rendered ({type(error).__name__}: {error})") from error
    return Rendered(
        title_from_h1=page.title,
        sections=_with_lines(page.sections, body, first_line),
        html=page.html,
        media=tuple(page.media),
        links=tuple(Link(link.kind, link.href) for link in page.links),
    )


def _to_html(body: str, locale: str) -> str:
    renderer = _Renderer(locale, rawhtml.ended_names(body))
    markdown = Markdown(renderer, dialects.LinedBlocks(), InlineParser(), _PLUGINS)
    renderer.register("table_cell", _table_cell)
    renderer.register("task_list_item", _task)
    rendered = markdown(body)
    assert isinstance(rendered, str)
    return rendered


def _with_lines(sections: list[Section], body: str, first_line: int) -> tuple[Section, ...]:
    """Sections with lines of the file; headings within lists or raw HTML are looked for by their words."""
    lines: list[str] | None = None
    placed: list[Section] = []
    last = 0
    for section in sections:
        line = section.line
        if not line and section.title:
            lines = body.split("\n") if lines is None else lines
            line = _find(section.title, lines, last)
        last = line or last
        number = line + first_line - 1 if line else 0
        placed.append(Section(anchor=section.anchor, title=section.title, level=section.level,
                              text=section.text, line=number))  # fmt: skip
    return tuple(placed)


_HEADING_LINE = re.compile(r"#|<h[1-6]", re.I)
_TAG = re.compile(r"<[^<>]*>")


def _find(title: str, lines: list[str], after: int) -> int:
    """The first line below `after` that looks like a heading and holds these words; 0 if there is none."""
    for number in range(after, len(lines)):
        if _HEADING_LINE.search(lines[number]) and title in _TAG.sub("", lines[number]):
            return number + 1
    return 0
