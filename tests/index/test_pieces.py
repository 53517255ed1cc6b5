"""Articles lie in pieces; a change makes one piece anew, and the others are the same files as before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.index.blob import Mapped, offsets
from kb.index.former import Former
from kb.index.pieces import Pieces, save_pieces
from kb.index.saver import saving
from kb.index.splice import by_name

Texts = dict[bytes, bytes]


def save(folder: Path, before: Path | None, old: Texts, new: Texts) -> None:
    """As a snapshot is made of the one before: of what went and of what came."""
    came = sorted(name for name in new if old.get(name) != new[name])
    splice = by_name(sorted(old), {name for name in old if old[name] != new.get(name)}, came)
    starts, came_starts = (
        offsets([len(strings(all_[name])) for name in names])
        for all_, names in ((old, sorted(old)), (new, came))
    )
    added = [each for name in came for each in strings(new[name])]
    with saving(folder / "snapshot") as (made,):
        save_pieces(made, "texts", Former(before), splice, sorted(new), starts, added, came_starts)


def strings(text: bytes) -> list[bytes]:
    """Of an article: as a whole, then letter by letter."""
    return [text, *(text[n : n + 1] for n in range(len(text)))]


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "snapshot").iterdir()}


texts = st.dictionaries(st.sampled_from([b"%d" % n for n in range(400)]), st.binary(min_size=1, max_size=3))


@settings(max_examples=60, deadline=None)
@given(texts, st.lists(texts, max_size=4))
def test_after_any_changes_pieces_are_those_made_anew(
    tmp_path_factory, first: Texts, changes: list[Texts]
) -> None:
    root = tmp_path_factory.mktemp("pieces")
    save(root / "0", None, {}, first)
    before = first
    for number, changed in enumerate(changes, 1):
        gone = set(list(before)[::5])
        after = {name: text for name, text in before.items() if name not in gone} | changed
        save(root / f"{number}", root / f"{number - 1}", before, after)
        save(root / f"anew{number}", None, {}, after)
        assert files(root / f"{number}") == files(root / f"anew{number}")
        pieces = Pieces(Mapped(root / f"{number}/snapshot"), "texts")
        expected = [each for name in sorted(after) for each in strings(after[name])]
        assert [pieces[n] for n in range(len(pieces))] == expected
        before = after


def test_pieces_without_a_change_are_the_same_files(tmp_path: Path) -> None:
    old = {b"%05d" % n: b"text" for n in range(2000)}
    new = old | {b"00700": b"another text"}
    save(tmp_path / "old", None, {}, old)
    save(tmp_path / "new", tmp_path / "old", old, new)
    shared = [file.stat().st_nlink == 2 for file in (tmp_path / "new/snapshot").glob("*.blob")]
    assert np.bincount(shared).tolist() == [1, len(shared) - 1]
    assert len(shared) > 10
