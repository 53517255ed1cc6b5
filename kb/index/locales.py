"""One locale of a generation in the making: its articles are cut, written to Whoosh, compiled to snapshots.

`kb.indexer` says what is to be done, here or in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec import Struct

from kb.index import durable, store
from kb.index.compile import compile_snapshot
from kb.index.layout import locale_folder
from kb.index.vectors import Vectors, decode, encode, vectors_of
from kb.model import Article, Audience
from kb.processes import Helpers


class Work(Struct, frozen=True, kw_only=True):
    """What is to be done in one locale; may be sent to another process."""

    var: Path
    folder: str
    locale: str
    fresh: tuple[Article, ...]
    stale: frozenset[str]
    rewrite: bool
    """Make the public Whoosh folder anew: something in it is public no longer."""


def write_locale(work: Work) -> Iterator[None]:
    """All of one locale, in a process of its own; yields after each article."""
    yield from fill(work, map(vectors_of, work.fresh))
    compile_locale(work.var, work.folder, work.locale)


def fill(work: Work, articles: Iterator[Vectors]) -> Iterator[None]:
    """Write the fresh articles, those of each audience into its own index; yields after each."""
    for audience in Audience:
        mine = sum(article.audience is audience for article in work.fresh)
        here = locale_folder(work.var, work.folder, audience, work.locale) / "whoosh"
        rewrite = work.rewrite and audience is Audience.PUBLIC
        for _ in durable.update(here, islice(articles, mine), work.stale, rewrite):
            yield


def cut(articles: Sequence[Article], helpers: Helpers | None) -> Iterator[Vectors]:
    """Of each article, in order."""
    if helpers is None:
        yield from map(vectors_of, articles)
        return
    for encoded in helpers.map(_encoded_vectors, articles, chunksize=16):
        yield decode(encoded)


def _encoded_vectors(article: Article) -> bytes:
    """MessagePack crosses between processes five times faster than pickled objects."""
    return encode(vectors_of(article))


def compile_locale(var: Path, folder: str, locale: str) -> None:
    """The public snapshot, and the agents' over both indexes; one where agents have nothing of their own."""
    public = durable.read_vectors(locale_folder(var, folder, Audience.PUBLIC, locale) / "whoosh")
    agents = durable.read_vectors(locale_folder(var, folder, Audience.AGENT, locale) / "whoosh")
    target = locale_folder(var, folder, Audience.PUBLIC, locale) / "snapshot"
    both = locale_folder(var, folder, Audience.AGENT, locale) / "snapshot"
    compile_snapshot(public, target, locale)
    if agents:
        compile_snapshot([*public, *agents], both, locale)
    else:
        store.link_all(target, both)
    for made in (target, both):
        made.chmod(0o700)
