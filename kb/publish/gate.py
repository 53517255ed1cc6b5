"""What a new generation must pass before it goes live: the golden gate, and a smoke search.

What is asked costs as much as what changed: of an index whose bytes are the same the ranks are, too.
Golden queries are those that the articles of the new tree name: a writer who takes the line out takes the
promise back, in a commit that others read. A query is lost when its article was among the first three in
the live generation, by whatever id it had there, and is not in the new one. What never held is no loss.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import msgspec
from msgspec import Struct

import kb
from kb.content.book import error
from kb.content.pointing import place_of
from kb.errors import BadParameter, IndexDamaged
from kb.evaluate import GOLDEN_RANK, Judged, Rank, golden, ranks
from kb.explain import Explanation, Part, explain
from kb.index.generation import Generation
from kb.index.snapshot import Card, Snapshot
from kb.model import Audience, Finding, Tree
from kb.plan import keep
from kb.processes import by_two
from kb.publish.status import Golden
from kb.search import Query, search
from kb.text.normalize import clean_query

LOSS = "golden-loss"
MANY = 50
"""Queries from which a second process pays: a fork costs some 10 ms, a query half of one."""


def compare(tree: Tree, new: Generation, live: Generation | None, kept: Path | None = None) -> Golden:
    """The golden queries before and after; without a live generation nothing can be lost.

    `kept`: file of the ranks that were found last; those of the live generation are not asked for again.
    """
    asked = [each for each in golden(tree) if _answerable(each, new)]
    known = _read(kept, live) if kept and live else {}
    after = _ranks(asked, new, _still_true(known, live, new) if live else {})
    held = sum(map(_holds, after))
    if kept:
        _write(kept, new, after)
    if live is None:
        return Golden(queries=len(asked), held=held)
    before = _ranks([_as_before(each, new.moved, live) for each in asked], live, known)
    lost = [(then, now) for then, now in zip(before, after, strict=True) if _holds(then) and not _holds(now)]
    findings = tuple(_finding(tree, new, live, now, then.rank) for then, now in lost)
    return Golden(queries=len(asked), held_before=sum(map(_holds, before)), held=held, lost=findings)


# The ranks that were found last


class _Kept(Struct, frozen=True):
    """What one generation gave, by the code that asked."""

    generation: str
    code: str
    ranks: dict[str, int]


def get_ready(kept: Path) -> None:
    """Cut the golden queries that were asked last into words, so that the next gate need not."""
    _code()
    with suppress(OSError, msgspec.MsgspecError, BadParameter):
        last = msgspec.msgpack.decode(kept.read_bytes(), type=_Kept)
        keep(clean_query(key.split("\0")[2]) for key in last.ranks)


def _ranks(asked: Sequence[Judged], generation: Generation, known: Mapping[str, int]) -> list[Rank]:
    """Only what is not known is asked."""
    new = [each for each in asked if _key(each) not in known]
    ask = partial(ranks, generation)
    found = iter(by_two(ask, new) if len(new) >= MANY else ask(new))
    return [
        Rank(judged=each, rank=known[_key(each)], gains=()) if _key(each) in known else next(found)
        for each in asked
    ]


def _still_true(known: Mapping[str, int], live: Generation, new: Generation) -> dict[str, int]:
    """Of the ranks in the live generation those of indexes whose every byte is the same in the new one."""

    @cache
    def same(locale: str, audience: Audience) -> bool:
        if locale not in live.locales or locale not in new.locales or live.site.pinned != new.site.pinned:
            return False
        synonyms = [each.snapshot(locale, audience).synonyms.groups for each in (live, new)]
        return synonyms[0] == synonyms[1] and live.sums(locale, audience) == new.sums(locale, audience)

    def of(key: str) -> tuple[str, Audience]:
        locale, audience, *_ = key.split("\0")
        return locale, Audience(audience)

    return {key: rank for key, rank in known.items() if same(*of(key))}


def _key(judged: Judged) -> str:
    return "\0".join((judged.locale, judged.audience, judged.query, *sorted(judged.articles)))


def _read(file: Path, live: Generation) -> dict[str, int]:
    with suppress(OSError, msgspec.MsgspecError):
        last = msgspec.msgpack.decode(file.read_bytes(), type=_Kept)
        if (last.generation, last.code) == (_named(live), _code()):
            return last.ranks
    return {}


def _write(file: Path, new: Generation, found: Iterable[Rank]) -> None:
    last = _Kept(_named(new), _code(), {_key(each.judged): each.rank for each in found})
    with suppress(OSError):
        beside = file.with_suffix(".new")
        beside.write_bytes(msgspec.msgpack.encode(last))
        beside.replace(file)


def _named(generation: Generation) -> str:
    """A folder's name alone may come again, after a state folder was emptied."""
    return f"{generation.folder} {generation.created.isoformat()}"


@cache
def _code() -> str:
    """Digest of the program as it stands: another one may rank otherwise."""
    files = sorted(Path(kb.__file__).parent.rglob("*.py"))
    stamps = [(each.name, status.st_size, status.st_mtime_ns) for each in files for status in (each.stat(),)]
    return hashlib.sha256(repr(stamps).encode()).hexdigest()


def _holds(rank: Rank) -> bool:
    return 1 <= rank.rank <= GOLDEN_RANK


def _answerable(judged: Judged, new: Generation) -> bool:
    """Not those of articles that are not shown now (published later, or no longer), and no nonsense."""
    try:
        clean_query(judged.query)
    except BadParameter:
        return False
    if judged.locale not in new.locales:
        return False
    snapshot = new.snapshot(judged.locale, judged.audience)
    return any(snapshot.find_article(each) >= 0 for each in judged.articles)


def _as_before(judged: Judged, moved: Mapping[str, str], live: Generation) -> Judged:
    """The same question to the live generation, where the article may have another id, locale or audience."""
    keys = {f"{judged.locale}/{each}" for each in judged.articles}
    keys |= {old for old, new in moved.items() if new in keys}
    locales = sorted({key.partition("/")[0] for key in keys} & set(live.locales), key=judged.locale.__ne__)
    if not locales:
        return Judged(query=judged.query, locale=live.locales[0], articles={})
    ids = {key.partition("/")[2]: 1.0 for key in keys if key.startswith(f"{locales[0]}/")}
    return Judged(query=judged.query, locale=locales[0], articles=ids, audience=judged.audience)


# What is said of a loss


def _finding(tree: Tree, new: Generation, live: Generation, rank: Rank, before: int) -> Finding:
    judged = rank.judged
    name = next(iter(judged.articles))
    article = next(each for each in tree.articles if (each.locale, each.id) == (judged.locale, name))
    now = f"is at {rank.rank}" if rank.rank else "is not found"
    winner = _winner(tree, new, live, rank)
    return error(
        LOSS, place_of(tree, article.path, "golden", judged.query),
        f"golden query {judged.query!r}: {name} was at {before} and {now}; {winner}",
        "mend the article or the one above it, take the golden line out, or publish with --accept-loss",
    )  # fmt: skip


def _winner(tree: Tree, new: Generation, live: Generation, rank: Rank) -> str:
    """Who took its place, and by what."""
    judged = rank.judged
    text = clean_query(judged.query)
    snapshot = new.snapshot(judged.locale, judged.audience)
    pins = new.pinned(judged.locale, text)
    if pins:
        return f"kb.yml pins {', '.join(pins)} to this query"
    results = search(snapshot, Query(text=text, limit=GOLDEN_RANK))
    used = results.corrected.query if results.corrected else text
    number = snapshot.find_article(next(iter(judged.articles)))
    mine = explain(snapshot, used, number)
    if not results.records:
        return f"nothing is found at all; the article lacks {', '.join(mine.missing) or 'every word'}"
    other = _newcomer([hit.card for hit in results.hits], live, judged)
    theirs = explain(snapshot, used, snapshot.find_article(other.id))
    path = next((a.path for a in tree.articles if (a.locale, a.id) == (other.locale, other.id)), other.id)
    why = _why(theirs, mine)
    return f"{other.id} ({path}) now outranks it with {theirs.score:.2f} to {mine.score:.2f}: {why}"


def _newcomer(cards: Sequence[Card], live: Generation, judged: Judged) -> Card:
    """Who was not among the first three before; else the last of them, whom one would have to pass."""
    if judged.locale not in live.locales:
        return cards[-1]
    query = Query(text=clean_query(judged.query), limit=GOLDEN_RANK)
    before = {hit.card.id for hit in search(live.snapshot(judged.locale, judged.audience), query).hits}
    return next((card for card in cards if card.id not in before), cards[-1])


def _why(theirs: Explanation, mine: Explanation) -> str:
    """Where the difference comes from, the largest parts first."""
    missing = [word for word in mine.missing if word not in theirs.missing]
    lacking = f"the article lacks {', '.join(missing)}; " if missing else ""
    gains, have = _by_place(theirs.parts), _by_place(mine.parts)
    ahead = sorted(gains, key=lambda place: have[place] - gains[place])[:3]
    told = [
        f"{place} {gains[place]:.2f} to {have[place]:.2f}" for place in ahead if gains[place] > have[place]
    ]
    return lacking + (", ".join(told) or "equal scores, and its id comes first")


def _by_place(parts: Iterable[Part]) -> defaultdict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        where = f" in {part.field}" if part.field else ""
        sums[f"{part.term or part.kind}{where}"] += part.score
    return sums


# Smoke


def smoke(new: Generation) -> None:
    """Search as a reader would: in each locale an article is found by its own title. Raises IndexDamaged."""
    for locale in new.locales:
        for snapshot in dict.fromkeys(new.snapshot(locale, audience) for audience in Audience):
            count = snapshot.meta.articles
            for number in sorted({0, count // 2, count - 1} if count else ()):
                card = snapshot.card(number)
                if card.title_terms and not _found(snapshot, card.title):
                    raise IndexDamaged(new.folder, f"searching {card.title!r} in {locale} finds nothing")


def _found(snapshot: Snapshot, title: str) -> bool:
    return bool(search(snapshot, Query(text=clean_query(title[:200]))).records)
