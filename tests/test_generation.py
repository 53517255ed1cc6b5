"""A generation as it lies on the disk and as a reader opens and follows it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from trees import PIXEL, SHOP, SITE, folders, found, index, live, write

from kb.errors import IndexMismatch
from kb.index import blob, schema, sums
from kb.index.generation import live_folder, read_manifest
from kb.index.layout import generation_folder, index_root, locale_folder, manifest_file
from kb.index.live import LiveIndex
from kb.index.saver import saving
from kb.model import Audience

PUBLIC, AGENT = Audience.PUBLIC, Audience.AGENT


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `articles`, indexed in `var`; never changed."""
    base = tmp_path_factory.mktemp("shop")
    root = write(base / "articles", SHOP)
    write(
        root, {"kb.yml": f"{SITE}pinned:\n  - {{query: Wrap  it, locale: en, articles: [shipping, none]}}\n"}
    )
    write(root, {"en/show.md": "# Show\n\n![a](img/a.png)\n", "en/img/a.png": PIXEL})
    write(root, {"en/agents/show.md": "# Show\n\n![b](../img/b.png)\n", "en/img/b.png": b"for agents"})
    index(root, base / "var")
    return base


# ---------------------------------------------------------------- on the disk


def test_public_and_agents_only_articles_lie_in_folders_of_their_own(shop: Path) -> None:
    var = shop / "var"
    folder = live_folder(var)
    assert folders(var, PUBLIC) == folders(var, AGENT) == {folder}
    assert {path.name for path in generation_folder(var, folder, PUBLIC).iterdir()} == {
        "manifest.json",
        "site.json",
        "ja",
        "en",
    }
    for audience in Audience:
        for locale in ("ja", "en"):
            here = locale_folder(var, folder, audience, locale)
            assert {path.name for path in here.iterdir()} == {"whoosh", "snapshot", "tables"}


def test_the_manifest_names_every_file_with_size_and_checksum(shop: Path) -> None:
    var = shop / "var"
    folder = live_folder(var)
    manifest = read_manifest(var, folder)
    on_disk = {
        str(path.relative_to(index_root(var)))
        for audience in Audience
        for path in generation_folder(var, folder, audience).rglob("*")
        if path.is_file()
    }
    manifest_name = str(manifest_file(var, folder).relative_to(index_root(var)))
    assert set(manifest.files) == on_disk - {manifest_name}
    assert all((index_root(var) / name).stat().st_size == each.size for name, each in manifest.files.items())
    assert {len(each.sha256) for each in manifest.files.values()} == {64}
    assert manifest.fingerprint == schema.fingerprint()
    assert timedelta() < datetime.now(UTC) - manifest.created < timedelta(hours=1)
    assert json.loads(manifest_file(var, folder).read_bytes())["generation"] == manifest.generation


def test_the_folder_is_named_like_the_generation(shop: Path) -> None:
    generation = live(shop / "var")
    assert generation.folder == generation.name == (index_root(shop / "var") / "current").read_text().strip()


def test_media_of_the_public_and_of_agents_are_told_apart(shop: Path) -> None:
    generation = live(shop / "var")
    shown, hidden = generation.media("en/img/a.png"), generation.media("en/img/b.png")
    assert shown is not None
    assert hidden is not None
    assert (shown.file.read_bytes(), shown.audience) == (PIXEL, PUBLIC)
    assert (hidden.file.read_bytes(), hidden.audience) == (b"for agents", AGENT)
    assert shown.file.name == shown.sha256
    assert generation.media("en/img/c.png") is None


def test_pins_are_found_by_the_query_after_normalisation(shop: Path) -> None:
    generation = live(shop / "var")
    assert (
        generation.pinned("en", "wrap it") == generation.pinned("en", " ＷＲＡＰ  It") == ("shipping", "none")
    )
    assert generation.pinned("ja", "wrap it") == generation.pinned("en", "wrap") == ()


def test_all_articles_of_both_audiences_are_listed_by_locale(shop: Path) -> None:
    keys = [article.key for article in live(shop / "var").articles()]
    assert keys == sorted(keys)
    assert {"ja/agents/tricks", "ja/orders/refund", "en/agents/show", "en/shipping"} < set(keys)
    with pytest.raises(KeyError):
        live(shop / "var").snapshot("fr", PUBLIC)


# ---------------------------------------------------------------- another version


def test_an_index_whose_numbers_were_others_is_refused_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A boost is compiled into the snapshots: an index of the old one would rank by it for ever."""
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    before = schema.fingerprint()
    monkeypatch.setitem(schema.FIELDS, "title", (3.0, 0.5))
    with pytest.raises(IndexMismatch) as told:
        live(var)
    assert str(told.value).endswith(
        f"was written with {before}, this is {schema.fingerprint()}; run `kb index` to make it anew"
    )
    summary = index(root, var)
    assert (summary.changed, summary.unchanged) == (6, False)
    assert "was written with" in summary.rebuilt_because
    assert found(live(var), "ja", "返金") == ["orders/refund"]


# ---------------------------------------------------------------- following


def test_following_opens_nothing_again_while_the_pointer_stays(shop: Path) -> None:
    following = LiveIndex(shop / "var")
    first = following.current()
    assert all(following.current() is first for _ in range(3))


def test_a_pointer_that_is_written_anew_with_the_same_name_opens_nothing_again(tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    following = LiveIndex(var)
    first = following.current()
    pointer = index_root(var) / "current"
    beside = pointer.with_name("beside")
    beside.write_text(pointer.read_text())
    beside.replace(pointer)
    assert following.current() is first


def test_following_goes_back_with_the_pointer(tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    first = live_folder(var)
    following = LiveIndex(var)
    write(root, {"en/shipping.md": "# Shipping overseas\n\nBy balloon.\n"})
    index(root, var)
    assert found(following.current(), "en", "balloon") == ["shipping"]
    (index_root(var) / "current").write_text(first)
    assert following.current().folder == first
    assert found(following.current(), "en", "balloon") == []


# ---------------------------------------------------------------- arrays


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float32, np.bool_])
@pytest.mark.parametrize("length", [0, 1, 1000, 1 << 20])
def test_an_array_is_read_as_it_was_written_and_cannot_be_changed(
    tmp_path: Path, kind: type[np.generic], length: int
) -> None:
    array = np.arange(length).astype(kind)
    with saving(tmp_path) as (made,):
        made.save("numbers", array)
    for file in tmp_path.iterdir():
        assert sums.sum_of(file, file.stat()) == sums.checksum(file)
    files = blob.Mapped(tmp_path)
    read = blob.load(files, "numbers")
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)
    assert np.array_equal(read, np.load(BytesIO(files["numbers.npy"])))
    assert not read.flags.writeable


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"\x93NUMPY\x02\x00" + b" " * 200,
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'shape': (1,), }" + b" " * 99,
    ],
)
def test_what_is_no_array_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "numbers.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"numbers\.npy: is not an array of one dimension"):
        blob.load(blob.Mapped(tmp_path), "numbers")


def test_an_array_of_two_dimensions_or_cut_short_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", np.zeros((2, 2)))
    np.save(tmp_path / "row.npy", np.zeros(100))
    files = blob.Mapped(tmp_path)
    assert blob.load(files, "row").tolist() == [0] * 100
    with pytest.raises(ValueError, match="is not an array of one dimension"):
        blob.load(files, "table")
    (tmp_path / "row.npy").write_bytes((tmp_path / "row.npy").read_bytes()[:-1])
    with pytest.raises(ValueError, match="buffer is smaller"):
        blob.load(files, "row")


def test_files_are_the_same_by_name_whether_they_are_small_or_not(tmp_path: Path) -> None:
    contents = {f"{size}.blob": bytes(range(256)) * size for size in (0, 1, 3, 2048, 2049, 10_000)}
    with saving(tmp_path) as (made,):
        for name, content in contents.items():
            made.put(name, [content[:700], content[700:]])
        made.put_alone("alone.blob", [b"small"])
    assert {file.name for file in tmp_path.iterdir()} == {
        blob.SMALL_FILES,
        "2049.blob",
        "10000.blob",
        "alone.blob",
    }
    files = blob.Mapped(tmp_path)
    assert {name: bytes(files[name]) for name in contents} == contents
    assert files["alone.blob"] == b"small"
    assert "3.blob" in files
    assert "alone.blob" in files
    assert "other.blob" not in files
    with pytest.raises(FileNotFoundError):
        files["other.blob"]
