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
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, islice, product
from pathlib import Path

from msgspec import Struct

from kb.content.redirects import declared
from kb.errors import IndexDamaged
from kb.index import durable, store
from kb.index.changes import Changes, compare, gone_of, indexable, name_of, next_change_of, versions_of
from kb.index.generation import Generation
from kb.index.layout import COMPILED, locale_folder
from kb.index.locales import Work, encoded_by, fill, vectors_by, write_locale
from kb.index.prepared import Prepared, Summary
from kb.index.previous import continued
from kb.index.state import Media, SiteState, write_state
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
            previous, reason = continued(var, rebuild=rebuild, live=live)
            job = _job(tree, var, past or Past(moved=declared(tree)[0]), previous, progress or _silent)
        with store.removed_unless_live(var, job.folder):
            with store.writable(var):
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
