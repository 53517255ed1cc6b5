from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from kb.content import article as articles
from kb.content import tree as tree_module
from kb.content.tree import read_tree
from kb.errors import ContentError, TreeMissing
from kb.model import Article, Audience, Kind, Severity, Status, Tree

from .conftest import MakeTree

KB = "default_locale: ja\nlocales: [ja, en]\nagents_only: [internal]\n"


def by_key(tree: Tree) -> dict[str, Article]:
    return {each.key: each for each in tree.articles}


def told(tree: Tree) -> list[tuple[str, str, int, str]]:
    return [(each.code, each.path, each.line, each.severity.value) for each in tree.findings]


def git(root: Path, *arguments: str, when: str = "2026-01-02T03:04:05Z") -> None:
    environment = {**os.environ, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when,
                   "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    names = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(
        ["git", "-C", str(root), *names, *arguments], check=True, capture_output=True, env=environment
    )


# Which files are articles, and what they are called


def test_a_tree_becomes_articles_ordered_by_locale_and_id(tree: MakeTree) -> None:
    found = read_tree(
        tree({"kb.yml": KB, "ja/orders/refund.md": "# 返金\n\n本文", "en/orders/refund.md": "# Refunds"})
    )
    assert [each.key for each in found.articles] == ["en/orders/refund", "ja/orders/refund"]
    refund = by_key(found)["ja/orders/refund"]
    assert (refund.title, refund.category, refund.path) == ("返金", "orders", "ja/orders/refund.md")
    assert (refund.markdown, refund.body_line) == ("# 返金\n\n本文", 1)
    assert found.findings == ()
    assert found.files == 2


def test_hidden_folders_node_modules_and_other_files_are_passed_over(tree: MakeTree) -> None:
    found = read_tree(
        tree({"a.md": "A", ".git/b.md": "B", "node_modules/c.md": "C", "d.txt": "D", ".e.md": "E"})
    )
    assert [each.id for each in found.articles] == ["a"]


def test_endings_count_in_any_case_and_spaces_and_quotes_stay_in_the_id(tree: MakeTree) -> None:
    found = read_tree(tree({"A.MD": "a", "My 'Page'.Markdown": "b", "c.mdx": "import x\n\nc"}))
    assert [each.id for each in found.articles] == ["A", "My 'Page'", "c"]


def test_root_folders_named_like_a_language_are_locales_without_a_kb_yml(tree: MakeTree) -> None:
    found = read_tree(tree({"ja/a.md": "a", "pt-BR/a.md": "a", "guide/a.md": "a"}))
    assert [each.key for each in found.articles] == ["en/guide/a", "ja/a", "pt-BR/a"]
    assert found.site.locales == ("ja", "pt-BR", "en")


def test_files_outside_the_locale_folders_have_the_locale_that_was_asked_for(tree: MakeTree) -> None:
    root = tree({"a.md": "a"})
    assert read_tree(root, locale="ja").articles[0].key == "ja/a"
    assert read_tree(root).articles[0].key == "en/a"
    tree({"kb.yml": KB})
    assert read_tree(root).articles[0].key == "ja/a"
    assert read_tree(root, locale="en").articles[0].key == "en/a"


def test_the_same_path_under_another_locale_is_its_translation(tree: MakeTree) -> None:
    found = read_tree(tree({"ja/orders/a.md": "a", "en/orders/a.md": "a"}))
    assert {each.id for each in found.articles} == {"orders/a"}


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.md", "a.mdx"), ("x.md", "x/index.md"), ("\u304b\u3099.md", "\u304c.md"), ("README.md", "index.md")],
)
def test_two_files_with_one_id_keep_the_first_and_name_both(tree: MakeTree, first: str, second: str) -> None:
    found = read_tree(tree({"kb.yml": "default_locale: en\n", first: "first", second: "second"}))
    assert [each.path for each in found.articles] == [first]
    assert told(found) == [("duplicate-id", second, 0, "error")]
    assert first in found.findings[0].message


def test_a_readme_at_the_root_gives_way_to_the_default_locales_own_index(tree: MakeTree) -> None:
    found = read_tree(tree({"kb.yml": KB, "README.md": "developers", "ja/index.md": "readers"}))
    assert [each.path for each in found.articles] == ["ja/index.md"]
    assert told(found) == [("duplicate-id", "README.md", 0, "error")]


# Titles, kinds, audiences


def test_the_title_is_that_of_the_front_matter_else_the_h1_else_the_file_name(tree: MakeTree) -> None:
    found = read_tree(
        tree({"a.md": "---\ntitle: 42\n---\n# H", "b.md": "# H", "c-d.md": "text", "guide/README.md": "text"})
    )
    assert [each.title for each in found.articles] == ["42", "H", "c-d", "guide"]


def test_folders_imply_kind_manual_and_order_and_front_matter_overrules_the_kind(tree: MakeTree) -> None:
    found = by_key(read_tree(tree({
        "ja/faq/a.md": "## 質問？\n答え", "ja/faq/b.md": "---\nkind: article\n---\nb",
        "ja/manuals/tab/02-on.md": "on",
    })))  # fmt: skip
    assert found["ja/faq/a"].kind is Kind.FAQ
    assert found["ja/faq/b"].kind is Kind.ARTICLE
    chapter = found["ja/manuals/tab/02-on"]
    assert (chapter.kind, chapter.manual, chapter.order) == (Kind.MANUAL, "manuals/tab", 2)


def test_the_stricter_audience_of_folder_and_front_matter_wins(tree: MakeTree) -> None:
    found = by_key(read_tree(tree({
        "kb.yml": KB,
        "ja/internal/a.md": "---\naudience: public\n---\na",
        "ja/Internal/b.md": "b",
        "ja/open/c.md": "---\naudience: agent\n---\nc",
        "ja/internals.md": "d",
        "internal/e.md": "e",
    })))  # fmt: skip
    assert {key: each.audience.value for key, each in found.items()} == {
        "ja/internal/a": "agent", "ja/Internal/b": "agent", "ja/open/c": "agent", "ja/internals": "public",
        "ja/internal/e": "agent",
    }  # fmt: skip


def test_an_unknown_audience_is_agents_only_and_an_error_each_time_it_is_read(tree: MakeTree) -> None:
    root = tree({"kb.yml": KB, "ja/a.md": "---\naudience: Admin\n---\na"})
    found = read_tree(root)
    again = read_tree(root, known=lambda path, digest: found.articles[0])
    for each in (found, again):
        assert each.articles[0].audience is Audience.AGENT
        assert told(each) == [("unknown-audience", "ja/a.md", 2, "error")]


def test_a_foreign_trees_own_audience_and_keys_are_warnings(tree: MakeTree) -> None:
    found = read_tree(tree({"a.md": "---\nid: 4\naudience: Admin\n---\na"}))
    assert found.articles[0].audience is Audience.PUBLIC
    assert {each.severity for each in found.findings} == {Severity.WARNING}


# What cannot be read


def test_each_file_that_cannot_be_read_is_named_with_its_reason_and_stops_no_other(tree: MakeTree) -> None:
    root = tree({
        "kb.yml": KB,
        "ja/binary.md": b"a\nb\x00c", "ja/broken.md": "---\ntitle: [a\n---\nx", "ja/empty.md": " \n",
        "ja/large.md": b"a" * 1_000_001, "ja/latin.md": "Grüße".encode("latin-1"), "ja/ok.md": "fine",
        "ja/open.md": "---\ntitle: a\n", "ja/tags.md": "---\ntags: {a: b}\n---\nx",
    })  # fmt: skip
    found = read_tree(root)
    assert [each.id for each in found.articles] == ["ok"]
    assert told(found) == [
        ("unreadable", "ja/binary.md", 2, "error"), ("front-matter", "ja/broken.md", 3, "error"),
        ("empty", "ja/empty.md", 0, "warning"), ("unreadable", "ja/large.md", 0, "error"),
        ("unreadable", "ja/latin.md", 1, "error"), ("front-matter", "ja/open.md", 1, "error"),
        ("front-matter", "ja/tags.md", 2, "error"),
    ]  # fmt: skip
    assert found.files == 8


def test_a_front_matter_without_a_body_is_an_article(tree: MakeTree) -> None:
    found = read_tree(tree({"a.md": "---\ntitle: A\n---\n"}))
    assert [each.title for each in found.articles] == ["A"]


def test_links_out_of_the_tree_and_pipes_are_refused(tree: MakeTree, tmp_path: Path) -> None:
    root = tree({"a.md": "a"})
    (tmp_path / "secret.md").write_text("secret")
    (root / "out.md").symlink_to(tmp_path / "secret.md")
    (root / "in.md").symlink_to(root / "a.md")
    (root / "gone.md").symlink_to(root / "nothing.md")
    os.mkfifo(root / "pipe.md")
    found = read_tree(root)
    assert [each.id for each in found.articles] == ["a", "in"]
    assert {each.path for each in found.findings} == {"gone.md", "out.md", "pipe.md"}


def test_a_file_name_that_is_not_utf_8_is_reported_and_can_be_printed(tree: MakeTree) -> None:
    root = tree({"a.md": "a"})
    try:
        (Path(os.fsdecode(os.fsencode(root) + b"/\xff.md"))).write_text("x")
    except OSError:
        pytest.skip("this disk takes no such name")
    found = read_tree(root)
    assert [each.message for each in found.findings] == ["left out: its name is not UTF-8"]
    assert str(found.findings[0]).encode()


def test_a_lone_surrogate_out_of_an_escape_never_reaches_an_article(tree: MakeTree) -> None:
    found = read_tree(tree({"a.md": '---\ntitle: "\\uD800"\n---\na', "b.md": "&#xD800;"}))
    assert msgspec.msgpack.encode(found)


def test_a_missing_folder_is_a_missing_tree(tmp_path: Path) -> None:
    with pytest.raises(TreeMissing):
        read_tree(tmp_path / "none")


def test_a_broken_kb_yml_stops_the_reading(tree: MakeTree) -> None:
    with pytest.raises(ContentError, match=r"^kb\.yml:2:"):
        read_tree(tree({"kb.yml": "locales: [ja]\nagents_only: {a: b}\n", "ja/a.md": "a"}))


# Reading again


def test_a_known_article_is_not_read_again_and_a_changed_one_is(
    tree: MakeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a.md": "a", "b.md": "b"})
    before = {(each.path, each.digest): each for each in read_tree(root).articles}
    read: list[str] = []
    real = articles.read

    def watched(source: articles.Source, rules: articles.Rules) -> articles.Outcome:
        read.append(source.path)
        return real(source, rules)

    monkeypatch.setattr(articles, "read", watched)
    tree({"b.md": "b2"})
    after = read_tree(root, known=lambda path, digest: before.get((path, digest)))
    assert read == ["b.md"]
    assert [each.markdown for each in after.articles] == ["a", "b2"]


def test_the_digest_changes_with_bytes_path_and_rules_and_with_nothing_else(tree: MakeTree) -> None:
    root = tree({"a.md": "a", "b.md": "a"})
    one, other = read_tree(root).articles
    assert one.digest != other.digest
    os.utime(root / "a.md", (1, 1))
    assert read_tree(root).articles[0].digest == one.digest
    assert read_tree(root, locale="ja").articles[0].digest != one.digest
    tree({"kb.yml": "agents_only: [x]\n"})
    assert read_tree(root).articles[0].digest != one.digest


def test_progress_is_told_up_to_the_number_of_files(tree: MakeTree) -> None:
    steps: list[tuple[int, int]] = []
    read_tree(tree({"a.md": "a", "b.md": "b"}), progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (2, 2)
    assert steps == sorted(steps)


def test_many_files_read_in_several_processes_give_the_same_articles(tree: MakeTree) -> None:
    root = tree({f"{number}.md": f"# T{number}\n\n## A\n\ntext" for number in range(tree_module.MANY)})
    assert read_tree(root, processes=2) == read_tree(root)


# Times and git


def test_without_git_an_article_is_as_old_as_its_file(tree: MakeTree) -> None:
    root = tree({"a.md": "a", "b.md": "---\nupdated: 2026-05-01\n---\nb"})
    os.utime(root / "a.md", (1_700_000_000, 1_700_000_000))
    found = read_tree(root)
    assert [each.updated for each in found.articles] == [
        datetime.fromtimestamp(1_700_000_000, UTC), datetime(2026, 5, 1, tzinfo=UTC),
    ]  # fmt: skip
    assert found.commit == ""


def test_in_a_checkout_an_article_is_as_old_as_its_last_commit(tree: MakeTree, tmp_path: Path) -> None:
    root = tree({"a.md": "a", "返金 'x'.md": "b", "sub/c.md": "c"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    tree({"a.md": "a2"})
    git(tmp_path, "commit", "-qam", "two", when="2026-03-01T00:00:00Z")
    found = read_tree(root)
    assert [each.updated for each in found.articles] == [
        datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    ]  # fmt: skip
    assert len(found.commit) == 40
    tree({"new.md": "n"})
    assert read_tree(root).commit == ""


def test_a_machine_without_git_reads_the_tree_all_the_same(
    tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a.md": "a"})
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = read_tree(root)
    assert (found.commit, len(found.articles)) == ("", 1)


# Media


def test_a_file_is_public_when_a_published_public_page_shows_it(tree: MakeTree) -> None:
    found = read_tree(tree({
        "kb.yml": KB,
        "ja/a.md": "![a](img/a.png) ![gone](img/gone.png) ![i](internal/i.png) [x](../../x.pdf)",
        "ja/internal/b.md": "![b](b.png) ![a](../img/a.png)",
        "ja/draft.md": "---\nstatus: draft\n---\n![d](img/d.png)",
        "ja/img/a.png": b"a", "ja/img/d.png": b"d", "ja/internal/b.png": b"b", "ja/internal/i.png": b"i",
        "ja/img/unused.png": b"u",
    }))  # fmt: skip
    assert found.media == {
        "ja/img/a.png": Audience.PUBLIC, "ja/img/d.png": Audience.AGENT, "ja/internal/b.png": Audience.AGENT,
        "ja/internal/i.png": Audience.AGENT,
    }  # fmt: skip


def test_a_file_that_is_a_link_out_of_the_tree_is_no_media(tree: MakeTree, tmp_path: Path) -> None:
    root = tree({"a.md": "![a](a.png)"})
    (tmp_path / "secret.png").write_bytes(b"s")
    (root / "a.png").symlink_to(tmp_path / "secret.png")
    assert read_tree(root).media == {}


def test_drafts_and_archived_pages_are_in_the_tree_with_their_status(tree: MakeTree) -> None:
    found = read_tree(tree({"a.md": "---\ndraft: true\n---\na", "b.md": "---\nstatus: archived\n---\nb"}))
    assert [each.status for each in found.articles] == [Status.DRAFT, Status.ARCHIVED]
