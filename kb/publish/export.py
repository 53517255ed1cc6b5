"""A commit's files → a folder, without a work tree: what git stores is written, nothing is run.

The folder of the last export is brought up to date, so a push of one article costs as much as one article.
Each file gets the time of its last commit, which `kb.content` shows as its date. What cannot be taken as it
is (submodules, links out of the tree, Git LFS pointers) is a finding.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath

from msgspec import Struct

from kb.content.paths import MARKDOWN_ENDINGS
from kb.errors import GitFailed
from kb.model import Finding, Severity
from kb.publish.git import Mirror

MAX_FILE = 50_000_000
"""Bytes; no page shows a larger one, and all of them are held in var/media."""
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
FILE = "100"
"""Of a file the mode begins so."""
_LINE = re.compile(r"(\d+) \w+ (\w+) +(-|\d+)\t([^\0]+)\0")
"""Of `git ls-tree -l -z`: mode, blob, size, path."""
_LINK, _SUBMODULE = "120000", "160000"
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
    below: str = ""
    """Folder of the repository that it was made of."""
    findings: tuple[Finding, ...] = ()
    refused: frozenset[str] = frozenset()
    """Paths of entries that could not be written as they are, so they are not in the folder."""


def export(mirror: Mirror, commit: str, below: str, folder: Path, last: Exported | None = None) -> Exported:
    """Make `folder` hold the files below the path `below` of a commit. `last`: what it holds now.

    Raises GitFailed, OSError; then the folder is to be thrown away. Without `last` it must not exist.
    """
    listed = list(_listed(mirror, commit, below))
    if below and not listed:
        raise GitFailed(f"{below}: the commit {commit[:12]} has no such folder")
    folder.mkdir(parents=True, exist_ok=last is not None, mode=0o700)
    wanted = {entry.path: entry for entry in listed}
    had = {path: entry for path, entry in last.entries.items() if path not in last.refused} if last else {}
    for path in [path for path, entry in had.items() if wanted.get(path) != entry]:
        _remove(folder, path)
    findings = [finding for entry in listed if (finding := _refused(entry))]
    fresh = [entry for entry in listed if had.get(entry.path) != entry and _safe(entry.path)]
    files = [each for each in fresh if each.mode.startswith(FILE) and each.size <= MAX_FILE]
    told: list[Finding] = []
    when = last_times(mirror, commit, below, {entry.path for entry in files})
    for entry, data in zip(files, contents(mirror, [entry.blob for entry in files]), strict=True):
        told += _write(entry, data, folder, when().get(entry.path, 0))
    links = [entry for entry in fresh if entry.mode == _LINK]
    # after all files: a link must not stand where a file's folder is to be
    for entry, data in zip(links, contents(mirror, [entry.blob for entry in links]), strict=True):
        told += _link(entry, os.fsdecode(data), folder)
    refused = frozenset(finding.path for finding in told)
    return Exported(folder, wanted, below, (*findings, *told), refused)


def _remove(folder: Path, path: str) -> None:
    """With the folders that are empty then: a file may be about to take the name of one."""
    (folder / path).unlink(missing_ok=True)
    for above in list(PurePath(path).parents)[:-1]:
        try:
            (folder / above).rmdir()
        except OSError:
            break


def _listed(mirror: Mirror, commit: str, below: str) -> Iterator[Entry]:
    tree = f"{commit}:{below}" if below else commit
    try:
        told = mirror.git("ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", tree)
    except GitFailed:
        if mirror.has(commit):
            return
        raise
    for mode, blob, size, path in _LINE.findall(os.fsdecode(told)):
        yield Entry(mode, blob, int(size) if size.isdigit() else 0, path)


def _safe(path: str) -> bool:
    """Hidden files (`.git`, `.github`) are nobody's; a tree made by hand may even hold `..`."""
    return "/." not in f"/{path}" and "//" not in f"/{path}/"


def is_text(path: str) -> bool:
    """Whether a path is UTF-8; git stores any bytes."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


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
        if not file.parent.resolve().is_relative_to(target.resolve()):
            raise NotADirectoryError  # only a tree made by hand has a link and files below it
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


def last_times(mirror: Mirror, commit: str, below: str, paths: set[str]) -> Callable[[], Mapping[str, int]]:
    """When each path was last committed, in epoch seconds; merges do not count, as in `git log`.

    Git looks while something else is done.
    """
    if not paths:
        return dict
    prefix = f"{below}/" if below else ""
    named = [f"{prefix}{path}" for path in paths] if len(paths) <= 50 else [below] if below else []
    told = mirror.begin("log", "--format=%x01%ct", "--name-only", "--no-renames", "-z",
                        "--end-of-options", commit, "--", *named)  # fmt: skip
    return cache(lambda: _times(told(), prefix, paths))


def _times(told: bytes, prefix: str, paths: set[str]) -> Mapping[str, int]:
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
