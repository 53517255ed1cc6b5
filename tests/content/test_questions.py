from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.content.questions import MAX_FORMS, TooManyForms, expand


@pytest.mark.parametrize(
    ("line", "forms"),
    [
        ("How do I get a refund?", ("How do I get a refund?",)),
        ("(cancel|stop) it", ("cancel it", "stop it")),
        (
            "(返金|払い戻し)は(いつ|いつごろ)",
            ("返金はいつ", "返金はいつごろ", "払い戻しはいつ", "払い戻しはいつごろ"),
        ),
        ("(a|b (c|d)) e", ("a e", "b c e", "b d e")),
        ("(please |)cancel", ("please cancel", "cancel")),
        ("Internet (Wi-Fi) is slow", ("Internet (Wi-Fi) is slow",)),
        ("(Wi-Fi (5|6))", ("(Wi-Fi 5)", "(Wi-Fi 6)")),
        ("a (b|c", ("a (b|c",)),
        ("a) b|c", ("a) b|c",)),
        ("((a|b)", ("(a", "(b")),
        ("(a|a)", ("a",)),
        ("", ()),
    ],
)
def test_alternatives_are_expanded_and_all_else_is_literal(line: str, forms: tuple[str, ...]) -> None:
    assert expand(line) == forms


def test_more_forms_than_the_bound_are_refused_without_being_built() -> None:
    with pytest.raises(TooManyForms):
        expand("(a|b)" * 4000)


def test_alternatives_nested_too_deeply_are_refused() -> None:
    with pytest.raises(TooManyForms):
        expand("(a|" * 200 + "b" + ")" * 200)


@given(st.text(alphabet="ab(|) ", max_size=60))
def test_expansion_never_crashes_and_stays_in_its_bound(line: str) -> None:
    try:
        forms = expand(line)
    except TooManyForms:
        return
    assert len(forms) <= MAX_FORMS
    assert len(set(forms)) == len(forms)


@given(st.text(alphabet="ab() ", max_size=40))
def test_a_line_without_a_bar_is_one_form_with_its_parentheses(line: str) -> None:
    tidy = " ".join(line.split())
    assert expand(line) == ((tidy,) if tidy else ())
