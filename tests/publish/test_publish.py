from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from click.testing import CliRunner

from kb.cli import cli
from kb.errors import BadParameter, KbError, TreeMissing
from kb.publish import status as statuses
from kb.publish.orders import Order
from kb.publish.publish import publish
from kb.publish.source import source_of

from .conftest import Publish, Repository, found, in_child, live


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def kb(*arguments: str) -> Done:
    """The command, without the seconds that a new process needs for its imports."""
    result = CliRunner().invoke(cli, arguments)
    if isinstance(result.exception, KbError):
        return Done(2, result.stdout, f"kb: {result.exception}\n")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def test_a_push_becomes_searchable_with_every_step_timed(repository, var, publishing):
    first = publishing()
    assert (first.state, first.articles, first.commit) == ("live", 3, repository.git("rev-parse", "HEAD"))
    steps = "fetch export read history build gate smoke switch check"
    assert list(first.steps) == steps.split()
    commit = repository.commit({"en/parrots.md": "# Parrots\n\nA parrot may talk.\n"})
    second = publishing()
    assert (second.state, second.commit, second.changed) == ("live", commit, 1)
    assert found(var, "parrot talk") == ["parrots"]
    assert live(var).commit == commit
    assert live(var).name.startswith(commit[:12])
    assert statuses.last(var) == second
    assert second.searchable_seconds is not None


def test_no_change_and_an_empty_commit_analyse_nothing(repository, publishing):
    publishing()
    assert publishing().state == "unchanged"
    commit = repository.commit()
    empty = publishing()
    assert (empty.state, empty.changed, empty.commit) == ("live", 0, commit)


def test_a_broken_file_blocks_with_file_and_line_and_the_old_index_stays(repository, var, publishing):
    before = publishing()
    repository.commit({"en/broken.md": "---\ntitle: [\n---\ntext\n", "en/new.md": "# New\n\nzebra\n"})
    status = publishing()
    assert (status.state, status.step) == ("blocked", "check")
    assert [(each.path, each.line) for each in status.findings] == [("en/broken.md", 3)]
    assert live(var).name == before.generation
    assert found(var, "zebra") == []
    assert statuses.last(var) == status


def test_other_findings_are_reported_and_do_not_block(repository, publishing):
    repository.commit({"en/a.md": "# A\n\n[dead](nowhere.md)\n"})
    status = publishing()
    assert status.state == "live"
    assert [each.code for each in status.findings] == ["dead-link", "orphan", "agents-only"]
    assert (status.errors, status.warnings) == (1, 2)


def test_going_back_to_an_older_commit_builds_nothing_and_needs_no_remote(repository, var, publishing):
    older = publishing()
    repository.commit({"en/parrots.md": "# Parrots\n\nA parrot may talk.\n", "en/orders/cancel.md": None})
    newer = publishing()
    elsewhere = repository.folder.rename(repository.folder.with_name("away"))
    repository.folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=repository.folder, check=True)
    back = publishing(ref=older.commit[:10])
    assert (back.state, back.generation, back.changed) == ("live", older.generation, 0)
    assert "fetch" not in back.steps
    assert found(var, "parrot") == []
    assert found(var, "cancel order")[0] == "orders/cancel"
    forth = publishing(ref=newer.commit)
    assert (forth.state, forth.generation) == ("live", newer.generation)
    assert elsewhere.exists()


def test_an_expression_names_an_older_commit(repository, publishing):
    first = publishing()
    repository.commit({"en/x.md": "# X\n\nx\n"})
    publishing()
    back = publishing(ref="main~1")
    assert (back.state, back.generation) == ("live", first.generation)


def test_what_was_made_agents_only_is_not_left_in_the_public_index(repository, var, publishing):
    repository.commit({"en/secret.md": "# Secret\n\nxylophone word\n"})
    publishing()
    repository.commit({"en/secret.md": "---\naudience: agent\n---\n# Secret\n\nxylophone word\n"})
    assert publishing().state == "live"
    public = [path for path in (var / "index" / "public").rglob("*") if path.is_file()]
    assert public
    assert not [path for path in public if b"xylophone" in path.read_bytes()]


def test_a_plain_folder_can_be_published_and_a_deleted_article_is_gone(tmp_path, var, publishing):
    folder = tmp_path / "plain"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "a.md").write_text("# Apples\n\nAn apple a day.\n")
    (folder / "en" / "b.md").write_text("# Pears\n\nA pear.\n")
    assert publishing(str(folder)).state == "live"
    (folder / "en" / "b.md").unlink()
    assert publishing(str(folder)).state == "live"
    assert found(var, "pear") == []
    assert live(var).gone == {"en/b": "Pears"}


def test_the_top_of_a_checkout_is_published_as_committed(repository, var, publishing):
    (repository.folder / "en" / "draft-on-disk.md").write_text("# Unfinished\n\nokapi\n")
    publishing()
    assert found(var, "okapi") == []
    assert repository.git("status", "--porcelain") == "?? en/draft-on-disk.md"


def test_articles_in_a_folder_of_the_repository_are_found_by_looking(tmp_path, var):
    made = Repository(tmp_path / "project")
    made.commit({"README.md": "# The project", "src/x.py": "", "articles/kb.yml": "locales: [en]\n",
                 "articles/en/a.md": "# Apples\n\nAn apple.\n"})  # fmt: skip
    status = publish(Order(source=source_of(str(made.folder)), processes=1), var)
    assert status.state == "live"
    assert found(var, "apple") == ["a"]
    named = publish(Order(source=source_of(str(made.folder), path="src"), processes=1), var)
    assert named.articles == 0


@pytest.mark.parametrize("ref", ["--upload-pack=touch x", "a b", "a..b", "a:b", "x\x00y", "y" * 300])
def test_a_ref_that_can_be_none_is_refused(ref, publishing):
    with pytest.raises(BadParameter):
        publishing(ref=ref)


def test_a_folder_that_is_not_there_is_refused(publishing, tmp_path):
    with pytest.raises(TreeMissing):
        publishing(str(tmp_path / "nowhere"))


def test_a_branch_that_is_gone_and_an_unreachable_remote_leave_the_old_index(repository, var, publishing):
    repository.git("branch", "extra")
    before = publishing(ref="extra")
    repository.git("branch", "-D", "extra")
    gone = publishing(ref="extra")
    assert (gone.state, gone.step) == ("failed", "fetch")
    assert "extra: the repository has no such branch" in gone.error
    away = publishing("http://127.0.0.1:9/articles.git")
    assert (away.state, away.step) == ("failed", "fetch")
    assert live(var).name == before.generation


def test_credentials_are_never_printed_or_stored(var, tmp_path):
    url = "http://writer:s3cr%33t-token@127.0.0.1:9/articles.git"
    done = kb("publish", "--from", url, "--var", str(var))
    assert done.returncode == 2
    asked = kb("publish", "--status", "--json", "--var", str(var))
    assert json.loads(asked.stdout)["state"] == "failed"
    stored = b"".join(path.read_bytes() for path in var.rglob("*") if path.is_file())
    everything = done.stdout + done.stderr + asked.stdout + stored.decode("utf-8", "replace")
    assert "s3cr" not in everything
    assert "writer:" not in everything
    assert "127.0.0.1:9" in everything


def test_the_newest_of_two_publishes_wins(repository, var, publishing):
    publishing()
    commits = [repository.commit({"en/n.md": f"# N\n\nnumber {n}\n"}) for n in range(2)]
    results: dict[str, statuses.Status] = {}

    def run(name: str, ref: str) -> None:
        results[name] = publishing(ref=ref)

    with statuses.locked(var, "publish", wait=True):
        older = threading.Thread(target=run, args=("older", commits[0]))
        older.start()
        # asked for later, while the first still waits
        older.join(0.2)
        newer = threading.Thread(target=run, args=("newer", commits[1]))
        newer.start()
        newer.join(0.2)
    older.join()
    newer.join()
    assert results["newer"].state == "live"
    assert results["older"].state in ("live", "superseded")
    assert live(var).commit == commits[1]


def test_a_clock_that_was_set_back_loses_no_push(repository, var, publishing, monkeypatch):
    publishing()
    commit = repository.commit({"en/n.md": "# N\n\nokapi\n"})
    then = time.time_ns() - 7_200_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: then)
    monkeypatch.setattr(time, "time", lambda: then / 1e9)
    status = publishing()
    assert (status.state, status.commit, live(var).commit) == ("live", commit, commit)
    assert status.searchable_seconds >= 0
    assert found(var, "okapi") == ["n"]


def test_a_remote_that_never_answers_is_given_up_and_the_old_index_stays(var, publishing):
    publishing()
    before = live(var).name
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/articles.git"
        status = publishing(place=url, fetch_seconds=1)
    assert (status.state, status.step) == ("failed", "fetch")
    assert "did not end within 1 seconds" in status.error
    assert live(var).name == before


def test_a_full_disk_is_told_and_harms_nothing(repository, var, publishing):
    before = publishing()
    repository.commit({f"en/big/{n}.md": f"# Big {n}\n\n" + "many words here " * 2000 for n in range(2)})

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        status = publishing()
        assert status.state == "failed"
        assert "too large" in status.error

    assert in_child(limited) == 0
    assert live(var).name == before.generation
    assert found(var, "refund")
    assert publishing().state == "live"


def test_the_command_tells_and_its_exit_status_says_it(repository, var):
    done = kb("publish", "--from", str(repository.folder), "--var", str(var))
    assert done.returncode == 0
    assert "live: " in done.stdout
    repository.commit({"en/broken.md": "---\ntitle: [\n---\ntext\n"})
    blocked = kb("publish", "--from", str(repository.folder), "--var", str(var), "--json")
    assert blocked.returncode == 1
    assert json.loads(blocked.stdout)["findings"][0]["path"] == "en/broken.md"
    status = kb("publish", "--status", "--var", str(var))
    assert status.returncode == 1
    assert "en/broken.md:3" in status.stderr
    wrong = kb("publish", "--from", str(repository.folder / "nowhere"), "--var", str(var))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_the_command_tells_of_a_way_back_only_what_was_done(repository, var):
    repository.commit({"en/parrots.md": "# Parrots\n\nA [dead link](nowhere.md).\n"})
    asked = ("publish", "--from", str(repository.folder), "--var", str(var))
    first = kb(*asked).stdout.splitlines()[1]
    assert "4 articles, 4 sections, 4 changed, 0 removed; " in first
    assert first.endswith("; 1 error and 2 warnings found")
    older = repository.git("rev-parse", "main")
    repository.commit({"en/parrots.md": None})
    assert "3 articles, 3 sections, 0 changed, 1 removed; " in kb(*asked).stdout
    for _ in range(2):  # as it is live already the second time
        back = kb(*asked, "--ref", older).stdout.splitlines()[1]
        assert back == f"{live(var).name}: 4 articles, 4 sections, as they were live before; " + (
            "golden queries: 0 of 0 hold"
        )


def test_a_record_of_every_publish_is_kept(repository, var, publishing):
    publishing()
    repository.commit({"en/x.md": "# X\n\nx\n"})
    publishing()
    lines = (var / "publish" / "log.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=statuses.Status).state for line in lines] == ["live", "live"]


def test_the_state_folder_is_for_its_owner_alone(var: Path, publishing: Publish):
    publishing()
    assert (var / "publish").stat().st_mode & 0o077 == 0
