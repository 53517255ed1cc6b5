"""Made-up customers with known truth: what they need, whether they are helped, and if not, why. For `year`.

A need has a topic (an article, or one that nobody has written), is typed in one of its wordings, and ends in
a known way. Nothing here uses the code that judges it. Seeded: the same arguments give the same facts.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    Entry,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    MarkedSolved,
    Relation,
    SearchRan,
    SuggestionOpened,
    SuggestionsShown,
    TicketArticleLinked,
    TicketFiled,
    TicketSolved,
)

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000

SOLVED = 0.55
"""Of needs that an article answers."""
WITHOUT_SCRIPT = 0.08
NAMED = 0.7
"""Clients that name their intents; as-you-type, so with keystrokes."""
SAYS_SO = 0.12
"""Of those who were helped."""
LIES = 0.003
"""Of those who were not, who say that they were."""
TO_THE_FORM, BY_PHONE = 0.35, 0.1
"""Of those who were not helped; the others give up."""
FILES, SUGGESTIONS_HELP = 0.85, 0.12
"""Of those at the form who file, and of these whom suggestions save from it."""
HOLDOUT = 0.05
EFFECT = FILES * SUGGESTIONS_HELP
"""True tickets per session that suggestions save."""
LINKED, WRONG_LINK = 0.9, 0.02
CAUSES = (("NOT_RETRIEVED", 0.2), ("RANKED_LOW", 0.2), ("SHOWN_NOT_CLICKED", 0.3), ("READ_NOT_SOLVED", 0.3))
"""Why an article that exists did not help."""


class Topic(NamedTuple):
    locale: str
    article: str
    wordings: tuple[str, ...]
    written_at: int
    """Before that there is no article; 0: always there."""


class Need(NamedTuple):
    """The truth about one need."""

    session: str
    started: int
    helped: bool
    cause: str
    """Why not; empty for those who were helped."""
    ticket: str
    """Joinable; empty for none, or one by telephone."""
    topic: Topic
    query: str


class World(NamedTuple):
    topics: Sequence[Topic]
    weights: Sequence[float]
    generations: Sequence[tuple[int, str]]
    """(since, name), the newest last."""


class Customer:
    """One session being acted out."""

    def __init__(self, world: World, chance: random.Random, at: int) -> None:
        self.world, self.chance, self.at = world, chance, at
        self.session = self.name(10)
        self.script = chance.random() > WITHOUT_SCRIPT
        self.facts: list[AnyFact] = []
        self.intent = ""

    def name(self, length: int) -> str:
        return f"{self.chance.getrandbits(4 * length):0{length}x}"

    def common(self, wait: int, entry: Entry = Entry.SEARCH) -> dict:
        self.at += wait
        return {
            "id": f"{self.at:011x}{self.name(20)}", "at": self.at, "session": self.session,
            "intent": self.intent, "entry": entry, "locale": self.topic.locale,
        }  # fmt: skip

    def act(self) -> Need:
        chance = self.chance
        self.topic = chance.choices(self.world.topics, cum_weights=self.world.weights)[0]
        self.intent = self.name(6) if self.script and chance.random() < NAMED else ""
        started, query = self.at, zipf(chance, self.topic.wordings)
        exists = self.topic.written_at <= started
        helped = exists and chance.random() < SOLVED
        causes, shares = zip(*CAUSES, strict=True)
        cause = "" if helped else "MISSING" if not exists else chance.choices(causes, shares)[0]
        search = self.search(query, cause)
        self.read(search, helped, cause)
        ticket, saved = ("", False) if helped else self.complain(search, cause)
        return Need(self.session, started, helped or saved, cause, ticket, self.topic, query)

    def search(self, query: str, cause: str) -> str:
        if self.intent:
            for length in range(1, min(len(query), self.chance.randint(1, 3))):
                self.run(query[:length], self.others(10))
        place = {"": 0, "RANKED_LOW": self.chance.randint(10, 29), "READ_NOT_SOLVED": 0}.get(cause)
        if cause == "SHOWN_NOT_CLICKED":
            place = self.chance.randint(1, 9)
        listed = self.others(30 if cause == "RANKED_LOW" else self.chance.randint(0, 14))
        if place is not None:
            listed = [*self.others(place), self.topic.article, *listed][: max(place + 1, 10)]
        return self.run(query, listed)

    def run(self, query: str, listed: list[str]) -> str:
        generation = next(name for since, name in reversed(self.world.generations) if since <= self.at)
        commit = generation.partition("-")[0]
        search = self.name(12)
        self.facts.append(SearchRan(
            **self.common(2 * SECOND), search_id=search, query=query, strict_hits=len(listed),
            listed=tuple(f"{article}@{commit[:12]}" for article in listed), shown=min(10, len(listed)),
            generation=generation, took_ms=1.0,
        ))  # fmt: skip
        return search

    def others(self, count: int) -> list[str]:
        """Articles of other topics, as a search would list them."""
        found = {self.chance.choice(self.world.topics).article for _ in range(count)}
        return sorted(found - {self.topic.article})[:count]

    def read(self, search: str, helped: bool, cause: str) -> None:
        if helped or cause == "READ_NOT_SOLVED":
            self.open(search, self.topic.article, 40 if self.chance.random() < 0.9 else 8)
        elif self.chance.random() < 0.4:
            other = self.others(3)
            if other:
                self.open(search, other[0], self.chance.choice([5, 12, 30]))
        if self.chance.random() < (SAYS_SO if helped else LIES):
            self.facts.append(FeedbackGiven(
                **self.common(5 * SECOND, Entry.ARTICLE), article=self.topic.article, helpful=True,
            ))  # fmt: skip

    def open(self, search: str, article: str, seconds: int) -> None:
        view = {"article": article, "search_id": search, "view_id": self.name(8)}
        if not self.script:
            self.facts.append(ArticleViewed(**self.common(5 * SECOND, Entry.ARTICLE), **view))
            return
        self.facts.append(
            HitClicked(**self.common(5 * SECOND), search_id=search, article=article, position=1)
        )
        for share in (0.3, 1.0):
            self.facts.append(ArticleViewed(
                **self.common(int(seconds * SECOND * 0.5), Entry.ARTICLE), **view, measured=True,
                active_ms=int(seconds * SECOND * share), scroll=round(0.4 * share, 2),
            ))  # fmt: skip

    def complain(self, search: str, cause: str) -> tuple[str, bool]:
        """The ticket that can be joined, if one is filed; and whether suggestions helped instead."""
        chance = self.chance
        turn = chance.random()
        if turn > TO_THE_FORM + BY_PHONE:
            return "", False
        ticket = self.name(8)
        if turn > TO_THE_FORM:
            called = self.common(chance.randint(10, 600) * MINUTE, Entry.DESK)
            called |= {"session": "", "intent": ""}
            self.facts.append(TicketFiled(**called, ticket=ticket, source="generic", joined=False))
            return "", False
        holdout = int(self.session, 16) % 1000 < 1000 * HOLDOUT
        self.facts.append(FormOpened(**self.common(30 * SECOND, Entry.FORM)))
        suggestion = self.name(12)
        self.facts.append(SuggestionsShown(
            **self.common(20 * SECOND, Entry.FORM), suggestion_id=suggestion, query="件名", strict_hits=3,
            shown=0 if holdout else 3, holdout=holdout,
        ))  # fmt: skip
        if chance.random() > FILES:
            return "", False
        if not holdout and chance.random() < SUGGESTIONS_HELP:
            shown = {"suggestion_id": suggestion, "article": self.topic.article}
            self.facts.append(SuggestionOpened(**self.common(5 * SECOND, Entry.FORM), **shown))
            self.facts.append(MarkedSolved(**self.common(60 * SECOND, Entry.FORM), **shown))
            return "", True
        self.facts.append(TicketFiled(
            **self.common(60 * SECOND, Entry.FORM), ticket=ticket, suggestion_id=suggestion, search_id=search,
        ))  # fmt: skip
        self.desk(ticket, cause)
        return ticket, False

    def desk(self, ticket: str, cause: str) -> None:
        """An agent solves it within two days and mostly says with which article."""
        about = self.common(self.chance.randint(30, 2880) * MINUTE, Entry.DESK)
        about |= {"session": "", "intent": ""}
        self.facts.append(TicketSolved(**about, ticket=ticket))
        if self.chance.random() > LINKED:
            return
        about["id"] = f"{self.at:011x}{self.name(20)}"
        wrong = self.chance.random() < WRONG_LINK
        article = self.chance.choice(self.world.topics).article if wrong else self.topic.article
        relation = Relation.SOLVED_BY
        if cause == "MISSING" and not wrong and self.chance.random() < 0.5:
            relation, article = Relation.MISSING, ""
        self.facts.append(TicketArticleLinked(**about, ticket=ticket, relation=relation, article=article))


def zipf(chance: random.Random, things: Sequence[str]) -> str:
    """The first is typed twice as often as the second, and so on."""
    return chance.choices(things, [1 / (place + 1) for place in range(len(things))])[0]


def live(
    world: World, start: int, days: int, needs_a_day: int, seed: int
) -> Iterator[tuple[list[AnyFact], list[Need]]]:
    """Day by day: facts in the order in which they arrive, and the truth about the needs that began."""
    chance = random.Random(seed)
    waiting: list[tuple[int, str, AnyFact]] = []
    for day in range(days):
        truths = []
        for _ in range(needs_a_day):
            customer = Customer(world, chance, start + day * DAY + chance.randrange(DAY))
            truths.append(customer.act())
            if chance.random() < 0.1:  # comes back with another need
                customer.at = truths[-1].started + 6 * HOUR + chance.randrange(HOUR)
                truths.append(customer.act())
            for fact in customer.facts:
                heapq.heappush(waiting, (fact.at, fact.id, fact))
        arrived = []
        while waiting and (waiting[0][0] < start + (day + 1) * DAY or day == days - 1):
            arrived.append(heapq.heappop(waiting)[2])
        yield arrived, truths
