"""MDX made Markdown: imports, exports, comments and components go, the text within them stays.

Used by `markdown` for `.mdx` files, before parsing. Fenced code is left alone and every line stays a
line. https://mdxjs.com/docs/what-is-mdx/#mdx-syntax
"""

from __future__ import annotations

import re

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MODULE = re.compile(r"(?:import|export)\b")
_CODE = re.compile(r"(`+)[^`\n]*\1")
_COMPONENT = re.compile(r"</?[A-Z][\w.]*|</?>")


def to_markdown(source: str) -> str:
    """The same text, line for line, without what only a JavaScript build understands."""
    prose: list[str] = []
    done: list[str] = []
    fence = ""
    in_module = False
    for line in source.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            done.append(line)
            if mark and line.strip() == mark[1] and mark[1].startswith(fence):
                fence = ""
            continue
        if mark and not in_module:
            done.extend(_without_jsx("\n".join(prose)).split("\n") if prose else ())
            prose = []
            done.append(line)
            fence = mark[1]
            continue
        # An import or export runs until the next empty line, as MDX has it.
        in_module = bool(line.strip()) and (in_module or bool(_MODULE.match(line)))
        prose.append("" if in_module else line)
    done.extend(_without_jsx("\n".join(prose)).split("\n") if prose else ())
    return "\n".join(done)


def _without_jsx(prose: str) -> str:
    kept: list[str] = []
    position = 0
    while position < len(prose):
        char = prose[position]
        end = 0
        if char == "`" and (code := _CODE.match(prose, position)):
            kept.append(code[0])
            position = code.end()
            continue
        if char == "<" and _COMPONENT.match(prose, position):
            end = _end_of_tag(prose, position)
        elif prose.startswith("{/*", position):
            end = prose.find("*/}", position) + 3
            end = end if end > position else 0
        elif char == "{" and position and prose[position - 1] == "=":
            end = _end_of_braces(prose, position)
        if end:
            dropped = prose[position:end]
            value = '""' if dropped[0] == "{" and dropped[1] != "/" else ""
            kept.append("\n" * dropped.count("\n") + value)
            position = end
        else:
            kept.append(char)
            position += 1
    return "".join(kept)


def _end_of_tag(prose: str, start: int) -> int:
    """Position after the `>` that closes the tag, over quotes and braces; 0 if there is none."""
    position = start + 1
    limit = min(len(prose), start + _LONGEST)
    while position < limit:
        char = prose[position]
        if char == ">":
            return position + 1
        if char in "\"'":
            position = prose.find(char, position + 1, limit)
            if position < 0:
                return 0
        elif char == "{":
            position = _end_of_braces(prose, position) - 1
            if position < 0:
                return 0
        position += 1
    return 0


def _end_of_braces(prose: str, start: int) -> int:
    depth = 0
    for position in range(start, min(len(prose), start + _LONGEST)):
        depth += {"{": 1, "}": -1}.get(prose[position], 0)
        if depth == 0:
            return position + 1
    return 0


_LONGEST = 20_000
"""Characters of one tag, so that a thousand unclosed ones do not each scan the whole file."""
