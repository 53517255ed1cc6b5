"""The `git` command, run so that it can hurt nobody: no shell, no hooks, no prompts, never without end.

Everything is read from a bare mirror below `<var>/publish/mirror`; no work tree exists that could be left
dirty. The address of the remote reaches git through the environment, not the command line (which other
users see) and not the disk; what git says is cleaned of credentials before anybody reads it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kb.errors import BadParameter, GitFailed, RefNotFound

LOCAL_SECONDS = 120.0
"""For what only reads the mirror; the log of 3,000 commits takes 0.4."""
REMOTE = "source"
FETCH_ALL = "fetch all of it (GitHub: fetch-depth: 0, GitLab: GIT_DEPTH: 0)"
"""What to do about a shallow clone, which runners of CI make unless they are told."""
PUBLISHED = "refs/kb/published/"
"""Commits that were live keep a ref, so that a force-push upstream does not take the way back away."""

_OPTIONS = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "credential.helper=",
    "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.quotePath=false",
    # a remote that sends less than 1 KB/s for 20 seconds is as good as gone
    "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=20",
)  # fmt: skip
_KEPT = ("GIT_SSH", "GIT_SSL", "GIT_PROXY", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
"""Of git's variables these say how to reach a remote; the others would turn it to another repository."""
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_WHOLE = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def redact(text: str, url: str = "") -> str:
    """`text` without user names and passwords of addresses, those of `url` in any spelling."""
    text = _USER.sub("***@", text)
    with suppress(ValueError):
        for secret in (urlsplit(url).password, urlsplit(url).username):
            if secret and len(secret) > 3:
                text = text.replace(secret, "***").replace(unquote(secret), "***")
    return text


def run(
    folder: Path, *arguments: str, extra: Mapping[str, str] | None = None, data: bytes = b"",
    seconds: float = LOCAL_SECONDS, url: str = "",
) -> bytes:  # fmt: skip
    """What git prints in `folder`. Raises GitFailed with git's last words, without credentials."""
    return begin(folder, *arguments, extra=extra, data=data, seconds=seconds, url=url)()


def begin(
    folder: Path, *arguments: str, extra: Mapping[str, str] | None = None, data: bytes = b"",
    seconds: float = LOCAL_SECONDS, url: str = "",
) -> Callable[[], bytes]:  # fmt: skip
    """The same, to be asked for when something else was begun meanwhile: most of it is git's own start."""
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell; refs and paths come after --end-of-options
            ["git", *_OPTIONS, *arguments], cwd=folder, env=_environment(extra or {}),  # noqa: S607
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise GitFailed(f"git cannot be run: {error.strerror or error}") from error
    return lambda: _heard(process, arguments[0], data, seconds, url)


def _heard(process: subprocess.Popen[bytes], name: str, data: bytes, seconds: float, url: str) -> bytes:
    try:
        out, said = process.communicate(data, timeout=seconds)
    except BaseException as error:
        # its helpers (ssh, git-remote-https) must not outlive it
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise GitFailed(f"git {name} did not end within {seconds:.0f} seconds") from None
        raise
    if process.returncode:
        raise GitFailed(f"git {name}: {_last_words(said, url) or f'failed ({process.returncode})'}")
    return out


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(_KEPT)}
    quiet = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "LC_ALL": "C.UTF-8",
    }
    ssh = {} if "GIT_SSH" in kept else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20"}
    return ssh | kept | quiet | dict(extra)


def _last_words(said: bytes, url: str) -> str:
    """What git complains of, in one line: `fatal:` and `error:` lines, else the last ones."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ERROR:", "ssh:"))]
    words = "; ".join(dict.fromkeys(told or lines[-2:]))
    return redact("".join(each for each in words if each.isprintable()), url)[:500]


class Mirror:
    """A bare repository that follows a remote, or any repository that only is to be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str, data: bytes = b"") -> bytes:
        return run(self.folder, *arguments, data=data)

    def begin(self, *arguments: str) -> Callable[[], bytes]:
        return begin(self.folder, *arguments)

    def text(self, *arguments: str) -> str:
        return self.git(*arguments).decode("utf-8", "surrogateescape").strip()

    def fetch(self, url: str, *, head: bool, seconds: float) -> None:
        """Make branches and tags those of the remote; `head`: its default branch, too. Raises GitFailed."""
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            run(self.folder, "init", "--quiet", "--bare", "--template=", ".")
        wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        named = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"remote.{REMOTE}.url"}
        named["GIT_CONFIG_VALUE_0"] = url
        if head:
            wanted.append("+HEAD:refs/kb/HEAD")
        try:
            # --update-shallow: a shallow remote has less history, but what it has is good
            run(self.folder, "fetch", "--quiet", "--prune", "--force", "--no-tags", "--update-shallow",
                "--no-recurse-submodules", "--no-write-fetch-head", REMOTE, *wanted,
                extra=named, seconds=seconds, url=url)  # fmt: skip
        except GitFailed as error:
            if "couldn't find remote ref HEAD" in str(error):
                message = "the remote has no default branch (is it empty?); name one with --ref"
                raise GitFailed(f"{redact(url, url)}: {message}") from None
            raise GitFailed(f"{redact(url, url)} cannot be fetched: {error}") from None

    def resolve(self, ref: str) -> str:
        """Commit of a branch, a tag, a commit or an expression on one (`main~3`). Raises RefNotFound."""
        check_ref(ref)
        base = re.split(r"[~^@]", ref, maxsplit=1)[0]
        rest = ref[len(base) :]
        if base in ("", "HEAD"):
            candidates = [f"refs/kb/HEAD{rest}", f"HEAD{rest}"]
        elif base.startswith("refs/"):
            candidates = [ref]
        else:
            # git itself takes tags first; what writers push to are branches
            candidates = [f"refs/heads/{ref}", f"refs/tags/{ref}"]
            candidates += [ref] if _COMMIT.fullmatch(base) else []
        for candidate in candidates:
            with suppress(OSError, ValueError):
                told = (self.folder / candidate).read_text("ascii").strip()
                if candidate.startswith("refs/heads/") and _WHOLE.fullmatch(told):
                    return told  # a branch that was just fetched: git takes longer to start
            with suppress(GitFailed):
                wanted = f"{candidate}^{{commit}}"
                return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        told = f"{ref or 'HEAD'}: the repository has no such branch, tag or commit"
        if self._shallow():
            told += f"; its history is cut off, so {FETCH_ALL}"
        raise RefNotFound(told)

    def _shallow(self) -> bool:
        with suppress(GitFailed):
            return self.text("rev-parse", "--is-shallow-repository") == "true"
        return False

    def cut_off(self, commit: str) -> frozenset[str]:
        """In a shallow clone the commits, up to this one, whose parents were not fetched; else none."""
        return frozenset(self.commits("--max-parents=0", commit)) if self._shallow() else frozenset()

    def head(self) -> str:
        """The commit of HEAD; empty in a repository without one."""
        with suppress(RefNotFound):
            return self.resolve("HEAD")
        return ""

    def has(self, commit: str) -> bool:
        with suppress(GitFailed):
            self.git("cat-file", "-e", f"{commit}^{{commit}}")
            return True
        return False

    def committed(self, commit: str) -> int:
        """When, in epoch seconds."""
        return int(self.text("show", "--no-patch", "--format=%ct", "--end-of-options", commit))

    def commits(self, *arguments: str) -> list[str]:
        """Of `git rev-list` with these arguments."""
        return self.text("rev-list", *arguments).split()

    def hold(self, commit: str, last: int = 50) -> None:
        """Keep this commit and the `last` ones held before; what is older may be collected."""
        self.git("update-ref", "--end-of-options", PUBLISHED + commit, commit)
        held = self.text("for-each-ref", "--sort=-committerdate", "--format=%(refname)", PUBLISHED).split()
        for name in held[last:]:
            self.git("update-ref", "-d", "--end-of-options", name)

    def tidy(self) -> None:
        """Pack what many small fetches left behind, now and then; never while somebody waits."""
        with suppress(GitFailed):
            self.git("-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")


def check_ref(ref: str) -> str:
    """Raises BadParameter for what can be no ref; git would take some of it as an option or a path."""
    if len(ref) > 250 or ref.startswith(("-", ":")) or re.search(r"[\x00-\x20\x7f?*\[\\:]|\.\.", ref):
        raise BadParameter("--ref", f"{ref[:60]!r} is not the name of a branch, tag or commit")
    return ref


def toplevel(folder: Path) -> tuple[Path, str] | None:
    """(repository, path of `folder` below its top) of a folder within a checkout or a bare repository."""
    try:
        if run(folder, "rev-parse", "--is-bare-repository").strip() == b"true":
            return Path(os.fsdecode(run(folder, "rev-parse", "--absolute-git-dir").rstrip(b"\n"))), ""
        told = run(folder, "rev-parse", "--show-toplevel", "--show-prefix").decode("utf-8", "surrogateescape")
    except GitFailed:
        return None
    top, _, prefix = told.partition("\n")
    return Path(top), prefix.strip("\n").rstrip("/")


def entries(output: bytes) -> Sequence[str]:
    """NUL-parted names, those that are not UTF-8 with surrogates as Python's file functions take them."""
    return [os.fsdecode(each) for each in output.split(b"\0") if each]
