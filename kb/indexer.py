"""Articles → a new generation of the index, beside the live one.

`build` runs these steps, each a function below; until the last, nothing that is served has changed:

    previous   the live generation, when it is whole and of this version; else everything is built anew
    compare    which articles are new, changed, gone, or no longer public
    write      per audience and locale: link the previous Whoosh segments, delete and add what changed;
               only changed articles are cut into words, in two processes when they are many
    compile    Whoosh's records → snapshots; the agents' one over both indexes, with common statistics
    smoke      open the new generation, find an article by its title in every locale
    switch     checksums, fsync, one atomic replace of the pointer; then what nobody needs is removed

Serving never imports this module.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice, product
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

import msgspec
from msgspec import Struct

from kb.errors import IndexDamaged, IndexMismatch, IndexMissing
from kb.index import durable, store
from kb.index import generation as generations
from kb.index.generation import Generation, Media, SiteState, locale_folder
from kb.index.records import Analysed, records_of
from kb.index.schema import encode, fingerprint
from kb.index.snapshot import Snapshot, compile_snapshot
from kb.model import Article, Audience, Status, Tree
from kb.text.analyze import analyze
from kb.text.synonyms import cut_groups

POOL_FROM = 64
"""Changed articles from which a second process pays for its 0.5 s of starting."""

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


class Changes(Struct, frozen=True, kw_only=True):
    """How the wanted articles differ from those of the previous generation."""

    fresh: tuple[Article, ...]
    """New or changed; ordered by audience and locale, as they are written."""
    gone: frozenset[str]
    """Keys that no longer are."""
    withdrawn: frozenset[str]
    """Locales where an article that was public no longer is, be it gone or for agents only."""

    @property
    def stale(self) -> set[str]:
        """Keys whose documents are deleted, wherever they are."""
        return {article.key for article in self.fresh} | self.gone

    @property
    def locales(self) -> set[str]:
        """Those that something changed in."""
        return {key.partition("/")[0] for key in self.stale}


class Job(Struct, frozen=True, kw_only=True):
    """A generation in the making: what its steps share."""

    tree: Tree
    var: Path
    name: str
    folder: str
    locales: tuple[str, ...]
    changes: Changes
    media: Media
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
    started = time.monotonic()
    with store.writable(var), store.locked(var):
        previous, reason = _previous(var, rebuild)
        wanted, left_out = _indexable(tree, datetime.now(UTC))
        changes = _compare(wanted, previous)
        media = store.store_media(Path(tree.root), tree.media, var)
        name = _name(tree, wanted, media)
        unchanged = previous is not None and previous.name == name
        if not unchanged:
            job = Job(
                tree=tree,
                var=var,
                name=name,
                folder=store.free_folder(var, name),
                locales=tuple(sorted({*tree.site.locales, *(article.locale for article in wanted)})),
                changes=changes,
                media=media,
                previous=previous,
                progress=progress or _silent,
            )
            _make(job, processes)
        with suppress(OSError):  # the switch is done; what stays is removed next time
            store.prune(var)
    return Summary(
        generation=name,
        articles=len(wanted),
        sections=sum(len(article.sections) for article in wanted),
        changed=len(changes.fresh),
        removed=len(changes.gone),
        unchanged=unchanged,
        left_out=left_out,
        seconds=time.monotonic() - started,
        rebuilt_because=reason,
    )


def _silent(step: str, done: int, total: int) -> None:
    pass


def _make(job: Job, processes: int) -> None:
    """All steps from writing to the switch; after an error nothing is left of them."""
    try:
        try:
            _write(job, processes)
        except BrokenProcessPool:
            # one of the processes was killed, mostly for want of memory: slower, with less of it
            store.remove(job.var, job.folder)
            _write(job, processes=1)
        _smoke(job)
        store.seal(job.var, job.folder, job.name, job.tree.commit, job.previous and job.previous.manifest)
        store.switch(job.var, job.folder)
    except BaseException:
        if not store.is_live(job.var, job.folder):
            store.remove(job.var, job.folder)
        raise


# ---------------------------------------------------------------- previous, compare


def _previous(var: Path, rebuild: bool) -> tuple[Generation | None, str]:
    """The live generation when it can be continued, and why not."""
    if rebuild:
        return None, "asked for"
    try:
        return Generation(var, generations.live_folder(var), durable=True), ""
    except IndexMissing as error:
        return None, f"{error}" if store.folders(var) else ""
    except (IndexDamaged, IndexMismatch) as error:
        return None, error.reason


def known_articles(var: Path) -> Callable[[str, str], Article | None]:
    """Articles of the live generation by path and digest, so that unchanged files are not parsed again."""
    try:
        known = {article.path: article for article in generations.open_live(var).articles()}
    except (IndexMissing, IndexDamaged, IndexMismatch):
        known = {}

    def find(path: str, digest: str) -> Article | None:
        article = known.get(path)
        return article if article is not None and article.digest == digest else None

    return find


def _indexable(tree: Tree, now: datetime) -> tuple[list[Article], dict[str, int]]:
    """Published articles whose time has come, by key; and how many are none, by reason."""
    wanted: list[Article] = []
    left_out: dict[str, int] = {}
    for article in tree.articles:
        if article.status is not Status.PUBLISHED:
            reason = article.status.value
        elif article.publish_at and article.publish_at > now:
            reason = "not yet published"
        elif article.unpublish_at and article.unpublish_at <= now:
            reason = "no longer published"
        else:
            wanted.append(article)
            continue
        left_out[reason] = left_out.get(reason, 0) + 1
    return wanted, left_out


def _compare(wanted: Sequence[Article], previous: Generation | None) -> Changes:
    old = {article.key: article for article in previous.articles()} if previous else {}
    new = {article.key: article for article in wanted}
    public = {key for key, article in old.items() if article.audience is Audience.PUBLIC}
    still = {key for key, article in new.items() if article.audience is Audience.PUBLIC}
    fresh = [
        article
        for article in wanted
        if article.key not in old or _version(old[article.key]) != _version(article)
    ]
    return Changes(
        fresh=tuple(sorted(fresh, key=lambda article: (list(Audience).index(article.audience), article.key))),
        gone=frozenset(old.keys() - new.keys()),
        withdrawn=frozenset(key.partition("/")[0] for key in public - still),
    )


def _version(article: Article) -> tuple[Audience, str]:
    return article.audience, article.digest


def _name(tree: Tree, wanted: Sequence[Article], media: Media) -> str:
    """`<commit or digest of the articles>-<digest of all that the generation is made of>`."""
    content = _digest(article.digest for article in wanted)
    site = [repr(tree.site), repr(tree.synonyms), repr(sorted(media.items()))]
    inputs = _digest([fingerprint(), content, *site, *_gone(tree)])
    return f"{tree.commit[:12] or content[:12]}-{inputs[:8]}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _gone(tree: Tree) -> list[str]:
    archived = (a for a in tree.articles if a.status is Status.ARCHIVED and a.audience is Audience.PUBLIC)
    return [article.key for article in archived]


# ---------------------------------------------------------------- write


def _write(job: Job, processes: int) -> None:
    """The indexes of all audiences and locales, and what else serving needs."""
    for audience, locale in product(Audience, job.locales):
        store.make_folder(job.place(audience, locale))
        before = job.before(audience, locale)
        durable.start(job.place(audience, locale) / "whoosh", before and before / "whoosh")
    with _pool(processes if len(job.changes.fresh) >= POOL_FROM else 1) as pool:
        _fill(job, pool)
        _compile(job, pool)
    _describe(job)


def _fill(job: Job, pool: ProcessPoolExecutor | None) -> None:
    """Analyse and write the fresh articles, each into the index of its audience and locale."""
    fresh, stale = job.changes.fresh, job.changes.stale
    analysed = _analyse(fresh, pool)
    done = 0
    for audience, locale in product(Audience, job.locales):
        count = sum((article.audience, article.locale) == (audience, locale) for article in fresh)
        rewrite = audience is Audience.PUBLIC and locale in job.changes.withdrawn
        here = job.place(audience, locale) / "whoosh"
        for _ in durable.update(here, islice(analysed, count), stale, rewrite):
            done += 1
            job.progress("writing", done, len(fresh))


def _analyse(articles: Sequence[Article], pool: ProcessPoolExecutor | None) -> Iterator[Analysed]:
    """Records of each article, in order."""
    if pool is None:
        yield from map(records_of, articles)
        return
    for encoded in pool.map(_encoded_records, articles, chunksize=16):
        yield msgspec.msgpack.decode(encoded, type=Analysed)


def _encoded_records(article: Article) -> bytes:
    """MessagePack crosses between processes five times faster than pickled objects."""
    return encode(records_of(article))


def _describe(job: Job) -> None:
    media = {
        audience: {p: e for p, e in job.media.items() if e.audience is audience} for audience in Audience
    }
    state = SiteState(
        site=job.tree.site,
        locales=job.locales,
        gone=tuple(_gone(job.tree)),
        synonyms=cut_groups(job.tree.synonyms),
        media=media[Audience.PUBLIC],
    )
    generations.site_file(job.var, job.folder).write_bytes(msgspec.json.encode(state))
    agents = generations.agents_media_file(job.var, job.folder)
    agents.write_bytes(msgspec.json.encode(media[Audience.AGENT]))


# ---------------------------------------------------------------- compile


def _compile(job: Job, pool: ProcessPoolExecutor | None) -> None:
    """Snapshots of all locales; those in which nothing changed are shared with the previous generation."""
    others = []
    for locale in job.locales:
        before = {audience: job.before(audience, locale) for audience in Audience}
        if locale in job.changes.locales or None in before.values():
            others.append(locale)
            continue
        for audience, folder in before.items():
            store.link_all(folder / "snapshot", job.place(audience, locale) / "snapshot")
    compiled = (pool.map if pool else map)(partial(compile_locale, job.var, job.folder), others)
    for done, _ in enumerate(compiled, 1):
        job.progress("compiling", done, len(others))


def compile_locale(var: Path, folder: str, locale: str) -> None:
    """The public snapshot, and the agents' over both indexes; one where agents have nothing of their own."""
    public = durable.read_records(locale_folder(var, folder, Audience.PUBLIC, locale) / "whoosh")
    agents = durable.read_records(locale_folder(var, folder, Audience.AGENT, locale) / "whoosh")
    target = locale_folder(var, folder, Audience.PUBLIC, locale) / "snapshot"
    both = locale_folder(var, folder, Audience.AGENT, locale) / "snapshot"
    compile_snapshot(public, target, locale)
    if agents:
        compile_snapshot([*public, *agents], both, locale)
    else:
        store.link_all(target, both)
    for made in (target, both):
        made.chmod(0o700)


def _smoke(job: Job) -> None:
    """The new snapshots open, and the first article of each is found by every word of its title."""
    for audience, locale in product(Audience, job.locales):
        snapshot = Snapshot(job.place(audience, locale) / "snapshot")
        if snapshot.meta.articles:
            for token in analyze(snapshot.article(0).title).tokens:
                rows, _ = snapshot.words.of(snapshot.term(token.term))
                if 0 not in rows:
                    raise IndexDamaged(snapshot.folder, f"its first article is not found by {token.term!r}")


# ---------------------------------------------------------------- processes


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes to share work with; None when one is enough."""
    if processes < 2:
        yield None
        return
    # spawn: a forked child would inherit locks of threads that it does not have
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
        yield pool


def _end_with_parent() -> None:
    """In a child: it would wait for ever for work from a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
