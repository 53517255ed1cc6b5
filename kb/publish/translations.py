"""The translation desk: per locale what is missing, behind its source, or has none."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from kb.content.check import STALE_AFTER
from kb.content.findings import counted
from kb.content.paths import SITE_FILE
from kb.model import Article, Finding, Severity, Status, Tree
from kb.publish.git import FETCH_ALL, Mirror

DIFF_LINES = 200
State = Literal["missing", "behind", "unknown", "orphaned"]
"""`unknown`: in a shallow clone, whether it is behind."""
CUT_OFF = "cut-off-history"


class _History(Struct, frozen=True):
    """What a repository tells up to a commit; nothing where there is none."""

    changed: Mapping[str, list[tuple[int, str]]] = {}
    """(place in the log, commit) of every change of each path, the latest first."""
    cut_off: frozenset[str] = frozenset()
    """Commits that stand for all that was not fetched: any file may have been changed before or in them."""


class Gap(Struct, frozen=True, kw_only=True):
    """One article that a translator should look at."""

    locale: str
    state: State
    path: str
    """Of the translation; of one that is missing, where it would be."""
    source: str
    """Path of the original; empty for an orphan."""
    commits: int = 0
    """Commits to the source since the translation was last changed."""
    since: str = ""
    """The commit that last changed the translation."""
    diff: str = ""
    """What changed in the source since."""


def behind(tree: Tree, mirror: Mirror, commit: str, below: str) -> list[Finding]:
    """Translations that their sources left behind, as `kb check` tells them, and of how many nobody can."""
    found = gaps(tree, mirror, commit, below, diffs=False)
    told = [
        Finding(code="stale-translation", severity=Severity.WARNING, path=gap.path,
                message=f"{gap.source} has changed since, in {gap.commits or 1} "
                        f"commit{'s' if gap.commits > 1 else ''}",
                mend="bring the translation up to date; `kb translations --diff` shows what changed")
        for gap in found if gap.state == "behind"
    ]  # fmt: skip
    unknown = sum(gap.state == "unknown" for gap in found)
    return [*told, _cut_off(unknown)] if unknown else told


def _cut_off(unknown: int) -> Finding:
    told = f"whether {counted(unknown, 'translation')} followed the source cannot be told"
    return Finding(code=CUT_OFF, severity=Severity.NOTE, path=SITE_FILE,
                   message=f"the history of this clone is cut off: {told}", mend=FETCH_ALL)  # fmt: skip


def gaps(
    tree: Tree, mirror: Mirror | None = None, commit: str = "", below: str = "", diffs: bool = True
) -> list[Gap]:
    """All gaps, by locale and path. Without a repository `behind` is told by the articles' dates alone."""
    by_locale: dict[str, dict[str, Article]] = defaultdict(dict)
    for article in tree.articles:
        if article.status is not Status.ARCHIVED:
            by_locale[article.locale][article.id] = article
    default = tree.site.default_locale
    history = _history(mirror, commit, below) if mirror else _History()
    found: list[Gap] = []
    for locale in tree.site.locales:
        if locale != default:
            found += _missing(by_locale[default], by_locale[locale], locale)
            found += _orphaned(by_locale[default], by_locale[locale], locale)
            for key, translation in by_locale[locale].items():
                source = by_locale[default].get(key)
                gap = source and _behind(
                    source, translation, history, mirror if diffs else None, commit, below
                )
                found += [gap] if gap else []
    return sorted(found, key=lambda gap: (gap.locale, gap.state, gap.path))


def _missing(sources: Mapping[str, Article], have: Mapping[str, Article], locale: str) -> list[Gap]:
    return [
        Gap(locale=locale, state="missing", source=source.path,
            path=f"{locale}/{source.path.removeprefix(f'{source.locale}/')}")
        for key, source in sources.items()
        if key not in have and source.status is Status.PUBLISHED
    ]  # fmt: skip


def _orphaned(sources: Mapping[str, Article], have: Mapping[str, Article], locale: str) -> list[Gap]:
    return [
        Gap(locale=locale, state="orphaned", path=each.path, source="")
        for key, each in have.items()
        if key not in sources
    ]


def _behind(
    source: Article, translation: Article, history: _History, mirror: Mirror | None, commit: str, below: str
) -> Gap | None:
    gap = Gap(locale=translation.locale, state="behind", path=translation.path, source=source.path)
    changed = history.changed
    if source.path not in changed or translation.path not in changed:
        return gap if source.updated - translation.updated > STALE_AFTER else None
    last, since = changed[translation.path][0]
    newer = [each for place, each in changed[source.path] if place < last]
    if not newer:
        return replace(gap, state="unknown") if since in history.cut_off else None
    path = f"{below}/{source.path}" if below else source.path
    diff = mirror.git("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--end-of-options",
                      since, commit, "--", path) if mirror else b""  # fmt: skip
    lines = diff.decode("utf-8", "replace").splitlines()[:DIFF_LINES]
    return replace(gap, commits=len(newer), since=since, diff="\n".join(lines))


def _history(mirror: Mirror, commit: str, below: str) -> _History:
    told = mirror.git("log", "--format=%x01%H", "--name-only", "--no-renames", "-z", "--end-of-options",
                      commit, "--", *([below] if below else []))  # fmt: skip
    prefix, place, current = f"{below}/" if below else "", -1, ""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for token in told.split(b"\0"):
        token = token.strip(b"\n")
        if token.startswith(b"\x01"):
            place += 1
            name, _, token = token[1:].partition(b"\n")
            current = name.decode()
        if token:
            found[os.fsdecode(token).removeprefix(prefix)].append((place, current))
    return _History(found, mirror.cut_off(commit))
