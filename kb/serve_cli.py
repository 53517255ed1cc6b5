"""`kb serve`: the index is made by a forked process while this one imports what answers requests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import msgspec

from kb.desk.senders import senders
from kb.errors import BadParameter, KbError
from kb.later import importing
from kb.options import ARTICLES, LOCALE, VAR
from kb.ports import check_address
from kb.settings import Settings, load


@click.command("serve")
@ARTICLES
@VAR
@LOCALE
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer; default KB_WORKERS.")
@click.option("--watch", is_flag=True, help="Index again whenever a file of --articles changes.")
@click.option("--ref", help="Preview this branch, drafts included, from a state folder of its own.")
def serve_command(
    articles: Path | None, var: Path, locale: str | None, host: str, port: int, workers: int | None,
    watch: bool, ref: str | None,
) -> None:  # fmt: skip
    """Serve the help center. With --articles the index is built or updated first."""
    settings = load_settings(workers)
    check_address(host, port)
    folder = articles or _unpublished(var)
    if watch and (ref is not None or folder is None):
        raise BadParameter("--watch", "follows a folder of files: name it with --articles, without --ref")
    if ref is not None:
        _preview(articles, ref, locale, host, port, settings)
        return
    with _indexed(folder, var, locale) as stands:
        with importing(), _without_rich():
            from kb.serve import Made, serve  # takes a second, which the index is made in

        def ready() -> None:
            stands()
            if watch and folder:
                from kb import watch as watching

                watching.start(folder, var, locale)

        serve(var, host, port, settings, locale, Made(articles=articles), ready)


def load_settings(workers: int | None) -> Settings:
    """What the environment says, and the number of workers that the command line may name instead.

    Raises BadSetting.
    """
    settings = load()
    senders(settings)  # each worker makes its own, but only here a person reads what is wrong
    return settings if workers is None else msgspec.structs.replace(settings, workers=workers)


def _unpublished(var: Path) -> Path | None:
    """The folder to index when nothing was published into `var` yet."""
    from kb.index.generation import has_index

    return None if has_index(var) else Path("articles")


@contextmanager
def _indexed(articles: Path | None, var: Path, locale: str | None) -> Iterator[Callable[[], None]]:
    """`kb index` beside the block, which is given what waits for it; its failure is this command's.

    Should this process be stopped meanwhile, that one is, too.
    """
    if articles is None:
        yield lambda: None
        return
    with importing():
        import_module("kb.index.generation")  # what both need
    own = os.getpid()
    indexing = get_context("fork").Process(target=_index, args=(articles, var, locale))
    indexing.start()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def stands() -> None:
        indexing.join()
        if indexing.exitcode:
            # it has said why
            sys.exit(indexing.exitcode)
        signal.signal(signal.SIGTERM, before)

    try:
        yield stands
    finally:
        # workers are forked within the block and leave it, too
        if os.getpid() == own:
            indexing.terminate()
            indexing.join()


def _index(articles: Path, var: Path, locale: str | None) -> None:
    with importing():
        from kb.index_cli import build_index
    try:
        build_index(articles, var, locale, rebuild=False)
    except KbError as error:
        click.echo(f"kb: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)  # the parent says that it was stopped


@contextmanager
def _without_rich() -> Iterator[None]:
    """structlog imports rich, for tracebacks in colours: a tenth of the time of starting; ours are plain."""
    modules: dict[str, Any] = sys.modules
    hidden = "rich" not in modules
    if hidden:
        modules["rich"] = None
    try:
        yield
    finally:
        if hidden:
            del modules["rich"]


def _preview(
    articles: Path | None, ref: str, locale: str | None, host: str, port: int, settings: Settings
) -> None:
    from kb import publish_cli
    from kb.serve import Made, serve

    with publish_cli.preview(settings, articles, ref, locale) as folder:
        serve(folder, host, port, settings, locale, Made(preview=ref))
