"""Which files of a folder are articles: found, sorted, and checked to be readable at all. For `tree`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from kb.content.paths import MARKDOWN_ENDINGS
from kb.errors import TreeMissing
from kb.model import Finding, Severity

_SKIPPED = frozenset({"node_modules"})


def markdown_files(root: Path) -> tuple[list[str], list[Finding]]:
    """Paths below `root` in sorted order, and a finding for each that cannot even be opened.

    Hidden folders and node_modules are passed over, links to folders are not followed.
    Raises TreeMissing when `root` is no folder that can be listed.
    """
    try:
        next(os.scandir(root), None)
    except OSError as error:
        raise TreeMissing(f"{root}: cannot be listed: {error.strerror}") from error
    findings: list[Finding] = []
    found: list[str] = []
    for path in _walk(root, findings):
        reason = _why_not(root, path)
        if reason:
            findings.append(unreadable(path, reason))
        else:
            found.append(path)
    return sorted(found), findings


def unreadable(path: str, reason: str, line: int = 0, column: int = 0) -> Finding:
    """The finding for a file that is left out because it cannot be read."""
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    message = f"left out: {reason}"
    return Finding(code="unreadable", severity=Severity.ERROR, path=shown, line=line, column=column,
                   message=message,
                   mend="save it as a plain UTF-8 file within the tree, or delete it")  # fmt: skip


def inside(root: Path, path: str) -> bool:
    """Whether `path` below `root` is a regular file whose links, if any, stay below `root`."""
    try:
        real = (root / path).resolve(strict=True)
        return real.is_relative_to(root.resolve()) and real.is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _walk(root: Path, findings: list[Finding]) -> Iterator[str]:
    def cannot_list(error: OSError) -> None:
        folder = os.path.relpath(error.filename, root)
        findings.append(unreadable(folder, f"the folder cannot be listed: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=cannot_list):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        below = os.path.relpath(folder, root)
        for name in names:
            if name.lower().endswith(MARKDOWN_ENDINGS) and not name.startswith("."):
                yield name if below == "." else f"{below}/{name}".replace(os.sep, "/")


def _why_not(root: Path, path: str) -> str:
    """Why the file cannot be an article, empty if it can."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if any(char < " " or char == "\x7f" for char in path):
        return "its name holds control characters"
    try:
        mode = os.lstat(root / path).st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if stat.S_ISLNK(mode):
        return "" if inside(root, path) else "a link that leads out of the tree, or nowhere"
    return "" if stat.S_ISREG(mode) else "not a regular file"
