"""Building generations: what is analysed, what is found then, what is removed, what stays on the disk."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from trees import (
    ENGLISH,
    JAPANESE,
    PIXEL,
    SITE,
    answers,
    folders,
    found,
    helpers,
    holding,
    index,
    live,
    write,
)
from whoosh import index as whoosh_index

from kb.content.tree import read_tree
from kb.index import durable, store
from kb.index.generation import live_folder
from kb.index.layout import COMPILED, generation_folder, index_root, locale_folder, manifest_file
from kb.index.live import LiveIndex
from kb.indexer import POOL_FROM, build
from kb.model import Audience

PUBLIC, AGENT = Audience.PUBLIC, Audience.AGENT


def compiled(var: Path) -> dict[str, bytes]:
    """Every file that was compiled, by its place in the live generation."""
    bases = [generation_folder(var, live_folder(var), audience) for audience in Audience]
    files = [(base, file) for base in bases for part in COMPILED for file in base.glob(f"*/{part}/*")]
    return {f"{base.parent.name}/{file.relative_to(base)}": file.read_bytes() for base, file in files}


def scratch(root: Path, var: Path) -> dict[str, object]:
    """Answers of an index built from nothing."""
    index(root, var, rebuild=True)
    return answers(live(var))


# ---------------------------------------------------------------- incremental


def test_the_first_build_analyses_every_article(root: Path, var: Path) -> None:
    summary = index(root, var)
    assert (summary.articles, summary.changed, summary.removed) == (6, 6, 0)
    assert (summary.unchanged, summary.rebuilt_because) == (False, "")
    assert summary.sections == 8
    assert found(live(var), "ja", "返金") == ["orders/refund"]


def test_only_a_changed_article_is_analysed_again(root: Path, var: Path) -> None:
    index(root, var)
    write(root, {"en/shipping.md": "# Shipping overseas\n\nBy balloon.\n"})
    summary = index(root, var)
    assert (summary.changed, summary.removed, summary.articles) == (1, 0, 6)
    assert found(live(var), "en", "balloon") == ["shipping"]
    assert found(live(var), "en", "sea") == []


def test_an_unchanged_tree_changes_nothing(root: Path, var: Path) -> None:
    first = index(root, var)
    pointer = index_root(var) / "current"
    before = pointer.stat()
    second = index(root, var)
    assert second.unchanged
    assert (second.changed, second.removed, second.generation) == (0, 0, first.generation)
    assert (pointer.stat().st_mtime_ns, pointer.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert len(folders(var)) == 1


def test_a_rebuild_analyses_everything_and_finds_the_same(root: Path, var: Path) -> None:
    first = index(root, var)
    before, folder = answers(live(var)), live(var).folder
    summary = index(root, var, rebuild=True)
    assert (summary.changed, summary.generation, summary.unchanged) == (6, first.generation, False)
    assert live(var).folder == f"{folder}~2"
    assert answers(live(var)) == before


def test_a_renamed_article_is_found_under_its_new_id_alone(root: Path, var: Path) -> None:
    index(root, var)
    (root / "ja/orders/refund.md").rename(root / "ja/orders/money.md")
    summary = index(root, var)
    assert (summary.changed, summary.removed) == (1, 1)
    assert found(live(var), "ja", "返金") == ["orders/money"]


def test_a_deleted_article_is_found_no_more(root: Path, var: Path) -> None:
    index(root, var)
    (root / "en/shipping.md").unlink()
    summary = index(root, var)
    assert (summary.changed, summary.removed, summary.articles) == (0, 1, 5)
    assert found(live(var), "en", "overseas") == []


def test_after_any_history_of_edits_the_index_answers_as_one_built_from_scratch(
    root: Path, var: Path, tmp_path: Path
) -> None:
    rng = random.Random(20261122)
    kinds = ("ja/help", "ja/agents", "en/help", "en/agents")
    names = [f"{kind}/a{n}.md" for kind in kinds for n in range(4)]
    index(root, var)
    for step in range(8):
        for name in rng.sample(names, rng.randint(1, 5)):
            file = root / name
            if file.exists() and rng.random() < 0.3:
                file.unlink()
                continue
            words = rng.sample(JAPANESE if name.startswith("ja") else ENGLISH, 3)
            audience = rng.choice(["", "audience: agent\n", "status: draft\n"])
            text = f"---\n{audience}questions: [{words[0]}]\n---\n# {words[1]}\n\n{words[2]} {words[0]}.\n"
            write(root, {name: f"{text}\n## {words[2]}\n\n{' '.join(words)}\n"})
        index(root, var)
        assert answers(live(var)) == scratch(root, tmp_path / f"scratch{step}")
        stepwise, anew = compiled(var), compiled(tmp_path / f"scratch{step}")
        assert stepwise.keys() == anew.keys()
        assert len(stepwise) > 20
        assert [name for name, data in stepwise.items() if data != anew[name]] == []


def test_many_updates_do_not_pile_up_segments(root: Path, var: Path, tmp_path: Path) -> None:
    for number in range(durable.MERGE_SEGMENTS + 2):
        write(root, {"en/shipping.md": f"# Shipping overseas\n\nBy sea, in {number} weeks.\n"})
        assert index(root, var).changed in (1, 6)
    folder = locale_folder(var, live(var).folder, PUBLIC, "en") / "whoosh"
    assert len(whoosh_index.open_dir(str(folder))._segments()) <= durable.MERGE_SEGMENTS
    assert answers(live(var)) == scratch(root, tmp_path / "scratch")


def test_settings_and_synonyms_take_effect_without_analysing_anything(root: Path, var: Path) -> None:
    index(root, var)
    assert found(live(var), "en", "boat") == []
    write(root, {"synonyms.yml": "- [sea, boat]\n"})
    write(root, {"kb.yml": f"{SITE}pinned:\n  - {{query: Refund, locale: en, articles: [shipping]}}\n"})
    summary = index(root, var)
    assert (summary.changed, summary.unchanged) == (0, False)
    assert found(live(var), "en", "boat") == ["shipping"]
    assert live(var).pinned("en", " ＲＥＦＵＮＤ ") == ("shipping",)


# ---------------------------------------------------------------- trees of every kind


@pytest.mark.parametrize(
    ("files", "left_out"),
    [
        ({}, {}),
        ({"en/a.md": "---\nstatus: draft\n---\n# A\n\nText.\n"}, {"draft": 1}),
        ({"en/a.md": "---\nstatus: archived\n---\n# A\n\nText.\n"}, {"archived": 1}),
        ({"en/a.md": "\n"}, {}),
    ],
)
def test_a_tree_without_anything_to_find_gives_an_index_that_finds_nothing(
    tmp_path: Path, var: Path, files: dict[str, str], left_out: dict[str, int]
) -> None:
    summary = index(write(tmp_path / "articles", files), var)
    assert (summary.articles, summary.left_out) == (0, left_out)
    assert found(live(var), "en", "anything") == []


def test_an_index_that_lost_its_last_article_finds_nothing_and_takes_new_ones(
    tmp_path: Path, var: Path
) -> None:
    root = write(tmp_path / "articles", {"en/a.md": "# Alpha\n\nText.\n"})
    index(root, var)
    (root / "en/a.md").unlink()
    assert index(root, var).removed == 1
    assert found(live(var), "en", "alpha") == []
    write(root, {"en/b.md": "# Beta\n\nText.\n"})
    index(root, var)
    assert found(live(var), "en", "beta") == ["b"]


def test_a_locale_may_come_and_go(root: Path, var: Path, tmp_path: Path) -> None:
    index(root, var)
    french = {"kb.yml": SITE.replace("[ja, en]", "[ja, en, fr]"), "fr/frais.md": "# Frais de port\n\nRien.\n"}
    index(write(root, french), var)
    assert found(live(var), "fr", "frais") == ["frais"]
    (root / "fr/frais.md").unlink()
    assert index(write(root, {"kb.yml": SITE}), var).removed == 1
    assert live(var).locales == ("en", "ja")
    assert answers(live(var)) == scratch(root, tmp_path / "scratch")


def test_locales_of_one_language_are_kept_apart(tmp_path: Path, var: Path) -> None:
    files = {
        f"{locale}/{name}.md": f"# {locale} {name}\n\nHoliday.\n"
        for locale in ("en", "en-GB", "en-US")
        for name in "abc"
    }
    root = write(tmp_path / "articles", {"kb.yml": "locales: [en, en-GB, en-US]\n", **files})
    index(root, var)
    for locale in ("en", "en-GB", "en-US"):
        assert found(live(var), locale, "holiday") == ["a", "b", "c"]
        assert live(var).snapshot(locale, PUBLIC).article(0).title == f"{locale} a"


def test_an_article_is_found_from_its_day_on_until_its_last(tmp_path: Path, var: Path) -> None:
    day = timedelta(days=1)
    times = {"past": datetime.now(UTC) - day, "future": datetime.now(UTC) + day}
    root = write(
        tmp_path / "articles",
        {
            f"en/{key}-{when}.md": f"---\n{key}: {time.isoformat()}\n---\n# Holiday\n\nText.\n"
            for key in ("publish_at", "unpublish_at")
            for when, time in times.items()
        },
    )
    summary = index(root, var)
    assert sorted(found(live(var), "en", "holiday")) == ["publish_at-past", "unpublish_at-future"]
    assert summary.left_out == {"not yet published": 1, "no longer published": 1}


def test_what_is_over_is_gone_but_what_never_was_shown_is_nothing(tmp_path: Path, var: Path) -> None:
    text = "\n---\n# Holiday\n\nText.\n"
    root = write(
        tmp_path / "articles",
        {
            "kb.yml": "locales: [en]\nagents_only: [agents]\n",
            "en/over.md": "---\nunpublish_at: 2026-01-01T00:00Z" + text,
            "en/agents/over.md": "---\nunpublish_at: 2026-01-01T00:00Z" + text,
            "en/never.md": "---\npublish_at: 2026-01-02T00:00Z\nunpublish_at: 2026-01-01T00:00Z" + text,
            "en/draft.md": "---\nstatus: draft\nunpublish_at: 2026-01-01T00:00Z" + text,
            "en/later.md": "---\nunpublish_at: 9000-01-01T00:00Z" + text,
        },
    )
    index(root, var)
    assert live(var).gone == {"en/over": "Holiday"}


def test_the_archived_are_told_apart_from_those_that_never_were(root: Path, var: Path) -> None:
    write(root, {"en/old.md": "---\nstatus: archived\n---\n# Old\n\nText.\n"})
    write(root, {"en/agents/old.md": "---\nstatus: archived\n---\n# Old\n\nText.\n"})
    index(root, var)
    assert set(live(var).gone) == {"en/old"}


# ---------------------------------------------------------------- what must be gone


def agents_only(root: Path) -> None:
    text = (root / "en/secret.md").read_text()
    write(root, {"en/secret.md": f"---\naudience: agent\n---\n{text}"})


def draft(root: Path) -> None:
    text = (root / "en/secret.md").read_text()
    write(root, {"en/secret.md": f"---\nstatus: draft\n---\n{text}"})


def archived(root: Path) -> None:
    text = (root / "en/secret.md").read_text()
    write(root, {"en/secret.md": f"---\nstatus: archived\n---\n{text}"})


def deleted(root: Path) -> None:
    (root / "en/secret.md").unlink()


def moved_into_the_agents_folder(root: Path) -> None:
    (root / "en/agents").mkdir()
    (root / "en/secret.md").rename(root / "en/agents/secret.md")


def all_hidden_by_the_settings(root: Path) -> None:
    write(root, {"en/hidden/other.md": "# Other\n\nText.\n"})
    (root / "en/secret.md").rename(root / "en/hidden/secret.md")
    write(root, {"kb.yml": SITE.replace("[agents]", "[agents, hidden]")})


@pytest.mark.parametrize(
    "withdraw",
    [agents_only, draft, archived, deleted, moved_into_the_agents_folder, all_hidden_by_the_settings],
)
def test_of_an_article_that_is_public_no_more_no_byte_remains_below_the_public_index(
    root: Path, var: Path, withdraw: Callable[[Path], None]
) -> None:
    """Whoosh keeps stored fields and words of deleted documents in its segments, generations share them."""
    write(root, {"img/quagga.png": PIXEL})
    for number in range(2):
        text = f"# The okapi {number}\n\nAsk the quagga! ![quagga](../img/quagga.png)\n"
        index(write(root, {"en/secret.md": text}), var)
    assert holding(var / "index/public", "quagga")  # or else this test could not fail
    withdraw(root)
    index(root, var)
    assert holding(var / "index/public", "quagga") == []
    # the last title of an archived article may be told beside the 410
    assert holding(var / "index/public", "okapi") == [] or withdraw is archived
    for folder in (path for path in (var / "index/public").glob("*/en/whoosh")):
        for segment in whoosh_index.open_dir(str(folder))._segments():
            assert not segment.has_deletions()
    assert found(live(var), "en", "quagga") == []
    assert len(found(live(var), "en", "quagga", AGENT)) == (withdraw not in (draft, archived, deleted))


def test_what_is_withdrawn_is_taken_out_of_its_own_segment_alone(
    root: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "SEGMENT", 4)
    index(write(root, {f"en/bird{n}.md": f"# Bird {n}\n\nIt sings {n}.\n" for n in range(12)}), var)

    def segments() -> set[int]:
        folder = locale_folder(var, live(var).folder, PUBLIC, "en") / "whoosh"
        assert not any(each.has_deletions() for each in whoosh_index.open_dir(str(folder))._segments())
        return {file.stat().st_ino for file in folder.glob("*.seg")}

    before = segments()
    assert len(before) > 3
    (root / "en/bird7.md").unlink()
    index(root, var)
    assert len(before & segments()) == len(before) - 1


def test_what_an_agents_only_article_holds_is_never_below_the_public_index(root: Path, var: Path) -> None:
    write(root, {"en/agents/okapi.md": "# The okapi\n\n![okapi](../../img/okapi.png)\n"})
    write(root, {"img/okapi.png": PIXEL})
    index(root, var)
    assert holding(var / "index/agent", "okapi")
    assert holding(var / "index/public", "okapi") == []


def test_neither_an_old_address_nor_a_pin_names_an_agents_only_article_below_the_public_index(
    root: Path, var: Path
) -> None:
    pins = "pinned:\n  - {query: bird, locale: en, articles: [shipping, agents/okapi]}\n"
    write(
        root, {"kb.yml": SITE + pins, "en/agents/okapi.md": "---\nredirect_from: [zoo/okapi]\n---\n# Tall\n"}
    )
    write(root, {"en/shipping.md": "---\nredirect_from: [overseas]\n---\n# Shipping overseas\n\nBy sea.\n"})
    index(root, var)
    assert holding(var / "index/public", "okapi") == []
    assert live(var).moved == {"en/zoo/okapi": "en/agents/okapi", "en/overseas": "en/shipping"}
    assert live(var).pinned("en", "bird") == ("shipping", "agents/okapi")


def test_an_article_that_becomes_public_is_found_by_all(root: Path, var: Path, tmp_path: Path) -> None:
    index(root, var)
    (root / "ja/agents/tricks.md").rename(root / "ja/tricks.md")
    index(root, var)
    assert found(live(var), "ja", "裏技") == ["tricks"]
    assert answers(live(var)) == scratch(root, tmp_path / "scratch")


def test_the_agents_index_holds_both_with_common_statistics(root: Path, var: Path) -> None:
    index(root, var)
    assert set(found(live(var), "ja", "返金", AGENT)) == {"orders/refund", "agents/tricks"}
    assert live(var).snapshot("ja", AGENT).meta.articles == 3
    assert live(var).snapshot("ja", PUBLIC).meta.articles == 2


# ---------------------------------------------------------------- what stays


def edit(root: Path, var: Path, text: str) -> str:
    """A generation in which nothing was withdrawn; returns its folder."""
    write(root, {"en/shipping.md": f"# Shipping overseas\n\n{text}.\n"})
    index(root, var)
    return live(var).folder


def age(var: Path, folder: str, seconds: float) -> None:
    file = manifest_file(var, folder)
    made = file.stat().st_mtime - seconds
    os.utime(file, (made, made))


def test_the_generation_before_the_live_one_stays_however_old(root: Path, var: Path) -> None:
    first = edit(root, var, "one")
    age(var, first, 3600)
    second = edit(root, var, "two")
    age(var, first, 3600)
    age(var, second, 3600)
    index(root, var)
    assert folders(var) == folders(var, AGENT) == {first, second}


def test_older_generations_stay_while_they_were_live_within_a_minute(root: Path, var: Path) -> None:
    first = edit(root, var, "one")
    age(var, first, 3600)
    second = edit(root, var, "two")
    third = edit(root, var, "three")
    assert folders(var) == {first, second, third}  # the first was live for an hour, until just now
    age(var, first, 2 * store.KEEP_SECONDS)
    age(var, second, 2 * store.KEEP_SECONDS)
    index(root, var)
    assert folders(var) == folders(var, AGENT) == {second, third}


def test_a_rebuild_keeps_the_generation_that_was_live(root: Path, var: Path) -> None:
    first = edit(root, var, "one")
    age(var, first, 3600)
    index(root, var, rebuild=True)
    assert folders(var) == {first, f"{first}~2"}


def test_going_back_to_an_earlier_text_makes_a_new_generation(root: Path, var: Path) -> None:
    first = edit(root, var, "one")
    second = edit(root, var, "two")
    assert edit(root, var, "one") == f"{first}~2"
    assert folders(var) == {first, second, f"{first}~2"}


# ---------------------------------------------------------------- media


def stored(var: Path) -> set[bytes]:
    return {file.read_bytes() for file in (var / "media").iterdir()}


def test_media_are_stored_by_content_once(root: Path, var: Path) -> None:
    write(root, {"img/a.png": PIXEL, "img/b.png": PIXEL, "img/unused.png": b"unused"})
    write(root, {"en/shipping.md": "# Shipping\n\n![a](../img/a.png) ![b](../img/b.png)\n"})
    index(root, var)
    assert stored(var) == {PIXEL}
    media = live(var).media("img/a.png")
    assert media is not None
    assert (media.file.read_bytes(), media.audience) == (PIXEL, PUBLIC)
    assert live(var).media("img/unused.png") is None


def test_a_changed_picture_makes_a_new_generation_though_no_article_changed(root: Path, var: Path) -> None:
    write(root, {"img/a.png": b"old", "en/shipping.md": "# Shipping\n\n![a](../img/a.png)\n"})
    index(root, var)
    write(root, {"img/a.png": b"new"})
    summary = index(root, var)
    assert (summary.unchanged, summary.changed) == (False, 0)
    media = live(var).media("img/a.png")
    assert media is not None
    assert media.file.read_bytes() == b"new"


def test_media_stay_while_a_kept_generation_shows_them_and_go_after_that(root: Path, var: Path) -> None:
    write(root, {"img/a.png": b"shown once", "img/b.png": b"still shown"})
    write(root, {"en/orders/cancel.md": "# Cancel\n\n![b](../../img/b.png)\n"})
    first = edit(root, var, "![a](../img/a.png)")
    second = edit(root, var, "nothing")
    assert stored(var) == {b"shown once", b"still shown"}
    third = edit(root, var, "nothing more")
    for folder in (first, second, third):
        age(var, folder, 2 * store.KEEP_SECONDS)
    index(root, var)
    assert folders(var) == {second, third}
    assert stored(var) == {b"still shown"}


def test_a_stored_picture_that_was_cut_short_is_stored_again(root: Path, var: Path) -> None:
    write(root, {"img/a.png": PIXEL, "en/shipping.md": "# Shipping\n\n![a](../img/a.png)\n"})
    index(root, var)
    (file,) = (var / "media").iterdir()
    file.write_bytes(PIXEL[:10])
    index(root, var)
    assert stored(var) == {PIXEL}


def test_a_picture_of_an_agents_only_article_is_for_agents(root: Path, var: Path) -> None:
    write(root, {"en/agents/a.md": "# A\n\n![a](../../img/a.png)\n", "img/a.png": PIXEL})
    index(root, var)
    media = live(var).media("img/a.png")
    assert media is not None
    assert media.audience is AGENT


# ---------------------------------------------------------------- on the disk


def test_a_generation_is_named_after_the_commit_or_else_the_articles(root: Path, var: Path) -> None:
    tree = read_tree(root)
    name = build(tree, var, processes=1).generation
    commit = "0123456789abcdef0123456789abcdef01234567"
    committed = build(msgspec.structs.replace(tree, commit=commit), var, processes=1)
    content, _, inputs = name.partition("-")
    assert (len(content), len(inputs)) == (12, 8)
    assert committed.generation == f"{commit[:12]}-{inputs}"
    assert committed.changed == 0
    assert (live(var).commit, live(var).name) == (commit, committed.generation)


def test_all_folders_of_the_state_are_for_their_owner_alone(root: Path, tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        index(root, tmp_path / "deep/var")
    finally:
        os.umask(mask)
    made = [tmp_path / "deep", *(path for path in (tmp_path / "deep").rglob("*") if path.is_dir())]
    assert len(made) >= 20
    assert {oct(path.stat().st_mode & 0o777) for path in made} == {"0o700"}


def test_every_file_and_folder_is_on_the_disk_before_the_pointer_names_them(
    root: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, {"img/a.png": PIXEL, "en/shipping.md": "# Shipping\n\n![a](../img/a.png)\n"})
    synced: set[int] = set()
    at_switch: set[int] = set()
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def watched_replace(source: str, target: str) -> None:
        if Path(target).name == "current":
            at_switch.update(synced)
            assert Path(source).stat().st_ino in synced
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    index(root, var)
    folder = live(var).folder
    bases = [var / "index", var / "index/public", var / "index/agent", var / "media"]
    inside = [path for audience in Audience for path in (var / "index" / audience.value / folder).rglob("*")]
    wanted = [*bases, *inside, *(base / folder for base in bases[1:3]), *(var / "media").iterdir()]
    unsynced = [str(path) for path in wanted if path.stat().st_ino not in at_switch]
    assert [path for path in unsynced if not path.endswith("LOCK")] == []


def test_the_next_generation_shares_what_did_not_change(root: Path, var: Path) -> None:
    first = edit(root, var, "one")
    second = edit(root, var, "two")

    def inodes(folder: str, locale: str, kind: str) -> set[int]:
        place = locale_folder(var, folder, PUBLIC, locale) / kind
        return {
            file.stat().st_ino for file in place.iterdir() if file.suffix in (".seg", ".npy", ".blob", ".bin")
        }

    assert inodes(first, "ja", "snapshot") == inodes(second, "ja", "snapshot")
    assert inodes(first, "ja", "whoosh") == inodes(second, "ja", "whoosh")
    assert inodes(first, "en", "whoosh") < inodes(second, "en", "whoosh")
    assert not inodes(first, "en", "snapshot") & inodes(second, "en", "snapshot")


# ---------------------------------------------------------------- processes and progress


def many(tmp_path: Path) -> Path:
    numbers = range(POOL_FROM + 40)
    files = {f"en/{n % 7}/a{n}.md": f"# Parrot {n}\n\nThe parrot speaks {n} words.\n" for n in numbers}
    return write(tmp_path / "many", files)


def test_progress_is_told_step_by_step_until_all_is_done(root: Path, var: Path) -> None:
    told: list[tuple[str, int, int]] = []
    index(root, var, progress=lambda *step: told.append(step))
    assert told == [("writing", n, 6) for n in range(1, 7)]


def test_two_processes_make_the_same_index_as_one(tmp_path: Path, var: Path) -> None:
    root = many(tmp_path)
    queries = {"en": [*(f"parrot {n}" for n in range(0, 104, 9)), "words", "speaks", "parots"]}
    index(root, var, processes=2)
    both = answers(live(var), queries)
    index(root, tmp_path / "one", processes=1)
    assert both == answers(live(tmp_path / "one"), queries)


def test_a_helping_process_that_is_killed_costs_time_only(tmp_path: Path, var: Path) -> None:
    killed: set[int] = set()

    def kill_helpers(step: str, done: int, total: int) -> None:
        if not killed:
            killed.update(helpers())
            for child in killed:
                os.kill(child, 9)

    root = many(tmp_path)
    summary = index(root, var, processes=2, progress=kill_helpers)
    assert len(killed) == 2
    assert summary.articles == summary.changed == POOL_FROM + 40
    assert len(folders(var)) == 1
    assert "0/a7" in found(live(var), "en", "parrot 7")


def test_serving_follows_the_builder(root: Path, var: Path) -> None:
    index(root, var)
    following = LiveIndex(var)
    before = following.current()
    assert following.current() is before
    edit(root, var, "by balloon")
    assert found(following.current(), "en", "balloon") == ["shipping"]
    assert found(before, "en", "balloon") == []
