"""`kb serve --watch`: what a writer saves is searchable a moment later. Called by `kb.serve_cli`.

One process beside the workers looks at the folder twice a second, names, times and sizes of all files, which
is the same on every system and on mounted folders. When something changed it forks a child that does what
`kb index` does and says so; a file that cannot be read, or an index that cannot be made, is told in a line,
and what is served stays.
"""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import click

from kb.errors import KbError
from kb.later import importing
from kb.processes import forked, heard

LOOK_SECONDS = 0.5

Stamp = frozenset[tuple[str, int, int]]


def start(articles: Path, var: Path, locale: str | None) -> None:
    """Fork the process that watches; it ends when this one and all that it forks later have ended.

    To be called while this process has one thread only.
    """
    seen = stamp(articles, var)
    # nothing is ever written: the end of the pipe tells that nobody serves any more
    served, _serving = os.pipe()
    if os.fork() == 0:
        os.close(_serving)
        forked(lambda: _watch(served, articles, var, locale, seen))
    os.close(served)


def stamp(articles: Path, var: Path) -> Stamp:
    """Of all files that may be articles or shown by them; not of `var`, which may lie among them."""
    found = set()
    own = var.resolve()
    for folder, inner, files in os.walk(articles):
        inner[:] = [n for n in inner if not n.startswith(".") and (Path(folder) / n).resolve() != own]
        for name in files:
            file = Path(folder) / name
            try:
                status = file.stat()
            except OSError:
                continue  # gone meanwhile
            if stat.S_ISREG(status.st_mode):
                found.add((str(file), status.st_mtime_ns, status.st_size))
    return frozenset(found)


def _watch(served: int, articles: Path, var: Path, locale: str | None, indexed: Stamp) -> None:
    # Ctrl-C: an index under way is ended in order
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with importing():
        from kb import index_cli  # noqa: F401 - each child has it then
    before = indexed
    while not heard(served, LOOK_SECONDS):
        now = stamp(articles, var)
        # editors and git write in several steps: when two looks are the same they are done
        if now == before and now != indexed:
            indexed = now
            child = os.fork()
            if child == 0:
                forked(lambda: _index(articles, var, locale))
            os.waitpid(child, 0)
        before = now


def _index(articles: Path, var: Path, locale: str | None) -> None:
    from kb.index_cli import build_index

    try:
        build_index(articles, var, locale, rebuild=False)
    except KbError as error:
        click.secho(f"kb: {error}; what was served before stays", fg="red", err=True)
