"""The compiled kernel and numpy give the same bits, whatever is asked; without a compiler numpy serves alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Indexed
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from kb.index import kernel, kernel_numpy
from kb.search import Query, search

ROOT = Path(__file__).parents[2]
compiled = pytest.mark.skipif(kernel.compiled is None, reason="kb was installed without a compiler")

TEXTS = st.text(st.sampled_from("aé 。.かガ漢字字」😀\u0301\u200d\U0001f1ef\n\ud800"), max_size=90)


@pytest.fixture
def chosen() -> Iterator[None]:
    yield
    kernel.choose("auto")


def queries(indexed: Indexed, locale: str) -> list[str]:
    """Titles and parts of them, headings, half words, kana, and words that nobody wrote."""
    snapshot = indexed.snapshot(locale)
    titles = [snapshot.card(number).title for number in range(snapshot.meta.articles)]
    sentences = [snapshot.passage(n).text[:80] for n in range(0, snapshot.meta.sections, 7)]
    return [
        *titles,
        *(title[:5] for title in titles),
        *(text for text in sentences if text),
        "qwrtp",
        "かいやく",
        # synonyms of several words, none of which stands in a section that is shown
        "受け取る店を変えたい 次いつ入るの",
    ]


@compiled
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_both_kernels_answer_every_query_alike(bundled: Indexed, locale: str, chosen: None) -> None:
    snapshot = bundled.snapshot(locale)
    category = snapshot.meta.categories[0]
    for number, text in enumerate(queries(bundled, locale)):
        query = Query(text=text, limit=20, category=category if number % 5 == 0 else "")
        answers = []
        for name in ("numpy", "auto"):
            kernel.choose(name)
            answers.append(search(snapshot, query))
        assert answers[0] == answers[1], text


@compiled
@settings(max_examples=200, deadline=None)
@given(text=TEXTS, start=st.integers(0, 60), columns=st.integers(0, 80), least=st.integers(0, 60))
def test_both_kernels_measure_text_alike(text: str, start: int, columns: int, least: int) -> None:
    start = min(start, len(text))
    least = min(least, start)
    ours, theirs = kernel.compiled, kernel_numpy
    assert ours.width(text) == theirs.width(text)
    assert ours.fit(text, start, columns) == theirs.fit(text, start, columns)
    assert ours.fit_before(text, least, start, columns) == theirs.fit_before(text, least, start, columns)
    spans = [(n, n + 1 + n % 3, n % 4) for n in range(0, max(len(text) - 3, 0), 2)]
    values = {term: 0.7 * term + 0.1 for term in range(4)}
    assert ours.window(text, spans, values, columns) == theirs.window(text, spans, values, columns)
    cut = theirs.excerpt(text, spans, values, columns)
    assert ours.excerpt(text, spans, values, columns) == cut
    assert ours.marks(text, spans[::-1], *cut) == theirs.marks(text, spans[::-1], *cut)


@compiled
@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from("a 。."), min_size=30, max_size=30),
    st.lists(st.tuples(st.integers(0, 26), st.integers(1, 3), st.integers(0, 2)), max_size=14),
    st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=3).map(tuple), max_size=3),
    st.integers(0, 3),
)
def test_both_kernels_find_the_same_phrases(
    text: str, tokens: list[tuple[int, int, int]], wanted: list[tuple[int, ...]], first: int
) -> None:
    tokens.sort()
    starts = np.array([start for start, _, _ in tokens], np.int32)
    ends = np.array([start + length for start, length, _ in tokens], np.int32)
    terms = np.array([term for _, _, term in tokens], np.int32)
    asked = (terms, starts, ends, min(first, len(tokens)), len(tokens), wanted, text)
    assert kernel.compiled.phrases(*asked) == kernel_numpy.phrases(*asked)


@compiled
@given(st.lists(st.binary(max_size=6), max_size=30), st.binary(max_size=6))
def test_both_kernels_find_the_same_place_among_sorted_strings(items: list[bytes], wanted: bytes) -> None:
    items.sort()
    ptr = np.concatenate(([0], np.cumsum([len(item) for item in items]))).astype(np.int64)
    data = b"".join(items)
    places = {each.bisect(ptr, data, wanted) for each in (kernel.compiled, kernel_numpy)}
    assert places == {sum(item < wanted for item in items)}


@compiled
@given(
    st.lists(st.text("abか返é😀", max_size=6), min_size=1, max_size=30),
    st.text("abか返é😀", min_size=1, max_size=6),
)
@example(["ab"], "abb")
@example(["ab"], "aab")
@example(["返a"], "a返")
def test_both_kernels_know_a_beginning_with_one_slip(keys: list[str], typed: str) -> None:
    items = [key.encode() for key in keys]
    ptr = np.concatenate(([0], np.cumsum([len(item) for item in items]))).astype(np.int64)
    data = b"".join(items) or b"\0"
    expected = [
        number
        for number, key in enumerate(keys)
        if min(OSA.distance(key[:end], typed) for end in range(len(key) + 1)) <= 1
    ]
    for each in (kernel.compiled, kernel_numpy):
        assert each.near(ptr, data, 0, len(keys), typed) == expected


def test_numpy_serves_where_it_is_asked_for(chosen: None) -> None:
    kernel.choose("numpy")
    assert kernel.name() == "numpy"
    kernel.choose("auto")
    assert kernel.name() == ("compiled" if kernel.compiled else "numpy")


def test_an_installation_without_a_compiler_succeeds_without_the_kernel(tmp_path: Path) -> None:
    compiled = [str(each.relative_to(ROOT)) for each in ROOT.glob("kb/*/*.pyx")]
    for name in ("pyproject.toml", "README.md", "kb/__init__.py", *compiled):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-c", "import setuptools; setuptools.setup()", "build_ext", "--inplace"]
    broken = {"CC": str(tmp_path / "no-such-compiler"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=broken, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*.so"))
