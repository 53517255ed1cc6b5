"""Precision and recall of `kb.deflection.scrub` on a list of texts: python benchmarks/scrub.py [FILE …]

A place counts as found only when it begins and ends where the list says and has its kind. Also printed:
how many texts keep something that had to go, how many lose something harmless, and the time of a query.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

from kb.deflection.scrub import Found, find, scrub

CASES = Path(__file__).parents[1] / "tests" / "deflection" / "scrub_cases.tsv"
_PLACEHOLDER = re.compile(r"<([a-z]+)>")


class Case(NamedTuple):
    line: int
    text: str
    expected: str
    names: bool
    known: bool
    """The rules are known to do otherwise; it counts all the same."""


def read_cases(file: Path = CASES) -> list[Case]:
    """Lines `text<TAB>expected[<TAB>names known]`; those that begin with `# ` are remarks."""
    cases = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if line and not line.startswith("# "):
            text, expected, *names = line.split("\t")
            cases.append(Case(number, text, expected, "names" in " ".join(names), "known" in " ".join(names)))
    return cases


def places(case: Case) -> list[Found]:
    """Where the placeholders of the expected text stand in the original."""
    parts = _PLACEHOLDER.split(case.expected)
    pattern = re.escape(parts[0])
    for following in parts[2::2]:
        pattern += "(.+?)" + re.escape(following)
    match = re.fullmatch(pattern, case.text, re.DOTALL)
    if match is None:
        raise ValueError(f"line {case.line}: the expected text does not come from the other")
    return [Found(*match.span(n), kind) for n, kind in enumerate(parts[1::2], 1)]


def main() -> None:
    cases = [case for file in sys.argv[1:] or [CASES] for case in read_cases(Path(file))]
    right = wrong = missed = kept = harmed = 0
    for case in cases:
        got = set(find(case.text, names=case.names))
        # of placeholders side by side the list does not say where one ends
        same = scrub(case.text, names=case.names) == case.expected
        wanted = got if same else set(places(case))
        right += len(wanted & got)
        wrong += len(got - wanted)
        missed += len(wanted - got)
        covered = {n for each in got for n in range(each.start, each.end)}
        allowed = {n for each in wanted for n in range(each.start, each.end)}
        kept += not allowed <= covered
        harmed += not covered <= allowed
        if wanted != got:
            print(f"line {case.line}: {case.text}\n  wanted {sorted(wanted)}\n  got    {sorted(got)}")
    precision = right / (right + wrong) if right + wrong else 1.0
    recall = right / (right + missed) if right + missed else 1.0
    print(f"{len(cases)} texts, {right + missed} places: precision {precision:.3f}, recall {recall:.3f}; "
          f"{kept} texts keep something, {harmed} lose something harmless")  # fmt: skip
    started = time.perf_counter()
    for _ in range(5):
        for case in cases:
            find(case.text)
    print(f"{(time.perf_counter() - started) / 5 / len(cases) * 1e6:.0f} µs a text")


if __name__ == "__main__":
    main()
