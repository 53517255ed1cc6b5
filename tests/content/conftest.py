"""Builds real trees in tmp_path: `tree({"ja/a.md": "…"})` writes the files and gives the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Files = Mapping[str, str | bytes]
MakeTree = Callable[[Files], Path]


@pytest.fixture
def tree(tmp_path: Path) -> MakeTree:
    def make(files: Files) -> Path:
        root = tmp_path / "articles"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return make
