"""Translations, replay, bisect, schedules, preview."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from falcon.testing import TestClient

from kb.api import create_app
from kb.cli import cli
from kb.content.tree import read_tree
from kb.deflection.facts import ArticleViewed, SearchRan, TicketFiled, new_id
from kb.deflection.store import EventStore, database_url
from kb.errors import ArticleNotFound, BadParameter
from kb.index.live import LiveIndex
from kb.publish import bisect as bisecting
from kb.publish import preview, replay, schedule, translations, workshop
from kb.publish import status as statuses
from kb.publish.git import Mirror
from kb.publish.orders import Order
from kb.publish.source import source_of
from kb.settings import Settings
from kb.web.parts import Parts

from .conftest import KB, found, live

LONG = "Words that stay so that git sees that it is the same file.\n" * 8


@pytest.fixture
def order(repository) -> Order:
    return Order(source=source_of(str(repository.folder)), processes=1)


def test_translations_tell_what_is_missing_behind_and_orphaned(repository):
    repository.commit({"ja/only.md": "# だけ\n\nだけ\n"})
    repository.commit({"en/returns/refund.md": "# When you get your refund\n\nWithin seven days.\n"})
    repository.commit({"en/returns/refund.md": "# When you get your refund\n\nWithin nine days.\n"})
    root = repository.folder
    gaps = translations.gaps(read_tree(root), Mirror(root), repository.git("rev-parse", "HEAD"))
    assert [(each.locale, each.state, each.path, each.commits) for each in gaps] == [
        ("ja", "behind", "ja/returns/refund.md", 2),
        ("ja", "missing", "ja/orders/cancel.md", 0),
        ("ja", "orphaned", "ja/only.md", 0),
    ]
    assert "-The refund comes within five days." in gaps[0].diff
    assert "+Within nine days." in gaps[0].diff
    told = CliRunner().invoke(cli, ["translations", "--articles", str(root), "--diff"]).stdout
    assert "ja behind   ja/returns/refund.md (2 commits to en/returns/refund.md since" in told
    repository.commit({"ja/returns/refund.md": "# 返金について\n\n返金は九日以内に済みます。\n"})
    again = translations.gaps(read_tree(root), Mirror(root), repository.git("rev-parse", "HEAD"))
    assert "behind" not in [each.state for each in again]


@pytest.fixture
def clone(repository, tmp_path):
    """A clone of what was pushed, as deep as a runner of CI fetches it."""

    def make(depth: int) -> Path:
        folder = tmp_path / f"deep-{depth}"
        repository.git("clone", "--quiet", "--depth", str(depth), f"file://{repository.folder}", str(folder))
        return folder

    return make


def checked(root: Path, *arguments: str) -> Result:
    asked = ["check", "--articles", str(root), *arguments]
    return CliRunner().invoke(cli, asked, env={"KB_CHECK_CACHE": "none"})


def test_a_check_that_cannot_see_the_history_says_so_once_and_fails_nothing(repository, clone):
    repository.commit({"kb.yml": KB + "check: {orphan: off}\n", "en/agents/a.md": "# A\n\na\n"})
    repository.commit({"en/orders/cancel.md": None})
    repository.commit({"en/returns/refund.md": "# When you get your refund\n\nWithin seven days.\n"})
    root = clone(1)
    said = (
        "the history of this clone is cut off: whether 1 translation followed the source cannot be told",
        "(fetch all of it (GitHub: fetch-depth: 0, GitLab: GIT_DEPTH: 0))",
    )
    done = checked(root, "--strict")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0, [f"kb.yml: note: {said[0]} [cut-off-history] {said[1]}", "0 errors, 0 warnings, 1 note"]
    )  # fmt: skip
    about_one_file = checked(root, "--format", "github", str(root / "ja/returns/refund.md"))
    told = f"::notice title=cut-off-history::{said[0]} {said[1]}\n"
    assert (about_one_file.exit_code, re.sub(r"file=[^,]*,", "", about_one_file.stdout)) == (0, told)
    assert json.loads(checked(root, "--format", "json").stdout)["notes"] == 1


def test_what_a_cut_off_history_still_tells_is_told_without_a_note(repository, clone):
    repository.commit({"en/returns/refund.md": "# When you get your refund\n\nWithin seven days.\n"})
    for depth, told in ((1, ["cut-off-history"]), (2, ["stale-translation"]), (9, ["stale-translation"])):
        found = json.loads(checked(clone(depth), "--format", "json").stdout)["findings"]
        assert [each["code"] for each in found if each["code"] in (*told, "cut-off-history")] == told
    repository.commit({"ja/returns/refund.md": "# 返金について\n\n返金は七日以内に済みます。\n"})
    assert "cut-off-history" not in checked(clone(3)).stdout


def test_a_tree_without_translations_misses_nothing_in_a_cut_off_history(repository, clone):
    repository.commit({"ja/returns/refund.md": None})
    assert "cut-off-history" not in checked(clone(1)).stdout


def test_translations_that_a_cut_off_history_tells_nothing_about_are_not_called_up_to_date(repository, clone):
    repository.commit({"en/orders/cancel.md": None})
    done = CliRunner().invoke(cli, ["translations", "--articles", str(clone(1))])
    assert done.stdout.splitlines() == ["ja unknown  ja/returns/refund.md", "ja: 1 unknown"]
    assert "fetch-depth: 0" in done.stderr


def test_bisect_finds_the_commit_with_few_looks_and_follows_a_rename(repository, order, var):
    repository.commit({"en/parrot.md": f"# Parrot talk\n\n{LONG}"})
    for number in range(10):
        repository.commit({f"en/n/{number}.md": f"# Other {number}\n\nnothing\n"})
    repository.move("en/parrot.md", "en/birds/parrot.md")
    for number in range(10, 20):
        repository.commit({f"en/n/{number}.md": f"# Other {number}\n\nnothing\n"})
    culprit = repository.commit({f"en/w/{n}.md": f"# Parrot talk {n}\n\nparrot talk\n" for n in range(3)}
                                | {"en/birds/parrot.md": f"# Birds\n\n{LONG}"})  # fmt: skip
    for number in range(20, 30):
        repository.commit({f"en/n/{number}.md": f"# Other {number}\n\nnothing\n"})
    with workshop.opened(order, var) as shop:
        result = bisecting.bisect(shop, "parrot talk", "en/birds/parrot")
    assert result.commit == culprit
    assert result.before.rank == 1
    assert result.after.rank not in (1, 2, 3)
    assert result.looked_at <= 10
    assert "M\ten/birds/parrot.md" in result.files
    assert result.before.why.parts
    assert result.after.article == "birds/parrot"


def test_bisect_says_what_it_cannot_find(repository, order, var):
    with workshop.opened(order, var) as shop:
        with pytest.raises(ArticleNotFound):
            bisecting.bisect(shop, "refund", "en/nowhere")
        with pytest.raises(BadParameter, match="is at 1 now"):
            bisecting.bisect(shop, "refund", "en/returns/refund")
        with pytest.raises(BadParameter, match="was not among"):
            bisecting.bisect(shop, "xylophone", "en/returns/refund")


def test_replay_tells_won_lost_zero_and_changed_and_its_exit_status_says_it(repository, order, var, tmp_path):
    base = repository.commit({
        "en/fee.md": "---\ngolden: [delivery price]\n---\n# Delivery price\n\nprice of delivery\n",
        "en/zoo.md": "# Zoo\n\nokapi\n",
        "en/gift.md": "---\ngolden: [wrap it]\n---\n# Gifts\n\npaper\n",
    })  # fmt: skip
    repository.move("en/returns/refund.md", "en/returns/money.md")
    repository.commit({
        "en/fee.md": "---\ngolden: [delivery price]\n---\n# Fees\n\nnothing\n",
        "en/zoo.md": None,
        "en/gift.md": "---\ngolden: [wrap it]\n---\n# Gifts: wrap it\n\nwrap it in paper\n",
        **{f"en/d/{n}.md": f"# Delivery price {n}\n\ndelivery price\n" for n in range(3)},
    })  # fmt: skip
    queries = tmp_path / "queries.txt"
    queries.write_text("okapi\t7\nrefund\n")
    with workshop.opened(order, var) as shop:
        (before, old), (after, new) = shop.at(shop.commit(base)), shop.at(shop.commit("main"))
        asked = [*replay.of_golden((old, new)), *replay.of_lines(queries.read_text().splitlines(), "en")]
        result = replay.compare(asked, before, after, shop.past(new.commit).moved)
    verdicts = {change.asked.query: change.verdict for change in result.changes}
    assert verdicts == {"delivery price": "lost", "okapi": "new-zero", "wrap it": "won"}
    assert result.weights() == {"lost": 1, "new-zero": 7, "won": 1}
    done = CliRunner().invoke(cli, [
        "replay", "--from", str(repository.folder), "--var", str(var), "--base", base, "--head", "main",
        "--queries", str(queries),
    ])  # fmt: skip
    assert done.exit_code == 1
    assert "| okapi (en) | 7 | 1 | – | zoo | – |" in done.stdout
    same = CliRunner().invoke(cli, [
        "replay", "--from", str(repository.folder), "--var", str(var), "--base", "main", "--head", "main",
    ])  # fmt: skip
    assert same.exit_code == 0


def test_replay_puts_in_brackets_what_only_is_like_what_was_asked(repository, order, var):
    base = repository.commit({"en/parrots.md": "# Parrots\n\nA parrot.\n", "en/carrots.md": "# Carrots\n"})
    repository.commit({"en/parrots.md": None})
    with workshop.opened(order, var) as shop:
        before, after = (shop.at(shop.commit(ref))[0] for ref in (base, "main"))
        result = replay.compare(replay.of_lines(["parrot"], "en"), before, after, {})
    told = replay.markdown(result)
    assert "| parrot (en) | 1 | 1 | – | parrots | (carrots) |" in told
    assert "(in brackets): has not the words" in told


def test_replay_asks_what_customers_searched_and_hides_rare_texts(repository, order, var):
    var.mkdir()
    with EventStore(database_url(var)) as store:
        store.migrate()
        now = time.time_ns() // 1_000_000 - 60_000
        facts = []
        for number in range(5):
            session = f"session-{number}"
            common = {"session": session, "locale": "en"}
            facts += [
                SearchRan(id=new_id(), at=now, search_id=f"s{number}", query="refund", strict_hits=1,
                          **common),
                ArticleViewed(id=new_id(), at=now + 1000, article="returns/refund", search_id=f"s{number}",
                              active_ms=20_000, measured=True, **common),
            ]  # fmt: skip
        facts += [
            SearchRan(id=new_id(), at=now, search_id="x", query="my own words cancel", session="session-9",
                      strict_hits=1, locale="en"),
            TicketFiled(id=new_id(), at=now + 5000, ticket="t1", search_id="x", session="session-9"),
        ]  # fmt: skip
        store.append(facts)
        asked = {each.query: each for each in replay.of_facts(store.facts(0, now + 10**9))}
    assert (asked["refund"].count, asked["refund"].expected) == (5, frozenset({"returns/refund"}))
    assert asked["my own words cancel"].weight == 1 + replay.TICKET_WEIGHT
    repository.commit({"en/returns/refund.md": None, "en/orders/cancel.md": "# Stop\n\nstop\n"})
    done = CliRunner().invoke(cli, [
        "replay", "--from", str(repository.folder), "--var", str(var), "--base", "main~1", "--head", "main",
    ])  # fmt: skip
    assert done.exit_code == 1
    assert "| refund (en) | 5 |" in done.stdout
    assert "my own words" not in done.stdout
    assert "too few sessions" in done.stdout


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_articles_appear_and_go_at_their_time_without_a_push(repository, var, publishing):
    moment = soon(4)
    commit = repository.commit({
        "en/sale.md": f"---\npublish_at: {moment}\n---\n# Summer okapi\n\nokapi\n",
        "en/winter.md": f"---\nunpublish_at: {moment}\n---\n# Winter okapi\n\nokapi\n",
    })  # fmt: skip
    publishing()
    # a later push that was not asked for must not come along
    repository.commit({"en/later.md": "# Later\n\nlater\n"})
    assert found(var, "okapi") == ["winter"]
    stop = schedule.start(schedule.Scheduler(live=LiveIndex(var), var=var, settings=Settings()))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and found(var, "okapi") == ["winter"]:
        time.sleep(0.05)
    stop.set()
    assert found(var, "okapi") == ["sale"]
    assert (live(var).commit, live(var).next_change) == (commit, None)
    assert found(var, "later") == []
    assert statuses.last(var).cause == "schedule"


def test_only_one_of_several_workers_watches_the_clock(var, publishing, monkeypatch):
    publishing()
    looks: list[int] = []

    class Watcher(schedule.Scheduler):
        def look(self) -> None:
            looks.append(id(self))

    monkeypatch.setattr(schedule, "TICK_SECONDS", 0.05)
    watchers = [Watcher(live=LiveIndex(var), var=var, settings=Settings()) for _ in range(3)]
    stops = [schedule.start(each) for each in watchers]
    while len(looks) < 5:
        time.sleep(0.02)
    assert len(set(looks)) == 1
    # it ends: another takes over
    first = looks[0]
    stops[[id(each) for each in watchers].index(first)].set()
    while looks[-1] == first:
        time.sleep(0.02)
    for stop in stops:
        stop.set()


def test_a_preview_shows_drafts_and_is_marked(repository, order, var, tmp_path, publishing):
    publishing()
    before = live(var).name
    repository.git("checkout", "-q", "-b", "idea")
    repository.commit({"en/draft.md": "---\nstatus: draft\n---\n# Okapi draft\n\nokapi\n",
                       "en/old.md": "---\nstatus: archived\n---\n# Old okapi\n"})  # fmt: skip
    folder = tmp_path / "preview"
    preview.build(msgspec.structs.replace(order, ref="idea"), folder)
    client = TestClient(create_app(Parts(live=LiveIndex(folder), preview="idea")))
    page = client.simulate_get("/en/articles/draft")
    assert page.status_code == 200
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert 'content="noindex"' in page.text
    assert "Preview of idea" in page.text
    assert client.simulate_get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
    assert [hit["id"] for hit in client.simulate_get("/api/v1/search?q=okapi").json["hits"]] == ["draft"]
    assert live(var).name == before
    assert found(var, "okapi") == []
