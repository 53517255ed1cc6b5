"""A generation beside the live one: seen before it is live, left without a trace, gone back to."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import SHOP, answers, folders, found, index, live, write

from kb.content.tree import read_tree
from kb.errors import IndexDamaged, IndexLocked, IndexMissing
from kb.index import kept
from kb.index.generation import live_folder
from kb.index.prepared import going_back
from kb.indexer import prepare
from kb.model import Audience

OTHER = {"en/shipping.md": "# Shipping overseas\n\nBy balloon.\n"}


def publish(root: Path, var: Path) -> str:
    """Build and switch as a publish does, so that one can go back; returns the folder."""
    with prepare(read_tree(root), var, processes=1) as prepared:
        prepared.switch(keep=True)
    return prepared.folder


def test_it_is_searched_before_it_is_live_and_is_live_after_the_switch(root: Path, var: Path) -> None:
    index(root, var)
    before = live(var)
    with prepare(read_tree(write(root, OTHER)), var, processes=1) as prepared:
        assert prepared.previous is not None
        assert prepared.previous.name == before.name == live(var).name
        assert found(prepared.generation, "en", "balloon") == ["shipping"]
        assert found(live(var), "en", "balloon") == []
        prepared.switch()
    assert found(live(var), "en", "balloon") == ["shipping"]


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_of_it_without_a_switch(root: Path, var: Path, fails: bool) -> None:
    index(root, var)
    before, stood = answers(live(var)), folders(var)
    try:
        with prepare(read_tree(write(root, OTHER)), var, processes=1) as prepared:
            assert folders(var) == stood | {prepared.folder}
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert fails
    assert folders(var) == folders(var, Audience.AGENT) == stood
    assert answers(live(var)) == before


def test_the_live_one_is_no_less_there_when_it_was_prepared_and_nothing_differed(
    root: Path, var: Path
) -> None:
    index(root, var)
    with prepare(read_tree(root), var, processes=1) as prepared:
        assert prepared.summary.unchanged
    assert live_folder(var) == prepared.folder
    assert found(live(var), "en", "parcel") == ["orders/cancel"]


def test_no_other_build_begins_while_it_is_looked_at(root: Path, var: Path) -> None:
    with prepare(read_tree(root), var, processes=1), pytest.raises(IndexLocked):
        index(root, var)


def test_what_was_live_is_gone_back_to_without_its_articles(root: Path, var: Path) -> None:
    first = publish(root, var)
    before = answers(live(var))
    second = publish(write(root, OTHER), var)
    with going_back(var, first) as prepared:
        summary = prepared.summary
        assert (summary.articles, summary.sections, summary.changed, summary.unchanged) == (6, 8, 0, False)
        assert live_folder(var) == second
        prepared.switch(keep=True)
    assert live_folder(var) == first
    assert answers(live(var)) == before


def test_going_back_to_what_is_live_changes_nothing(root: Path, var: Path) -> None:
    folder = publish(root, var)
    with going_back(var, folder) as prepared:
        assert prepared.summary.unchanged
        prepared.switch(keep=True)
    assert live_folder(var) == folder


def test_what_is_kept_no_longer_or_is_damaged_is_not_gone_back_to(root: Path, var: Path) -> None:
    first = publish(root, var)
    second = publish(write(root, OTHER), var)
    with pytest.raises(IndexMissing, match="is kept no longer"), going_back(var, "0123456789ab-01234567"):
        pass
    index(write(root, SHOP | {"en/shipping.md": "# Shipping\n\nNot at all.\n"}), var)
    third = live_folder(var)
    state = kept.root(var) / first / "public" / "site.json"
    state.write_bytes(state.read_bytes().replace(b"Bird", b"Bard"))
    with pytest.raises(IndexDamaged, match="does not match its checksum"), going_back(var, first):
        pass
    assert live_folder(var) == third
    assert second in folders(var)
