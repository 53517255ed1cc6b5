"""Articles that say nearly the same, for `check`: readers get both, and writers mend only one.

A sample of each text's character runs (one in eight, chosen by its hash, so the same in every text) is
compared. Runs rather than words, as Japanese has no spaces. Schleimer et al., "Winnowing", 2003.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

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
_POWERS = np.array([pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(RUN)], np.uint64)
_BITS = np.uint64(64 - (SAMPLE.bit_length() - 1))

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def pairs(articles: Iterable[Article]) -> Iterator[tuple[Article, Article, float]]:
    """Pairs within one locale and audience, with how much they share, 0 to 1."""
    groups: dict[tuple[str, str], list[Article]] = defaultdict(list)
    for article in articles:
        groups[article.locale, article.audience].append(article)
    for group in groups.values():
        for one, other, share in _pairs([_sample(article) for article in group]):
            yield group[one], group[other], share


def _pairs(samples: Sequence[Hashes]) -> Iterator[tuple[int, int, float]]:
    sizes = np.array([len(sample) for sample in samples])
    owners = np.repeat(np.arange(len(samples)), sizes)
    runs = np.concatenate(samples)
    order = np.argsort(runs, kind="stable")
    codes, counts = _shared(runs[order], owners[order], len(samples))
    one, other = codes // len(samples), codes % len(samples)
    share = counts / (sizes[one] + sizes[other] - counts)
    for place in np.flatnonzero((share >= ALIKE) & (sizes[one] >= ENOUGH)).tolist():
        yield int(one[place]), int(other[place]), float(share[place])


def _shared(runs: Hashes, owners: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """(both numbers of a pair in one, how many runs it shares), of sorted runs with their articles."""
    first = np.flatnonzero(np.concatenate(([True], runs[1:] != runs[:-1])))
    holders = np.diff(np.append(first, len(runs)))
    told = np.repeat((holders > 1) & (holders <= COMMON), holders)
    runs, owners = runs[told], owners[told]
    found = [np.empty(0, np.int64)]
    for step in range(1, COMMON):
        same = np.flatnonzero(runs[step:] == runs[:-step])
        if not len(same):
            break
        # one article's runs are no two alike, and the sort kept the articles' order
        found.append(owners[same] * count + owners[same + step])
    return np.unique(np.concatenate(found), return_counts=True)


def _sample(article: Article) -> Hashes:
    """Hashes of the runs that were chosen, each once."""
    words = "".join(section.title + section.text for section in article.sections)
    text = np.frombuffer(_BLANK.sub("", words).encode("utf-32-le", "surrogatepass"), np.uint32)
    length = len(text) - RUN + 1
    hashes = np.zeros(max(length, 0), np.uint64)
    for place, power in enumerate(_POWERS if length > 0 else ()):
        hashes += text[place : place + length] * power
    # the sum's low bits are but those of the letters
    mixed = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.unique(mixed[mixed >> _BITS == 0])
