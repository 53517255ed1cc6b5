"""Who changed an article, when and why, as git tells it: for the writers' page of an article."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from kb.errors import GitFailed
from kb.publish.git import Mirror, toplevel
from kb.publish.source import articles_folder

MOST = 20
_MARK = "\x1e"
_BETWEEN = "\x1f"


class Edit(Struct, frozen=True):
    """One commit."""

    commit: str
    at: datetime
    author: str
    subject: str


def edits(repository: Path, path: str, commit: str = "", most: int = MOST) -> list[Edit]:
    """The commits to a file of the articles, renames followed, the latest first; none when git knows nothing.

    `repository`: a checkout, a folder in one, or a mirror. `commit`: what is live, where git has it.
    """
    found = toplevel(repository)
    if found is None:
        return []
    top, prefix = found
    mirror = Mirror(top)
    since = commit if commit and mirror.has(commit) else "HEAD"
    below = prefix or articles_folder(mirror, since)
    told = ""
    with suppress(GitFailed):
        told = mirror.text(
            "log", f"--max-count={most}", "--follow", "--no-show-signature",
            f"--format={_MARK}%H{_BETWEEN}%ct{_BETWEEN}%an{_BETWEEN}%s", "--end-of-options", since,
            "--", f"{below}/{path}" if below else path,
        )  # fmt: skip
    return [_edit(each) for each in told.split(_MARK) if each.count(_BETWEEN) >= 3]


def _edit(line: str) -> Edit:
    commit, seconds, author, subject = line.strip().split(_BETWEEN, 3)
    return Edit(commit, datetime.fromtimestamp(int(seconds), UTC), author, subject)
