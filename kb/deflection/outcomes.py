"""What became of a need: outcomes of intents, and what may be said of many of them. Pure functions.

`kb.deflection.joining` makes intents of facts; here each is judged:

    FAILED      a ticket within the window
    CONFIRMED   the reader's last act says that it helped
    POTENTIAL   read for 15 s, or half scrolled, or copied, or called helpful before they went on
    UNKNOWN     an article was opened and nobody can say whether it was read; or nobody knows whose it is
    UNSERVED    nothing was found, opened or read to any use

Silence is never a success: nothing but a reader's word confirms, and a word taken back does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from kb.deflection.facts import (
    ArticleViewed,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    MarkedSolved,
    Outcome,
    SearchRan,
    SuggestionOpened,
    SuggestionsShown,
)

HOUR = 3_600_000
WINDOWS = {"1h": HOUR, "24h": 24 * HOUR, "7d": 7 * 24 * HOUR}
"""Name → milliseconds after an intent's last act in which a ticket fails it (CONTRACT, section 6)."""
WINDOW = "24h"
READ_MS = 15_000
"""Active milliseconds from which an article counts as read …"""
READ_SCROLL = 0.5
"""… or this share of it seen."""

Evidence = Literal["confirmed", "potential", "unserved", "unknown"]
"""The outcome when no ticket comes."""

ActFact = (
    SearchRan
    | HitClicked
    | ArticleViewed
    | FeedbackGiven
    | FormOpened
    | SuggestionsShown
    | SuggestionOpened
    | MarkedSolved
)


class Act(NamedTuple):
    """Something a reader did. Sorts by time; of one moment a verdict is the last, the unkind one of two."""

    start: int
    rank: int
    id: str
    end: int
    """Of a view the time of its last running total."""
    fact: ActFact


class Search(Struct, frozen=True, kw_only=True, gc=False):
    """A search that a reader looked at; keystrokes on the way to it are gone. Or the draft of a ticket."""

    id: str
    """Of the fact."""
    at: int
    query: str
    locale: str
    strict_hits: int
    shown: int
    listed: tuple[str, ...]
    """`article@commit`, in order."""
    generation: str
    draft: bool = False
    """Suggestions for the subject of a ticket."""


class Read(Struct, frozen=True, kw_only=True, gc=False):
    """What an intent did with one article; the largest of the running totals."""

    article: str
    active_ms: int = 0
    scroll: float = 0.0
    copied: bool = False
    measured: bool = False
    verdict: bool | None = None
    """The last word on it: helpful or not."""

    @property
    def useful(self) -> bool:
        """Read, and not called useless afterwards; called useful, even if it was not measured."""
        if self.verdict is not None:
            return self.verdict
        return self.active_ms >= READ_MS or self.scroll >= READ_SCROLL or self.copied


class Filed(Struct, frozen=True, array_like=True, gc=False):
    """A ticket that fails an intent."""

    ticket: str
    at: int


class Intent(Struct, frozen=True, kw_only=True, gc=False):
    """One need of one reader. Times are epoch milliseconds."""

    key: str
    session: str
    started: int
    ended: int
    """Its last act; the window runs from here."""
    locale: str = ""
    entry: str = ""
    category: str = ""
    evidence: Evidence
    searches: tuple[Search, ...] = ()
    reads: tuple[Read, ...] = ()
    """In order of opening."""
    clicked: bool = False
    """Something found was opened."""
    form: int = 0
    """0 no form, 1 shown without being asked for, 2 opened by the reader."""
    tickets: tuple[Filed, ...] = ()

    @property
    def lag(self) -> int | None:
        """Milliseconds from the last act to the first ticket (negative: acts went on after it)."""
        return min(filed.at for filed in self.tickets) - self.ended if self.tickets else None


def outcome(intent: Intent, window_ms: int) -> Outcome:
    """What became of it within the window, judged on the facts so far."""
    lag = intent.lag
    return "failed" if lag is not None and lag <= window_ms else intent.evidence


def is_open(intent: Intent, window_ms: int, now_ms: int) -> bool:
    """Whether a ticket may still fail it."""
    return outcome(intent, window_ms) != "failed" and intent.ended + window_ms > now_ms


class Outcomes(Struct, frozen=True, kw_only=True):
    """Numbers of intents. The first five sum to all; `open` are those of them that may still change."""

    confirmed: int = 0
    potential: int = 0
    failed: int = 0
    unserved: int = 0
    unknown: int = 0
    open: int = 0

    def __add__(self, other: Outcomes) -> Outcomes:
        fields = self.__struct_fields__
        return Outcomes(**{name: getattr(self, name) + getattr(other, name) for name in fields})

    @property
    def judged(self) -> int:
        """The denominator of deflection."""
        return self.confirmed + self.potential + self.failed

    @property
    def intents(self) -> int:
        return self.judged + self.unserved + self.unknown


class Interval(Struct, frozen=True, kw_only=True):
    """Between what is known to have been deflected and what may have been; None where nothing was judged."""

    low: float | None
    high: float | None


def tally(intents: Iterable[Intent], window_ms: int, now_ms: int) -> Outcomes:
    """Count outcomes."""
    numbers = dict.fromkeys(Outcomes.__struct_fields__, 0)
    for intent in intents:
        numbers[outcome(intent, window_ms)] += 1
        numbers["open"] += is_open(intent, window_ms, now_ms)
    return Outcomes(**numbers)


def deflection(counts: Outcomes) -> Interval:
    """[C/(C+P+F), (C+P)/(C+P+F)]"""
    if not counts.judged:
        return Interval(low=None, high=None)
    low = counts.confirmed / counts.judged
    return Interval(low=low, high=(counts.confirmed + counts.potential) / counts.judged)


# ---------------------------------------------------------------- one intent's acts


def evidence(acts: Sequence[Act], reads: Sequence[Read]) -> Evidence:
    """What the acts of one intent say by themselves; `acts` sorted, `reads` of the same acts."""
    if acts and _is_positive(_last(acts)):
        return "confirmed"
    if any(read.useful for read in reads) or any(_solved_at_large(act.fact) for act in acts):
        return "potential"
    # opened without a script to measure it, and without a word: perhaps read, perhaps not
    if any(not read.measured and read.verdict is None for read in reads):
        return "unknown"
    return "unserved"


def _last(acts: Sequence[Act]) -> ActFact:
    """The last act; the page of an article that is shown again after a verdict on it takes nothing back.

    (A form without a script is answered by a redirect to the article.)
    """
    place = len(acts) - 1
    while place and _takes_nothing_back(acts[place].fact, acts[place - 1].fact):
        place -= 1
    return acts[place].fact


def _takes_nothing_back(fact: ActFact, before: ActFact) -> bool:
    if isinstance(fact, FormOpened):
        return not fact.explicit
    if isinstance(fact, ArticleViewed) and isinstance(before, ArticleViewed | FeedbackGiven | MarkedSolved):
        return fact.article == before.article
    return False


def _is_positive(fact: ActFact) -> bool:
    return isinstance(fact, MarkedSolved) or (isinstance(fact, FeedbackGiven) and fact.helpful)


def _solved_at_large(fact: ActFact) -> bool:
    return isinstance(fact, MarkedSolved) and not fact.article


def rank_of(fact: ActFact) -> int:
    """A batch of events has one time for all of them: verdicts come after what they are about."""
    if isinstance(fact, FeedbackGiven) and not fact.helpful:
        return 2
    return 1 if _is_positive(fact) else 0


def reads_of(acts: Sequence[Act]) -> tuple[Read, ...]:
    """What was opened, an entry an article, in order; `acts` sorted."""
    reads: dict[str, Read] = {}
    for act in acts:
        fact = act.fact
        article = getattr(fact, "article", "")
        if not article or isinstance(fact, FormOpened):
            continue
        read = reads.get(article) or Read(article=article)
        reads[article] = _with(read, fact)
    return tuple(reads.values())


def _with(read: Read, fact: ActFact) -> Read:
    if isinstance(fact, ArticleViewed):
        return Read(
            article=read.article,
            active_ms=max(read.active_ms, fact.active_ms),
            scroll=max(read.scroll, fact.scroll),
            copied=read.copied or fact.copied,
            measured=read.measured or fact.measured,
            verdict=read.verdict,
        )
    if isinstance(fact, FeedbackGiven | MarkedSolved):
        helpful = _is_positive(fact)
        return Read(
            article=read.article, active_ms=read.active_ms, scroll=read.scroll, copied=read.copied,
            measured=read.measured, verdict=helpful,
        )  # fmt: skip
    return read
