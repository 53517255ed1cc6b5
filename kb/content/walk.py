"""Which files of a folder are articles: found, sorted, and checked to be readable at all. For `tree`."""

from __future__ import annotations

import os
import re
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
    for path, entry in _walk(root, findings):
        reason = _why_not(root, path, entry)
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


def _walk(root: Path, findings: list[Finding]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Paths with what their folder says of them already: asking for each file takes four times as long."""
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            with os.scandir(root / below) as listed:
                entries = [entry for entry in listed if not entry.name.startswith(".")]
        except OSError as error:
            findings.append(unreadable(below, f"the folder cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if _is_folder(entry):
                if entry.name not in _SKIPPED and not entry.is_symlink():
                    folders.append(path)
            elif entry.name.lower().endswith(MARKDOWN_ENDINGS):
                yield path, entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads round in circles


_CONTROLS = re.compile("[\x00-\x1f\x7f]")


def _why_not(root: Path, path: str, entry: os.DirEntry[str]) -> str:
    """Why the file cannot be an article, empty if it can."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if _CONTROLS.search(path):
        return "its name holds control characters"
    if entry.is_symlink():
        return "" if inside(root, path) else "a link that leads out of the tree, or nowhere"
    return "" if entry.is_file(follow_symlinks=False) else "not a regular file"
