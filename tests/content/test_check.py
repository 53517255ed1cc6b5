from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from kb.content.check import check
from kb.content.tree import read_tree
from kb.model import Finding

from .conftest import Files, MakeTree

Codes = Callable[[Files], list[tuple[str, str, int, int]]]

KB = "default_locale: ja\nlocales: [ja, en]\nagents_only: [internal]\n"


@pytest.fixture
def codes(tree: MakeTree) -> Codes:
    """The findings of a tree of these files: (code, path, line, column)."""

    def run(files: Files) -> list[tuple[str, str, int, int]]:
        return [(each.code, each.path, each.line, each.column) for each in found(tree, files)]

    return run


def found(tree: MakeTree, files: Files) -> tuple[Finding, ...]:
    return check(read_tree(tree({"kb.yml": KB, **files})), today=date(2026, 6, 1))


def test_a_good_tree_has_no_findings(codes: Codes) -> None:
    assert (
        codes(
            {
                "ja/a.md": "# A\n\n## 期限\n\n[b](b.md#x) [en](../en/a.md) [self](#期限) ![alt](i.png) [w](https://x.example)",
                "ja/b.md": "# B\n\n## X\n\n### Y\n",
                "en/a.md": "# A\n",
                "ja/i.png": b"i",
                "ja/internal/c.md": "# C\n",
            }
        )
        == []
    )


def test_dead_links_are_named_with_line_and_column_also_into_other_locales(codes: Codes) -> None:
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": "---\ntitle: A\n---\nText\n\nsee [b](gone.md), [en](../en/a.md)\n\n`[not](code.md)`\n\n"
        "```\n[nor](fence.md)\n```\n\n[ref][r]\n\n[r]: lost\n",
    }
    assert codes(files) == [
        ("dead-link", "ja/a.md", 6, 9),
        ("dead-link", "ja/a.md", 6, 24),
        ("dead-link", "ja/a.md", 16, 6),
    ]


def test_a_dead_link_guesses_the_article_of_the_same_name(tree: MakeTree) -> None:
    files = {"ja/internal/i.md": "# I", "ja/a.md": "[x](refund.md)", "ja/orders/refund.md": "# R"}
    assert found(tree, files)[0].mend == "did you mean ja/orders/refund?"


def test_dead_anchors_are_errors_and_own_ids_and_old_anchors_count(codes: Codes) -> None:
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": '# A\n\n## One {#1st}\n\n<a name="old"></a>\n\n'
        "[x](#1st) [y](#old) [z](b.md#gone) [w](#One)\n",
        "ja/b.md": "# B\n",
    }
    assert [(code, line) for code, _, line, _ in codes(files)] == [("dead-anchor", 7), ("dead-anchor", 7)]


def test_missing_files_and_images_without_words_are_told(codes: Codes) -> None:
    files: Files = {
        "ja/internal/i.md": "# I",
        "ja/i.png": b"i",
        "ja/a.md": "# A\n\n![](i.png) ![x](gone.png)\n\n<img src=lost.png alt=x>\n\n[f](form.pdf)\n",
    }
    assert codes(files) == [
        ("missing-file", "ja/a.md", 0, 0),
        ("missing-alt", "ja/a.md", 3, 5),
        ("missing-file", "ja/a.md", 3, 17),
        ("missing-file", "ja/a.md", 7, 5),
    ]


def test_a_public_page_that_leads_to_what_agents_keep_is_an_error(codes: Codes) -> None:
    files: Files = {
        "ja/internal/i.md": "# I\n\n[a](../a.md) ![x](x.png)",
        "ja/internal/x.png": b"x",
        "ja/a.md": "# A\n\n[i](internal/i.md) ![x](internal/x.png)\n",
    }
    assert [(code, path) for code, path, _, _ in codes(files)] == [
        ("link-to-agents", "ja/a.md"),
        ("agents-file", "ja/a.md"),
    ]


def test_a_link_that_was_refused_is_told(codes: Codes) -> None:
    files = {"ja/internal/i.md": "# I", "ja/a.md": "# A\n\n[x](javascript:alert(1)) [y](../../up.md)\n"}
    assert [code for code, *_ in codes(files)] == ["refused-link", "refused-link"]


def test_titles_that_stand_twice_in_a_locale_and_audience_are_told(codes: Codes) -> None:
    files = {
        "ja/a.md": "# ＦＡＱ",
        "ja/b.md": "# faq",
        "en/b.md": "# FAQ",
        "ja/internal/c.md": "# FAQ",
        "ja/d.md": "---\ndraft: true\n---\n# FAQ",
    }
    assert codes(files) == [("duplicate-title", "ja/b.md", 0, 0)]


def test_related_and_pinned_that_name_no_article_are_told_with_their_line(codes: Codes) -> None:
    files = {
        "kb.yml": KB + "pinned:\n  - {query: x, articles: [a, gone]}\n",
        "ja/internal/i.md": "# I",
        "ja/a.md": "---\nrelated:\n  - internal/i\n  - lost\n---\n# A\n",
    }
    assert codes(files) == [("related", "ja/a.md", 4, 0), ("pinned", "kb.yml", 5, 0)]


def test_a_heading_level_that_is_skipped_is_told(codes: Codes) -> None:
    files = {"ja/internal/i.md": "# I", "ja/a.md": "# A\n\n## B\n\n#### C\n\n## D\n"}
    assert codes(files) == [("heading-level", "ja/a.md", 5, 0)]


def test_overdue_reviews_and_translations_left_behind_are_told(codes: Codes) -> None:
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": "---\nupdated: 2026-05-01\nreview_by: 2026-05-31\n---\n# A",
        "en/a.md": "---\nupdated: 2026-04-01\nreview_by: 2026-06-01\n---\n# A",
    }
    assert codes(files) == [("stale-translation", "en/a.md", 0, 0), ("review-overdue", "ja/a.md", 3, 0)]


def test_pages_that_say_nearly_the_same_are_told(codes: Codes) -> None:
    text = "".join(
        f"これは{number}番目の文で、ほかのどこにもない内容を述べています。" for number in range(40)
    )
    files = {"ja/internal/i.md": "# I", "ja/a.md": f"# A\n\n{text}", "ja/b.md": f"# B\n\n{text}終わり。"}
    assert codes(files) == [("near-duplicate", "ja/b.md", 0, 0)]


def test_an_agents_only_folder_that_holds_nothing_is_told(codes: Codes) -> None:
    assert codes({"ja/a.md": "# A"}) == [("agents-only", "kb.yml", 3, 0)]


def test_what_the_reading_found_comes_along(codes: Codes) -> None:
    assert ("unknown-key", "ja/a.md", 2, 0) in codes({"ja/a.md": "---\ncolour: red\n---\n# A"})
