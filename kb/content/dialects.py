"""What real trees write beyond CommonMark, taught to mistune: lines, heading ids, boxes, MDX, Vue.

Used by `markdown` only. Every rule keeps the number of lines, because lines are how writers are told
where something is wrong.
"""

from __future__ import annotations

import re
from html import escape
from re import Match
from typing import Any

from mistune import BlockParser, BlockState, InlineParser, InlineState, Markdown
from mistune.plugins.url import URL_LINK_PATTERN, parse_url_link

from kb.content.slugs import WIDE

_CUSTOM_ID = re.compile(r"\{[ \t]*#([^\s{}]+)[^{}]*\}$")
_ALERT = re.compile(r"\[!(\w+)\][ \t]*\n?")
_VIDEO = re.compile(r"\[!VIDEO[ \t]+(https://[^\s\]]+)\]")
_STRONG = r"\*\*(?P<strong_text>(?![\s*])[^*\n]{1,300}(?<!\s))\*\*(?!\*)"
_OPEN = r"^[ \t]*:{3,}[ \t]*(?P<box_kind>[A-Za-z][\w\-]*)[ \t]*(?P<box_title>[^\n]*)$"
_CLOSE = r"^[ \t]*:{3,}[ \t]*$"
_BOX_ID = re.compile(r"\bid=\S+$")
"""vuepress-plugin-tabs: `::: tab "Windows" id="win"`."""
_TOC = r"^ {0,3}\[\[?(?i:toc)\]\]?[ \t]*$"

_KINDS = {
    "note": "note", "info": "note", "tip": "tip", "hint": "tip", "important": "important",
    "warning": "warning", "warn": "warning", "caution": "danger", "danger": "danger",
}  # fmt: skip
"""VuePress, Docusaurus and GitHub names for the five boxes that the page styles."""

_LABELS = {
    "ja": {"note": "補足", "tip": "ヒント", "important": "重要", "warning": "注意", "danger": "警告",
           "details": "詳細"},
    "en": {"note": "Note", "tip": "Tip", "important": "Important", "warning": "Warning", "danger": "Danger",
           "details": "Details"},
}  # fmt: skip


class LinedBlocks(BlockParser):
    """Block parser that notes the line of each heading at the top level, and ids written as `{#id}`."""

    def parse_atx_heading(self, m: Match[str], state: BlockState) -> int:
        end = super().parse_atx_heading(m, state)
        _mark_heading(state, m.start("atx_1"))
        return end

    def parse_setex_heading(self, m: Match[str], state: BlockState) -> int | None:
        before = len(state.tokens)
        end = super().parse_setex_heading(m, state)
        last = state.last_token()
        if end and last and last["type"] == "heading" and len(state.tokens) == before:
            # The match is the underline; the heading is the line, or lines, of the paragraph above it.
            above = last["text"].strip("\n").count("\n") + 1
            _mark_heading(state, m.start(), above)
        return end

    def parse_block_quote(self, m: Match[str], state: BlockState) -> int:
        end = super().parse_block_quote(m, state)
        for token in state.tokens[-2:]:
            if token["type"] == "block_quote":
                _mark_alert(token)
        return end


def _mark_heading(state: BlockState, position: int, above: int = 0) -> None:
    token = state.last_token()
    if state.parent is None:
        # Counted from the last heading on: from the start it would be quadratic in the headings.
        at, line = state.env.get("counted", (0, 0))
        line += state.src.count("\n", at, position)
        state.env["counted"] = (position, line)
        token["attrs"]["line"] = line + 1 - above
    custom = _CUSTOM_ID.search(token["text"].rstrip())
    if custom:
        token["text"] = token["text"][: custom.start()].rstrip()
        token["attrs"]["id"] = custom[1]


def _mark_alert(quote: dict[str, Any]) -> None:
    """`> [!NOTE]`: the mark becomes the kind of box, what follows stays; `[!VIDEO url]` becomes a link."""
    first = next((child for child in quote["children"] if child["type"] != "blank_line"), None)
    if first is None or first["type"] != "paragraph":
        return
    first["text"] = _VIDEO.sub(r"<\1>", first["text"])
    mark = _ALERT.match(first["text"])
    if mark and mark[1].lower() in _KINDS:
        quote["type"] = "alert"
        quote["attrs"] = {"kind": mark[1].lower()}
        first["text"] = first["text"][mark.end() :]


def _open_box(_: BlockParser, m: Match[str], state: BlockState) -> int:
    kind, title = m["box_kind"], m["box_title"].strip()
    state.env.setdefault("boxes", []).append(kind)
    state.append_token({"type": "box_open", "attrs": {"kind": kind, "title": title}})
    return m.end() + 1


def _close_box(_: BlockParser, m: Match[str], state: BlockState) -> int:
    boxes = state.env.get("boxes")
    if boxes:
        state.append_token({"type": "box_close", "attrs": {"kind": boxes.pop()}})
    return m.end() + 1


def _drop(_: BlockParser, m: Match[str], state: BlockState) -> int:
    state.append_token({"type": "blank_line"})
    return m.end() + 1


def _strong(inline: InlineParser, m: Match[str], state: InlineState) -> int | None:
    """`**自分を写すとき（自撮り）**は`: bold although punctuation and a letter meet at its end.

    CommonMark decides by spaces around the marks, which Japanese does not write, and shows asterisks.
    https://github.com/commonmark/commonmark-spec/issues/650
    """
    edges = (state.src[m.start() - 1 : m.start()], m["strong_text"][0], m["strong_text"][-1],
             state.src[m.end() : m.end() + 1])  # fmt: skip
    if state.depth >= inline.max_nested_level or not any(WIDE.match(edge) for edge in edges):
        return None
    inner = state.copy()
    inner.src = m["strong_text"]
    state.append_token({"type": "strong", "children": inline.render(inner)})
    return m.end()


def install(md: Markdown) -> None:
    """A mistune plugin: the rules above, at the top level and within lists and quotes."""
    md.inline.register("wide_strong", _STRONG, _strong, before="emphasis", start_chars="*")
    # As the url plugin has it, but naming its first letter: mistune then skips to it (a fifth faster).
    md.inline.register("url_link", URL_LINK_PATTERN, parse_url_link, start_chars="h")
    blocks = md.block
    for name, pattern, parse in (
        ("box_open", _OPEN, _open_box), ("box_close", _CLOSE, _close_box), ("toc", _TOC, _drop),
    ):  # fmt: skip
        blocks.register(name, pattern, parse, before="indent_code")
        blocks.insert_rule(blocks.list_rules, name, before="indent_code")
        blocks.insert_rule(blocks.block_quote_rules, name, before="indent_code")


def box_start(kind: str, title: str, locale: str) -> str:
    """Opening HTML of a box; its label is marked, so that it is shown but not searched."""
    labels = _LABELS["ja" if locale.startswith("ja") else "en"]
    lower = kind.lower()
    title = _BOX_ID.sub("", title).strip().strip('"')
    if lower == "details":
        return f"<details><summary>{escape(title or labels['details'])}</summary>\n"
    style = _KINDS.get(lower)
    if style is None:
        return f'<div><p class="note-title">{escape(title)}</p>\n' if title else "<div>\n"
    if title and title.lower() != lower:
        head = f'<p class="note-title">{escape(title)}</p>'
    else:
        head = f'<p class="note-label">{labels[style]}</p>'
    return f'<div class="note note-{style}">{head}\n'


def box_end(kind: str) -> str:
    return "</details>\n" if kind.lower() == "details" else "</div>\n"
