"""HTML → what can be pasted into a mail: input beside expected output."""

from __future__ import annotations

import pytest

from kb.web.plain import plain_text, shortened


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>一行目<br>二行目</p><p>次</p>", "一行目\n二行目\n\n次"),
        ("<ol><li>one</li><li>two <b>bold</b></li></ol>", "1. one\n2. two bold"),
        ('<ol start="4"><li><p>four</p></li></ol>', "4. four"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
        (
            "<table><tr><th>額</th><th>日</th></tr><tr><td>550円</td><td>3日</td></tr></table>",
            "額 | 日\n550円 | 3日",
        ),
        ('<p>見る：<img src="x" alt="図"> <a href="/y">こちら</a></p>', "見る：[図] こちら"),
        ("<p>5 &lt; 6 &amp; 7</p>", "5 < 6 & 7"),
        ("", ""),
    ],
)
def test_steps_lists_and_tables_stay_readable(html: str, text: str) -> None:
    assert plain_text(html) == text


PARTS = '<p>lead</p><h2 id="a">A</h2><p>one</p><h3 id="b">B</h3><p>two</p><h2 id="c">C</h2><p>three</p>'


@pytest.mark.parametrize(
    ("anchor", "text"),
    [("a", "A\n\none\n\nB\n\ntwo"), ("b", "B\n\ntwo"), ("c", "C\n\nthree"), ("nowhere", "")],
)
def test_a_section_ends_at_the_next_heading_of_its_rank(anchor: str, text: str) -> None:
    assert plain_text(PARTS, anchor) == text


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("一つ目。二つ目。三つ目。", 8, "一つ目。二つ目。"),
        ("one line\nand another", 10, "one line"),
        ("short", 100, "short"),
        ("x" * 50, 10, "x" * 10),
        ("One. Two! Three?", 10, "One. Two!"),
    ],
)
def test_an_excerpt_ends_where_a_line_or_a_sentence_does(text: str, most: int, short: str) -> None:
    assert shortened(text, most) == short
