"""Checksums that processes of one service know from each other, and when they are not taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.index import sums
from kb.index.sums import FileSum, checksum, remember, sum_of, sums_of

MADE_UP = FileSum(5, "0123456789abcdef" * 4)
"""Of no file: who says so has read none."""


def beside(act: Callable[[], object]) -> None:
    """In a fork of this process."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"12345")
    return tmp_path / "file"


def test_what_a_fork_read_or_wrote_is_not_read_again_but_by_who_reads_for_himself(file: Path) -> None:
    beside(lambda: remember(file.stat(), MADE_UP))
    assert sums_of([file], alone=False) == [MADE_UP]
    assert sum_of(file, file.stat(), alone=False) == MADE_UP
    assert sum_of(file, file.stat()) == checksum(file)
    # what was read here counts from now on, and for the others
    assert sum_of(file, file.stat(), alone=False) == checksum(file)


def test_a_file_that_changed_since_is_read(file: Path) -> None:
    beside(lambda: remember(file.stat(), MADE_UP))
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))
    assert sums_of([file], alone=False) == [checksum(file)]
    beside(lambda: remember(file.stat(), MADE_UP))
    file.write_bytes(b"123456")
    assert sums_of([file], alone=False) == [checksum(file)]


@pytest.mark.parametrize("place", [0, 20, 40, 66])
def test_what_is_torn_is_not_believed(file: Path, place: int) -> None:
    beside(lambda: remember(file.stat(), MADE_UP))
    begin = file.stat().st_ino % sums._SLOTS * sums._RECORD
    sums._table[begin + place] ^= 1
    assert sums_of([file], alone=False) == [checksum(file)]


def test_a_file_with_several_names_has_one_sum(file: Path, tmp_path: Path) -> None:
    os.link(file, tmp_path / "other")
    (tmp_path / "third").write_bytes(b"")
    files = [file, tmp_path / "third", tmp_path / "other"]
    for alone in (True, False):
        assert sums_of(files, alone) == list(map(checksum, files))
