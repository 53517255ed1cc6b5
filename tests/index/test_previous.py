"""What a build begins with: the live generation, where it can be continued, and its articles."""

from __future__ import annotations

from pathlib import Path

from trees import index, live, write

from kb.content.tree import read_tree
from kb.index.generation import live_folder
from kb.index.layout import manifest_file
from kb.index.previous import continued, known_articles


def test_where_nothing_was_built_nothing_is_continued_and_nothing_is_wrong_with_that(var: Path) -> None:
    assert continued(var) == (None, "")


def test_what_is_open_already_is_taken_while_it_is_live_and_not_after(root: Path, var: Path) -> None:
    index(root, var)
    opened = live(var)
    assert continued(var, live=opened) == (opened, "")
    write(root, {"en/shipping.md": "# Shipping\n\nOther.\n"})
    index(root, var)
    newer, why = continued(var, live=opened)
    assert newer is not None
    assert (newer.folder, why) == (live_folder(var), "")
    assert newer.folder != opened.folder


def test_why_it_cannot_be_continued_is_said(root: Path, var: Path) -> None:
    index(root, var)
    assert continued(var, rebuild=True) == (None, "asked for")
    file = manifest_file(var, live_folder(var))
    file.write_bytes(file.read_bytes().replace(b"en/whoosh", b"en/wh00sh"))
    assert continued(var) == (None, f"{file}: the manifest does not match its own checksum")


def test_known_articles_are_those_of_the_live_generation_with_their_digest(root: Path, var: Path) -> None:
    assert known_articles(var)("ja/orders/refund.md", "x") is None
    index(root, var)
    tree = read_tree(root)
    known = known_articles(var)
    assert {known(article.path, article.digest) for article in tree.articles} == set(tree.articles)
    assert known("ja/orders/refund.md", "another digest") is None
    assert known("ja/orders/other.md", tree.articles[0].digest) is None


def test_unchanged_files_are_not_read_again(root: Path, var: Path) -> None:
    index(root, var)
    write(root, {"en/shipping.md": "# Shipping\n\nOther.\n"})
    known, asked = known_articles(var), []
    read_tree(root, known=lambda path, digest: asked.append((path, known(path, digest))) or asked[-1][1])
    assert [path for path, article in asked if article is None] == ["en/shipping.md"]
