"""Figures → SVG that stands in the page: named, described, coloured by a style sheet. For the insights pages.

Places are percentages of a plot that is as wide as its column, so that letters keep their size on a telephone
and no style attribute is needed, which the Content-Security-Policy would refuse. Each chart has a table
behind it, which the template writes from the same figures.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from markupsafe import Markup
from markupsafe import escape as markup_escape
from msgspec import Struct

HEIGHT = 220
"""Pixels of a plot over time."""
BASE = 24
"""Pixels below it, for the names of the weeks."""
ROW = 34
"""Pixels of a bar with its name."""
_TICKS = 4

Value = float | None
_numbers = itertools.count(1)


class Line(Struct, frozen=True):
    """A series over the same places; None where nothing is known."""

    name: str
    values: Sequence[Value]
    look: str
    """Class of the style sheet."""


class Band(Struct, frozen=True):
    """An interval at each place."""

    name: str
    low: Sequence[Value]
    high: Sequence[Value]
    look: str


def over_time(
    title: str,
    text: str,
    places: Sequence[str],
    band: Band | None,
    lines: Sequence[Line],
    top: float,
    unit: str,
) -> Markup:
    """An interval as an area, and lines: `top` is the value of the upper edge, `unit` what labels end in."""
    shapes: list[Markup] = []
    if band:
        shapes += _area(band, top)
    for line in lines:
        shapes += _polyline(line.values, top, line.look)
    plot = _element(
        "svg", _joined(shapes), look="plot", width="100%", height=HEIGHT, viewBox="0 0 100 100",
        preserveAspectRatio="none",
    )  # fmt: skip
    dots = _joined(
        _dot(place, len(places), value, top, line.look, f"{places[place]} {line.name}", unit)
        for line in [*_ends(band), *lines]
        for place, value in enumerate(line.values)
        if value is not None
    )
    inside = _grid(top, unit) + plot + dots + _names(places)
    return _chart(title, text, inside, HEIGHT + BASE, "chart over-time")


def stacked(
    title: str, text: str, places: Sequence[str], series: Sequence[tuple[str, str, Sequence[int]]]
) -> Markup:
    """A column a place; `series`: (name, class, counts), the lowest first."""
    sums = [sum(counts[place] for *_, counts in series) for place in range(len(places))]
    top = whole_up(max(sums, default=0))
    width = 100 / max(len(places), 1)
    parts: list[Markup] = []
    for place, name in enumerate(places):
        y = float(HEIGHT)
        for label, look, counts in series:
            height = HEIGHT * counts[place] / top
            y -= height
            if counts[place]:
                told = _element("title", f"{name} {label}: {counts[place]:,}")
                parts.append(_element(
                    "rect", told, look=look, x=_percent(width * (place + 0.15)), y=f"{y:.2f}",
                    width=_percent(width * 0.7), height=f"{max(height - 1, 0.5):.2f}",
                ))  # fmt: skip
    return _chart(
        title, text, _grid(top, "") + _joined(parts) + _names(places), HEIGHT + BASE, "chart over-time"
    )


def bars(title: str, text: str, rows: Sequence[tuple[str, str, int]]) -> Markup:
    """A bar a row with its name above and its number behind: (name, class, count)."""
    most = max((count for *_, count in rows), default=0) or 1
    parts: list[Markup] = []
    for place, (name, look, count) in enumerate(rows):
        y = place * ROW
        parts += (
            _element("text", name, x="0", y=y + 13),
            _element("text", f"{count:,}", look="count", x="100%", y=y + 13),
            _element("rect", look="track", x="0", y=y + 18, width="100%", height=9),
            _element("rect", look=look, x="0", y=y + 18, width=_percent(100 * count / most), height=9),
        )
    return _chart(title, text, _joined(parts), max(len(rows), 1) * ROW)


def rounded_up(value: float) -> float:
    """The next number with one digit or .5 behind it, for the upper edge; 1 for nothing."""
    if value <= 0:
        return 1.0
    size = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return next(size * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if size * step >= value)


def whole_up(count: int) -> float:
    """The same for counts: what the lines of the grid stand for is whole."""
    top = rounded_up(count)
    while top % _TICKS:
        top = rounded_up(top + 1)
    return top


# ---------------------------------------------------------------- parts


def _chart(title: str, text: str, inside: Markup, height: int, look: str = "chart") -> Markup:
    number = next(_numbers)
    named = [f"chart-{number}-{part}" for part in ("title", "text")]
    head = _element("title", title, id=named[0]) + _element("desc", text, id=named[1])
    return _element(
        "svg", head + inside, look=look, role="img", aria_labelledby=" ".join(named), width="100%",
        height=height,
    )  # fmt: skip


def _element(name: str, inside: str = "", look: str = "", **attributes: object) -> Markup:
    """One element; texts are escaped, markup made here is not."""
    if look:
        attributes = {"class": look, **attributes}
    told = "".join(f' {key.replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{told}>{markup_escape(inside)}</{name}>")  # noqa: S704 - escaped on this line


def _joined(elements: Iterable[Markup]) -> Markup:
    return Markup().join(elements)


def _percent(value: float) -> str:
    return f"{value:.3f}%"


def _ends(band: Band | None) -> list[Line]:
    """The lower and the upper end of an interval."""
    if band is None:
        return []
    return [Line(band.name, values, f"{band.look}-end") for values in (band.low, band.high)]


def _area(band: Band, top: float) -> Iterator[Markup]:
    """A polygon over each run of places that have an interval; a single place is a stroke."""
    known = [low is not None and high is not None for low, high in zip(band.low, band.high, strict=True)]
    for has, run in itertools.groupby(range(len(known)), key=lambda place: known[place]):
        if has:
            where = list(run)
            upper = [_point(place, len(known), band.high[place], top) for place in where]
            lower = [_point(place, len(known), band.low[place], top) for place in reversed(where)]
            yield _element("polygon", look=band.look, points=" ".join(upper + lower))
            for values in (band.low, band.high):
                yield from _polyline([values[p] if p in where else None for p in range(len(known))], top,
                                     f"{band.look}-edge")  # fmt: skip


def _polyline(values: Sequence[Value], top: float, look: str) -> Iterator[Markup]:
    for has, run in itertools.groupby(range(len(values)), key=lambda place: values[place] is not None):
        if has:
            points = " ".join(_point(place, len(values), values[place], top) for place in run)
            yield _element("polyline", look=look, points=points)


def _point(place: int, count: int, value: Value, top: float) -> str:
    return f"{_x(place, count):.3f},{100 - 100 * (value or 0) / top:.3f}"


def _x(place: int, count: int) -> float:
    """The middle of a place, in percent."""
    return 100 * (place + 0.5) / count


def _dot(place: int, count: int, value: float, top: float, look: str, name: str, unit: str) -> Markup:
    told = _element("title", f"{name}: {number(value)}{unit}")
    y = HEIGHT - HEIGHT * value / top
    return _element("circle", told, look=look, cx=_percent(_x(place, count)), cy=f"{y:.2f}", r="3.5")


def _grid(top: float, unit: str) -> Markup:
    lines: list[Markup] = []
    for step in range(_TICKS + 1):
        y = HEIGHT - HEIGHT * step / _TICKS
        lines.append(_element("line", look="grid", x1="0", x2="100%", y1=f"{y:.1f}", y2=f"{y:.1f}"))
        label = f"{number(top * step / _TICKS)}{unit}"
        lines.append(_element("text", label, look="tick", x=-8, y=f"{y + 4:.1f}"))
    return _joined(lines)


def _names(places: Sequence[str]) -> Markup:
    """The names of the places; of many every second one, where the screen is narrow."""
    many = len(places) > 6
    return _joined(
        _element("text", name, look="name odd" if many and place % 2 else "name",
                 x=_percent(_x(place, len(places))), y=HEIGHT + 17)
        for place, name in enumerate(places)
    )  # fmt: skip


def number(value: float) -> str:
    """With as many digits as are worth reading."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def shares(values: Sequence[Value]) -> list[Value]:
    """Shares as percentages."""
    return [None if value is None else 100 * value for value in values]


def swatch(look: str) -> Markup:
    """A legend's patch of colour; the words beside it name the series."""
    patch = _element("rect", look=look, width=14, height=14)
    return _element("svg", patch, look="swatch", width=14, height=14, aria_hidden="true")
