"""The exported folder is brought up to date: it must be what a fresh one would be, whatever changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kb.errors import IndexNotWritable
from kb.publish import reading
from kb.publish.source import source_of

from .conftest import KB, Repository, found


@pytest.fixture
def export(repository: Repository, var: Path) -> Callable[[], dict[str, str]]:
    """What lies in the folder after exporting what the branch is now."""

    def run(state: Path = var) -> dict[str, str]:
        source = source_of(str(repository.folder))
        made = reading.exported(source, reading.fetch(source, "main", state, 60), state)
        return {
            os.path.relpath(path, made.folder): str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            for path in sorted(made.folder.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    return run


def test_after_every_odd_commit_it_is_what_a_fresh_export_is(repository, var, tmp_path, export):
    folder = repository.folder

    def renamed_and_edited() -> None:
        repository.move("en/returns/refund.md", "en/returns/money.md", "# Money\n")

    def file_turned_folder() -> None:
        repository.git("rm", "-q", "en/orders/cancel.md")
        repository.commit({"en/orders/cancel.md/one.md": "# One\n"})

    def folder_turned_file() -> None:
        repository.git("rm", "-q", "-r", "en/orders/cancel.md")
        repository.commit({"en/orders/cancel.md": "# Cancel\n"})

    def file_turned_link() -> None:
        (folder / "en/orders/cancel.md").unlink()
        (folder / "en/orders/cancel.md").symlink_to("../returns/money.md")
        repository.commit()

    def link_turned_folder() -> None:
        (folder / "en/orders/cancel.md").unlink()
        repository.commit({"en/orders/cancel.md/two.md": "# Two\n"})

    def link_to_another_place() -> None:
        (folder / "en/away.md").symlink_to("/etc/passwd")
        (folder / "en/here.md").symlink_to("returns/money.md")
        repository.commit()

    def nothing() -> None:
        repository.commit()

    def all_gone_but_one() -> None:
        repository.git("rm", "-q", "-r", "en")
        repository.commit()

    steps = (
        renamed_and_edited, file_turned_folder, folder_turned_file, file_turned_link, link_turned_folder,
        link_to_another_place, nothing, all_gone_but_one,
    )  # fmt: skip
    export()
    for number, step in enumerate(steps):
        step()
        assert export() == export(tmp_path / f"fresh{number}"), step.__name__
    assert list(export()) == ["ja/returns/refund.md", "kb.yml"]
    # no empty folders are left
    assert not (var / "publish" / "export" / "en").exists()


def test_only_what_changed_is_written(repository, var, export):
    export()
    kept = var / "publish" / "export" / "en" / "orders" / "cancel.md"
    before = kept.stat()
    repository.commit({"en/returns/refund.md": "# Refund\n"})
    export()
    assert kept.stat() == before


@pytest.mark.parametrize("left", ["no record", "a broken one", "one of an older version"])
def test_a_folder_that_nobody_vouches_for_is_made_anew(repository, var, export, left: str):
    export()
    record = var / "publish" / "export.msgpack"
    stray = var / "publish" / "export" / "en" / "stray.md"
    stray.write_text("# Stray\n")
    if left == "no record":
        record.unlink()
    else:
        record.write_bytes(b"\x93" if left == "a broken one" else msgspec.msgpack.encode({"name": "x"}))
    assert "en/stray.md" not in export()


def test_what_fails_midway_leaves_no_record(repository, var, export, monkeypatch):
    export()
    repository.commit({"en/a.md": "# A\n"})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(IndexNotWritable, match="No space left"):
            export()
    assert not (var / "publish" / "export.msgpack").exists()
    assert "en/a.md" in export()


def test_a_refused_file_is_told_at_every_export_while_it_is_there(repository, var, export):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
    repository.commit({"en/a.png": pointer})
    source = source_of(str(repository.folder))
    for _ in range(2):
        made = reading.exported(source, reading.fetch(source, "main", var, 60), var)
        assert [(each.code, each.path) for each in made.findings] == [("lfs-pointer", "en/a.png")]
        repository.commit({"en/b.md": "# B\n"})
    repository.commit({"en/a.png": "a picture"})
    assert export()["en/a.png"] == "a picture"


def test_files_that_git_says_are_the_same_are_not_opened_again(repository, var, publishing):
    publishing()
    unopened = var / "publish/export/en/returns/refund.md"
    text = unopened.read_text("utf-8")
    unopened.write_bytes(b"\xff is no UTF-8")
    repository.commit({"en/orders/parrot.md": "# Parrots\n"})
    assert publishing().state == "live"
    # other rules, other articles: each file is opened
    repository.commit({"kb.yml": KB.replace("[agents]", "[agents, staff]")})
    assert publishing().state == "blocked"
    unopened.write_text(text, "utf-8")
    assert publishing().state == "live"
    assert found(var, "parrots") == ["orders/parrot"]


def test_a_link_is_followed_though_git_says_that_it_is_the_same(repository, var, publishing):
    (repository.folder / "en/orders/linked.md").symlink_to("parrot.txt")
    repository.commit({"en/orders/parrot.txt": "# Parrots\n"})
    publishing()
    repository.commit({"en/orders/parrot.txt": "# Cockatoos\n"})
    publishing()
    assert found(var, "cockatoos") == ["orders/linked"]
