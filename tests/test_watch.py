"""`kb serve --watch` by a real process: what is saved is found a moment later, whatever is wrong beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from trees import write

from kb import watch

TREE = {
    "kb.yml": "locales: [ja, en]\ndefault_locale: ja\n",
    "ja/home/owl.md": "# 梟の飼い方\n\n梟は夜に起きます。\n",
    "en/home/owl.md": "# Owls\n\nAn owl wakes at night.\n",
}


class Served:
    def __init__(self, folder: Path) -> None:
        self.tree, self.log = write(folder / "articles", TREE), folder / "log"
        options = [
            "--articles",
            self.tree,
            "--var",
            folder / "var",
            "--port",
            "0",
            "--workers",
            "1",
            "--watch",
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kb", "serve", *map(str, options)],
                stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ,
            )  # fmt: skip
        assert self.process.stdout
        lines = iter(self.process.stdout.readline, "")
        self.url = next(line.split()[3] for line in lines if line.startswith("kb is serving "))

    def finds(self, text: str) -> int:
        with urllib.request.urlopen(f"{self.url}/api/v1/search?q={quote(text)}", timeout=10) as answer:
            return int(json.load(answer)["total"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    service = Served(tmp_path_factory.mktemp("watched"))
    yield service
    service.process.kill()
    service.process.wait()


def soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_what_is_saved_is_searchable_and_what_is_removed_is_gone(served: Served) -> None:
    assert served.finds("孔雀") == 0
    (served.tree / "ja/home/peacock.md").write_text("# 孔雀\n\n孔雀は羽を広げます。\n", "utf-8")
    assert soon(lambda: served.finds("孔雀") == 1)
    (served.tree / "ja/home/peacock.md").unlink()
    assert soon(lambda: served.finds("孔雀") == 0)


def test_a_file_that_cannot_be_read_is_told_by_line_while_others_are_followed(served: Served) -> None:
    (served.tree / "ja/home/broken.md").write_text("---\ntitle: [open\n---\n\nx\n", "utf-8")
    (served.tree / "ja/home/swan.md").write_text("# 白鳥\n\n白鳥は渡ります。\n", "utf-8")
    assert soon(lambda: served.finds("白鳥") == 1)
    assert "ja/home/broken.md:" in served.log.read_text("utf-8")
    assert served.finds("梟") == 1


def test_a_folder_that_vanishes_leaves_what_is_served(served: Served) -> None:
    away = served.tree.with_name("away")
    served.tree.rename(away)
    assert soon(lambda: "what was served before stays" in served.log.read_text("utf-8"))
    assert served.finds("梟") == 1
    away.rename(served.tree)


def test_the_watching_process_ends_with_the_service(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)
    assert served.process.stdout
    # whoever still runs holds this stream open
    assert served.process.wait(20) == 0
    assert served.process.stdout.read() is not None


def test_state_that_lies_among_the_articles_is_not_watched(tmp_path: Path) -> None:
    tree = write(tmp_path / "articles", TREE)
    var = tree / "var"
    (var / "index").mkdir(parents=True)
    before = watch.stamp(tree, var)
    (var / "index" / "current").write_text("x")
    (tree / ".git").mkdir()
    (tree / ".git" / "HEAD").write_text("x")
    assert watch.stamp(tree, var) == before
    (tree / "ja/home/owl.md").write_text("# 梟\n", "utf-8")
    assert watch.stamp(tree, var) != before


@pytest.mark.parametrize("options", [["--ref", "main", "--articles", "."], ["--ref", "main"]])
def test_a_preview_of_a_branch_cannot_be_watched(options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kb", "serve", "--watch", "--port", "0", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--watch: follows a folder of files" in done.stderr
    assert "Traceback" not in done.stderr
