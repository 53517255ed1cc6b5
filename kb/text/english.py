"""Words in Latin script: cut, stripped of possessives, stemmed with Porter 2 (Snowball English)."""

from __future__ import annotations

import re
from functools import lru_cache

from whoosh.lang.porter2 import stem as _porter2

LETTER = (
    r"[^\W_\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\uffff"
    r"\U00020000-\U0003ffff]"
)
"""Letters and digits of every script that is written with spaces between words."""
WORD = re.compile(rf"{LETTER}+(?:'{LETTER}+)*")
"""A word of folded text. Apostrophes belong to it (don't), hyphens and dots join words to compounds."""

STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "being",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "done",
        "for",
        "from",
        "get",
        "got",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "let",
        "lets",
        "like",
        "may",
        "me",
        "might",
        "mine",
        "must",
        "my",
        "of",
        "off",
        "on",
        "or",
        "our",
        "ours",
        "out",
        "over",
        "own",
        "please",
        "pls",
        "shall",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "theirs",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "though",
        "to",
        "too",
        "u",
        "under",
        "until",
        "up",
        "ur",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "whether",
        "which",
        "while",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "yours",
        "dont",
        "doesnt",
        "didnt",
        "cant",
        "couldnt",
        "wont",
        "wouldnt",
        "isnt",
        "arent",
        "wasnt",
        "werent",
        "havent",
        "hasnt",
        "hadnt",
        "shouldnt",
        "im",
        "ive",
        "i'll",
        "i'd",
        "youre",
        "youve",
        "hes",
        "shes",
        "theyre",
        "thats",
        "whats",
        "wheres",
        "hows",
        "weve",
        "hi",
        "hello",
        "hey",
        "thanks",
        "thank",
        "kindly",
    ]
)
"""Words that say nothing about the need. They are left out on both sides; character 4-grams still
hold them, so a query of nothing else finds something. `no`, `not`, `after`, `want`, `need` stay: they
tell one need from another ("do not want it any more"). `id` and `ill` are words of their own (order ID)."""

LONGEST = 64
"""Letters of a term; more is no word but an encoded image, and the beginning tells it from others."""


@lru_cache(maxsize=16384)
def content(word: str) -> str:
    """The index term of one folded word that says something; empty for a stop word."""
    return "" if is_stop(word) else term(word)


@lru_cache(maxsize=16384)
def term(word: str) -> str:
    """The index term of one folded word; empty when nothing is left."""
    if word.endswith("'s"):
        word = word[:-2]
    word = word.replace("'", "")[:LONGEST]
    # Porter 2 is defined for a to z; numbers and article codes (k123) stay as they are
    return str(_porter2(word)) if word.isascii() and word.isalpha() else word


def is_stop(word: str) -> bool:
    return (
        word in STOP_WORDS
        or (word.replace("'", "") in STOP_WORDS)
        or (word.endswith("'s") and word[:-2] in STOP_WORDS)
    )
