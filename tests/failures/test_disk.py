"""No space, no permission: one clear failure, and what was live stays live."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from trees import SHOP, answers, folders, helpers, index, live, write

from kb.errors import IndexDamaged, IndexNotWritable
from kb.index.layout import index_root
from kb.indexer import POOL_FROM
from kb.model import Audience

LATER = {
    "en/orders/refund.md": "# Refunds\n\n" + "All about money and when it comes back. " * 400,
    "ja/orders/refund.md": "# 返金\n\n" + "お金がいつ戻るかについてのすべて。" * 400,
}
"""Changes large enough that no file of the next generation but the smallest is a small one."""


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing beyond `size` bytes of any file fails, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def state(var: Path) -> tuple[object, ...]:
    """All that a reader could notice, and what lies on the disk."""
    pointer = (index_root(var) / "current").read_text()
    return pointer, answers(live(var)), folders(var), folders(var, Audience.AGENT)


@pytest.mark.parametrize("size", [0, 1, 10, 200, 1000, 4000, 9000, 20_000])
def test_when_the_disk_is_full_at_any_step_the_live_index_stays(tmp_path: Path, size: int) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    before = state(var)
    write(root, LATER)
    with largest_file(size), pytest.raises(IndexNotWritable, match=r"cannot write the index") as told:
        index(root, var)
    assert str(var) in str(told.value)
    assert "\n" not in str(told.value)
    assert state(var) == before
    assert index(root, var).changed == 2


def test_no_further_article_is_cut_when_what_is_there_cannot_be_written(tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    before = state(var)
    told: list[tuple[int, int]] = []
    write(root, {f"en/a{n}.md": f"# Parrot {n}\n\n{'It speaks. ' * 50}\n" for n in range(600)})
    with largest_file(1000), pytest.raises(IndexNotWritable, match="File too large"):
        index(root, var, progress=lambda step, done, total: told.append((done, total)))
    last, total = told[-1]
    assert total == 600
    assert last < total / 2
    assert state(var) == before


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_a_full_disk_found_by_a_helping_process_is_told_as_well(tmp_path: Path) -> None:
    limited: set[int] = set()

    def limit_helpers(step: str, done: int, total: int) -> None:
        for helper in helpers() - limited:
            resource.prlimit(helper, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
            limited.add(helper)

    files = {
        f"{locale}/a{n}.md": f"# Parrot {n}\n\nIt speaks {n} words.\n"
        for locale, n in product(("en", "ja"), range(4 * POOL_FROM))
    }
    root, var = write(tmp_path / "many", files), tmp_path / "var"
    with pytest.raises(IndexNotWritable, match="File too large"):
        index(root, var, processes=2, progress=limit_helpers)
    assert len(limited) == 2
    assert folders(var) == set()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = shutil.which("mount")
    if os.name != "posix" or command is None or os.getuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run([command, "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("free_kilobytes", [0, 8, 60, 200, 400])
def test_a_disk_that_fills_up_leaves_the_live_index_and_takes_the_next_once_there_is_room(
    small_disk: Path, tmp_path: Path, free_kilobytes: int
) -> None:
    root, var = write(tmp_path / "articles", SHOP), small_disk / "var"
    index(root, var)
    before = state(var)
    write(root, LATER)
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(b"x" * (free - free_kilobytes * 1024))
    with pytest.raises(IndexNotWritable, match="No space left on device"):
        index(root, var)
    assert state(var) == before
    ballast.unlink()
    assert index(root, var).changed == 2


# ---------------------------------------------------------------- permission


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may write everywhere; so be nobody for a while."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="kb-test-"))
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_state_folder_that_may_not_be_written_is_named(open_folder: Path) -> None:
    root, var = write(open_folder / "articles", SHOP), open_folder / "var"
    index(root, open_folder / "other")  # nobody may not even import what is needed for the first time
    var.mkdir()
    var.chmod(0o555)
    with without_rights(), pytest.raises(IndexNotWritable) as told:
        index(root, var)
    assert str(told.value) == f"{var}/index: cannot write the index: Permission denied"
    assert list(var.iterdir()) == []


def test_an_index_of_somebody_else_is_neither_read_nor_changed(open_folder: Path) -> None:
    root, var = write(open_folder / "articles", SHOP), open_folder / "var"
    index(root, var)
    before = state(var)
    var.chmod(0o755)
    (var / "index").chmod(0o000)
    with (
        without_rights(),
        pytest.raises(IndexDamaged, match=r"the pointer cannot be read \(Permission denied\)"),
    ):
        live(var)
    with without_rights(), pytest.raises(IndexNotWritable, match="Permission denied"):
        index(root, var)
    (var / "index").chmod(0o700)
    assert state(var) == before


def test_a_file_where_the_state_folder_should_be_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "articles", SHOP)
    (tmp_path / "var").write_text("not a folder")
    with pytest.raises(IndexNotWritable, match=r"/var: cannot write the index: File exists"):
        index(root, tmp_path / "var")
