"""Shares and differences with their 95 % intervals, so that noise is not news. Arithmetic only.

Wilson's score interval for a share, Newcombe's method 10 for the difference of two (Newcombe 1998, Statistics
in Medicine 17:857 and 17:873): both stay inside the possible and hold at small numbers, where p ± 1.96 SE
does not. Welch's normal interval for a difference of means.
"""

from __future__ import annotations

import math

from msgspec import Struct

Z = 1.959964
"""Of the normal distribution: 95 % lie within."""


class Rate(Struct, frozen=True, kw_only=True):
    """`count` of `of`, and where the true share lies with 95 % confidence; None when there was nothing."""

    value: float | None
    count: int
    of: int
    low: float | None
    high: float | None


class Difference(Struct, frozen=True, kw_only=True):
    value: float
    low: float
    high: float

    @property
    def is_news(self) -> bool:
        """Chance alone would seldom give this."""
        return self.low > 0 or self.high < 0


class Sample(Struct, frozen=True):
    """Numbers of something in `n` sessions: their sum, the sum of their squares, the largest."""

    n: int = 0
    total: int = 0
    squares: int = 0
    most: int = 0


def wilson(count: int, of: int) -> tuple[float, float]:
    """Interval of a share; (0, 1) when nothing was seen."""
    if not of:
        return 0.0, 1.0
    share, z2 = count / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (0.0 if not count else middle - half), (1.0 if count == of else middle + half)


def rate(count: int, of: int) -> Rate:
    """count/of with its 95 % interval (Wilson); no value when there is nothing to divide by."""
    if not of:
        return Rate(value=None, count=count, of=of, low=None, high=None)
    low, high = wilson(count, of)
    return Rate(value=count / of, count=count, of=of, low=low, high=high)


def newcombe(count: int, of: int, before: int, of_before: int) -> Difference | None:
    """count/of - before/of_before; None when either has nothing to divide by."""
    if not of or not of_before:
        return None
    now, then = count / of, before / of_before
    (low, high), (low_then, high_then) = wilson(count, of), wilson(before, of_before)
    below = math.sqrt((now - low) ** 2 + (high_then - then) ** 2)
    above = math.sqrt((high - now) ** 2 + (then - low_then) ** 2)
    return Difference(value=now - then, low=now - then - below, high=now - then + above)


def mean_difference(one: Sample, other: Sample) -> Difference | None:
    """Mean of one minus that of the other: Newcombe where each session has 0 or 1, else Welch.

    Welch with a session of 0 and one of 1 added to each side, as Agresti and Caffo add them to shares (2000,
    The American Statistician 54:280): the plain one has no width where a small sample is all alike.
    """
    if max(one.most, other.most) <= 1:
        return newcombe(one.total, one.n, other.total, other.n)
    if not one.n or not other.n:
        return None
    (mean, variance), (mean_other, variance_other) = _moments(one), _moments(other)
    half = Z * math.sqrt(variance + variance_other)
    middle = mean - mean_other
    return Difference(value=one.total / one.n - other.total / other.n, low=middle - half, high=middle + half)


def _moments(sample: Sample) -> tuple[float, float]:
    """Mean, and variance of the mean, with the two sessions added."""
    n, total, squares = sample.n + 2, sample.total + 1, sample.squares + 1
    return total / n, (squares - total**2 / n) / (n - 1) / n
