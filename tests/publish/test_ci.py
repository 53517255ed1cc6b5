"""The CI files of docs/writers.md and the hook for pre-commit: every command in them is run, as the runners would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from .conftest import KB, Repository

ROOT = Path(__file__).parents[2]
HEAD = "---\ngolden: [when refund]\n---\n"
REFUND = HEAD + "# When you get your refund\n\nThe refund comes within five days.\n"
PAYMENT = "# Payment\n\nYou pay by card.\n"
SOUND = {"en/returns/refund.md": REFUND.replace("five", "three")}
DEAD_LINK = {"en/returns/refund.md": REFUND + "\n[gone](nowhere.md)\n"}
LOST = {"en/returns/refund.md": HEAD + PAYMENT}
BROKEN_PROMISE = {"en/returns/refund.md": PAYMENT}


class Ran(NamedTuple):
    """The step that failed, if one did, and what all of them printed."""

    failed: str
    said: str


def blocks() -> list[Any]:
    """What is in the YAML examples of the documentation."""
    text = (ROOT / "docs" / "writers.md").read_text("utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def example(key: str) -> Any:
    (found,) = (block for block in blocks() if key in block)
    return found


@pytest.fixture
def branch(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "origin")
    made.commit({
        "kb.yml": KB + "check: {orphan: off}\n", "en/returns/refund.md": REFUND,
        "en/orders/cancel.md": "# Cancel an order\n\nCancel the order until it has been sent.\n",
    })  # fmt: skip
    made.git("checkout", "--quiet", "-b", "idea")
    return made


def checkout(origin: Repository, folder: Path, commit: str) -> Path:
    """As runners have it: the whole history, and no branch."""
    origin.git("clone", "--quiet", "--no-local", str(origin.folder), str(folder))
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
    return folder


def shell(command: str, folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **given}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def in_order(commands: Iterator[tuple[str, dict[str, str]]], folder: Path) -> Ran:
    """Until one fails. What installs is left out: `kb` is there."""
    said = ""
    for command, given in commands:
        if command.startswith("pip install"):
            continue
        done = shell(command, folder, **given)
        said += done.stdout + done.stderr
        if done.returncode:
            return Ran(command, said)
    return Ran("", said)


def on_github(origin: Repository, tmp_path: Path, base: str, head: str) -> Ran:
    (job,) = example("jobs")["jobs"].values()
    expressions = {"github.event.pull_request.base.sha": base}

    def steps() -> Iterator[tuple[str, dict[str, str]]]:
        for step in job["steps"]:
            if "run" in step:
                given = {
                    name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: expressions[found[1]], value)
                    for name, value in step.get("env", {}).items()
                }
                yield step["run"], given | {
                    "RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")
                }  # fmt: skip

    assert job["steps"][0]["with"] == {"fetch-depth": 0}
    return in_order(steps(), checkout(origin, tmp_path / "github", head))


def on_gitlab(origin: Repository, tmp_path: Path, base: str, head: str) -> Ran:
    job = example("articles")["articles"]
    given = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_COMMIT_SHA": head}
    assert job["variables"] == {"GIT_DEPTH": 0}
    var = str(tmp_path / "temp")
    commands = ((line.replace("/tmp/kb", var), given) for line in job["script"])
    return in_order(commands, checkout(origin, tmp_path / "gitlab", head))


RUNNERS = pytest.mark.parametrize("run", [on_github, on_gitlab])


@RUNNERS
def test_a_sound_change_passes_every_step(branch, tmp_path, run):
    base = branch.git("rev-parse", "main")
    ran = run(branch, tmp_path, base, branch.commit(SOUND))
    assert ran.failed == ""
    assert "Nothing lost" in ran.said


@RUNNERS
def test_a_dead_link_ends_with_the_check_and_is_shown_at_its_line(branch, tmp_path, run):
    ran = run(branch, tmp_path, branch.git("rev-parse", "main"), branch.commit(DEAD_LINK))
    assert ran.failed.startswith("kb check")
    if run is on_github:
        assert "::error file=en/returns/refund.md,line=8,col=8,title=dead-link::" in ran.said
    else:
        assert "en/returns/refund.md:8:8: error: " in ran.said


@RUNNERS
def test_a_golden_query_that_the_branch_loses_fails_the_job_and_is_told(branch, tmp_path, run):
    ran = run(branch, tmp_path, branch.git("rev-parse", "main"), branch.commit(LOST))
    assert ran.failed.startswith("kb eval")
    assert "when refund" in ran.said


@RUNNERS
def test_a_ranking_that_got_worse_fails_the_comparison_and_leaves_its_report(branch, tmp_path, run):
    # the promise is taken back and broken in one commit: only the comparison with the base can see that
    ran = run(branch, tmp_path, branch.git("rev-parse", "main"), branch.commit(BROKEN_PROMISE))
    assert "kb replay" in ran.failed
    report = tmp_path / ("summary.md" if run is on_github else "gitlab/replay.md")
    assert "when refund" in report.read_text("utf-8")


def test_a_push_that_is_no_merge_request_is_not_compared(branch, tmp_path):
    ran = on_gitlab(branch, tmp_path, "", branch.commit(SOUND))
    assert (ran.failed, "Nothing lost" in ran.said) == ("", False)


def test_the_hook_for_pre_commit_checks_the_repository_that_it_is_run_in(branch, tmp_path):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (wanted,) = example("repos")["repos"]
    assert wanted["hooks"] == [{"id": hook["id"]}]
    command = " ".join([hook["entry"], *hook["args"]])
    assert shell(command, checkout(branch, tmp_path / "sound", branch.commit(SOUND))).returncode == 0
    done = shell(command, checkout(branch, tmp_path / "dead", branch.commit(DEAD_LINK)))
    assert (done.returncode, "en/returns/refund.md:8:8" in done.stdout) == (1, True)
    names = ["en/a.md", "ja/b.markdown", "kb.yml", "synonyms.yaml", "en/c.mdx"]
    assert all(re.search(hook["files"], name) for name in names)
