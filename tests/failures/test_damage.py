"""Files of the index that are missing, cut, flipped or foreign: told in one line, repaired by building."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs
from trees import SHOP, answers, folders, found, index, live, write

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index.generation import Generation, Manifest, live_folder, read_manifest, self_sum
from kb.index.layout import generation_folder, index_root, locale_folder, manifest_file, site_file
from kb.index.live import LiveIndex
from kb.index.previous import known_articles
from kb.index.sums import FileSum, checksum, remember, sum_of
from kb.model import Audience

PUBLIC, AGENT = Audience.PUBLIC, Audience.AGENT


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `articles` and `var`, never changed."""
    base = tmp_path_factory.mktemp("whole")
    index(write(base / "articles", SHOP), base / "var")
    return base


@pytest.fixture
def base(whole: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return shutil.copytree(whole, tmp_path / "base")


def replace(file: Path, data: bytes) -> None:
    """Another file of the same name; whoever has mapped the first keeps that."""
    file.unlink()
    file.write_bytes(data)


def flip(file: Path, place: float) -> None:
    """Turn one bit round, at this share of the file's length."""
    data = bytearray(file.read_bytes())
    data[int(len(data) * place)] ^= 0x04
    replace(file, bytes(data))


def kinds(var: Path) -> Iterator[Path]:
    """One file of each name, the manifest left out; of Whoosh's one of each ending."""
    seen = set()
    for name in read_manifest(var, live_folder(var)).files:
        file = index_root(var) / name
        kind = file.suffix if file.parent.name == "whoosh" else file.name
        if kind not in seen and file.stat().st_size:
            seen.add(kind)
            yield file


def test_a_bit_that_flips_in_any_kind_of_file_is_found_and_the_file_named(base: Path) -> None:
    var = base / "var"
    checked = []
    for file in kinds(var):
        sound = file.read_bytes()
        for place in (0, 0.5, 0.9999):
            flip(file, place)
            with pytest.raises(IndexDamaged) as told:
                Generation(var, live_folder(var), durable=True)
            assert str(told.value) == f"{file}: does not match its checksum; run `kb index` to make it anew"
            replace(file, sound)
        checked.append(file.suffix)
    assert set(checked) == {".npy", ".blob", ".bin", ".json", ".seg", ".toc"}
    assert len(checked) > 8


def test_a_bit_that_flips_anywhere_in_the_manifest_is_found(base: Path) -> None:
    var = base / "var"
    file = manifest_file(var, live_folder(var))
    sound = file.read_bytes()
    for step in range(150):
        flip(file, step / 150)
        with pytest.raises((IndexDamaged, IndexMismatch)) as told:
            live(var)
        assert str(file.parent) in str(told.value)
        assert "\n" not in str(told.value)
        file.write_bytes(sound)


def test_a_flip_in_what_only_the_builder_reads_does_not_keep_anybody_from_searching(base: Path) -> None:
    var = base / "var"
    (segment,) = locale_folder(var, live_folder(var), PUBLIC, "ja").glob("whoosh/*.seg")
    flip(segment, 0.5)
    assert found(LiveIndex(var).current(), "ja", "返金") == ["orders/refund"]
    assert str(segment) in index(base / "articles", var).rebuilt_because


def test_a_file_that_changes_after_it_was_checked_is_checked_again(base: Path) -> None:
    var = base / "var"
    live(var)
    file = locale_folder(var, live_folder(var), PUBLIC, "ja") / "snapshot/grams_impact.npy"
    inode = file.stat().st_ino
    data = bytearray(file.read_bytes())
    data[-1] ^= 0x04
    with file.open("r+b") as stream:
        stream.write(data)
    assert file.stat().st_ino == inode
    with pytest.raises(IndexDamaged, match="grams_impact"):
        live(var)


def test_a_file_is_not_called_damaged_for_what_is_remembered_of_another_with_its_number_and_time(
    base: Path,
) -> None:
    """Copies keep times, numbers are given again, and two files of one size are written within a moment."""
    var = base / "var"
    file = locale_folder(var, live_folder(var), PUBLIC, "ja") / "snapshot/grams_impact.npy"
    for durable in (True, False):
        remember(file.stat(), FileSum(file.stat().st_size, "0" * 64))
        Generation(var, live_folder(var), durable=durable)
        assert sum_of(file, file.stat()) == checksum(file)


def no_folder(var: Path) -> str:
    shutil.rmtree(generation_folder(var, live_folder(var), PUBLIC))
    return "the manifest cannot be read (No such file or directory)"


def no_agents_folder(var: Path) -> str:
    shutil.rmtree(generation_folder(var, live_folder(var), AGENT))
    return "cannot be read (No such file or directory)"


def half_deleted(var: Path) -> str:
    shutil.rmtree(locale_folder(var, live_folder(var), PUBLIC, "ja") / "snapshot")
    return "cannot be read (No such file or directory)"


def one_file_gone(var: Path) -> str:
    (locale_folder(var, live_folder(var), AGENT, "en") / "snapshot/small.bin").unlink()
    return "cannot be read (No such file or directory)"


def cut_short(var: Path) -> str:
    file = locale_folder(var, live_folder(var), PUBLIC, "ja") / "snapshot/texts-0.blob"
    size = file.stat().st_size
    replace(file, file.read_bytes()[: size // 2])
    return f"has {size // 2} bytes, not {size}"


def site_flipped(var: Path) -> str:
    flip(site_file(var, live_folder(var)), 0.5)
    return "does not match its checksum"


def manifest_emptied(var: Path) -> str:
    manifest_file(var, live_folder(var)).write_bytes(b"")
    return "the manifest cannot be read (Input data was truncated)"


def of_another_version(var: Path) -> str:
    folder = live_folder(var)
    manifest = msgspec.json.decode(manifest_file(var, folder).read_bytes(), type=Manifest)
    other = msgspec.structs.replace(manifest, fingerprint="schema 0, analyzer 0")
    other = msgspec.structs.replace(other, sha256=self_sum(other))
    manifest_file(var, folder).write_bytes(msgspec.json.encode(other))
    return "was written with schema 0, analyzer 0, this is schema "


def pointer(content: bytes) -> Callable[[Path], str]:
    def write_pointer(var: Path) -> str:
        (index_root(var) / "current").write_bytes(content)
        return ""

    write_pointer.__name__ = f"pointer_{content[:9]!r}"
    return write_pointer


def pointer_is_a_folder(var: Path) -> str:
    (index_root(var) / "current").unlink()
    (index_root(var) / "current").mkdir()
    return "the pointer cannot be read (Is a directory)"


DAMAGES = [
    no_folder,
    no_agents_folder,
    half_deleted,
    one_file_gone,
    cut_short,
    site_flipped,
    manifest_emptied,
    of_another_version,
    *map(pointer, (b"", b"\n", b"..", b"../../etc", b"\xff\xfe", b"a\0b", b"/", b"no such", b"x" * 5000)),
    pointer(b"0123456789ab-01234567\n"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_clear_line_and_the_next_build_repairs_it_and_says_why(
    base: Path, damage: Callable[[Path], str]
) -> None:
    var = base / "var"
    before = answers(live(var))
    serving = LiveIndex(var)
    serving.current()
    told = damage(var)
    with pytest.raises((IndexDamaged, IndexMismatch)) as failure:
        live(var)
    line = str(failure.value)
    assert line.startswith(str(index_root(var)))
    assert told in line
    assert "\n" not in line
    assert line.endswith("; run `kb index` to make it anew")
    assert found(serving.current(), "ja", "返金") == ["orders/refund"]  # it has all open
    assert known_articles(var)("ja/orders/refund.md", "x") is None

    summary = index(base / "articles", var)
    assert summary.rebuilt_because == line.removesuffix("; run `kb index` to make it anew")
    assert (summary.changed, summary.unchanged) == (6, False)
    assert answers(live(var)) == answers(serving.current()) == before
    assert index(base / "articles", var).unchanged


def test_a_lost_pointer_is_told_as_no_index_and_made_anew(base: Path) -> None:
    var = base / "var"
    (index_root(var) / "current").unlink()
    with pytest.raises(IndexMissing, match="there is no index yet; run `kb index` or `kb publish`"):
        live(var)
    summary = index(base / "articles", var)
    assert "there is no index yet" in summary.rebuilt_because
    assert found(live(var), "ja", "返金") == ["orders/refund"]


def test_a_new_generation_that_is_damaged_leaves_the_old_one_serving_and_is_logged(base: Path) -> None:
    structlog.reset_defaults()
    var = base / "var"
    serving = LiveIndex(var)
    old = serving.current()
    write(base / "articles", {"ja/new.md": "# 新しい返金\n\n新しい返金です。\n"})
    index(base / "articles", var)
    broken = locale_folder(var, live_folder(var), PUBLIC, "ja") / "snapshot/small.bin"
    flip(broken, 0.9)
    with capture_logs() as logs:
        for _ in range(3):
            assert serving.current() is old
    assert [entry["event"] for entry in logs] == ["the old index is kept"]
    assert str(broken) in logs[0]["reason"]
    assert found(old, "ja", "返金") == ["orders/refund"]
    with pytest.raises(IndexDamaged):
        LiveIndex(var).current()

    assert str(broken) in index(base / "articles", var).rebuilt_because
    assert "new" in found(serving.current(), "ja", "返金")


def test_a_pointer_that_vanishes_leaves_the_old_generation_serving(base: Path) -> None:
    var = base / "var"
    serving = LiveIndex(var)
    old = serving.current()
    shutil.rmtree(index_root(var))
    assert serving.current() is old
    assert found(old, "ja", "返金") == ["orders/refund"]
    index(write(base / "articles", {"ja/new.md": "# 新しい返金\n\n新しい返金です。\n"}), var)
    assert "new" in found(serving.current(), "ja", "返金")


def test_without_an_index_following_says_so_until_there_is_one(tmp_path: Path) -> None:
    serving = LiveIndex(tmp_path / "var")
    for _ in range(2):
        with pytest.raises(IndexMissing):
            serving.current()
    index(write(tmp_path / "articles", SHOP), tmp_path / "var")
    assert found(serving.current(), "ja", "返金") == ["orders/refund"]


def test_strangers_among_the_generations_disturb_nobody(base: Path) -> None:
    var = base / "var"
    write(var / "index/public", {".DS_Store": b"x", "lost+found/x": b"x"})
    write(var / "media", {"lost+found/x": b"x"})
    write(base / "articles", {"ja/new.md": "# 新しい返金\n\n新しい返金です。\n"})
    assert index(base / "articles", var).changed == 1
    assert live_folder(var) in folders(var)
