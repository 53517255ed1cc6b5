"""The benchmarks that no other test runs still fit the code: each is run once, small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import BUNDLED, Indexed

from kb.index.snapshot import Snapshot

FOLDER = BUNDLED.parent / "benchmarks"


def _run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(FOLDER / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_engines_are_asked_the_same_and_the_picture_shows_them(bundled: Indexed, tmp_path: Path) -> None:
    rows, picture = tmp_path / "rows.jsonl", tmp_path / "growth.svg"
    only = ("--only", "compiled", "numpy", "n-grams", "fts5", "whoosh")
    _run("engines.py", bundled.var, "--queries", 2, "--slow", 1, "--save", rows, *only)
    found = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    assert all(row["p50"] > 0 and row["found"] > 0 for row in found if row["kind"] != "3 words in a category")
    asked = {(row["kind"], row["engine"].split()[0]) for row in found}
    assert {("1 word", "SQLite"), ("1 word", "Whoosh"), ("sentence", "kb,"), ("related", "kb,")} <= asked
    _run("growth.py", rows, picture, "--locale", found[0]["locale"])
    assert all(name in picture.read_text("utf-8") for name in ("kb, compiled", "SQLite FTS5", "Whoosh"))


def test_keystrokes_are_timed_beside_a_tree(bundled: Indexed) -> None:
    shown = _run("keystrokes.py", bundled.var, "--titles", 3)
    assert "| as written | kb |" in shown
    assert "| with a slip | SQLite B-tree |" in shown


def test_an_index_is_multiplied(bundled: Indexed, tmp_path: Path) -> None:
    _run("copies.py", bundled.var, tmp_path / "twice", "--times", 2)
    twice = Snapshot(tmp_path / "twice" / "snapshot").meta
    first = bundled.snapshot(twice.locale).meta
    assert (twice.sections, twice.articles) == (2 * first.sections, 2 * first.articles)
    assert twice.terms == first.terms
