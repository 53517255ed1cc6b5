"""A folder of Markdown, whole: the entrance to `kb.content`, called by indexing, publishing and checking.

Files whose digest is known are not read again; the others are, in several processes when they are many.
Nothing in here stops at one bad file: each is an article or a finding that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from kb.content import article as articles
from kb.content.article import Outcome, Rules, Source
from kb.content.history import clean_commit, last_changes
from kb.content.paths import Layout, is_language, nfc, split_locale
from kb.content.site import read_site, read_synonyms
from kb.content.walk import inside, markdown_files, unreadable
from kb.model import Article, Audience, Finding, Severity, Site, Status, Tree
from kb.processes import pool

Known = Callable[[str, str], Article | None]
Digests = Callable[[bytes, str], str | None]
Progress = Callable[[int, int], None]

MANY = 150
"""Changed files from which on a pool pays: one that is not forked takes 0.4 s to start, a file some 5 ms."""
FALLBACK_LOCALE = "en"
"""Of files outside the locale folders of a tree that says nothing else."""
_EPOCH = datetime.fromtimestamp(0, UTC)


def read_tree(
    root: Path,
    *,
    locale: str | None = None,
    known: Known | None = None,
    digests: Digests | None = None,
    progress: Progress | None = None,
    processes: int = 1,
    read: dict[str, Outcome] | None = None,
    checkout: bool = True,
) -> Tree:
    """Every article below `root`, and every reason why a file is none.

    `locale`: of files outside the locale folders. `known(path, digest)` gives an article read before; it
    is taken as it is, and warnings of its first reading are not told again (errors are). `digests(seed,
    path)` gives the digest of a file that need not be opened. `read`: what was read before by digest,
    findings and all; it is made to hold just what this reading gave. `checkout`: git may know when files
    changed, and the commit.
    Raises TreeMissing without a folder, ContentError when `kb.yml` is broken.
    """
    root = Path(root)
    paths, findings = markdown_files(root)
    site, site_findings = read_site(root)
    synonyms, synonym_findings = read_synonyms(root)
    folders = _language_folders(root)
    layout = Layout(
        site.locales or folders, locale or (site.default_locale if site.configured else FALLBACK_LOCALE)
    )
    rules = Rules(layout=layout, agents_only=site.agents_only, configured=site.configured)
    outcomes = _read_all(
        root, paths, rules, known, digests, progress, processes, {} if read is None else read, checkout
    )
    found, twins = _without_twins([each.article for each in outcomes if each.article], rules)
    told = [*findings, *site_findings, *synonym_findings, *twins]
    told.extend(finding for outcome in outcomes for finding in outcome.findings)
    return Tree(
        root=str(root),
        site=_complete(site, layout, found),
        synonyms=synonyms,
        articles=tuple(sorted(found, key=lambda each: each.key)),
        findings=tuple(sorted(told, key=lambda each: (each.path, each.line, each.code))),
        files=len(paths) + len(findings),
        commit=clean_commit(root) if checkout else "",
        media=_media(root, found, rules),
    )


# Locales


def _language_folders(root: Path) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in root.iterdir() if is_language(entry.name) and entry.is_dir()))


def _complete(site: Site, layout: Layout, found: Sequence[Article]) -> Site:
    """Without a list of locales in `kb.yml`: those of the folders and of the files outside of them."""
    if site.locales:
        return site
    locales = tuple(dict.fromkeys([*layout.locales, *(each.locale for each in found)]))
    default = site.default_locale if site.configured else layout.default_locale
    if default not in locales:
        # A tree that holds only `ja/` must not greet its readers with an empty English home page.
        default = locales[0] if locales and not site.configured else default
    return msgspec.structs.replace(site, default_locale=default, locales=locales or (default,))


# Reading


def _read_all(
    root: Path,
    paths: Sequence[str],
    rules: Rules,
    known: Known | None,
    stated: Digests | None,
    progress: Progress | None,
    processes: int,
    read: dict[str, Outcome],
    checkout: bool,
) -> list[Outcome]:
    """Outcomes in the order of `paths`."""
    outcomes: dict[str, Outcome] = {}
    digests: dict[str, str] = {}
    fresh: list[Source] = []
    seeded = articles.seed(rules)
    for path in paths:
        told = stated(seeded, path) if stated else None
        kept = known(path, told) if told and known else None
        if kept is not None and not kept.faulty:
            outcomes[path] = Outcome(article=kept)
            continue
        try:
            with open(f"{root}/{path}", "rb", buffering=0) as stream:  # noqa: PTH123 (pathlib takes twice as long)
                data = stream.read()
        except OSError as error:
            outcomes[path] = Outcome(findings=(unreadable(path, f"cannot be read: {error.strerror}"),))
            continue
        digest = digests[path] = articles.digest(seeded, path, data)
        if digest in read:
            outcomes[path] = read[digest]
            continue
        kept = known(path, digest) if known else None
        if kept is not None and not kept.faulty:
            outcomes[path] = Outcome(article=kept)
        else:
            fresh.append(Source(path=path, data=data, digest=digest, changed=_EPOCH))
    fresh = _dated(root, fresh, checkout)
    tell = progress or (lambda done, total: None)
    tell(len(outcomes), len(paths))
    for source, outcome in zip(fresh, _parse(fresh, rules, processes), strict=True):
        outcomes[source.path] = outcome
        tell(len(outcomes), len(paths))
    now = {digest: outcomes[path] for path, digest in digests.items()}
    read.clear()
    read.update(now)
    return [outcomes[path] for path in paths]


def _dated(root: Path, sources: list[Source], checkout: bool) -> list[Source]:
    committed = last_changes(root, [source.path for source in sources]) if checkout else {}
    times = [committed.get(nfc(source.path)) or _file_time(root / source.path) for source in sources]
    dated = zip(sources, times, strict=True)
    return [msgspec.structs.replace(source, changed=time) for source, time in dated]


def _file_time(file: Path) -> datetime:
    try:
        return datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
    except (OSError, ValueError, OverflowError):
        return _EPOCH


def _parse(sources: list[Source], rules: Rules, processes: int) -> Iterator[Outcome]:
    """Outcomes in order, from a pool when it pays; if the pool breaks, the rest is read here."""
    done = 0
    try:
        with pool(processes if len(sources) >= MANY else 1) as helpers:
            if helpers is not None:
                for outcome in helpers.map(partial(articles.read, rules=rules), sources, chunksize=8):
                    done += 1
                    yield outcome
    except (BrokenProcessPool, OSError):
        pass
    for source in sources[done:]:
        yield articles.read(source, rules)


# The tree as a whole


def _without_twins(found: list[Article], rules: Rules) -> tuple[list[Article], list[Finding]]:
    """The first of the files that claim one id; those in a locale's own folder come before others.

    An error where the writers know our ids; in a foreign tree, where `README.md` and `index.md` may
    serve two sites out of one folder, a warning.
    """
    severity = Severity.ERROR if rules.configured else Severity.WARNING
    locales = rules.layout.locales
    kept: dict[str, Article] = {}
    findings = []
    for each in sorted(found, key=lambda one: (one.path.split("/")[0] not in locales, one.path)):
        first = kept.setdefault(each.key, each)
        if first is not each:
            findings.append(
                Finding(code="duplicate-id", severity=severity, path=each.path,
                        message=f"left out: {first.path} has the same id, {each.key}",
                        mend="rename or merge one of the two")
            )  # fmt: skip
    return list(kept.values()), findings


def _media(root: Path, found: Sequence[Article], rules: Rules) -> dict[str, Audience]:
    """Audience of each file that an article refers to and that exists.

    A file within an agents-only folder stays there, whoever shows it: the stricter rule wins.
    """
    audiences: dict[str, Audience] = {}
    for each in found:
        shown = each.audience is Audience.PUBLIC and each.status is Status.PUBLISHED
        for path in each.media:
            open_to_all = shown and not articles.in_agents_folder(
                split_locale(path, rules.layout)[1], path, rules.agents_only
            )
            if open_to_all:
                audiences[path] = Audience.PUBLIC
            else:
                audiences.setdefault(path, Audience.AGENT)
    return {path: audience for path, audience in sorted(audiences.items()) if inside(root, path)}
