"""Where articles come from: a repository at a ref, or a plain folder as it is. First step of `publish`.

A folder that is the top of a checkout counts as a repository: what is committed is published, not what
lies about in the work tree. A folder within one (`articles`) is taken as it is, unless a ref is named.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from kb.content.paths import SITE_FILE, is_language
from kb.errors import BadParameter, GitFailed, TreeMissing
from kb.publish.git import Mirror, check_ref, redact, toplevel

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
_SCP = re.compile(r"[^/:\s]+:(?!//)\S+")
"""`git@host:team/articles.git`"""


class Source(Struct, frozen=True, kw_only=True):
    """A place that articles are published from."""

    url: str = ""
    """What git fetches; empty for a plain folder. May hold credentials: show `name`."""
    folder: str = ""
    """A plain folder."""
    path: str | None = None
    """Folder within the repository; None: where kb.yml or the locale folders are."""

    @property
    def name(self) -> str:
        return redact(self.url, self.url) if self.url else self.folder


def source_of(place: str, ref: str = "", path: str | None = None) -> Source:
    """What an address, or a folder, names. Raises BadParameter, TreeMissing."""
    check_ref(ref)
    if path is not None and (path.startswith("/") or ".." in path.split("/")):
        raise BadParameter("--path", f"{path!r} must lie within the repository")
    path = path.strip("/") if path is not None else None
    if _REMOTE.match(place) or (_SCP.fullmatch(place) and not Path(place).exists()):
        return Source(url=place, path=path)
    if place.startswith("-"):
        raise BadParameter("--from", f"{place!r} is neither an address nor a folder")
    folder = Path(place).absolute()
    if folder.is_file():
        return Source(url=str(folder), path=path)  # a bundle: git says if it is none
    if not folder.is_dir():
        raise TreeMissing(f"{place}: there is no such folder")
    found = toplevel(folder)
    if found is None:
        if ref:
            raise BadParameter("--ref", f"{place} is no git repository, so it has no {ref!r}")
        return Source(folder=os.fspath(folder / path if path else folder))
    top, prefix = found
    if prefix and not ref:
        return Source(folder=os.fspath(folder))
    return Source(url=str(top), path=path if path is not None else prefix or None)


def articles_folder(mirror: Mirror, commit: str) -> str:
    """The folder of a repository that holds the articles: its top, unless just one folder looks like them.

    Looks like them: has a `kb.yml`, or folders named like languages.
    """
    names = _names(mirror, commit)
    if _looks_like_it(names):
        return ""
    inner = [each for each in names if not each.startswith(".") and each.isprintable()]
    alike = [each for each in inner if _looks_like_it(_names(mirror, f"{commit}:{each}"))]
    return alike[0] if len(alike) == 1 else ""


def _looks_like_it(names: list[str]) -> bool:
    return SITE_FILE in names or any(map(is_language, names))


def _names(mirror: Mirror, tree: str) -> list[str]:
    with suppress(GitFailed):
        told = mirror.git("ls-tree", "-z", "--name-only", "--end-of-options", tree)
        return [os.fsdecode(each) for each in told.split(b"\0") if each]
    return []
