"""Failed searches by meaning: which needs ended in tickets, why, and which article to write. Below `report`.

A text is shown when enough sessions typed that very text. A group whose every wording is rare is told by the
words that enough sessions used; one without such words is only counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from msgspec import Struct

from kb.deflection.grouping import Group, Wording, group, words_of
from kb.deflection.periods import MIN_SESSIONS as MIN_SESSIONS
from kb.deflection.totals import Need
from kb.deflection.triage import Cause, today
from kb.index.generation import Generation
from kb.index.snapshot import Snapshot
from kb.model import Audience

MOST = 100
"""Groups listed; what is not is counted."""
_LABEL_WORDS = 3


class Failure(Struct, frozen=True, kw_only=True):
    """Searches of one meaning that ended in tickets."""

    query: str
    """The most typed wording that may be shown, or else words of it."""
    locale: str
    searches: int
    sessions: int
    tickets: int
    triage: str
    """The most frequent cause."""
    causes: dict[str, int]
    """Tickets by cause."""
    best_article: str | None
    """The one that solved most of these tickets, else the best that today's index has."""
    answers_today: bool | None
    """Whether that one is among the first ten today; None: no index, or nothing to look for."""
    wordings: tuple[Wording, ...]


class Gap(Struct, frozen=True, kw_only=True):
    """An article that does not exist."""

    query: str
    locale: str
    tickets: int
    """That it would have saved."""
    certain: int
    """Of these, whose agent or git says that there was none; for the others nothing matched."""
    sessions: int
    nearest: str | None
    """What today's index gives instead."""
    wordings: tuple[Wording, ...]


class ZeroResult(Struct, frozen=True, kw_only=True):
    """Searches of one meaning that strictly matched nothing."""

    query: str
    locale: str
    searches: int
    sessions: int
    tickets: int
    finds_today: str | None
    """The first strict match of today's index."""


class Hidden(Struct, frozen=True, kw_only=True):
    """What is too rare to be shown, or too far down the list."""

    groups: int = 0
    searches: int = 0
    tickets: int = 0
    causes: dict[str, int] = {}


class Failures(Struct, frozen=True, kw_only=True):
    failures: tuple[Failure, ...] = ()
    hidden: Hidden = Hidden()
    gaps: tuple[Gap, ...] = ()
    zero_results: tuple[ZeroResult, ...] = ()
    hidden_zero: Hidden = Hidden()


Keep = Callable[[Need], bool]


class Told(Struct, frozen=True, dict=True):
    """The searches of one group."""

    locale: str
    needs: tuple[Need, ...]

    def only(self, keep: Keep) -> Told:
        return Told(self.locale, tuple(filter(keep, self.needs)))

    @cached_property
    def sessions(self) -> int:
        return len({need.session for need in self.needs} - {""})

    @cached_property
    def causes(self) -> Counter[str]:
        """Tickets by cause; of a ticket after several such searches the last one counts."""
        last = {need.ticket: need.cause for need in sorted(self.needs, key=lambda n: (n.at, n.cause))}
        last.pop("", None)
        return Counter(last.values())

    def wordings(self, at_least: int) -> tuple[Wording, ...]:
        typed: defaultdict[str, set[str]] = defaultdict(set)
        for need in self.needs:
            typed[need.query].add(need.session)
        counted = [Wording(self.locale, query, len(those - {""})) for query, those in typed.items()]
        shown = [wording for wording in counted if wording.sessions >= at_least]
        return tuple(sorted(shown, key=lambda w: (-w.sessions, w.query)))

    def label(self, at_least: int) -> str:
        """The first wording that may be shown, else the words that enough sessions typed; may be empty."""
        wordings = self.wordings(at_least)
        if wordings:
            return wordings[0].query
        used: defaultdict[str, set[str]] = defaultdict(set)
        for need in self.needs:
            for word in words_of(need.query):
                used[word].add(need.session)
        usual = [(-len(those - {""}), word) for word, those in used.items() if len(those - {""}) >= at_least]
        return " ".join(word for _, word in sorted(usual)[:_LABEL_WORDS])


def failures_of(needs: Iterable[Need], generation: Generation | None, min_sessions: int) -> Failures:
    """Group the failed and the fruitless searches of a period."""
    groups = gathered(needs, generation)
    failed = [told for each in groups if (told := each.only(lambda need: bool(need.ticket))).needs]
    failed.sort(key=lambda told: (-told.causes.total(), -told.sessions, told.locale, told.needs[0].query))
    zero = [told for each in groups if (told := each.only(lambda need: need.zero)).needs]
    zero.sort(key=lambda told: (-told.sessions, told.locale, told.needs[0].query))
    shown, rest = _parted(failed, min_sessions)
    shown_zero, rest_zero = _parted(zero, min_sessions)
    gaps = [_gap(told, label, generation, min_sessions) for told, label in shown]
    return Failures(
        failures=tuple(_failure(told, label, generation, min_sessions) for told, label in shown),
        hidden=_hidden(rest),
        gaps=tuple(sorted(filter(None, gaps), key=lambda gap: -gap.tickets)),
        zero_results=tuple(_zero(told, label, generation) for told, label in shown_zero),
        hidden_zero=_hidden(rest_zero),
    )


def gathered(needs: Iterable[Need], generation: Generation | None) -> list[Told]:
    """The searches of each meaning."""
    typed: defaultdict[tuple[str, str], list[Need]] = defaultdict(list)
    for need in needs:
        typed[need.locale, need.query].append(need)
    wordings = [
        Wording(locale, query, len({need.session for need in those}))
        for (locale, query), those in typed.items()
    ]
    return [_told(each, typed) for each in group(wordings, lambda locale: _snapshot(generation, locale))]


def _told(each: Group, typed: dict[tuple[str, str], list[Need]]) -> Told:
    needs = [need for wording in each.wordings for need in typed[each.locale, wording.query]]
    return Told(each.locale, tuple(needs))


def _snapshot(generation: Generation | None, locale: str) -> Snapshot | None:
    if generation is None or locale not in generation.locales:
        return None
    return generation.snapshot(locale, Audience.PUBLIC)


def _parted(those: Sequence[Told], at_least: int) -> tuple[list[tuple[Told, str]], list[Told]]:
    """(what is shown with its label, the rest)"""
    shown: list[tuple[Told, str]] = []
    rest: list[Told] = []
    for told in those:
        label = told.label(at_least) if told.sessions >= at_least and len(shown) < MOST else ""
        if label:
            shown.append((told, label))
        else:
            rest.append(told)
    return shown, rest


def _hidden(rest: Sequence[Told]) -> Hidden:
    causes = sum((told.causes for told in rest), Counter[str]())
    return Hidden(
        groups=len(rest),
        searches=sum(map(_searches, rest)),
        tickets=causes.total(),
        causes=dict(sorted(causes.items())),
    )


def _failure(told: Told, label: str, generation: Generation | None, at_least: int) -> Failure:
    causes = told.causes
    order = {cause.value: place for place, cause in enumerate(Cause)}
    solved = Counter({n.ticket: n.article for n in told.needs if n.article}.values())
    article = min(solved, key=lambda name: (-solved[name], name), default="")
    now = today(generation, told.locale, label, article) if generation else None
    return Failure(
        query=label,
        locale=told.locale,
        searches=_searches(told),
        sessions=told.sessions,
        tickets=causes.total(),
        triage=min(causes, key=lambda cause: (-causes[cause], order[cause])),
        causes={cause: causes[cause] for cause in order if causes[cause]},
        best_article=article or (now.best if now else "") or None,
        answers_today=now.answers if now and article else None,
        wordings=told.wordings(at_least),
    )


def _searches(told: Told) -> int:
    """A search that ended in two tickets is one search."""
    return len({(need.session, need.at, need.query) for need in told.needs})


def _gap(told: Told, label: str, generation: Generation | None, at_least: int) -> Gap | None:
    """The missing article; None if there is one by now, or nothing says that one was missing."""
    missing = {need.ticket for need in told.needs if need.cause == Cause.MISSING}
    likely = {need.ticket for need in told.needs if need.cause == Cause.UNTRIAGED and need.zero} - missing
    if not missing and not likely:
        return None
    written = next((n.article for n in told.needs if n.cause == Cause.MISSING and n.article), "")
    now = today(generation, told.locale, label, written) if generation else None
    if now and (now.answers if missing else now.best):
        return None
    return Gap(
        query=label,
        locale=told.locale,
        tickets=len(missing | likely),
        certain=len(missing),
        sessions=told.sessions,
        nearest=(now.best if now else "") or None,
        wordings=told.wordings(at_least),
    )


def _zero(told: Told, label: str, generation: Generation | None) -> ZeroResult:
    now = today(generation, told.locale, label) if generation else None
    return ZeroResult(
        query=label,
        locale=told.locale,
        searches=_searches(told),
        sessions=told.sessions,
        tickets=told.causes.total(),
        finds_today=(now.best if now else "") or None,
    )
