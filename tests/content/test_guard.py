from __future__ import annotations

import time

import pytest

from kb.content import guard
from kb.content.paths import Layout
from kb.errors import ContentError


def job(body: str) -> guard.Job:
    return guard.Job(body=body, path="a.md", locale="en", layout=Layout())


def test_an_ordinary_page_is_rendered_on_the_spot() -> None:
    assert not guard.could_be_slow("# A\n\n" + "Some *text* with [a link](b.md).\n\n" * 500)


@pytest.mark.parametrize(
    "body", ["<div>" * 5000, "**a_" * 2000, "a" + " " * 2000 + "b", "word " * 50_000, "x" * 30_000]
)
def test_a_page_that_could_be_slow_goes_to_a_process_of_its_own(body: str) -> None:
    assert guard.could_be_slow(body)


def test_a_page_rendered_apart_is_the_same_as_one_rendered_here() -> None:
    body = "# T\n\n## A\n\n" + "**a_ " * 1500
    assert guard.could_be_slow(body)
    assert guard.render(job(body)) == guard._render_here(job(body))


def test_a_page_that_takes_too_long_is_stopped_and_told() -> None:
    started = time.monotonic()
    with pytest.raises(ContentError, match="takes longer than 1 seconds"):
        guard.render(job("<ul><li>" * 60_000), deadline=1.0)
    assert time.monotonic() - started < 10


def test_a_refusal_comes_back_from_the_other_process() -> None:
    with pytest.raises(ContentError, match="larger than 1 MB"):
        guard.render(job("a" * 1_000_001))
