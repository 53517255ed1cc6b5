"""What git knows of the tree: when each file last changed, and which commit it is. Used by `tree`.

Everything here is allowed to fail quietly: no git, no checkout, somebody else's checkout, a slow disk.
Then the answer is empty, and `tree` takes the file's own time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from kb.content.paths import nfc

TIMEOUT = 20.0
"""Seconds; the log of 3,000 commits takes 0.4."""
FEW = 50
"""So many paths are named to git; beyond, it is asked for all that changed below the folder."""


def last_changes(root: Path, paths: Collection[str]) -> dict[str, datetime]:
    """When each path (below `root`) was last committed, keyed in NFC; those git does not know are missing.

    In a shallow clone the oldest commit stands for all before it.
    """
    if not paths:
        return {}
    named = [f":(literal){path}" for path in paths] if len(paths) <= FEW else ["."]
    # %x01 marks a commit: no path contains it, as git refuses none but we refuse control characters.
    told = _git(root, "-c", "log.showSignature=false", "log", "--format=%x01%ct", "--name-only",
                "--no-renames", "--relative", "-z", "--", *named)  # fmt: skip
    wanted = {nfc(path) for path in paths}
    found: dict[str, datetime] = {}
    when: datetime | None = None
    for token in (told or "").split("\0"):
        token = token.strip("\n")
        if token.startswith("\x01"):
            seconds, _, token = token[1:].partition("\n")
            when = datetime.fromtimestamp(int(seconds), UTC)
        name = nfc(token)
        if when and name in wanted and name not in found:
            found[name] = when
            if len(found) == len(wanted):
                break
    return found


def clean_commit(root: Path) -> str:
    """HEAD, when everything below `root` is committed; else empty."""
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not head or _git(root, "ls-files", "-z", "--", ".") == "":
        return ""
    changes = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--", ".")
    return head.strip() if changes == "" else ""


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None when it cannot be asked or says no."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and paths are passed as literals
            ["git", "-C", str(root), *arguments],  # noqa: S607 - whichever git the operator has
            capture_output=True, timeout=TIMEOUT, env=environment, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None
