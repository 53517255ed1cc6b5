"""One walk over a page's clean HTML: out come the final HTML, the sections, the links and the files.

Input is what `rawhtml.clean` leaves, so it is well-formed and holds only known elements; here links are
resolved, headings get their anchors, images from elsewhere become links; `pagetext` collects the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import unquote

from kb.content.pagetext import PageText, flow
from kb.content.paths import Layout, Target, resolve
from kb.content.slugs import Anchors, slug
from kb.model import Section

_ATTRIBUTES = r'((?: [^ =">]+="[^"]*")*)'
_TOKEN = re.compile(
    rf"<(iframe){_ATTRIBUTES}>(?s:.*?)(?=</iframe>)|<(?:/([a-z0-9]+)|([a-z0-9]+){_ATTRIBUTES})>|([^<]+|<)"
)
"""Start tag, with attributes, of a frame and what stands in it; end tag; start tag, with attributes; text.

To HTML what stands in a frame is text, whatever it looks like, so nh3 has not cleaned it."""
_ATTRIBUTE = re.compile(r' ([^ =">]+)="([^"]*)"')
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_VOID = frozenset({"br", "hr", "img", "col"})
_SILENT = frozenset({"rt", "rp", "video"})
"""Elements whose text is not part of what the page says: readings of ruby, fallbacks of players."""
_SILENT_CLASSES = frozenset({"footnote-ref", "footnote", "note-label"})
_OUR_CLASSES = frozenset(
    """note note-note note-tip note-important note-warning note-danger note-title note-label footnotes
    footnote-ref footnote task-list-item""".split()  # noqa: SIM905
)
"""Other classes could borrow the look, or the scripts, of the site's own controls."""
_CODE_CLASS = re.compile(r"language-[\w+#.\-]+")
_KEPT = frozenset(
    "title lang dir width height colspan rowspan align scope span start type reversed value open".split()  # noqa: SIM905
)
_HOLLOW = re.compile(r"<a></a>|<p>\s*(?:<a></a>\s*)*</p>\n?")
"""Left by anchors whose id a heading has taken."""
_NUMBER = re.compile(r"\d{1,4}%?")


@dataclass(slots=True)
class Heading:
    """A heading being read, and where its HTML starts in the output."""

    level: int
    start: int
    line: int
    own_id: str


class PageReader:
    """Feed it clean HTML once, then take `html`, `sections`, `title`, `links`, `media`."""

    def __init__(self, path: str, layout: Layout, known_title: str, only_h1: bool) -> None:
        self.path, self.layout = path, layout
        self.known_title, self.only_h1 = known_title, only_h1
        self.title = ""
        self.links: list[Target] = []
        self.media: dict[str, None] = {}
        self.sections: list[Section] = []
        self._out: list[str] = []
        self._open: list[tuple[str, str, bool]] = []
        self._ids: dict[int, str] = {}
        self._anchors = Anchors()
        self._seen_h1 = False
        self._heading: Heading | None = None
        self._current = Section(anchor="", title="", level=1, text="", line=0)
        self._text = PageText()

    @property
    def html(self) -> str:
        """The page; ids that a heading has taken, or that stand twice, are left out."""
        seen: set[str] = set()
        for place, name in self._ids.items():
            if name in self._anchors or name in seen:
                self._out[place] = ""
            seen.add(name)
        return _HOLLOW.sub("", "".join(self._out)).strip()

    def feed(self, html: str) -> None:
        """All of the page, as nh3 writes it: a third of the time of Python's parser, which takes any HTML."""
        for frame, of_frame, ending, tag, attributes, text in _TOKEN.findall(html):
            if text:
                self._write(unescape(text) if "&" in text else text)
            elif ending:
                self._end(ending)
            else:
                found = _ATTRIBUTE.findall(of_frame or attributes)
                self._start(frame or tag, {name: unescape(value) for name, value in found})
        self._end_section()

    # Elements

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if tag in _HEADINGS:
            self._start_heading(tag, given)
            return
        silent = tag not in _VOID and (
            tag in _SILENT or not _SILENT_CLASSES.isdisjoint(given.get("class", "").split())
        )
        self._text.start(tag, silent)
        if tag == "img":
            self._image(given)
        elif tag in ("iframe", "video"):
            self._embedded(given)
            self._open.append((tag, "", silent))
        elif tag == "a":
            self._anchor(given, silent)
        else:
            self._out.append(f"<{tag}")
            self._write_attributes(tag, given)
            if tag not in _VOID:
                self._open.append((tag, f"</{tag}>", silent))

    def _end(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._end_heading()
            return
        if not self._open or self._open[-1][0] != tag:
            return
        _, closing, silent = self._open.pop()
        self._text.end(tag, silent)
        self._out.append(closing)

    def _write(self, text: str) -> None:
        hidden = self._open and self._open[-1][0] == "video"
        if not hidden:
            self._out.append(escape(text, quote=False))
        self._text.say(text)

    def _end_section(self) -> None:
        head, text = self._current, self._text.take()
        self.sections.append(
            Section(anchor=head.anchor, title=head.title, level=head.level, line=head.line, text=text)
        )

    # Headings

    def _start_heading(self, tag: str, given: dict[str, str]) -> None:
        self._text.start_heading()
        line = given.get("data-line", "")
        self._heading = Heading(
            level=int(tag[1]),
            start=len(self._out),
            line=int(line) if line.isascii() and line.isdigit() and len(line) < 8 else 0,
            own_id=given.get("id", ""),
        )
        self._out.append("")

    def _end_heading(self) -> None:
        heading, self._heading = self._heading, None
        if heading is None:
            return
        text = self._text.end_heading()
        if heading.level == 1 and not self._seen_h1:
            self._seen_h1 = True
            if self._is_title(text):
                self._take_title(heading, text)
                return
        if not text:
            return
        self._end_section()
        level = max(2, heading.level)
        anchor = self._anchors.take(heading.own_id or slug(text))
        self._out[heading.start] = f'<h{level} id="{escape(anchor)}">'
        self._out.append(f"</h{level}>")
        self._current = Section(anchor=anchor, title=text, level=level, text="", line=heading.line)

    def _is_title(self, text: str) -> bool:
        """Whether the first H1 is the page's title rather than a chapter below a title given elsewhere."""
        if not self.known_title or text == self.known_title:
            return True
        nothing_before = not self.sections and not self._current.title and not self._text.lines
        return self.only_h1 and nothing_before

    def _take_title(self, heading: Heading, text: str) -> None:
        """Out of the HTML, where the page shows the title; its anchors stay for those who link to them."""
        self.title = text
        kept = {at: name for at, name in self._ids.items() if at >= heading.start}
        del self._out[heading.start :]
        self._ids = {at: name for at, name in self._ids.items() if at < heading.start}
        for name in dict.fromkeys([heading.own_id, *kept.values()]):
            if name:
                self._out.append("<a")
                self._write_id(name)
                self._out.append("></a>")
        if not self.sections:
            self._current = Section(anchor="", title="", level=1, text="", line=heading.line)
        if self.known_title and text != self.known_title:
            self._text.lines.append(text)

    # Links and files

    def _anchor(self, given: dict[str, str], silent: bool) -> None:
        target = resolve(given["href"], self.path, self.layout) if given.get("href") else None
        name = given.get("id") or given.get("name") or ""
        shown = target is not None and bool(target.href)
        if not shown and not name:
            self._open.append(("a", "", silent))
            return
        self._out.append("<a")
        if target and shown:
            self._note(target)
            self._out.append(f' href="{escape(target.href)}"')
            if target.kind == "external" and target.href.lower().startswith("http"):
                self._out.append(' rel="noopener"')
        self._write_attributes("a", {**given, "id": name})
        self._open.append(("a", "</a>", silent))

    def _note(self, target: Target) -> None:
        self.links.append(target)
        if target.media:
            self.media[target.media] = None

    def _image(self, given: dict[str, str]) -> None:
        alt = flow(given.get("alt", ""))
        if alt:
            self._text.say(f" {alt} ")
        target = resolve(given.get("src", ""), self.path, self.layout)
        if target.kind == "media":
            self._note(target)
            self._out.append(f'<img src="{escape(target.href)}" alt="{escape(alt)}" loading="lazy"')
            self._write_attributes("img", given)
            return
        in_link = any(tag == "a" for tag, _, _ in self._open)
        if target.kind == "external" and target.href.lower().startswith("http") and not in_link:
            self._link_out(target, alt)
        else:
            self._out.append(escape(alt, quote=False))

    def _embedded(self, given: dict[str, str]) -> None:
        """A player or frame becomes a link to what it would have loaded."""
        target = resolve(given.get("src", ""), self.path, self.layout)
        if target.href and target.kind in ("external", "media"):
            self._link_out(target, flow(given.get("title", "")))

    def _link_out(self, target: Target, label: str) -> None:
        self._note(target)
        rel = ' rel="noopener"' if target.kind == "external" else ""
        shown = escape(label or unquote(target.href), quote=False)
        self._out.append(f'<a href="{escape(target.href)}"{rel}>{shown}</a>')

    def _write_attributes(self, tag: str, given: dict[str, str]) -> None:
        """The attributes that stay, and the end of the tag whose start is already written."""
        classes = [name for name in given.get("class", "").split() if name in _OUR_CLASSES]
        if tag == "code":
            classes = [name for name in given.get("class", "").split() if _CODE_CLASS.fullmatch(name)]
        if classes:
            self._out.append(f' class="{escape(" ".join(classes))}"')
        if given.get("id"):
            self._write_id(given["id"])
        for name, value in given.items():
            if name not in _KEPT or (name in ("width", "height") and not _NUMBER.fullmatch(value)):
                continue
            self._out.append(f' {name}="{escape(value)}"')
        self._out.append(">")

    def _write_id(self, name: str) -> None:
        self._ids[len(self._out)] = name
        self._out.append(f' id="{escape(name)}"')
