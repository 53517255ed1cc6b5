"""What the last publish did, and the one under way: `<var>/publish/status.json`, one line each in log.jsonl.
A push that is not published yet is noted in `wanted.json`, so that it outlives whoever was to publish it.

Written beside and renamed, so a reader never sees half of it. Nothing in here may fail a publish: what
cannot be written (the disk is full) is lost, and the command still prints it.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from kb.errors import IndexNotWritable
from kb.model import Finding

State = Literal["running", "live", "unchanged", "blocked", "failed", "superseded", "interrupted"]
Cause = Literal["command", "hook", "schedule"]

LOG_BYTES = 1_000_000
"""Beyond, the log is begun anew and the old one kept beside it."""
POST_SECONDS = 5.0


class Golden(Struct, frozen=True, kw_only=True):
    """The golden gate: how many queries held before and after."""

    queries: int = 0
    held_before: int = 0
    held: int = 0
    lost: tuple[Finding, ...] = ()
    accepted: str = ""
    """Why the losses were accepted, in the words of who did."""


class Wanted(Struct, frozen=True):
    """A push that is to be published."""

    number: int
    asked: float
    """When it came, in epoch seconds."""


class Status(Struct, frozen=True, kw_only=True):
    """One publish; times in epoch seconds."""

    number: int
    """In the order of asking, by and large in nanoseconds: the newest wins."""
    state: State
    cause: Cause = "command"
    source: str = ""
    """Without credentials."""
    ref: str = ""
    commit: str = ""
    generation: str = ""
    """The one that this publish made; before the switch, what would have become live."""
    previous: str = ""
    """The one that was live before, and still is after a failure."""
    asked: float
    started: float
    finished: float | None = None
    searchable_seconds: float | None = None
    """From the push to the switch."""
    steps: dict[str, float] = {}
    """Seconds, in order: fetch, export, read, history, build, gate, smoke, switch; then check, after it."""
    step: str = ""
    """The one under way, or that failed."""
    error: str = ""
    findings: tuple[Finding, ...] = ()
    """Those that block; after a publish, all that was found (the first hundred)."""
    errors: int = 0
    """As `warnings` 0, too, where nothing was checked: `steps` tells."""
    warnings: int = 0
    articles: int = 0
    sections: int = 0
    changed: int = 0
    removed: int = 0
    golden: Golden = Golden()
    posted: str = ""
    """What came of telling KB_PUBLISH_STATUS_URL; empty without one."""
    pid: int = 0

    @property
    def good(self) -> bool:
        return self.state in ("live", "unchanged", "superseded")


def folder(var: Path) -> Path:
    return var / "publish"


def make_folder(var: Path) -> Path:
    """Raises IndexNotWritable."""
    try:
        folder(var).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise IndexNotWritable(f"{folder(var)}: cannot be made: {error.strerror or error}") from error
    return folder(var)


@contextmanager
def locked(var: Path, name: str, wait: bool) -> Iterator[bool]:
    """Whether the lock was had; it goes with the process, however that ends. Raises IndexNotWritable."""
    file = make_folder(var) / f"{name}.lock"
    try:
        stream = file.open("a")
    except OSError as error:
        raise IndexNotWritable(f"{file}: cannot be opened: {error.strerror}") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def next_number(var: Path) -> int:
    """Larger than every one before, whatever the clock says: what is asked for later is the newer."""
    with locked(var, "number", wait=True):
        return _next(var)


def _next(var: Path) -> int:
    file, number = folder(var) / "number", time.time_ns()
    with suppress(OSError, ValueError):
        number = max(number, int(file.read_bytes()) + 1)
    with suppress(OSError):
        file.write_bytes(b"%d" % number)
    return number


def write(var: Path, status: Status) -> None:
    """What the publish says whose turn it is."""
    with suppress(OSError, IndexNotWritable), locked(var, "status", wait=True):
        _replace(folder(var) / "status.json", msgspec.json.format(msgspec.json.encode(status)))


def amend(var: Path, status: Status) -> None:
    """What a publish says whose turn is over; nothing once another has begun, which must not be hidden."""
    with suppress(OSError, IndexNotWritable, msgspec.MsgspecError), locked(var, "status", wait=True):
        file = folder(var) / "status.json"
        now = msgspec.json.decode(file.read_bytes(), type=Status)
        if (now.number, now.started) == (status.number, status.started):
            _replace(file, msgspec.json.format(msgspec.json.encode(status)))


def _replace(file: Path, data: bytes) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(file)


# ---------------------------------------------------------------- pushes


def want(var: Path, asked: float) -> None:
    """Note a push that came at `asked`, before anybody is told to publish it. Raises IndexNotWritable."""
    with locked(var, "number", wait=True):
        wanted = Wanted(_next(var), asked)
        try:
            _replace(folder(var) / "wanted.json", msgspec.json.encode(wanted))
        except OSError as error:
            raise IndexNotWritable(f"{folder(var)}: cannot write: {error.strerror or error}") from error


def wanted(var: Path) -> Wanted | None:
    """The newest push that no publish has answered yet."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder(var) / "wanted.json").read_bytes(), type=Wanted)
    return None


def answered(var: Path, number: int) -> None:
    """Whatever was pushed up to `number` has been dealt with, be it live or blocked."""
    with suppress(OSError, IndexNotWritable), locked(var, "number", wait=True):
        found = wanted(var)
        if found and found.number <= number:
            (folder(var) / "wanted.json").unlink()


def under_way(var: Path) -> bool:
    """Whether somebody is publishing."""
    with suppress(IndexNotWritable), locked(var, "publish", wait=False) as had:
        return not had
    return True


def note(var: Path, status: Status) -> None:
    """A line in the log: accepted losses stay on record there."""
    log = folder(var) / "log.jsonl"
    with suppress(OSError):
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".old.jsonl"))
        with log.open("ab") as stream:
            stream.write(msgspec.json.encode(status) + b"\n")


def last(var: Path) -> Status | None:
    """The publish under way or, without one, the last; `interrupted` when its process is no more."""
    try:
        status = msgspec.json.decode((folder(var) / "status.json").read_bytes(), type=Status)
    except (OSError, msgspec.MsgspecError):
        return None
    if status.state == "running" and not under_way(var):
        return msgspec.structs.replace(
            status, state="interrupted", error=f"was ended from outside during the step {status.step!r}"
        )
    return status


def published(var: Path) -> Iterator[Status]:
    """Those of the log that went live, the latest first."""
    with suppress(OSError):
        for line in reversed((folder(var) / "log.jsonl").read_bytes().splitlines()):
            with suppress(msgspec.MsgspecError):
                status = msgspec.json.decode(line, type=Status)
                if status.state == "live":
                    yield status


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A status is posted where the operator said, nowhere else."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def post(status: Status, url: str, secret: str) -> str:
    """Tell `url`, signed as our hooks are; returns what came of it, and never raises."""
    body, timestamp = msgspec.json.encode(status), str(int(time.time()))
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "User-Agent": "kb"}
    if secret:
        headers |= {"X-KB-Timestamp": timestamp, "X-KB-Signature": f"sha256={mac}"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - settings allow http and https only
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=POST_SECONDS) as answer:
            return f"told: {answer.status}"
    except urllib.error.HTTPError as error:
        return f"not told: it answered {error.code}"
    except (OSError, ValueError) as error:
        return f"not told: {getattr(error, 'reason', None) or type(error).__name__}"
