"""Articles that say nearly the same, for `check`: readers get both, and writers mend only one.

A sample of each text's character runs (one in eight, chosen by its hash, so the same in every text) is
compared. Runs rather than words, as Japanese has no spaces. Schleimer et al., "Winnowing", 2003.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from kb.model import Article

RUN = 12
SAMPLE = 8
ALIKE = 0.8
"""Share of both samples' union that is in both; 0.8 is a page copied and little changed."""
ENOUGH = 12
"""Samples below which a text is too short to judge (about 100 characters)."""
COMMON = 40
"""Articles that share a run before it counts as boilerplate."""

_BLANK = re.compile(r"\s+")


def pairs(articles: Iterable[Article]) -> Iterator[tuple[Article, Article, float]]:
    """Pairs within one locale and audience, with how much they share, 0 to 1."""
    groups: dict[tuple[str, str], list[Article]] = defaultdict(list)
    for article in articles:
        groups[article.locale, article.audience].append(article)
    for group in groups.values():
        yield from _pairs(group)


def _pairs(group: list[Article]) -> Iterator[tuple[Article, Article, float]]:
    samples = [_sample(article) for article in group]
    holders: dict[int, list[int]] = defaultdict(list)
    for number, sample in enumerate(samples):
        for run in sample:
            holders[run].append(number)
    for number, sample in enumerate(samples):
        if len(sample) < ENOUGH:
            continue
        shared = Counter(
            other for run in sample if len(holders[run]) <= COMMON for other in holders[run] if other > number
        )
        for other, count in sorted(shared.items()):
            share = count / (len(sample) + len(samples[other]) - count)
            if share >= ALIKE:
                yield group[number], group[other], share


def _sample(article: Article) -> frozenset[int]:
    words = "".join(section.title + section.text for section in article.sections)
    text = _BLANK.sub("", words).encode("utf-32-le")
    width = 4
    hashes = (
        zlib.crc32(text[start : start + RUN * width])
        for start in range(0, len(text) - RUN * width + 1, width)
    )
    return frozenset(each for each in hashes if each % SAMPLE == 0)
