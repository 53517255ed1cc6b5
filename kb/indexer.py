"""Articles → a new generation of the index, beside the live one.

`build` runs these steps, each a function below; until the last, nothing that is served has changed:

    previous   the live generation, when it is whole and of this version; else everything is built anew
    write      per audience and locale: link the previous Whoosh segments, delete and add what changed
    analyse    only changed articles are cut into words, in two processes when they are many
    compile    Whoosh's records → snapshots; the agents' one over both indexes, with common statistics
    smoke      open the new generation, find an article by its title in every locale
    switch     checksums, fsync, one atomic replace of the pointer; the last generation stays

Serving never imports this module.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from whoosh import index as whoosh_index

from kb.errors import IndexDamaged, IndexLocked, IndexMismatch, IndexMissing
from kb.index import generation as generations
from kb.index.generation import Generation, Manifest, MediaEntry, SiteState, locale_folder, writable
from kb.index.records import Analysed, field_tokens, records_of
from kb.index.schema import (
    FIELDS,
    ArticleRecord,
    Records,
    SectionRecord,
    decode_article,
    decode_section,
    encode,
    fingerprint,
    schema,
)
from kb.index.snapshot import Snapshot, compile_snapshot
from kb.model import Article, Audience, Status, Tree
from kb.text.analyze import analyze
from kb.text.synonyms import cut_groups

KEEP_SECONDS = 60
"""Older generations are removed when they have not been live for a minute; the last one always stays."""
MERGE_SEGMENTS = 8
"""Segments from which an update merges them: each costs a reader some milliseconds."""
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


def build(
    tree: Tree, var: Path, *, rebuild: bool = False, processes: int = 2, progress: Progress | None = None
) -> Summary:
    """Make the index of `var` that of `tree`.

    Raises IndexLocked while another build runs, IndexNotWritable without permission or space. After any
    error, kill -9 included, the live generation is what it was.
    """
    started = time.monotonic()
    with writable(var), _locked(var):
        previous, reason = _previous(var, rebuild)
        wanted, left_out = _indexable(tree, datetime.now(UTC))
        name = _name(tree, wanted)
        unchanged = previous is not None and previous.name == name
        changed = removed = 0
        if not unchanged:
            folder = _free_folder(var, name)
            try:
                changed, removed = _write(
                    tree, wanted, var, folder, name, previous, processes, progress or _silent
                )
            except BaseException:
                _remove(var, folder)
                raise
            generations.switch(var, folder)
            _prune(var, folder, previous.folder if previous else "")
        return Summary(
            generation=name,
            articles=len(wanted),
            sections=sum(len(article.sections) for article in wanted),
            changed=changed,
            removed=removed,
            unchanged=unchanged,
            left_out=left_out,
            seconds=time.monotonic() - started,
            rebuilt_because=reason,
        )


def known_articles(var: Path) -> Callable[[str, str], Article | None]:
    """Articles of the live generation by path and digest, so that unchanged files are not parsed again."""
    try:
        live = Generation(var, generations.live_folder(var))
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return lambda path, digest: None
    known: dict[str, Article] = {}
    for locale in live.locales:
        snapshot = live.snapshot(locale, Audience.AGENT)
        known |= {article.path: article for article in map(snapshot.article, range(snapshot.meta.articles))}

    def find(path: str, digest: str) -> Article | None:
        article = known.get(path)
        return article if article is not None and article.digest == digest else None

    return find


def _silent(step: str, done: int, total: int) -> None:
    pass


# ---------------------------------------------------------------- previous


@contextmanager
def _locked(var: Path) -> Iterator[None]:
    """One build at a time; the lock goes with its process, however that ends."""
    root = generations.index_root(var)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (root / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexLocked(f"{root}: another process is building the index") from error
        _remove_unfinished(var)
        yield


def _previous(var: Path, rebuild: bool) -> tuple[Generation | None, str]:
    """The live generation when it can be continued, and why not."""
    if rebuild:
        return None, "asked for"
    try:
        return Generation(var, generations.live_folder(var), check_contents=True), ""
    except IndexMissing:
        return None, ""
    except (IndexDamaged, IndexMismatch) as error:
        return None, str(error)


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


def _name(tree: Tree, wanted: Sequence[Article]) -> str:
    content = _digest(article.digest for article in wanted)
    inputs = _digest(
        [fingerprint(), repr(tree.site), repr(tree.synonyms), repr(tree.media), content, *_gone(tree)]
    )
    return f"{tree.commit[:12] or content[:12]}-{inputs[:8]}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _gone(tree: Tree) -> list[str]:
    archived = (a for a in tree.articles if a.status is Status.ARCHIVED and a.audience is Audience.PUBLIC)
    return [article.key for article in archived]


# ---------------------------------------------------------------- write


def _write(
    tree: Tree, wanted: Sequence[Article], var: Path, folder: str, name: str, previous: Generation | None, processes: int, progress: Progress,
) -> tuple[int, int]:  # fmt: skip
    """Everything of a generation but the switch. Returns how many articles were analysed and removed."""
    locales = tuple(sorted({*tree.site.locales, *(article.locale for article in wanted)}))
    old = _digests(previous)
    fresh = [article for article in wanted if old.get(article.key) != (article.audience, article.digest)]
    gone = old.keys() - {article.key for article in wanted}
    stale = {article.key for article in fresh} | gone
    for audience, locale in product(Audience, locales):
        here = locale_folder(var, folder, audience, locale)
        here.mkdir(parents=True, mode=0o700)
        _start_whoosh(
            locale_folder(var, previous.folder, audience, locale) if previous else None, here / "whoosh"
        )
    touched = {article.locale for article in fresh} | {key.partition("/")[0] for key in gone}
    with _pool(processes if len(fresh) >= POOL_FROM else 1) as pool:
        _fill_whoosh(var, folder, locales, fresh, stale, pool, progress)
        _compile(var, folder, locales, touched, previous, pool, progress)
    state = SiteState(
        site=tree.site,
        locales=locales,
        gone=tuple(_gone(tree)),
        synonyms=cut_groups(tree.synonyms),
        media=_store_media(tree, var),
    )
    generations.site_file(var, folder).write_bytes(msgspec.json.encode(state))
    _smoke(var, folder, locales)
    _seal(var, folder, name, tree.commit)
    return len(fresh), len(gone)


def _seal(var: Path, folder: str, name: str, commit: str) -> None:
    """All on disk, with checksums."""
    root = generations.index_root(var)
    sums = {
        str(file.relative_to(root)): generations.checksum(file)
        for file in generations.generation_files(var, folder)
    }
    generations.sync_files(var, folder)
    manifest = Manifest(
        generation=name, fingerprint=fingerprint(), created=datetime.now(UTC), commit=commit, files=sums
    )
    generations.write_manifest(var, folder, manifest)


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes to share work with; None when one is enough."""
    if processes < 2:
        yield None
        return
    # spawn: a forked child would inherit locks of threads that it does not have
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield pool


def _digests(previous: Generation | None) -> dict[str, tuple[Audience, str]]:
    """Audience and digest of every article of the previous generation, by key."""
    found: dict[str, tuple[Audience, str]] = {}
    for locale in previous.locales if previous else ():
        snapshot = previous.snapshot(locale, Audience.AGENT) if previous else None
        for number in range(snapshot.meta.articles if snapshot else 0):
            article = snapshot.article(number) if snapshot else None
            if article:
                found[article.key] = (article.audience, article.digest)
    return found


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


def _start_whoosh(before: Path | None, here: Path) -> None:
    """Whoosh's segments never change, so a new generation shares them with the last one."""
    if before is not None and (before / "whoosh").is_dir():
        _link_all(before / "whoosh", here)
    else:
        here.mkdir(mode=0o700)
        whoosh_index.create_in(str(here), schema())


def _link_all(source: Path, target: Path) -> None:
    """A folder with the same files, which never change."""
    target.mkdir(mode=0o700)
    for file in source.iterdir():
        if file.name.endswith("LOCK"):
            continue
        try:
            os.link(file, target / file.name)
        except OSError:
            # file systems without hard links
            shutil.copy2(file, target / file.name)


def _fill_whoosh(
    var: Path, folder: str, locales: Sequence[str], fresh: Sequence[Article], stale: set[str], pool: ProcessPoolExecutor | None, progress: Progress,
) -> None:  # fmt: skip
    """Analyse and write the fresh articles, each into the index of its audience and locale."""
    places = [*product(Audience, locales)]
    ordered = sorted(fresh, key=lambda article: places.index((article.audience, article.locale)))
    analysed = _analyse(ordered, pool)
    done = 0
    for audience, locale in places:
        count = sum(1 for article in fresh if (article.audience, article.locale) == (audience, locale))
        here = locale_folder(var, folder, audience, locale) / "whoosh"
        for _ in _update_whoosh(here, islice(analysed, count), count, stale):
            done += 1
            progress("writing", done, len(fresh))


def _update_whoosh(folder: Path, records: Iterable[Analysed], count: int, stale: set[str]) -> Iterator[str]:
    """Delete stale articles, add the `count` records; yields each key that was written."""
    index = whoosh_index.open_dir(str(folder))
    with index.reader() as reader:
        old = [key for key in stale if reader.doc_frequency("key", key)]
    if not count and not old:
        return
    writer = index.writer(limitmb=256)
    try:
        for key in old:
            writer.delete_by_term("key", key)
        for record, sections in records:
            for section in sections:
                _add(writer, record, section)
            yield record.article.key
    except BaseException:
        writer.cancel()
        raise
    writer.commit(merge=False, optimize=len(index._segments()) >= MERGE_SEGMENTS)


def _add(writer: Any, record: ArticleRecord, section: SectionRecord) -> None:
    fields = {name: [token.term for token in field_tokens(name, record, section)] for name in FIELDS}
    article = encode(record) if section.ordinal == 0 else None
    stored = {"section": encode(section), "article": article, "digest": record.article.digest}
    writer.add_document(
        key=record.article.key,
        **{k: v for k, v in stored.items() if v},
        **{k: v for k, v in fields.items() if v},
    )


# ---------------------------------------------------------------- compile


def read_records(folder: Path) -> Records:
    """All records of a Whoosh folder, live documents only, sections in order."""
    articles: dict[str, ArticleRecord] = {}
    sections: dict[str, list[SectionRecord]] = {}
    index = whoosh_index.open_dir(str(folder))
    with index.reader() as reader:
        for _, stored in reader.iter_docs():
            section = decode_section(stored["section"])
            sections.setdefault(section.article, []).append(section)
            if stored.get("article"):
                articles[section.article] = decode_article(stored["article"])
    return [(record, sorted(sections[key], key=lambda s: s.ordinal)) for key, record in articles.items()]


def _compile(
    var: Path, folder: str, locales: Sequence[str], touched: set[str], previous: Generation | None, pool: ProcessPoolExecutor | None, progress: Progress,
) -> None:  # fmt: skip
    """Snapshots of all locales; those in which nothing changed are shared with the previous generation."""
    same = [locale for locale in locales if previous and locale in previous.locales and locale not in touched]
    for audience, locale in product(Audience, same):
        before = locale_folder(var, previous.folder if previous else "", audience, locale)
        _link_all(before / "snapshot", locale_folder(var, folder, audience, locale) / "snapshot")
    others = [locale for locale in locales if locale not in same]
    job = partial(compile_locale, var, folder)
    for done, _ in enumerate((pool.map if pool else map)(job, others)):
        progress("compiling", done + 1, len(others))


def compile_locale(var: Path, folder: str, locale: str) -> None:
    """The public snapshot, and the agents' over both indexes; one where agents have nothing of their own."""
    public = read_records(locale_folder(var, folder, Audience.PUBLIC, locale) / "whoosh")
    agents = read_records(locale_folder(var, folder, Audience.AGENT, locale) / "whoosh")
    target = locale_folder(var, folder, Audience.PUBLIC, locale) / "snapshot"
    both = locale_folder(var, folder, Audience.AGENT, locale) / "snapshot"
    compile_snapshot(public, target, locale)
    if agents:
        compile_snapshot([*public, *agents], both, locale)
    else:
        _link_all(target, both)


def _store_media(tree: Tree, var: Path) -> dict[str, MediaEntry]:
    """Copy files that articles show to var/media, named by content; unchanged ones are there already."""
    store = var / "media"
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    entries: dict[str, MediaEntry] = {}
    for path, audience in tree.media.items():
        source = Path(tree.root) / path
        try:
            data = source.read_bytes()
        except OSError:
            continue  # gone since the tree was read: `kb check` names it, the page shows its alt text
        digest = hashlib.sha256(data).hexdigest()
        if not (store / digest).exists():
            beside = store / f".{digest}.{os.getpid()}"
            beside.write_bytes(data)
            beside.replace(store / digest)
        entries[path] = MediaEntry(digest, audience)
    return entries


def _smoke(var: Path, folder: str, locales: Sequence[str]) -> None:
    """The new snapshots open, and the first article of each is found by its own title."""
    for locale in locales:
        for audience in Audience:
            snapshot = Snapshot(locale_folder(var, folder, audience, locale) / "snapshot")
            for number in range(min(snapshot.meta.articles, 1)):
                title = analyze(snapshot.article(number).title).tokens
                if any(snapshot.term(token.term) < 0 for token in title):
                    raise IndexDamaged(f"{snapshot.folder}: the new index does not hold its own titles")


# ---------------------------------------------------------------- folders


def _free_folder(var: Path, name: str) -> str:
    """`name`, or `name~2` … when a generation of that name lies there already (a rebuild)."""
    taken = {
        path.name
        for audience in Audience
        for path in (generations.index_root(var) / audience.value).glob(f"{name}*")
    }
    number, folder = 1, name
    while folder in taken:
        number += 1
        folder = f"{name}~{number}"
    return folder


def _remove(var: Path, folder: str) -> None:
    for audience in Audience:
        with suppress(OSError):
            shutil.rmtree(generations.index_root(var) / audience.value / folder)


def _folders(var: Path) -> set[str]:
    root = generations.index_root(var)
    return {
        path.name
        for audience in Audience
        if (root / audience.value).is_dir()
        for path in (root / audience.value).iterdir()
    }


def _remove_unfinished(var: Path) -> None:
    """What a killed build left behind: folders without a manifest."""
    for folder in _folders(var):
        if not generations.manifest_file(var, folder).exists():
            _remove(var, folder)


def _prune(var: Path, live: str, last: str) -> None:
    """Remove generations that nobody reads any more: neither live, nor the last one, nor a minute young."""
    now = time.time()
    for folder in _folders(var) - {live, last}:
        with suppress(OSError):
            age = now - generations.manifest_file(var, folder).stat().st_mtime
            if age > KEEP_SECONDS:
                _remove(var, folder)
