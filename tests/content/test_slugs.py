from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.content.slugs import Anchors, slug


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("How to pay?", "how-to-pay"),
        ("返金の期限", "返金の期限"),
        ("返金の期限！（目安）", "返金の期限目安"),
        ("ＡＢＣ　１２３", "abc-123"),
        ("If you can't log in", "if-you-cant-log-in"),
        ("snake_case & co.", "snake_case--co"),
        ("???", "section"),
    ],
)
def test_a_slug_is_made_of_the_headings_words(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_the_same_heading_again_gets_a_number_that_no_other_has() -> None:
    anchors = Anchors()
    assert [anchors.take(each) for each in ["a", "a", "a-1", "a"]] == ["a", "a-1", "a-1-1", "a-2"]


@given(st.lists(st.sampled_from(["a", "a-1", "a-1-1", "b"]), max_size=30))
def test_anchors_are_unique_whatever_the_headings(wanted: list[str]) -> None:
    anchors = Anchors()
    taken = [anchors.take(each) for each in wanted]
    assert len(set(taken)) == len(taken)


@given(st.text(max_size=50))
def test_a_slug_holds_no_space_and_is_never_empty(heading: str) -> None:
    assert slug(heading)
    assert not any(char.isspace() for char in slug(heading))
