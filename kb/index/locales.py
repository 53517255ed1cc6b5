"""One locale of a generation in the making: its articles are cut, written to Whoosh, compiled to snapshots.

`kb.indexer` says what is to be done, here or in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from msgspec import Struct

from kb.index import durable, store
from kb.index.compile import compile_snapshot
from kb.index.layout import COMPILED, locale_folder
from kb.index.vectors import Vectors, decode, encode, vectors_of
from kb.model import Article, Audience
from kb.processes import Helpers


class Work(Struct, frozen=True, kw_only=True):
    """What is to be done in one locale; may be sent to another process."""

    var: Path
    folder: str
    before: str
    """Folder of the generation that is continued; empty where this locale is new."""
    locale: str
    fresh: tuple[Article, ...]
    stale: frozenset[str]
    rewrite: bool
    """Make the public Whoosh folder anew: something in it is public no longer."""

    def place(self, audience: Audience) -> Path:
        return locale_folder(self.var, self.folder, audience, self.locale)

    def former(self, audience: Audience) -> Path | None:
        return locale_folder(self.var, self.before, audience, self.locale) if self.before else None


def write_locale(cut: tuple[Work, Sequence[bytes]]) -> Iterator[None]:
    """All of one locale, in a process of its own: its articles are cut; yields after each."""
    work, vectors = cut
    yield from fill(work, map(decode, vectors))


def fill(work: Work, articles: Iterator[Vectors]) -> Iterator[None]:
    """Write the fresh articles, those of each audience into its own index, and compile; yields after each.

    Whoosh takes as long as everything else, so a thread writes what is there already; when it cannot, no
    further article is cut.
    """
    went = {audience: _found(work, audience) for audience in Audience}
    came: dict[Audience, list[Vectors]] = {audience: [] for audience in Audience}
    given: dict[Audience, SimpleQueue[Vectors | None]] = {audience: SimpleQueue() for audience in Audience}
    with ThreadPoolExecutor(len(Audience)) as pool:
        stored = {each: pool.submit(_store, work, each, went[each].numbers, given[each]) for each in Audience}
        try:
            for article, vectors in zip(work.fresh, articles, strict=True):
                came[article.audience].append(vectors)
                given[article.audience].put(vectors)
                for ended in filter(Future.done, stored.values()):
                    ended.result()  # before the last article by an error alone: a full disk, say
                yield
        finally:
            for queue in given.values():
                queue.put(None)
        _compile(work, {audience: found.vectors for audience, found in went.items()}, came, stored)
        for each in stored.values():
            each.result()


def _found(work: Work, audience: Audience) -> durable.Found:
    """What is to go of an index."""
    former = work.former(audience)
    return durable.find(former / "whoosh", work.stale) if former else durable.Found([], [])


def _store(work: Work, audience: Audience, stale: list[int], given: SimpleQueue[Vectors | None]) -> None:
    """Write what is `given`, up to None, to an index."""
    folder = work.place(audience) / "whoosh"
    durable.update(folder, iter(given.get, None), stale, work.rewrite and audience is Audience.PUBLIC)


def vectors_by(helpers: Helpers | None, articles: Sequence[Article]) -> Iterator[Vectors]:
    """Of each article, in order. Helpers begin at once: they are forked while there are no threads yet."""
    return map(decode, encoded_by(helpers, articles)) if helpers else map(vectors_of, articles)


def encoded_by(helpers: Helpers, articles: Sequence[Article]) -> Iterator[bytes]:
    """The same as they cross between processes."""
    return helpers.map(_encoded_vectors, articles, chunksize=8)


def _encoded_vectors(article: Article) -> bytes:
    """MessagePack crosses between processes five times faster than pickled objects."""
    return encode(vectors_of(article))


def _compile(
    work: Work,
    went: dict[Audience, list[Vectors]],
    came: dict[Audience, list[Vectors]],
    stored: dict[Audience, Future[None]],
) -> None:
    """The public snapshot, and the agents' over both indexes; one where agents have nothing of their own."""
    _continue(work, Audience.PUBLIC, went[Audience.PUBLIC], came[Audience.PUBLIC])
    stored[Audience.AGENT].result()
    if durable.is_empty(work.place(Audience.AGENT) / "whoosh"):
        _link(work.place(Audience.PUBLIC), work.place(Audience.AGENT))
    else:
        _continue(
            work, Audience.AGENT, *([*each[Audience.PUBLIC], *each[Audience.AGENT]] for each in (went, came))
        )


def _continue(work: Work, audience: Audience, went: Sequence[Vectors], came: Sequence[Vectors]) -> None:
    former, here = work.former(audience), work.place(audience)
    if former and not went and not came:
        _link(former, here)
    else:
        compile_snapshot(here, work.locale, former, went, came)


def _link(source: Path, target: Path) -> None:
    for part in COMPILED:
        store.link_all(source / part, target / part)
