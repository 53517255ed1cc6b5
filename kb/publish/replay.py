"""What was searched, asked of two versions of the articles: won, lost, nothing found, another first hit.

An article is expected for a query when it is golden, when readers of that search read it with profit, or when
it solved the ticket that followed. A query without such an article can only lose all its hits, or get some.
Weights: one for each search, five more for each ticket after it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from kb.deflection.facts import AnyFact, Relation, TicketArticleLinked
from kb.deflection.failures import MIN_SESSIONS
from kb.deflection.joining import intents_of
from kb.deflection.outcomes import Intent
from kb.errors import BadParameter
from kb.evaluate import GOLDEN_RANK, golden
from kb.index.generation import Generation
from kb.model import Audience, Tree
from kb.search import MAX_LIMIT, Query, search
from kb.text.normalize import clean_query

TICKET_WEIGHT = 5

Verdict = Literal["lost", "new-zero", "won", "found", "changed-first"]
BAD: tuple[Verdict, ...] = ("lost", "new-zero")
ORDER: tuple[Verdict, ...] = ("lost", "new-zero", "changed-first", "won", "found")
_TITLES = {
    "lost": "Lost: the right article fell out of the first three",
    "new-zero": "Nothing found any more",
    "changed-first": "Another first hit",
    "won": "Won: the right article came among the first three",
    "found": "Something found that had nothing",
}
_LEGEND = (
    "before, after: the rank of the right article; of a query without one, how many articles have its words. "
    "(in brackets): has not the words, but ones like them."
)
_HEAD = ("| query | weight | before | after | first before | first after |", "|---|---:|---:|---:|---|---|")


class Asked(Struct, frozen=True, kw_only=True):
    """A query, how often it was asked, and what should come."""

    query: str
    locale: str
    audience: Audience = Audience.PUBLIC
    count: int = 1
    tickets: int = 0
    sessions: int = MIN_SESSIONS
    """A text of fewer sessions than MIN_SESSIONS is not shown."""
    expected: frozenset[str] = frozenset()
    """Ids."""

    @property
    def weight(self) -> int:
        return self.count + TICKET_WEIGHT * self.tickets


class Change(Struct, frozen=True, kw_only=True):
    """How the answer to one query differs."""

    asked: Asked
    verdict: Verdict
    before: int
    """Rank of the expected article, 0 for none; of a query without one: strict hits."""
    after: int
    first_before: str
    first_after: str
    strict_before: int
    """Strict hits: without one even the first is only like what was asked."""
    strict_after: int


class Answer(Struct, frozen=True):
    total: int
    ids: tuple[str, ...]


class Replayed(Struct, frozen=True, kw_only=True):
    base: str
    head: str
    queries: int
    weight: int
    changes: tuple[Change, ...]
    """The heaviest first."""

    def weights(self) -> Counter[Verdict]:
        sums: Counter[Verdict] = Counter()
        for change in self.changes:
            sums[change.verdict] += change.asked.weight
        return sums

    @property
    def good(self) -> bool:
        return not any(change.verdict in BAD for change in self.changes)


def compare(asked: Sequence[Asked], base: Generation, head: Generation, moved: Mapping[str, str]) -> Replayed:
    """`moved`: old key → present key, so that a rename is no loss."""
    changes = []
    for each in asked:
        before = _answer(base, each, moved)
        after = _answer(head, each, {})
        change = _change(each, before, after, moved)
        if change:
            changes.append(change)
    changes.sort(key=lambda each: (ORDER.index(each.verdict), -each.asked.weight, each.asked.query))
    return Replayed(
        base=base.name, head=head.name, queries=len(asked), weight=sum(each.weight for each in asked),
        changes=tuple(changes),
    )  # fmt: skip


def _answer(generation: Generation, asked: Asked, moved: Mapping[str, str]) -> Answer:
    if asked.locale not in generation.locales:
        return Answer(0, ())
    text = clean_query(asked.query)
    pins = generation.pinned(asked.locale, text)
    snapshot = generation.snapshot(asked.locale, asked.audience)
    found = search(snapshot, Query(text=text, limit=MAX_LIMIT), pins)
    ids = tuple(_present(asked.locale, hit.card.id, moved) for hit in found.hits)
    return Answer(found.total, ids)


def _present(locale: str, article: str, moved: Mapping[str, str]) -> str:
    return moved.get(f"{locale}/{article}", f"{locale}/{article}").partition("/")[2]


def _change(asked: Asked, before: Answer, after: Answer, moved: Mapping[str, str]) -> Change | None:
    expected = {_present(asked.locale, each, moved) for each in asked.expected}
    ranks = (_rank(before, expected), _rank(after, expected))
    held, holds = (1 <= rank <= GOLDEN_RANK for rank in ranks)
    firsts = tuple(answer.ids[0] if answer.ids else "" for answer in (before, after))
    verdict: Verdict | None = None
    if before.total and not after.total:
        verdict = "new-zero"
    elif held and not holds:
        verdict = "lost"
    elif holds and not held:
        verdict = "won"
    elif after.total and not before.total:
        verdict = "found"
    elif firsts[0] != firsts[1]:
        verdict = "changed-first"
    if verdict is None:
        return None
    shown = ranks if expected else (before.total, after.total)
    return Change(asked=asked, verdict=verdict, before=shown[0], after=shown[1],
                  first_before=firsts[0], first_after=firsts[1],
                  strict_before=before.total, strict_after=after.total)  # fmt: skip


def _rank(answer: Answer, expected: set[str]) -> int:
    return next((place for place, each in enumerate(answer.ids, 1) if each in expected), 0)


# ---------------------------------------------------------------- what was asked


def of_golden(trees: Iterable[Tree]) -> list[Asked]:
    """The golden queries of all versions."""
    found: dict[tuple[str, str, Audience], set[str]] = defaultdict(set)
    for tree in trees:
        for each in golden(tree):
            if _askable(each.query):
                found[each.query, each.locale, each.audience] |= set(each.articles)
    return [
        Asked(query=query, locale=locale, audience=audience, expected=frozenset(ids))
        for (query, locale, audience), ids in sorted(found.items())
    ]


def of_lines(lines: Iterable[str], locale: str) -> list[Asked]:
    """A query a line, perhaps with a tab and how often it was asked."""
    found = []
    for number, line in enumerate(lines, 1):
        query, _, count = line.rstrip("\n").partition("\t")
        if query.strip():
            if not _askable(query) or (count and not count.strip().isdigit()):
                raise BadParameter("--queries", f"line {number} is no query, or its count no number")
            found.append(Asked(query=query, locale=locale, count=int(count or 1)))
    return found


def of_facts(facts: Iterable[AnyFact]) -> list[Asked]:
    """What customers searched, as their intents tell it."""
    told = list(facts)
    solved: dict[str, set[str]] = defaultdict(set)
    for fact in told:
        if isinstance(fact, TicketArticleLinked) and fact.relation is Relation.SOLVED_BY:
            solved[fact.ticket].add(fact.article)
    sums: dict[tuple[str, str], list[tuple[Intent, set[str]]]] = defaultdict(list)
    for intent in intents_of(told):
        useful = {read.article for read in intent.reads if read.useful}
        for filed in intent.tickets:
            useful |= solved[filed.ticket]
        for query in {each.query for each in intent.searches if not each.draft and _askable(each.query)}:
            sums[query, intent.locale].append((intent, useful))
    return [_asked(query, locale, intents) for (query, locale), intents in sorted(sums.items())]


def _asked(query: str, locale: str, intents: Sequence[tuple[Intent, set[str]]]) -> Asked:
    useful = Counter(article for _, articles in intents for article in articles)
    most = max(useful.values(), default=0)
    return Asked(
        query=query, locale=locale, count=len(intents),
        tickets=sum(bool(intent.tickets) for intent, _ in intents),
        sessions=len({intent.session for intent, _ in intents}),
        # one reader's detour is no evidence beside what most found useful
        expected=frozenset(article for article, count in useful.items() if count * 2 >= most),
    )  # fmt: skip


def _askable(query: str) -> bool:
    try:
        clean_query(query)
    except BadParameter:
        return False
    return True


# ---------------------------------------------------------------- for people


def markdown(found: Replayed, most: int = 20) -> str:
    """Fit for a merge request; texts that few sessions typed are not told."""
    weights = found.weights()
    lines = [
        f"### {'Nothing lost' if found.good else 'Searches would get worse'}", "",
        f"{found.queries} queries (weight {found.weight}) on `{found.base}` and `{found.head}`.", "",
        "| | queries | weight |", "|---|---:|---:|",
    ]  # fmt: skip
    for verdict in ORDER:
        count = sum(change.verdict == verdict for change in found.changes)
        lines.append(f"| {_TITLES[verdict]} | {count} | {weights[verdict]} |")
    for verdict in ORDER:
        some = [change for change in found.changes if change.verdict == verdict]
        if some:
            lines += ["", f"#### {_TITLES[verdict]}", "", *_HEAD]
            lines += [_row(change) for change in some[:most]]
            if len(some) > most:
                lines += ["", f"and {len(some) - most} more"]
    lines += ["", _LEGEND] if found.changes else []
    return "\n".join([*lines, ""])


def _first(article: str, strict: int) -> str:
    return article if strict else f"({article})" if article else "–"


def _row(change: Change) -> str:
    asked = change.asked
    query = asked.query if asked.sessions >= MIN_SESSIONS else "(typed in too few sessions to be shown)"
    cells = (f"{query} ({asked.locale})", asked.weight, change.before or "–", change.after or "–",
             _first(change.first_before, change.strict_before),
             _first(change.first_after, change.strict_after))  # fmt: skip
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
