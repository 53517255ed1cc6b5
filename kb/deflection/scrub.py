"""Takes what belongs to one person out of a text, before a fact is made of it. Pure; called at the edges.

    scrub("注文番号 Ｋ－１２３４５６７８ が届かない")  →  "注文番号 <order> が届かない"

The rules look at a copy of the text in which full-width characters are half-width ones, character for
character, so what they find stands at the same place in the original. They run in the order of
`scrub_rules.RULES`; what one has taken, no other sees. Every pattern is bounded or begins at the edge of
a run, so the time is linear in the text (a query of 400 characters: see docs/deflection.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from kb.deflection.scrub_names import NAMES
from kb.deflection.scrub_rules import RULES, Rule

ORDER_SHAPES = ("K-########",)
"""How order numbers look where no word announces them: `#` a digit, `@` a letter, others themselves."""

_TAKEN = "\ue000"
"""Stands in the copy for what was found; no pattern matches it."""

_DASHES = "‐‑‒–—―−－﹣﹘⁃⁻₋˗─━╴➖"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"
_FOLD = {
    **{0xFF01 + n: 0x21 + n for n in range(94)},
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _SPACES), " "),
    ord("｡"): "。",
    ord("､"): "、",
    ord("〶"): "〒",
    ord(_TAKEN): " ",
}
_LONG_VOWEL = re.compile(r"(?<=[0-9〇零一二三四五六七八九十])[ーｰ~〜・･](?=[0-9〇零一二三四五六七八九十])")
"""Between digits it is a dash that was typed with the wrong key."""
_KANJI = "〇零一二三四五六七八九"
_KANJI_NUMBER = re.compile(
    rf"[{_KANJI}](?:[- ]?[{_KANJI}]){{6,}}"
    rf"|(?<![{_KANJI}十])[{_KANJI}]{{1,4}}(?:-[{_KANJI}]{{1,4}}){{1,3}}(?![{_KANJI}十])"
)
"""Digits written as kanji, one for one: 〇九〇-一二三四-五六七八, 二-八-一; not 二十五."""
_KANJI_DIGITS = str.maketrans(_KANJI, "00123456789")
_SUSPECT = re.compile(
    r"[0-9@☆★]|アット|[\[({]at[\])}]| at .{1,60} dot |丁目|[〇一二三四五六七八九十][番の]"
    r"|bearer |basic |private key|[?&;][a-z_-]+=",
    re.IGNORECASE,
)
"""Without one of these no rule but those for names finds anything; most queries have none."""
_MAY_HOLD = re.compile(
    r"[0-9@=\[({\uff01-\uff5e☆★丁〇零一二三四五六七八九十]|アット|bearer|basic|private|dot", re.IGNORECASE
)
"""Of the text as it was written: what `_SUSPECT` finds in the copy is, or was made of, one of these."""

_NEITHER = r"[^!-~丁番〇零一二三四五六七八九十]*"
_LONE_NUMBER = re.compile(rf"{_NEITHER}[0-9]{{1,2}}{_NEITHER}")
"""第10章, 2枚: nine of ten suspects have no other digits. What rules take has more signs of ASCII, as has any
shape of order numbers that can be set, or is a place with 丁目, 番 or a number in kanji."""


class Found(NamedTuple):
    """What is taken out: half-open range of characters, and what stands there instead (`email`)."""

    start: int
    end: int
    kind: str


def scrub(text: str, *, names: bool = False, shapes: tuple[str, ...] = ORDER_SHAPES) -> str:
    """The text with placeholders such as <email>; `names`: people's names beside さん, 様, Mr, Ms, too."""
    parts, position = [], 0
    for each in find(text, names=names, shapes=shapes):
        parts += [text[position : each.start], f"<{each.kind}>"]
        position = each.end
    return "".join([*parts, text[position:]])


def find(text: str, *, names: bool = False, shapes: tuple[str, ...] = ORDER_SHAPES) -> list[Found]:
    """What would be taken out, in the order of the text."""
    if not names and not _MAY_HOLD.search(text):
        return []
    copy = _folded(text)
    if not names and (not _SUSPECT.search(copy) or _LONE_NUMBER.fullmatch(copy)):
        return []
    found: list[Found] = []
    for rule in (*_shapes(shapes), *RULES, *(NAMES if names else ())):
        taken = list(_matches(rule, copy))
        found += taken
        copy = _without(copy, taken)
    return sorted(found)


def _folded(text: str) -> str:
    """The copy that the rules see, of the same length."""
    copy = _LONG_VOWEL.sub("-", text.translate(_FOLD))
    return _KANJI_NUMBER.sub(lambda match: match[0].translate(_KANJI_DIGITS), copy)


def _matches(rule: Rule, copy: str) -> Iterable[Found]:
    for match in rule.pattern.finditer(copy):
        start, end = match.span(rule.group)
        if start < end and (rule.check is None or rule.check(match)):
            yield Found(start, end, rule.kind)


def _without(copy: str, taken: list[Found]) -> str:
    parts, position = [], 0
    for start, end, _ in taken:
        parts += [copy[position:start], _TAKEN * (end - start)]
        position = end
    return "".join([*parts, copy[position:]])


@lru_cache
def _shapes(shapes: tuple[str, ...]) -> tuple[Rule, ...]:
    signs = {"#": "[0-9]", "@": "[A-Za-z]"}
    patterns = ("".join(signs.get(sign, re.escape(sign)) for sign in shape) for shape in shapes if shape)
    return tuple(
        Rule("order", re.compile(rf"(?<![A-Za-z0-9]){pattern}(?![0-9])", re.IGNORECASE))
        for pattern in patterns
    )
