"""Real trees, taken as their writers left them; skipped where they are not at hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.content.tree import read_tree

CORPORA = Path(__file__).parents[3] / "shared/corpora"
BUNDLED = Path(__file__).parents[2] / "articles"


@pytest.mark.parametrize(
    ("root", "locale"),
    [
        (CORPORA / "arduino-help-en/content", "en"),
        (CORPORA / "growi-docs/docs", None),
        (CORPORA / "alchemy-ja/AlchemyInsights", "ja"),
        (BUNDLED, None),
    ],
    ids=["arduino", "growi", "alchemy", "bundled"],
)
def test_every_page_is_an_article_or_named_with_its_reason(root: Path, locale: str | None) -> None:
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    found = read_tree(root, locale=locale)
    named = {finding.path for finding in found.findings if finding.message.startswith("left out")}
    assert found.files == len(found.articles) + len(named)
    assert len(named) <= 2
    for article in found.articles:
        anchors = [section.anchor for section in article.sections[1:]]
        assert len(set(anchors)) == len(anchors), article.path
        assert all(section.line for section in article.sections[1:]), article.path
        assert not re.search(r"<script|href=\"javascript:|<img src=\"(?!/media/)", article.html), article.path
