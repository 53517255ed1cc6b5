"""Articles → a new generation of the index, beside the live one.

`build` runs these steps, each a function below; until the last, nothing that is served has changed.
`prepare` stops before it, so that `kb.publish` can look at the new generation first:

    previous   the live generation, when it is whole and of this version; else everything is built anew
    compare    which articles are new, changed, gone, or no longer public
    write      per audience and locale: link the previous Whoosh segments, delete and add what changed;
               only changed articles are cut into words, in two processes when they are many (`locales`)
    compile    term vectors → snapshots; the agents' one over both indexes, with common statistics
    seal       checksums, all on disk
    smoke      open the new generation, find an article by its title in every locale
    switch     one atomic replace of the pointer; then what nobody needs is removed

Serving never imports this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count, islice, product
from pathlib import Path

from msgspec import Struct

from kb.content.redirects import declared
from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index import durable, kept, store
from kb.index import generation as generations
from kb.index.changes import Changes, compare, gone_of, indexable, name_of, next_change_of, versions_of
from kb.index.generation import Generation
from kb.index.layout import COMPILED, locale_folder
from kb.index.locales import Work, encoded_by, fill, vectors_by, write_locale
from kb.index.state import Media, SiteState, write_state
from kb.index.vectors import vectors_of
from kb.model import Article, Audience, Past, Tree
from kb.processes import pool
from kb.text.analyze import analyze
from kb.text.synonyms import cut_groups

POOL_FROM = 64
"""Changed articles from which helpers pay: where threads run they are not forked, and start in 0.5 s."""

LION_SHARE = 0.75
"""Of the changed articles: a locale that has so many is written while it is cut, not beside the others."""

Progress = Callable[[str, int, int], None]
"""Called with (step, done, total)."""


class Summary(Struct, frozen=True, kw_only=True):
    """What `build` did."""

    generation: str
    articles: int
    """Articles that can be found, both audiences."""
    sections: int
    changed: int
    """Articles analysed anew."""
    removed: int
    unchanged: bool
    """Nothing differed, so the live generation stayed."""
    left_out: dict[str, int]
    """Articles that are not indexed, by reason."""
    seconds: float
    rebuilt_because: str = ""
    """Why the previous index could not be continued."""


class Job(Struct, frozen=True, kw_only=True):
    """A generation in the making: what its steps share."""

    tree: Tree
    var: Path
    name: str
    folder: str
    unchanged: bool
    """The live generation is what this one would be."""
    wanted: list[Article]
    left_out: dict[str, int]
    locales: tuple[str, ...]
    changes: Changes
    media: Media
    moved: dict[str, str]
    gone: dict[str, str]
    next_change: datetime | None
    previous: Generation | None
    progress: Progress

    def place(self, audience: Audience, locale: str) -> Path:
        """Folder of one index in the making."""
        return locale_folder(self.var, self.folder, audience, locale)

    def before(self, audience: Audience, locale: str) -> Path | None:
        """The same of the previous generation, if it had one."""
        if self.previous is None or locale not in self.previous.locales:
            return None
        return locale_folder(self.var, self.previous.folder, audience, locale)


def build(
    tree: Tree, var: Path, *, rebuild: bool = False, processes: int = 2, progress: Progress | None = None
) -> Summary:
    """Make the index of `var` that of `tree`.

    Raises IndexLocked while another build runs, IndexNotWritable without permission or space. After any
    error, kill -9 included, the live generation is what it was.
    """
    with prepare(tree, var, rebuild=rebuild, processes=processes, progress=progress) as prepared:
        prepared.switch()
        return prepared.summary


class Prepared:
    """A generation that lies whole beside the live one: to be looked at, then switched to."""

    def __init__(
        self, var: Path, summary: Summary, generation: Generation, previous: Generation | None
    ) -> None:
        self.summary = summary
        self.generation = generation
        """As a reader will open it; the live one when nothing differs."""
        self.previous = previous
        """The live generation, where there is a sound one."""
        self._var = var

    @property
    def folder(self) -> str:
        return self.generation.folder

    def switch(self, keep: bool = False) -> None:
        """Make it the live one; `keep`: so that `going_back` finds it when others have followed."""
        with store.writable(self._var):
            if not self.summary.unchanged:
                store.switch(self._var, self.folder)
        # the switch is done: what fails from here on does not undo it, and is made good next time
        with suppress(OSError):
            if keep:
                kept.add(self._var, self.folder)
        with suppress(OSError):
            store.prune(self._var)


@contextmanager
def prepare(
    tree: Tree, var: Path, *, past: Past | None = None, rebuild: bool = False, processes: int = 2,
    progress: Progress | None = None, live: Generation | None = None,
) -> Iterator[Prepared]:  # fmt: skip
    """The next generation, whole but not live; nothing is left of it when the block ends without a switch.

    `past`: what became of old addresses; without it only `redirect_from` tells. `live`: opened and compared
    with all checksums already; taken if it still is live. No other build begins within the block. Raises
    what `build` raises.
    """
    started = time.monotonic()
    with store.locked(var):
        with store.writable(var):
            previous, reason = _previous(var, rebuild, live)
            job = _job(tree, var, past or Past(moved=declared(tree)[0]), previous, progress or _silent)
            with _removed_unless_live(var, job.folder, only_failed=True):
                made = previous if previous and job.unchanged else _make(job, processes)
        summary = Summary(
            generation=job.name,
            articles=len(job.wanted),
            sections=sum(len(article.sections) for article in job.wanted),
            changed=len(job.changes.fresh),
            removed=len(job.changes.gone),
            unchanged=job.unchanged,
            left_out=job.left_out,
            seconds=time.monotonic() - started,
            rebuilt_because=reason,
        )
        with _removed_unless_live(var, job.folder):
            yield Prepared(var, summary, made, previous)


def _job(tree: Tree, var: Path, past: Past, previous: Generation | None, progress: Progress) -> Job:
    """What is to be made, and how much of it there is already."""
    now = datetime.now(UTC)
    wanted, left_out = indexable(tree, now)
    media = store.store_media(Path(tree.root), tree.media, var)
    following = next_change_of(tree, now)
    gone = gone_of(tree, past, now)
    name = name_of(tree, wanted, media, past.moved, gone, following)
    unchanged = previous is not None and previous.name == name
    return Job(
        tree=tree,
        var=var,
        name=name,
        folder=previous.folder if previous and unchanged else store.free_folder(var, name),
        unchanged=unchanged,
        wanted=wanted,
        left_out=left_out,
        locales=tuple(sorted({*tree.site.locales, *(article.locale for article in wanted)})),
        changes=compare(wanted, versions_of(var, previous) if previous else {}),
        media=media,
        moved=past.moved,
        gone=gone,
        next_change=following,
        previous=previous,
        progress=progress,
    )


@contextmanager
def going_back(var: Path, folder: str) -> Iterator[Prepared]:
    """An older generation that was kept, its checksums compared: this takes no building.

    Raises IndexLocked, IndexNotWritable, IndexDamaged, IndexMismatch.
    """
    started = time.monotonic()
    with store.locked(var):
        previous, _ = _previous(var, rebuild=False, live=None)
        unchanged = previous is not None and previous.folder == folder
        with _removed_unless_live(var, folder):
            with store.writable(var):
                if not unchanged:
                    kept.restore(var, folder)
                older = Generation(var, folder, durable=True)
            counted = [older.snapshot(locale, Audience.AGENT).meta for locale in older.locales]
            summary = Summary(
                generation=older.name,
                articles=sum(each.articles for each in counted),
                sections=sum(each.sections for each in counted),
                changed=0,
                removed=0,
                unchanged=unchanged,
                left_out={},
                seconds=time.monotonic() - started,
            )
            yield Prepared(var, summary, older, previous)


@contextmanager
def _removed_unless_live(var: Path, folder: str, only_failed: bool = False) -> Iterator[None]:
    try:
        yield
    except BaseException:
        only_failed = False
        raise
    finally:
        if not only_failed and not store.is_live(var, folder):
            store.remove(var, folder)


def _silent(step: str, done: int, total: int) -> None:
    pass


def _make(job: Job, processes: int) -> Generation:
    """All steps from writing to the smoke."""
    try:
        _write(job, processes)
    except BrokenProcessPool:
        # one of the processes was killed, mostly for want of memory: slower, with less of it
        store.remove(job.var, job.folder)
        _write(job, processes=1)
    store.seal(job.var, job.folder, job.name, job.tree.commit)
    made = Generation(job.var, job.folder)
    _smoke(made)
    return made


# ---------------------------------------------------------------- previous


def _previous(var: Path, rebuild: bool, live: Generation | None) -> tuple[Generation | None, str]:
    """The live generation when it can be continued, and why not."""
    if rebuild:
        return None, "asked for"
    try:
        folder = generations.live_folder(var)
        if live is not None and generations.read_manifest(var, folder) == live.manifest:
            return live, ""
        return Generation(var, folder, durable=True), ""
    except IndexMissing as error:
        return None, f"{error}" if store.folders(var) else ""
    except (IndexDamaged, IndexMismatch) as error:
        return None, error.reason


def known_articles(var: Path) -> Callable[[str, str], Article | None]:
    """Those of the live generation, where there is a sound one: see `articles_of`."""
    try:
        return articles_of(generations.open_live(var))
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return articles_of(None)


def articles_of(generation: Generation | None) -> Callable[[str, str], Article | None]:
    """Its articles by path and digest, so that unchanged files are not parsed again."""
    known = {article.path: article for article in generation.articles()} if generation else {}

    def find(path: str, digest: str) -> Article | None:
        article = known.get(path)
        return article if article is not None and article.digest == digest else None

    return find


def get_ready(var: Path, live: Generation) -> None:
    """Load what a build needs, in a process that others are forked from: the dictionary above all."""
    article = next(live.articles(), None)
    if article is not None:
        vectors_of(article)
        durable.find(locale_folder(var, live.folder, article.audience, article.locale) / "whoosh", [])


# ---------------------------------------------------------------- write


def _write(job: Job, processes: int) -> None:
    """The indexes of all audiences and locales, and what else serving needs.

    Articles are cut side by side. Then locales are written side by side; a single one is while it is cut.
    """
    works = [_begin(job, locale) for locale in job.locales]
    busy = [work for work in works if work is not None]
    articles = len(job.changes.fresh)
    with pool(processes if articles >= POOL_FROM else 1) as helpers:
        if helpers is not None and max(len(work.fresh) for work in busy) < LION_SHARE * articles:
            begun = encoded_by(helpers, [article for work in busy for article in work.fresh])
            _describe(job)  # meanwhile: it cuts the synonyms
            cut = _cut(job, busy, begun)
            helpers.run(write_locale, cut, lambda done: job.progress("writing", done, articles))
        else:
            _describe(job)
            done = count(1)
            for work in busy:
                for _ in fill(work, vectors_by(helpers, work.fresh)):
                    job.progress("writing", next(done), articles)


def _cut(job: Job, works: Sequence[Work], begun: Iterator[bytes]) -> list[tuple[Work, list[bytes]]]:
    """With each work the vectors of its articles: those of all locales are one row, so no helper is idle."""
    vectors, articles = [], len(job.changes.fresh)
    for done, each in enumerate(begun, 1):
        vectors.append(each)
        job.progress("cutting", done, articles)
    rest = iter(vectors)
    return [(work, list(islice(rest, len(work.fresh)))) for work in works]


def _begin(job: Job, locale: str) -> Work | None:
    """Folders that share what the previous generation has; None where that is all."""
    for audience in Audience:
        here, before = job.place(audience, locale), job.before(audience, locale)
        store.make_folder(here)
        durable.start(here / "whoosh", before / "whoosh" if before else None)
        if before and locale not in job.changes.locales:
            for part in COMPILED:
                store.link_all(before / part, here / part)
    if job.previous and locale in job.previous.locales and locale not in job.changes.locales:
        return None
    changes, previous = job.changes, job.previous
    return Work(
        var=job.var,
        folder=job.folder,
        before=previous.folder if previous and locale in previous.locales else "",
        locale=locale,
        fresh=tuple(article for article in changes.fresh if article.locale == locale),
        stale=frozenset(key for key in changes.stale if key.partition("/")[0] == locale),
        rewrite=locale in changes.withdrawn,
    )


def _describe(job: Job) -> None:
    state = SiteState(
        site=job.tree.site,
        locales=job.locales,
        gone=job.gone,
        moved=job.moved,
        next_change=job.next_change,
        synonyms=cut_groups(job.tree.synonyms),
        media=job.media,
    )
    public = {article.key for article in job.wanted if article.audience is Audience.PUBLIC}
    write_state(job.var, job.folder, state, public)


def _smoke(made: Generation) -> None:
    """The first article of each snapshot is found by every word of its title."""
    for audience, locale in product(Audience, made.locales):
        snapshot = made.snapshot(locale, audience)
        if snapshot.meta.articles:
            for token in analyze(snapshot.article(0).title).tokens:
                rows, _ = snapshot.words.of(snapshot.term(token.term))
                if 0 not in rows:
                    raise IndexDamaged(snapshot.folder, f"its first article is not found by {token.term!r}")
