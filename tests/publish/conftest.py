"""Real repositories in tmp_path, made with the real git; publishing is `kb.publish.publish` as it is."""

from __future__ import annotations

import os
import subprocess
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kb.index.generation import Generation, open_live
from kb.model import Audience
from kb.publish.orders import Order
from kb.publish.publish import publish
from kb.publish.source import source_of
from kb.publish.status import Status
from kb.search import Query, search

KB = "site_name: {en: Birds}\ndefault_locale: en\nlocales: [en, ja]\nagents_only: [agents]\n"

Files = Mapping[str, str | bytes | None]


class Repository:
    """A repository that writers push to; `None` deletes a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.minute = 0
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        when = f"2026-01-01T00:{self.minute % 60:02}:00Z"
        environment = {
            **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when
        }  # fmt: skip
        names = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"]
        done = subprocess.run(
            ["git", *names, *arguments], cwd=self.folder, check=True, capture_output=True, env=environment,
            input=data,
        )  # fmt: skip
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(self, files: Files | None = None, message: str = "x") -> str:
        self.minute += 1
        for name, content in (files or {}).items():
            file = self.folder / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def move(self, old: str, new: str, text: str | None = None) -> str:
        (self.folder / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)
        return self.commit({new: text} if text else None)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "writers")
    made.commit({
        "kb.yml": KB,
        "en/returns/refund.md": "# When you get your refund\n\nThe refund comes within five days.\n",
        "en/orders/cancel.md": "# Cancel an order\n\nCancel the order until it has been sent.\n",
        "ja/returns/refund.md": "# 返金について\n\n返金は五日以内に済みます。\n",
    })  # fmt: skip
    return made


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


Publish = Callable[..., Status]


@pytest.fixture
def publishing(repository: Repository, var: Path) -> Publish:
    """`publishing(ref="…", accept_loss="…")` publishes the repository into `var`."""

    def run(place: str = "", ref: str = "", **more: object) -> Status:
        source = source_of(place or str(repository.folder), ref)
        return publish(Order(source=source, ref=ref, processes=1, **more), var)

    return run


def found(var: Path, query: str, locale: str = "en", audience: Audience = Audience.PUBLIC) -> list[str]:
    """Ids of what a reader finds in the live index."""
    snapshot = open_live(var).snapshot(locale, audience)
    return [hit.card.id for hit in search(snapshot, Query(text=query, limit=50)).hits]


def live(var: Path) -> Generation:
    return open_live(var)


def fork(act: Callable[[], object]) -> int:
    """Do it in another process; its exit status is 0 when nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def in_child(act: Callable[[], object]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(fork(act), 0)[1])
