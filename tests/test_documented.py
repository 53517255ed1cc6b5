"""What an operator can set or run is written down where operators look."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from kb.cli import cli
from kb.settings import SETTINGS

ROOT = Path(__file__).parent.parent
OPERATORS = (ROOT / "docs/operators.md").read_text("utf-8")
EVERYTHING = OPERATORS + (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented_with_its_default_and_sentence(setting) -> None:
    default = f"`{setting.default}`" if setting.default else ""
    assert f"| `{setting.name}` | {default} | {' '.join(setting.sentence.split())} |" in OPERATORS


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_is_documented(name: str) -> None:
    assert f"kb {name}" in EVERYTHING or f"`{name}" in EVERYTHING


def test_no_document_tells_of_a_setting_that_is_gone() -> None:
    known = {setting.name for setting in SETTINGS} | {"KB_TEST_DATABASE_URL", "KB_SOURCE"}
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        words = document.read_text("utf-8").replace("`", " ").replace("=", " ").split()
        told = {word.strip(".,:;()|") for word in words if word.strip("(").startswith("KB_")}
        assert told <= known, document
