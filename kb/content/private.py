"""Secrets and personal data that stand in a file, for `check`: what is published cannot be called back.

Only what is recognised by its form for certain: a help center is full of telephone numbers, addresses and
examples that are meant to be read. The message never repeats what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct


class Leak(Struct, frozen=True):
    """Something that should not be public."""

    secret: bool
    """Else it is personal data."""
    what: str
    line: int
    column: int


_SECRETS = (
    ("PRIVATE KEY", "a private key", re.compile(r"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY-----")),
    ("AKIA", "an AWS access key", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("gh", "a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})")),
    ("glpat-", "a GitLab token", re.compile(r"\bglpat-[\w-]{20,}")),
    ("xox", "a Slack token", re.compile(r"\bxox[abprs]-[\w-]{10,}")),
    ("hooks.slack", "a Slack address", re.compile(r"hooks\.slack\.com/services/T\w+/B\w+/\w{20,}")),
    ("AIza", "a Google API key", re.compile(r"\bAIza[\w-]{35}\b")),
    ("k_live_", "a Stripe key", re.compile(r"\b[sr]k_live_\w{20,}")),
    ("eyJ", "a JSON web token", re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")),
    ("@", "a password in an address",
     re.compile(r"\b[a-z][a-z0-9+.-]{1,9}://[^\s/:@<>]+:[^\s/:@<>]{3,}@[\w.-]+")),
)  # fmt: skip
"""What must stand in a text, so that most need no pattern; the name; the pattern."""
_MAILBOX = re.compile(
    r"(?<![\w.+-])([\w.+-]+)@(?:gmail|yahoo|outlook|hotmail|icloud|live|me|docomo|ezweb|softbank|au)"
    r"\.(?:co\.jp|ne\.jp|com|jp|net)\b",
    re.I,
)
_MOBILE = re.compile(r"(?<!\d)0[789]0[- ー]?(\d{4})[- ー]?(\d{4})(?!\d)")
_CARD = re.compile(r"(?<![\d.-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5})(?![\d-])")
"""As it is embossed: a row of digits alone is mostly something else."""
_MY_NUMBER = re.compile(
    r"(?:マイナンバー|個人番号|my number)[^\d\n]{0,12}(\d{4}[- ]?\d{4}[- ]?\d{4})(?!\d)", re.I
)

_PLACEHOLDER = re.compile(
    r"example|sample|dummy|your|x{3}|\*{3}|\.{3}|…|pass|secret|token|test|foo|bar|user|name|hoge|^(?:you|me|abc)$|[$<>{}%]",
    re.I,
)
_UNREAL = re.compile(r"(\d)\1{3}|1234|5678|0123|9876")
"""Digits that nobody has."""
_TEST_CARDS = frozenset({
    "4242424242424242", "4111111111111111", "4012888888881881", "4000056655665556", "5555555555554444",
    "5105105105105100", "2223003122003222", "378282246310005", "371449635398431", "6011111111111117",
    "3530111333300000", "3566002020360505",
})  # fmt: skip
_HALF_WIDTH = str.maketrans("０１２３４５６７８９－‐‑＠．", "0123456789---@.")
_WIDE = re.compile("[０-９]")


def leaks(text: str) -> list[Leak]:
    """What stands in the text of a file, in its order."""
    plain = text.translate(_HALF_WIDTH) if _WIDE.search(text) else text
    found = sorted([*_secrets(plain), *_personal(plain)])
    return [
        Leak(secret, what, plain.count("\n", 0, place) + 1, place - plain.rfind("\n", 0, place))
        for place, secret, what in found
    ]


def _secrets(text: str) -> Iterator[tuple[int, bool, str]]:
    for needle, what, pattern in _SECRETS:
        for match in pattern.finditer(text) if needle in text else ():
            if not _PLACEHOLDER.search(match[0]):
                yield match.start(), True, what


def _personal(text: str) -> Iterator[tuple[int, bool, str]]:
    for match in _MAILBOX.finditer(text) if "@" in text else ():
        if not _PLACEHOLDER.search(match[1]):
            yield match.start(), False, "somebody's own mail address"
    for match in _MOBILE.finditer(text):
        if not any(map(_UNREAL.search, match.groups())):
            yield match.start(), False, "a mobile telephone number"
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if _is_card(digits) and digits not in _TEST_CARDS:
            yield match.start(), False, "the number of a payment card"
    for match in _MY_NUMBER.finditer(text):
        if _is_my_number(re.sub(r"\D", "", match[1])):
            yield match.start(1), False, "a My Number"


def _is_card(digits: str) -> bool:
    """By issuer and check digit: ISO/IEC 7812-1."""
    if not re.match(r"4|5[1-5]|2[2-7]|3[4-7]|6", digits) or len(set(digits)) < 4:
        return False
    doubled = [int(each) * (2 if place % 2 else 1) for place, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _is_my_number(digits: str) -> bool:
    """By its check digit (総務省令第八十五号, 2014)."""
    weighted = sum(
        int(each) * (place + 1 if place <= 6 else place - 5)
        for place, each in enumerate(reversed(digits[:11]), 1)
    )
    rest = weighted % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest) and len(set(digits)) > 2
