"""Rendering with a deadline, for files that could take for ever. Stands between `tree` and `markdown`.

A Markdown parser has inputs on which it is slower than linear, and so has an HTML parser (60,000 nested
`<div>` take nh3 18 s). A thread cannot be stopped, so such a file is rendered in a process that can. As
starting one costs 0.2 s, only files that could be slow at all go there: by far the most are rendered on
the spot. Runs as `python -m kb.content.guard` on the other side.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import msgspec

from kb.content import markdown
from kb.content.paths import Layout
from kb.errors import ContentError

DEADLINE = 10.0
"""Seconds. The largest honest page seen (550 KB) takes 1.5 s."""
LARGE = 150_000
"""Characters; anything up to this with few marks was under 0.3 s in all patterns tried."""
MANY = 4_000
"""Marks (`<`, `[`, `*` and so on) in one paragraph, or tags in a file."""

_UNUSUAL = re.compile(r"[^\S\n]{1000}|[^\n]{20000}")
"""Runs of blanks, on which trimming patterns are quadratic, and lines nobody wrote by hand."""
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_MARK = re.compile(r"[<>\[\]()*_`~|!&{}\\]")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `markdown.render` needs, as it crosses to the other process."""

    body: str
    path: str
    locale: str
    layout: Layout
    title: str = ""
    first_line: int = 1


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    rendered: markdown.Rendered | None = None
    line: int = 0
    reason: str = ""


def render(job: Job, deadline: float = DEADLINE) -> markdown.Rendered:
    """`markdown.render`, but never longer than `deadline` seconds; raises ContentError."""
    return _render_apart(job, deadline) if could_be_slow(job.body) else _render_here(job)


def could_be_slow(body: str) -> bool:
    """Cheap and generous: size, tags (nesting is quadratic), marks within one paragraph."""
    if len(body) > LARGE or body.count("<") + body.count("{") > MANY or body.count(">") > MANY:
        return True
    if len(body) < 1000:
        return False
    if _UNUSUAL.search(body):
        return True
    return any(len(part) >= MANY and len(_MARK.findall(part)) >= MANY for part in _PARAGRAPH_END.split(body))


def _render_here(job: Job) -> markdown.Rendered:
    return markdown.render(job.body, job.path, job.locale, layout=job.layout, title=job.title,
                           first_line=job.first_line)  # fmt: skip


def _render_apart(job: Job, deadline: float) -> markdown.Rendered:
    if len(job.body.encode()) > markdown.MAX_BYTES:
        return _render_here(job)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kb.content.guard"],
            input=msgspec.msgpack.encode(job), capture_output=True, timeout=deadline, env=environment,
            check=False,
        )  # fmt: skip
        answer = msgspec.msgpack.decode(done.stdout, type=_Answer)
    except subprocess.TimeoutExpired:
        raise ContentError(job.path, 0, f"takes longer than {deadline:g} seconds to render") from None
    except (OSError, msgspec.DecodeError):
        raise ContentError(job.path, 0, "cannot be rendered: the parser gave up on it") from None
    if answer.rendered is None:
        raise ContentError(job.path, answer.line, answer.reason)
    return answer.rendered


def main() -> None:
    """The other side: one job from standard input, one answer to standard output."""
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
    try:
        answer = _Answer(rendered=_render_here(job))
    except ContentError as error:
        answer = _Answer(line=error.line, reason=error.reason)
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
