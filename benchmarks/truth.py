"""What the simulation of `year.py` knows, beside what the report says: figures and a confusion matrix."""

from __future__ import annotations

from collections import Counter, defaultdict

import sqlalchemy as sa
from customers import DAY, EFFECT, Need, Topic

from kb.deflection import derived, figures, report, totals
from kb.deflection.failures import gathered
from kb.deflection.periods import Period, weeks
from kb.deflection.store import EventStore
from kb.index.generation import Generation
from kb.text.analyze import analyze


def say(what: str, figures: str) -> None:
    print(f"{what:28} {figures}", flush=True)


def variants(question: str) -> list[str]:
    """A question and other spellings of the same words."""
    analysis = analyze(question)
    words = [question[token.start : token.end] for token in analysis.tokens if not token.compound]
    long = max(question.split(), key=len)
    slip = long[:2] + long[3] + long[2] + long[4:] if len(long) > 5 and long.isascii() else long
    kana = analysis.reading.replace(" ", "")
    return [question, " ".join(words), kana or question.replace(long, slip)]


def judge_deflection(store: EventStore, quarter: Period, found: report.Report, truths: list[Need]) -> None:
    """Is the share of needs that were helped, of those that are judged, within the interval?"""
    helped = {(need.session, need.started): need.helped for need in truths}
    true: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    i = derived.intents.c
    query = sa.select(i.session, i.started, i.evidence, i.lag, i.locale)
    names = [(name, start, end) for name, start, end in weeks(quarter)]
    lost = 0
    with store.reading() as connection:
        for row in connection.execute(query.where(i.started >= quarter.start, i.started < quarter.end)):
            # the first act comes two seconds after the need, or later
            key = next(
                (
                    (row.session, row.started - wait)
                    for wait in (2000, 0)
                    if (row.session, row.started - wait) in helped
                ),
                None,
            )
            lost += key not in helped
            failed = row.lag is not None and row.lag <= quarter.window_ms
            if key in helped and (failed or row.evidence in ("confirmed", "potential")):
                week = next(name for name, start, end in names if start <= row.started < end)
                for part in ("all", week, row.locale):
                    true[part][helped[key]] += 1
    slices = [*found.by["week"], *found.by["locale"]]
    held = [inside(share(true[each.name]), each.deflection) for each in slices]
    low, high = found.deflection.low, found.deflection.high
    say(
        "deflection",
        f"interval {low:.3f} to {high:.3f}, truth {share(true['all']):.3f}; {lost} intents without a truth",
    )
    say("interval holds the truth", f"{sum(held)} of {len(held)} weeks and locales")
    say("coverage", f"{found.coverage:.3f}")


def share(counts: Counter[bool]) -> float:
    return counts[True] / counts.total()


def inside(truth: float, interval: report.Interval) -> bool:
    return interval.low is not None and interval.low <= truth <= interval.high


def judge_triage(store: EventStore, truths: list[Need]) -> None:
    """The confusion matrix: true cause by triage, in tickets of the quarter."""
    causes = {need.ticket: need.cause for need in truths if need.ticket}
    n = derived.needs.c
    told: dict[str, str] = {}
    with store.reading() as connection:
        for row in connection.execute(sa.select(n.ticket, n.cause).where(n.ticket != "").order_by(n.at)):
            told[row.ticket] = row.cause
    matrix = Counter((cause, told.get(ticket, "(not joined)")) for ticket, cause in causes.items())
    columns = sorted({column for _, column in matrix})
    print("\ntrue cause \\ triage  " + "".join(f"{column:>20}" for column in columns))
    for cause in sorted({cause for cause, _ in matrix}):
        print(f"{cause:20} " + "".join(f"{matrix[cause, column]:20,}" for column in columns))
    triaged = sum(
        count for (_, column), count in matrix.items() if column not in ("UNTRIAGED", "(not joined)")
    )
    right = sum(count for (cause, column), count in matrix.items() if cause == column)
    say(
        "\ntriage",
        f"{right / triaged:.3f} right of {triaged:,} triaged; {triaged / len(causes):.3f} of all are triaged",
    )


def judge_groups(store: EventStore, quarter: Period, generation: Generation, truths: list[Need]) -> None:
    """B-cubed: of the searches grouped with one, how many have its topic (precision); of those with its
    topic, and of those that are other spellings of its very question, how many are in its group (recall)."""
    topics = {(need.topic.locale, need.query): need.topic for need in truths}
    with store.reading() as connection:
        needs = list(totals.needs_of(connection, quarter.start, quarter.end, quarter.window_ms))
    typed = [
        [(topics[n.locale, n.query], n.query) for n in told.needs if (n.locale, n.query) in topics]
        for told in gathered(needs, generation)
    ]
    by_topic = [Counter(topic.article + topic.locale for topic, _ in those) for those in typed]
    by_question = [Counter(question_of(topic, query) for topic, query in those) for those in typed]
    say("grouping (B-cubed)", f"precision {precision(by_topic):.3f}; {len(typed)} groups")
    say("", f"recall {recall(by_question):.3f} of spellings, {recall(by_topic):.3f} of topics")


def question_of(topic: Topic, query: str) -> str:
    """Which of the topic's questions a wording is a spelling of."""
    same = [each for each in topic.wordings if query in variants(each)]
    return f"{topic.locale} {topic.article} {same[0] if same else query}"


def precision(groups: list[Counter[str]]) -> float:
    everything = sum(group.total() for group in groups)
    return sum(n * n / group.total() for group in groups for n in group.values()) / everything


def recall(groups: list[Counter[str]]) -> float:
    sizes: Counter[str] = sum(groups, Counter())
    return sum(n * n / sizes[name] for group in groups for name, n in group.items()) / sizes.total()


def judge_experiment(store: EventStore, start: int) -> None:
    """The holdout's interval, week by week, against the true effect."""
    held = []
    with store.reading() as connection:
        for week in range(52):
            monday = start + week * 7 * DAY
            treated, holdout = totals.exposed(connection, monday, monday + 7 * DAY)
            difference = figures.mean_difference(holdout, treated)
            if difference:
                held.append(difference.low <= EFFECT <= difference.high)
        treated, holdout = totals.exposed(connection, start, start + 365 * DAY)
    year = figures.mean_difference(holdout, treated)
    if year:
        say("holdout", f"{year.value:.3f} tickets a session ({year.low:.3f} to {year.high:.3f})")
        say("", f"truth {EFFECT:.3f}; the interval of {sum(held)} of {len(held)} weeks holds it")
