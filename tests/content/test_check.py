from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

import kb
from kb.cli import cli
from kb.content.check import check
from kb.content.codes import CODES
from kb.content.remembered import remembered
from kb.content.tree import read_tree
from kb.errors import ContentError
from kb.model import Finding, Tree
from kb.publish.gate import LOSS

from .conftest import Files, MakeTree

KB_CODE = Path(kb.__file__).parent
Codes = Callable[[Files], list[tuple[str, str, int, int]]]

BARE = "default_locale: ja\nlocales: [ja, en]\nagents_only: [internal]\n"
KB = BARE + "check: {orphan: off, orphan-translation: off}\n"


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
                "ja/b.md": "# B\n\n## X\n\n### Y\n\n[a](a.md)",
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
        "ja/b.md": "# B",
        "ja/a.md": "---\nrelated:\n  - b\n  - lost\n---\n# A\n",
    }
    assert codes(files) == [("related", "ja/a.md", 4, 5), ("pinned", "kb.yml", 6, 30)]


def test_a_heading_level_that_is_skipped_is_told(codes: Codes) -> None:
    files = {"ja/internal/i.md": "# I", "ja/a.md": "# A\n\n## B\n\n#### C\n\n## D\n"}
    assert codes(files) == [("heading-level", "ja/a.md", 5, 1)]


def test_overdue_reviews_and_translations_left_behind_are_told(codes: Codes) -> None:
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": "---\nupdated: 2026-05-01\nreview_by: 2026-05-31\n---\n# A",
        "en/a.md": "---\nupdated: 2026-04-01\nreview_by: 2026-06-01\n---\n# A",
    }
    assert codes(files) == [("stale-translation", "en/a.md", 0, 0), ("review-overdue", "ja/a.md", 3, 12)]


def test_pages_that_say_nearly_the_same_are_told(codes: Codes) -> None:
    text = "".join(
        f"これは{number}番目の文で、ほかのどこにもない内容を述べています。" for number in range(40)
    )
    files = {"ja/internal/i.md": "# I", "ja/a.md": f"# A\n\n{text}", "ja/b.md": f"# B\n\n{text}終わり。"}
    assert codes(files) == [("near-duplicate", "ja/b.md", 0, 0)]


def test_an_agents_only_folder_that_holds_nothing_is_told(codes: Codes) -> None:
    assert codes({"ja/a.md": "# A"}) == [("agents-only", "kb.yml", 3, 15)]


def test_what_the_reading_found_comes_along(codes: Codes) -> None:
    assert ("unknown-key", "ja/a.md", 2, 1) in codes({"ja/a.md": "---\ncolour: red\n---\n# A"})


def test_related_of_a_public_page_that_names_an_agents_only_article_is_an_error(codes: Codes) -> None:
    files = {"ja/internal/i.md": "# I", "ja/a.md": "---\nrelated:\n  - internal/i\n---\n# A\n"}
    assert codes(files) == [("link-to-agents", "ja/a.md", 3, 5)]


def test_what_nothing_leads_to_is_told(codes: Codes) -> None:
    files: Files = {
        "kb.yml": BARE,
        "ja/internal/i.md": "# I",
        "ja/index.md": "# Home\n\n[b](b.md)",
        "ja/b.md": "# B",
        "ja/alone.md": "# Alone",
        "ja/c/kept.md": "# Kept\n\n![x](x.png)",
        "ja/c/x.png": b"x",
        "ja/c/y.png": b"y",
        "en/c/kept.md": "# Kept",
        "en/c/lost.md": "# Lost",
    }
    assert codes(files) == [
        ("orphan-translation", "en/c/lost.md", 0, 0),
        ("orphan", "ja/alone.md", 0, 0),
        ("unused-file", "ja/c/y.png", 0, 0),
    ]


def test_questions_and_golden_queries_that_collide_are_told_with_both_paths(tree: MakeTree) -> None:
    golden = {f"ja/g{n}.md": f"---\ntitle: G{n}\ngolden: [返金]\n---\ntext{n}\n" for n in range(4)}
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": "---\ntitle: A\nquestions:\n  - (いつ|なんじ)返金？\n---\na\n",
        "ja/b.md": "---\ntitle: B\nquestions:\n  - 何\n  - いつ 返金\n---\nb\n",
        "en/a.md": "---\ntitle: A\nquestions: [いつ返金]\n---\na\n",
        **golden,
    }
    told = found(tree, files)
    assert [(each.code, each.path, each.line, each.column) for each in told] == [
        ("same-question", "ja/b.md", 5, 5),
        ("crowded-golden", "ja/g3.md", 3, 10),
    ]
    assert told[0].message == "ja/a.md asks 'いつ 返金', too"


def test_synonyms_that_are_ambiguous_or_lead_nowhere_are_told(codes: Codes) -> None:
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": "# 返金\n\nRefunds are cancelled.",
        "synonyms.yml": "- [返金, refund]\n- [返品, 払い戻し, Refunds]\n- [okapi, giraffe]\n- [cancel, stop]\n",
    }
    assert codes(files) == [
        ("ambiguous-synonym", "synonyms.yml", 1, 8),
        ("ambiguous-synonym", "synonyms.yml", 2, 14),
        ("unused-synonyms", "synonyms.yml", 3, 4),
    ]


def test_kb_yml_turns_findings_off_or_takes_them_harder_but_not_those_that_block(tree: MakeTree) -> None:
    files = {
        "kb.yml": BARE + "check: {orphan: off, agents-only: error, front-matter: off}\n",
        "ja/a.md": "# A",
        "ja/b.md": "---\nreview_by: soon\n---\n# B",
    }
    assert [(each.code, each.severity.value) for each in found(tree, files)] == [
        ("front-matter", "error"),
        ("agents-only", "error"),
    ]


def test_a_wish_about_no_finding_is_refused_with_its_line(tree: MakeTree) -> None:
    with pytest.raises(ContentError, match=r"kb\.yml:4:9: .*'orphans'; did you mean 'orphan'"):
        found(tree, {"kb.yml": BARE + "check: {orphans: off}\n"})
    with pytest.raises(ContentError, match="orphan must be off, warning or error"):
        found(tree, {"kb.yml": BARE + "check: {orphan: maybe}\n"})


def test_every_finding_has_a_sentence_and_says_how_to_mend_it() -> None:
    made = re.compile(r"""(?:code=|error\(|warning\(|_tell\(|_left_out\()\s*"([a-z-]+)\"""")
    source = "".join(
        file.read_text("utf-8") for name in ("content", "publish") for file in (KB_CODE / name).glob("*.py")
    )
    codes = set(made.findall(source)) | {LOSS}
    assert codes <= set(CODES)
    assert [code for code in CODES if f'"{code}"' not in source] == []
    manual = (KB_CODE.parent / "docs/writers.md").read_text("utf-8")
    assert [code for code in CODES if f"| `{code}` | {CODES[code]}" not in manual] == []


def test_what_was_read_is_remembered_findings_and_all_until_a_file_changes(
    tree: MakeTree, tmp_path: Path
) -> None:
    root = tree({"a.md": "---\ncolour: red\n---\n# A\n", "b.md": "# B\n", "kb.yml": BARE})

    def read() -> tuple[Tree, set[str]]:
        with remembered(tmp_path / "kept", root) as kept:
            before = set(kept)
            return read_tree(root, read=kept), before

    (first, none), (second, both) = read(), read()
    assert (none, len(both)) == (set(), 2)
    assert second == first
    assert [each.code for each in second.findings] == ["unknown-key"]
    (root / "a.md").write_text("# A, mended\n")
    third, _ = read()
    assert [each.title for each in third.articles] == ["A, mended", "B"]
    assert third.findings == ()
    _, kept = read()
    assert len(kept) == 2  # nothing is kept of what a file said before
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(b"\x93broken")
    assert read()[0] == third


def test_translations_left_behind_are_told_with_the_number_of_commits(tree: MakeTree) -> None:
    root = tree({"kb.yml": KB, "ja/a.md": "# A\n", "en/a.md": "# A\n", "ja/internal/i.md": "# I"})

    def git(*arguments: str) -> None:
        names = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)

    git("init", "--quiet")
    for text in ("# A\n", "# A\n\none\n", "# A\n\ntwo\n"):
        (root / "ja/a.md").write_text(text)
        git("add", "--all")
        git("commit", "--quiet", "--message", "x")
    done = CliRunner().invoke(cli, ["check", "--articles", str(root)], env={"KB_CHECK_CACHE": "none"})
    assert "en/a.md: warning: ja/a.md has changed since, in 2 commits [stale-translation]" in done.output
    git("commit", "--quiet", "--allow-empty", "--message", "x")
    (root / "en/a.md").write_text("# A\n\ntwo\n")
    git("commit", "--quiet", "--all", "--message", "x")
    done = CliRunner().invoke(cli, ["check", "--articles", str(root)], env={"KB_CHECK_CACHE": "none"})
    assert "stale-translation" not in done.output


def test_what_front_matter_and_kb_yml_name_is_pointed_at_where_it_is_written(codes: Codes) -> None:
    files = {
        "kb.yml": "default_locale: ja\nlocales: [ja]\nagents_only: [internal, /none/]\n"
        "categories: [{id: x}]\ncheck: {orphan: off}\n"
        "pinned:\n  - {query: none, articles: [x/a, none]}\n",
        "ja/internal/i.md": "---\ncategory: x\n---\n# I",
        "ja/x/a.md": "---\ntitle: x/gone と y\nrelated:\n  - /x/gone.md\n  - x/b\nreview_by: 2026-01-02\n"
        "questions: [何, 返品(でき|し)たい]\n---\n# A\n",
        "ja/x/b.md": "---\ntitle: B\ncategory: y\nquestions:\n- 返品したい？\nredirect_from: [x/z, x/a]\n---\n# B\n",
    }
    assert codes(files) == [
        ("related", "ja/x/a.md", 4, 5),
        ("review-overdue", "ja/x/a.md", 6, 12),
        ("unknown-category", "ja/x/b.md", 3, 11),
        ("same-question", "ja/x/b.md", 5, 3),
        ("agents-only", "kb.yml", 3, 25),
        ("pinned", "kb.yml", 7, 35),
    ]


def test_a_byte_that_is_no_utf_8_is_pointed_at(codes: Codes) -> None:
    files: Files = {"ja/internal/i.md": "# I", "ja/a.md": "# 題\n\n返金".encode() + b"\xff\n"}
    assert codes(files) == [("unreadable", "ja/a.md", 3, 3)]


def test_words_of_synonyms_are_pointed_at_whole(codes: Codes) -> None:
    files = {
        "ja/internal/i.md": "# I",
        "ja/a.md": "# 返金 返却 refunds\n",
        "synonyms.yml": "- [refunds, 返金]\n- [返却する, refund, refunds]\n- [alone]\n",
    }
    assert ("ambiguous-synonym", "synonyms.yml", 2, 18) in codes(files)
    assert ("synonyms", "synonyms.yml", 3, 3) in codes(files)
