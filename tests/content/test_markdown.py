from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.markdown import Rendered, render
from kb.content.paths import Layout
from kb.errors import ContentError

BOOK = Layout(("ja", "en"), "ja")


def page(body: str, *, path: str = "ja/orders/refund.md", title: str = "", first_line: int = 1) -> Rendered:
    return render(body, path, "ja", layout=BOOK, title=title, first_line=first_line)


def lead(body: str) -> str:
    return page(body).sections[0].text


# Titles and sections


def test_the_first_h1_is_the_title_and_leaves_the_page() -> None:
    found = page("# 返金\n\n本文\n")
    assert found.title_from_h1 == "返金"
    assert found.html == "<p>本文</p>"


def test_sections_begin_at_each_heading_and_the_lead_comes_first_even_when_empty() -> None:
    found = page("# T\n## A\na\n### B\nb\n# C\nc\n", first_line=4)
    assert [(each.anchor, each.title, each.level, each.line, each.text) for each in found.sections] == [
        ("", "", 1, 4, ""),
        ("a", "A", 2, 5, "a"),
        ("b", "B", 3, 7, "b"),
        ("c", "C", 2, 9, "c"),
    ]


def test_an_h1_that_says_it_differently_from_the_title_stays_searchable_in_the_lead() -> None:
    found = page("# How do I get money back?\n\nText\n", title="Refunds")
    assert "<h1" not in found.html
    assert found.sections[0].text == "How do I get money back?\nText"


def test_several_h1s_below_a_title_are_chapters() -> None:
    found = page("# One\na\n# Two\nb\n", title="Title")
    assert [each.title for each in found.sections] == ["", "One", "Two"]
    assert '<h2 id="one">One</h2>' in found.html


def test_a_headings_id_in_the_page_is_its_sections_anchor() -> None:
    found = page("## 返金の期限\n## Own {#my-id}\n## 返金の期限\n> ## In a quote\n\n<h3>Raw &amp; old</h3>\n")
    anchors = [each.anchor for each in found.sections[1:]]
    assert anchors == ["返金の期限", "my-id", "返金の期限-1", "in-a-quote", "raw--old"]
    assert re.findall(r'<h\d id="([^"]+)"', found.html) == anchors
    assert [each.title for each in found.sections][2] == "Own"


def test_anchors_stay_when_another_heading_is_put_before_them() -> None:
    before = page("## A\n## B\n").sections
    after = page("## New\n## A\n## B\n").sections
    assert {each.anchor for each in before} < {each.anchor for each in after}


def test_old_anchors_in_a_heading_stay_targets_beside_its_own() -> None:
    found = page('# <a name="top"></a>T\n\n## <a id="old"></a>New words\n\n<a name="new-words"></a>\n')
    assert 'id="top"' in found.html
    assert '<a id="old"></a>' in found.html
    assert found.html.count('id="new-words"') == 1
    assert found.sections[1].anchor == "new-words"


def test_lines_are_those_of_the_file_in_lists_fences_and_underlined_headings_too() -> None:
    body = "Lead\n\n```\n## not one\n```\n\nUnder\nlined\n---\n\n- item\n\n  ## In a list\n\n<h2>Raw</h2>\n"
    found = page(body, first_line=11)
    assert [(each.title, each.line) for each in found.sections[1:]] == [
        ("Under lined", 17),
        ("In a list", 23),
        ("Raw", 25),
    ]


# Text


def test_text_is_plain_one_block_a_line_with_nothing_left_encoded() -> None:
    assert lead("A &amp; **b** `<c>` &lt;\n\n- one\n- two\n\n1. *three*\n") == "A & b <c> <\none\ntwo\nthree"


def test_cells_of_a_row_share_a_line_and_empty_ones_are_left_out() -> None:
    assert lead("|  | B |\n|--|--|\n| 1 | 2<br>3 |\n") == "B\n1 | 2 3"


def test_code_keeps_its_lines_and_images_their_words() -> None:
    assert (
        lead("```sh\nls <dir>\n\n  cat\n```\n\n![送り状の位置](a.png)\n") == "ls <dir>\n  cat\n送り状の位置"
    )


def test_a_line_break_within_japanese_is_none_in_the_sentence() -> None:
    assert lead("返金は\n三日以内に\nPayPay で\n") == "返金は三日以内に PayPay で"


def test_a_break_within_a_heading_parts_its_words_but_not_a_japanese_sentence() -> None:
    found = page("# When<br>refunds come\n\n## How<br/>long\n\n## 返金の<br>期限\n")
    assert found.title_from_h1 == "When refunds come"
    assert [(each.anchor, each.title) for each in found.sections[1:]] == [
        ("how-long", "How long"),
        ("返金の期限", "返金の期限"),
    ]
    assert 'id="how-long">How<br>long</h2>' in found.html
    assert page("A break<br>in text\n\n- and<br>a list\n").sections[0].text == "A break\nin text\nand\na list"


def test_marks_of_footnotes_are_left_out_and_the_notes_kept() -> None:
    assert lead("Text[^1] goes on.\n\n[^1]: The note.\n") == "Text goes on.\nThe note."


@pytest.mark.parametrize("empty", ["<hr class='footnote'>", "<img class='note-label' src='a.png'>"])
def test_what_has_no_end_silences_nothing_whatever_its_class(empty: str) -> None:
    assert lead(f"before\n\n{empty}\n\nafter\n") == "before\nafter"


def test_raw_html_gives_its_text_but_no_tag_comment_or_script() -> None:
    body = "<table><tr><td>a</td><td><p>b</p></td></tr></table>\n\n<!-- secret -->\n<script>x()</script>\n"
    assert lead(body + "<details><summary>S</summary>\n\nin *it*\n\n</details>\n") == "a | b\nS\nin it"


def test_a_placeholder_in_angle_brackets_is_shown_and_a_component_is_not() -> None:
    found = page('Type <App ID> and <title>.\n\n<Note kind="x">\n\nKept\n\n</Note>\n\n<Badge text="new"/>\n')
    assert found.sections[0].text == "Type <App ID> and <title>.\nKept"
    assert "&lt;App ID&gt;" in found.html
    assert "Badge" not in found.html


def test_bold_next_to_japanese_punctuation_is_bold() -> None:
    assert page("**写すとき（自撮り）**は、**「次へ」**を押す").html == (
        "<p><strong>写すとき（自撮り）</strong>は、<strong>「次へ」</strong>を押す</p>"
    )


# Dialects


@pytest.mark.parametrize(
    "body",
    ["::: tip\n## In\ntext\n:::\n", ":::tip\n## In\ntext\n:::\n", "> [!TIP]\n> ## In\n> text\n"],
)
def test_boxes_of_vuepress_and_github_become_notes_whose_label_is_not_searched(body: str) -> None:
    found = page(body)
    assert found.html.startswith('<div class="note note-tip"><p class="note-label">ヒント</p>')
    assert [each.text for each in found.sections] == ["", "text"]
    assert ":::" not in found.html


def test_the_title_of_a_box_is_part_of_its_text() -> None:
    assert lead("::: warning 注意すること\n本文\n:::\n\nafter") == "注意すること\n本文\nafter"


def test_a_details_box_folds_and_an_open_box_ends_with_the_page() -> None:
    assert page("::: details もっと\ntext\n").html.startswith("<details><summary>もっと</summary>")


def test_a_table_of_contents_mark_and_attribute_lists_are_left_out() -> None:
    assert lead("[[toc]]\n\n[a](b.md){.link}\n") == "a"


def test_a_task_list_shows_signs_instead_of_dead_controls() -> None:
    found = page("- [ ] a\n- [x] b\n")
    assert found.sections[0].text == "☐ a\n☑ b"
    assert "<input" not in found.html


def test_mdx_loses_imports_exports_and_components_but_no_line() -> None:
    body = (
        'import A from "a"\nexport const b = {\n  c: 1,\n}\n\n<Tabs items={[{a: 1}]}>\n<Tab label="x">\n'
        "Kept {/* not this */}\n</Tab>\n</Tabs>\n\n## Here\n\n```js\nimport kept\n```\n"
    )
    found = page(body, path="ja/a.mdx")
    assert [(each.title, each.line, each.text) for each in found.sections] == [
        ("", 0, "Kept"),
        ("Here", 12, "import kept"),
    ]


# Links and files


def test_links_are_rewritten_and_files_of_the_tree_listed() -> None:
    found = page("[a](../x/y.md#期限) ![p](img/p%201.png) [f](../f.pdf) [w](https://example.com)\n")
    assert '<a href="/ja/articles/x/y#%E6%9C%9F%E9%99%90">a</a>' in found.html
    assert '<img src="/media/ja/orders/img/p%201.png" alt="p" loading="lazy">' in found.html
    assert '<a href="https://example.com" rel="noopener">w</a>' in found.html
    assert found.media == ("ja/orders/img/p 1.png", "ja/f.pdf")
    assert [each.kind for each in found.links] == ["article", "media", "media", "external"]


def test_a_remote_image_or_frame_becomes_a_link_and_loads_nothing() -> None:
    found = page(
        '![alt](https://a.example/x.png)\n\n<iframe src="https://b.example/v" title="Film"></iframe>\n'
    )
    assert "<img" not in found.html
    assert "<iframe" not in found.html
    assert '<a href="https://a.example/x.png" rel="noopener">alt</a>' in found.html
    assert '<a href="https://b.example/v" rel="noopener">Film</a>' in found.html


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a title="</iframe><script>alert(1)</script>">x',
        '<b title="</iframe><b id=" q=" title="></iframe><script>">',
    ],
)
def test_what_stands_in_a_frame_is_not_taken_for_html(inner: str) -> None:
    """To a browser it is text, so the cleaner leaves it as it is."""
    found = page(f'before <iframe src="https://b.example/v">{inner}</iframe> <b title="<i>">after</b>\n')
    assert "<script" not in found.html
    assert "<img" not in found.html
    assert "before" in found.html
    assert "after" in found.html


@pytest.mark.parametrize(
    "body",
    [
        "[x](javascript:alert(1))",
        "[x](//evil.example)",
        "![x](data:image/svg+xml,x)",
        "<a href='java&#10;script:x'>x</a>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>x</svg>",
        '<a href="\\\\evil.example">x</a>',
        "<p style='position:fixed' onclick=x class='btn'>x</p>",
        "<form action=//e><input name=q></form>x</form>",
        "<math><mtext><style><img src onerror=x></style></mtext></math>",
        "<base href=//evil.example>",
    ],
)
def test_nothing_that_could_run_or_load_from_elsewhere_is_left(body: str) -> None:
    html = page(body).html
    assert not re.search(r"javascript|evil|on\w+=|style|data:|<svg|<form|<input|<base|btn", html, re.I), html


_WORDS = "a あ ** * _ ` [ ]( ) ![ < > <b> </b> <div> </p> <table><td> {#a} | ::: ~~ & <!-- --> <script> [^1]"
_MORE = [
    "\n",
    "\n\n",
    "## ",
    "- ",
    "> ",
    '<a href="',
    "\\",
    "<title>",
    "<img src=//a>",
    "javascript:",
    "```\n",
    '"',
]
PIECES = st.sampled_from([*_WORDS.split(), *_MORE])


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=40))
def test_any_markdown_is_rendered_to_html_that_is_clean_and_whose_anchors_are_unique(
    pieces: list[str],
) -> None:
    found = page("".join(pieces))
    anchors = [each.anchor for each in found.sections[1:]]
    assert len(set(anchors)) == len(anchors)
    assert "" not in anchors
    ids = re.findall(r' id="([^"]*)"', found.html)
    assert set(anchors) <= set(ids)
    assert not re.search(r"<(?:script|style|img src=\"//)", found.html)


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(ContentError, match="larger than 1 MB"):
        page("あ" * 400_000)


@pytest.mark.parametrize("body", [">" * 1000 + " a", "\n".join("  " * n + "- a" for n in range(300))])
def test_lists_and_quotes_nested_hundreds_deep_end_in_a_page(body: str) -> None:
    assert "a" in page(body).sections[0].text
