"""How time grows with size: a picture of what `engines.py --save FILE` has measured.

    .venv/bin/python benchmarks/growth.py FILE PICTURE.svg [--kind "3 words"] [--locale ja]

Both axes are logarithmic: a line as steep as the dashed one takes ten times as long for ten times
as many sections. Of several measurements of one engine at one size the last counts.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable
from html import escape
from pathlib import Path

Lines = dict[str, list[tuple[int, float]]]
"""Sections and median microseconds, by engine."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 560, 70, 200, 50, 50
LABEL = 15
"""Least distance of two names."""
COLOURS = ("#0b6e4f", "#c1121f", "#1d4e89", "#b5651d", "#6a4c93", "#5c677d", "#d4a017", "#2a9d8f", "#9d4edd")


def read(file: Path, kind: str, locale: str) -> Lines:
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in map(json.loads, file.read_text("utf-8").splitlines()):
        if (row["kind"], row["locale"]) == (kind, locale):
            found[row["engine"]][row["sections"]] = row["p50"]
    return {name: sorted(points.items()) for name, points in found.items()}


def drawn(lines: Lines, title: str) -> str:
    sizes = [size for points in lines.values() for size, _ in points]
    times = [time for points in lines.values() for _, time in points]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    first, last = math.log10(min(sizes)), math.log10(max(sizes))

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - first) / max(last - first, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y(time: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(time) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 25, title, "#111", size=16)]
    for power in range(low, high + 1):
        parts.append(_line([(LEFT, y(10**power)), (WIDTH - RIGHT, y(10**power))], "#ddd", 1))
        parts.append(_text(LEFT - 8, y(10**power) + 4, _microseconds(10**power), "#444", anchor="end"))
    for size in sorted(set(sizes)):
        parts.append(_line([(x(size), TOP), (x(size), HEIGHT - BOTTOM)], "#eee", 1))
        parts.append(_text(x(size), HEIGHT - BOTTOM + 20, f"{size:,}", "#444", anchor="middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "sections", "#444", anchor="middle"))
    steep = min(10 ** (high - low), 10 ** (last - first))
    ideal = [(x(min(sizes)), y(10**low)), (x(min(sizes) * steep), y(10**low * steep))]
    parts.append(_line(ideal, "#999", 1, dashed=True))
    parts += _curves(lines, x, y)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _curves(lines: Lines, x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    """Each engine's line with its name at the end, the slowest at the top."""
    parts, free = [], float(TOP)
    for number, (name, points) in enumerate(sorted(lines.items(), key=lambda line: -line[1][-1][1])):
        colour, places = COLOURS[number % len(COLOURS)], [(x(size), y(time)) for size, time in points]
        ours = name.startswith("kb")
        parts.append(_line(places, colour, 4 if ours else 2))
        at = max(free, places[-1][1])
        free = at + LABEL
        parts.append(_line([places[-1], (WIDTH - RIGHT + 12, at)], colour, 0.5))
        parts.append(_text(WIDTH - RIGHT + 15, at + 4, name, colour, bold=ours))
    return parts


def _microseconds(time: float) -> str:
    return f"{time:g} µs" if time < 1000 else f"{time / 1000:g} ms" if time < 1e6 else f"{time / 1e6:g} s"


def _line(places: list[tuple[float, float]], colour: str, width: float, dashed: bool = False) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'


def _text(
    x: float, y: float, text: str, colour: str, size: int = 12, anchor: str = "start", bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}"{weight}>{escape(text)}</text>'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--kind", default="3 words")
    parser.add_argument("--locale", default="ja")
    args = parser.parse_args()
    lines = read(args.file, args.kind, args.locale)
    title = f"The ten best for {args.kind} ({args.locale}): median time of the processor"
    args.picture.write_text(drawn(lines, title), "utf-8")


if __name__ == "__main__":
    main()
