"""Facts → intents: whose acts belong to one need, and which ticket fails which. Pure; order never matters.

    acts      customers' facts; the running totals of one view become one act
    intents   by the client's name; unnamed acts of a session by gaps under 30 minutes
    tickets   to the intent or search they name, else to the session's latest intent

Without a session nothing can be joined but by a search's id: such an intent is UNKNOWN until a ticket names
it. What happens later never moves a ticket: the window is applied when outcomes are judged.

Several facts may tell of one ticket (by the form, then by the desk; without a session, then with one): it is
one ticket, filed when it was first told of, and joins by what names its search before what names a session.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    FormOpened,
    HitClicked,
    Reader,
    SearchRan,
    SuggestionOpened,
    SuggestionsShown,
    TicketArticleLinked,
    TicketFiled,
    TicketSolved,
)
from kb.deflection.outcomes import Act, ActFact, Filed, Intent, Search, evidence, rank_of, reads_of

GAP = 30 * 60_000
"""Milliseconds of silence that end an unnamed intent."""

Owners = dict[str, str]
"""Id of a search or of suggestions → key of its intent."""


class Group(Struct):
    """The acts of one intent, sorted, while tickets are being joined."""

    key: str
    session: str
    named: bool
    acts: list[Act]
    tickets: dict[str, int]
    """Ticket → time it was first told."""

    @property
    def times(self) -> list[int]:
        return [act.start for act in self.acts]


def intents_of(facts: Iterable[AnyFact]) -> list[Intent]:
    """All intents, by (start, key). Facts in any order, any number of times."""
    unique = {fact.id: fact for fact in facts if fact.reader is Reader.CUSTOMER}
    ours: list[ActFact] = []
    tickets: list[TicketFiled] = []
    for fact in unique.values():
        if isinstance(fact, TicketFiled):
            tickets.append(fact)
        elif not isinstance(fact, TicketSolved | TicketArticleLinked):
            ours.append(fact)
    groups = _groups(ours)
    _join(tickets, groups)
    return sorted(map(_intent, groups.values()), key=lambda intent: (intent.started, intent.key))


def _groups(facts: Iterable[ActFact]) -> dict[str, Group]:
    sessions: defaultdict[str, list[ActFact]] = defaultdict(list)
    groups: dict[str, Group] = {}
    alone: defaultdict[str, list[ActFact]] = defaultdict(list)
    for fact in facts:
        if fact.session:
            sessions[fact.session].append(fact)
        else:
            alone[f"~{_search_of(fact) or fact.id}"].append(fact)
    for session, those in sessions.items():
        for group in _of_session(session, _acts(those)):
            groups[group.key] = group
    for key, those in alone.items():
        groups[key] = Group(key, "", False, _acts(those), {})
    # a form that nobody asked for is no need
    return {key: group for key, group in groups.items() if not all(map(_unasked, group.acts))}


def _unasked(act: Act) -> bool:
    return isinstance(act.fact, FormOpened) and not act.fact.explicit


def _search_of(fact: ActFact) -> str:
    """Id of the search or of the suggestions that a fact is or names."""
    return getattr(fact, "search_id", "") or getattr(fact, "suggestion_id", "")


# ---------------------------------------------------------------- acts


def _acts(facts: Iterable[ActFact]) -> list[Act]:
    """Sorted; the several facts about one view folded to the largest counts."""
    views: defaultdict[tuple[str, str], list[ArticleViewed]] = defaultdict(list)
    acts = []
    for fact in facts:
        if isinstance(fact, ArticleViewed) and fact.view_id:
            views[fact.view_id, fact.article].append(fact)
        else:
            acts.append(Act(fact.at, rank_of(fact), fact.id, fact.at, fact))
    for totals in views.values():
        view = _folded(totals)
        acts.append(Act(view.at, 0, view.id, max(total.at for total in totals), view))
    return sorted(acts, key=_order)


def _order(act: Act) -> tuple[int, int, str]:
    return act.start, act.rank, act.id


def _folded(totals: list[ArticleViewed]) -> ArticleViewed:
    if len(totals) == 1:
        return totals[0]
    totals = sorted(totals, key=lambda fact: (fact.at, fact.id))
    return replace(
        totals[0],
        active_ms=max(total.active_ms for total in totals),
        scroll=max(total.scroll for total in totals),
        copied=any(total.copied for total in totals),
        measured=any(total.measured for total in totals),
        intent=next((total.intent for total in totals if total.intent), ""),
        search_id=next((total.search_id for total in totals if total.search_id), ""),
    )


# ---------------------------------------------------------------- intents


def _of_session(session: str, acts: Sequence[Act]) -> Iterable[Group]:
    names = _names(acts)
    named: defaultdict[str, list[Act]] = defaultdict(list)
    unnamed: list[Act] = []
    for act in acts:
        name = act.fact.intent or names.get(_search_of(act.fact), "")
        (named[name] if name else unnamed).append(act)
    for name, those in named.items():
        yield Group(f"{session}/{name}", session, True, those, {})
    for those in _parted(unnamed):
        yield Group(f"{session}@{those[0].id}", session, False, those, {})


def _names(acts: Sequence[Act]) -> dict[str, str]:
    """Search or suggestions → the intent that its own fact names, else the first that names it."""
    names: dict[str, str] = {}
    own = [act for act in acts if isinstance(act.fact, SearchRan | SuggestionsShown)]
    for act in (*own, *acts):
        search = _search_of(act.fact)
        if search and act.fact.intent:
            names.setdefault(search, act.fact.intent)
    return names


def _parted(acts: Sequence[Act]) -> Iterable[list[Act]]:
    """Cut where nothing happened for 30 minutes."""
    part: list[Act] = []
    end = 0
    for act in acts:
        if part and act.start - end >= GAP:
            yield part
            part = []
        end = max(end, act.end) if part else act.end
        part.append(act)
    if part:
        yield part


# ---------------------------------------------------------------- tickets


def _join(tickets: Iterable[TicketFiled], groups: dict[str, Group]) -> None:
    owners = _owners(groups.values())
    sessions: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups.values():
        if group.session:
            sessions[group.session].append(group)
    for ticket, told in by_ticket(tickets).items():
        at = told[0].at
        joined = [fact for fact in told if fact.joined]
        naming = [fact for fact in joined if fact.search_id or fact.suggestion_id or fact.intent]
        for filed in naming or joined[:1]:
            named = {owners.get(filed.search_id, ""), owners.get(filed.suggestion_id, "")}
            named |= {f"{filed.session}/{filed.intent}"} if filed.session and filed.intent else set()
            targets = [groups[key] for key in named if key in groups]
            mine = sessions.get(filed.session, ())
            for group in targets or _latest(mine, at) or _latest(mine, filed.at):
                group.tickets[ticket] = at


def by_ticket(tickets: Iterable[TicketFiled]) -> dict[str, list[TicketFiled]]:
    """What was told of each ticket, the first first."""
    told: defaultdict[str, list[TicketFiled]] = defaultdict(list)
    for filed in sorted(tickets, key=lambda fact: (fact.at, fact.id)):
        told[filed.ticket].append(filed)
    return told


def _owners(groups: Iterable[Group]) -> Owners:
    found: dict[str, tuple[str, str]] = {}
    for group in groups:
        for act in group.acts:
            if isinstance(act.fact, SearchRan | SuggestionsShown):
                mine = (act.id, group.key)
                search = _search_of(act.fact)
                found[search] = min(found.get(search, mine), mine)
    return {search: key for search, (_, key) in found.items() if search}


def _latest(groups: Iterable[Group], at: int) -> list[Group]:
    """The one intent of the session with the last act before the ticket; none began before it: none."""
    best: tuple[int, int, str] | None = None
    found: list[Group] = []
    for group in groups:
        times = group.times
        before = bisect_right(times, at)
        if before:
            place = (times[before - 1], times[0], group.key)
            if best is None or place > best:
                best, found = place, [group]
    return found


# ---------------------------------------------------------------- values


def _intent(group: Group) -> Intent:
    acts = group.acts
    reads = reads_of(acts)
    first = next((act.fact for act in acts if not _unasked(act)), acts[0].fact)
    searches = settled(acts, named=group.named)
    forms = [act.fact.explicit for act in acts if isinstance(act.fact, FormOpened)]
    return Intent(
        key=group.key,
        session=group.session,
        started=acts[0].start,
        ended=max(act.end for act in acts),
        locale=next((act.fact.locale for act in acts if act.fact.locale), ""),
        entry=first.entry.value,
        category=_category(acts, searches, [read.article for read in reads]),
        evidence=evidence(acts, reads) if group.session else "unknown",
        searches=searches,
        reads=reads,
        clicked=any(map(_opens_found, acts)),
        form=2 if any(forms) else 1 if forms else 0,
        tickets=tuple(Filed(ticket, at) for ticket, at in sorted(group.tickets.items())),
    )


def _opens_found(act: Act) -> bool:
    fact = act.fact
    return isinstance(fact, HitClicked | SuggestionOpened) or (
        isinstance(fact, ArticleViewed) and bool(fact.search_id)
    )


def _category(acts: Sequence[Act], searches: Sequence[Search], opened: Sequence[str]) -> str:
    """Folder of the first article opened; else the filter that was searched in; else of the first hit."""
    if opened:
        return opened[0].partition("/")[0] if "/" in opened[0] else ""
    chosen = next((a.fact.category for a in acts if isinstance(a.fact, SearchRan) and a.fact.category), "")
    listed = next((search.listed[0] for search in searches if search.listed), "")
    return chosen or (listed.partition("/")[0] if "/" in listed else "")


def settled(acts: Sequence[Act], named: bool) -> tuple[Search, ...]:
    """The searches that were looked at. Drafts count only where nothing was searched.

    In a named intent the last of a row of searches stands for its keystrokes; without a name only the same
    query again (another page of it, the back button) is one with the last.
    """
    found: list[Search] = []
    drafts: list[Search] = []
    typing = False
    for act in acts:
        fact = act.fact
        if isinstance(fact, SuggestionsShown) and not fact.holdout:
            drafts = [_search(fact)]  # the last wording of the subject
        elif isinstance(fact, SearchRan):
            search = _search(fact)
            if typing and (named or search.query == found[-1].query):
                again = search.query == found[-1].query
                search = replace(search, shown=max(search.shown, found[-1].shown)) if again else search
                found[-1] = search
            else:
                found.append(search)
        typing = isinstance(fact, SearchRan)
    return tuple(found or drafts)


def _search(fact: SearchRan | SuggestionsShown) -> Search:
    return Search(
        id=fact.id, at=fact.at, query=fact.query, locale=fact.locale, strict_hits=fact.strict_hits,
        shown=fact.shown, listed=fact.listed, generation=fact.generation,
        draft=isinstance(fact, SuggestionsShown),
    )  # fmt: skip
