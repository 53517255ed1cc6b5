"""A commit's files → a fresh folder, without a work tree: what git stores is written, nothing is run.

Files that did not change since the last export are hard links to it, so a push of one article costs as
much as one article. Each file gets the time of its last commit, which `kb.content` shows as its date.
What cannot be taken as it is (submodules, links out of the tree, Git LFS pointers) is a finding.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from kb.content.paths import MARKDOWN_ENDINGS
from kb.errors import GitFailed
from kb.model import Finding, Severity
from kb.publish.git import Mirror

MAX_FILE = 50_000_000
"""Bytes; no page shows a larger one, and all of them are held in var/media."""
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_FILE, _LINK, _SUBMODULE = "100", "120000", "160000"
_BATCH = 500


class Entry(Struct, frozen=True):
    """A line of `git ls-tree`."""

    mode: str
    blob: str
    size: int
    path: str
    """Below the exported folder; bytes that are no UTF-8 as surrogates."""


class Exported(Struct, frozen=True):
    """A folder and what it was made of."""

    folder: Path
    entries: dict[str, Entry]
    findings: tuple[Finding, ...] = ()
    below: str = ""
    """Folder of the repository that it was made of."""


def export(mirror: Mirror, commit: str, below: str, target: Path, last: Exported | None = None) -> Exported:
    """Write the files below the path `below` of a commit into `target`, which must not exist.

    Raises GitFailed, OSError. `target` is complete or to be thrown away.
    """
    listed = list(_listed(mirror, commit, below))
    if below and not listed:
        raise GitFailed(f"{below}: the commit {commit[:12]} has no such folder")
    target.mkdir(parents=True, mode=0o700)
    wanted = {entry.path: entry for entry in listed}
    findings = [finding for entry in listed if (finding := _refused(entry))]
    files = [each for each in listed if each.mode.startswith(_FILE) and _safe(each.path)]
    files = [each for each in files if each.size <= MAX_FILE]
    fresh = [entry for entry in files if not _linked(entry, target, last)]
    times = last_times(mirror, commit, below, {entry.path for entry in fresh})
    for entry, data in zip(fresh, contents(mirror, [entry.blob for entry in fresh]), strict=True):
        findings += _write(entry, data, target, times.get(entry.path, 0))
    links = [entry for entry in listed if entry.mode == _LINK and _safe(entry.path)]
    # after all files: a link must not stand where a file's folder is to be
    for entry, data in zip(links, contents(mirror, [entry.blob for entry in links]), strict=True):
        findings += _link(entry, os.fsdecode(data), target)
    return Exported(target, wanted, tuple(findings), below)


def _listed(mirror: Mirror, commit: str, below: str) -> Iterator[Entry]:
    tree = f"{commit}:{below}" if below else commit
    try:
        told = mirror.git("ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", tree)
    except GitFailed:
        if mirror.has(commit):
            return
        raise
    for line in told.split(b"\0"):
        if line:
            about, _, name = line.partition(b"\t")
            mode, _, blob, size = about.decode().split()
            yield Entry(mode, blob, int(size) if size.isdigit() else 0, os.fsdecode(name))


def _safe(path: str) -> bool:
    """Hidden files (`.git`, `.github`) are nobody's; a tree made by hand may even hold `..`."""
    return not any(part.startswith(".") or not part for part in path.split("/"))


def is_text(path: str) -> bool:
    """Whether a path is UTF-8; git stores any bytes."""
    return not any("\ud800" <= character <= "\udfff" for character in path)


def _shown(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _tell(code: str, path: str, message: str, mend: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(code=code, severity=severity, path=_shown(path), message=message, mend=mend)


def _refused(entry: Entry) -> Finding | None:
    if entry.mode == _SUBMODULE:
        return _tell("submodule", entry.path, "left out: a submodule; its articles are in another repository",
                     "publish that repository by itself, or copy the articles")  # fmt: skip
    if entry.size > MAX_FILE:
        return _tell("too-large", entry.path, f"left out: larger than {MAX_FILE // 1_000_000} MB", "")
    return None


def _linked(entry: Entry, target: Path, last: Exported | None) -> bool:
    """Whether the file could be taken from the last export."""
    before = last.entries.get(entry.path) if last else None
    if last is None or before is None or (before.blob, before.mode) != (entry.blob, entry.mode):
        return False
    try:
        (target / entry.path).parent.mkdir(parents=True, exist_ok=True)
        os.link(last.folder / entry.path, target / entry.path)
    except OSError:
        return False
    return True


def _write(entry: Entry, data: bytes, target: Path, when: int) -> list[Finding]:
    markdown = entry.path.lower().endswith(MARKDOWN_ENDINGS)
    if data.startswith(_LFS):
        severity = Severity.ERROR if markdown else Severity.WARNING
        return [_tell("unreadable" if markdown else "lfs-pointer", entry.path,
                      "left out: a Git LFS pointer; the file itself is not in the repository",
                      "keep articles and their images out of LFS", severity)]  # fmt: skip
    file = target / entry.path
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as stream:
            stream.write(data)
    except (FileExistsError, NotADirectoryError):
        return [_tell("unreadable", entry.path, "left out: another file differs from its name by case only",
                      "rename one of the two", Severity.ERROR)]  # fmt: skip
    os.utime(file, (when, when))
    return []


def _link(entry: Entry, aim: str, target: Path) -> list[Finding]:
    """A symlink, when it stays within the tree; what it names is judged again when it is read."""
    where = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), aim))
    if aim.startswith("/") or where.startswith("..") or "\0" in aim or not aim:
        return [_tell("link-outside", entry.path, "left out: a link that leads out of the tree",
                      "copy what it names into the tree")]  # fmt: skip
    link = target / entry.path
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(aim)
    except OSError as error:
        return [_tell("link-outside", entry.path, f"left out: cannot be linked: {error.strerror}", "")]
    return []


def contents(mirror: Mirror, blobs: Sequence[str]) -> Iterator[bytes]:
    """Contents of blobs in order. Raises GitFailed for one that is missing."""
    for start in range(0, len(blobs), _BATCH):
        part = blobs[start : start + _BATCH]
        told = mirror.git("cat-file", "--batch", data="\n".join([*part, ""]).encode())
        place = 0
        for blob in part:
            end = told.index(b"\n", place)
            head = told[place:end].split()
            if len(head) != 3:
                raise GitFailed(f"the repository lacks the file {blob[:12]}")
            size = int(head[2])
            yield told[end + 1 : end + 1 + size]
            place = end + 2 + size


def last_times(mirror: Mirror, commit: str, below: str, paths: set[str]) -> dict[str, int]:
    """When each path was last committed, in epoch seconds; merges do not count, as in `git log`."""
    if not paths:
        return {}
    prefix = f"{below}/" if below else ""
    named = [f"{prefix}{path}" for path in paths] if len(paths) <= 50 else [below] if below else []
    told = mirror.git("log", "--format=%x01%ct", "--name-only", "--no-renames", "-z",
                      "--end-of-options", commit, "--", *named)  # fmt: skip
    missing, found, when = set(paths), dict[str, int](), 0
    for token in told.split(b"\0"):
        token = token.strip(b"\n")
        if token.startswith(b"\x01"):
            seconds, _, token = token[1:].partition(b"\n")
            when = int(seconds)
        path = os.fsdecode(token).removeprefix(prefix)
        if path in missing:
            found[path] = when
            missing.discard(path)
            if not missing:
                break
    return found
