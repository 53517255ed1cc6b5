"""Articles in their order: both kernels agree to the bit on any lists, and with a count of everything by hand."""

from __future__ import annotations

from array import array
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.index import kernel, kernel_numpy
from kb.index.blob import offsets
from kb.index.compile import frequent_sets, long_lists
from kb.index.scorer import Postings, read
from kb.index.sets import packed, unpacked
from kb.plan import Alternative, Plan

compiled = pytest.mark.skipif(kernel.compiled is None, reason="kb was installed without a compiler")
SEEDS = st.integers(0, 2**32)
TERMS = 9


class Made:
    """Random lists of few different impacts, so that scores are often equal."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        # of many rows a few hundred postings are few, and of these the highest are found together
        self.articles = int(self.chance.integers(1, self.chance.choice([400, 400, 2000])))
        self.sections = self._lengths(1)
        lines = self._lengths(0) if self.chance.random() < 0.5 else np.zeros(self.articles, np.int64)
        owner = [np.repeat(np.arange(self.articles), each) for each in (self.sections, lines)]
        self.owner = np.concatenate(owner).astype(np.int32)
        self.words = self._lists(len(self.owner))
        self.grams = self._lists(int(self.sections.sum()))

    def _lengths(self, least: int) -> Any:
        return self.chance.integers(least, least + 4, self.articles)

    def _lists(self, rows: int) -> Postings:
        shares = self.chance.choice([0, 0.005, 0.05, 0.3, 1], TERMS)
        lists = [np.flatnonzero(self.chance.random(rows) < share) for share in shares]
        row = np.concatenate(lists).astype(np.int32)
        impact = self.chance.choice([0.25, 1 / 3, 0.7, 2.5], len(row)).astype(np.float32)
        ptr = offsets([len(each) for each in lists])
        return Postings(ptr, row, impact, *long_lists(ptr, row, impact, int(self.sections.sum())))

    def scorer(self, module: Any) -> Any:
        sets = frequent_sets(self.words.ptr, self.words.row, self.owner, self.articles)
        scorer = module.Scorer(self.words, self.grams, self.owner, offsets(self.sections), *sets)
        if module is kernel.compiled and self.chance.random() < 0.8:
            # what is passed over in long lists alone is passed over in these few, too
            scorer.few, scorer.few_grams, scorer.lookup = 0, 0, int(self.chance.choice([0, 2]))
        if module is kernel_numpy:
            scorer.groups = int(self.chance.choice([8, 40, 512]))
            scorer.few, scorer.many, scorer.looked, scorer.near = self.chance.choice(
                [[0, 0, 9, 9], [30, 99, 5, 40], [60, 9999, 99, 999], [9999, 9999, 99, 999]]
            )
        return scorer

    def plan(self) -> Plan:
        chance = self.chance
        numbers = chance.permutation(TERMS).tolist()
        several = tuple(numbers[3:5])
        groups = [
            (Alternative((numbers[2],), 0.5), Alternative(several, 0.9)),
            (Alternative(several[:1], 0.4),),
        ]
        return Plan(
            words={number: float(chance.choice([0.3, 1.0])) for number in numbers[: chance.integers(0, 3)]},
            concepts=tuple(groups[: chance.integers(0, 3)]),
            loose=dict.fromkeys(numbers[5 : 5 + chance.integers(0, 2)], 0.8),
            grams=dict.fromkeys(numbers[: chance.integers(0, 6)], 0.1),
            gram_mass=0.4,
        )

    def asked(self) -> dict[str, Any]:
        chance, start = self.chance, int(self.chance.integers(0, 30))
        members = chance.random(self.articles) < 0.6
        return {
            "question": 0.7,
            "allowed": packed(members) if chance.random() < 0.5 else None,
            "floor": float(chance.choice([0.0, 0.05, 0.8])),
            "pinned": chance.permutation(self.articles)[: chance.integers(0, 3)].tolist(),
            # few are found by a bar that only the best reach, many by going through all
            "wanted": int(chance.integers(1, chance.choice([6, 60]))),
            "start": start,
            "stop": start + int(chance.integers(0, 12)),
        }


@compiled
@settings(max_examples=400, deadline=None)
@given(SEEDS)
def test_both_kernels_put_articles_in_the_same_order(seed: int) -> None:
    made = Made(seed)
    ours, theirs = made.scorer(kernel.compiled), made.scorer(kernel_numpy)
    # more than once, so that nothing is left of a query when the next one is asked
    for _ in range(3):
        plan, asked = made.plan(), made.asked()
        one, other = ours.best(plan, **asked), theirs.best(plan, **asked)
        assert one[1:3] == other[1:3]
        assert one.strict.tolist() == other.strict.tolist()
        for left, right in zip(ours.rows(plan), theirs.rows(plan), strict=True):
            assert left.tobytes() == right.tobytes()


@compiled
@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_both_kernels_find_articles_alike_as_a_count_by_hand_does(seed: int) -> None:
    made = Made(seed)
    terms = {
        number: float(made.chance.choice([0.3, 1.0]))
        for number in made.chance.permutation(TERMS)[:3].tolist()
    }
    likeness, gains = [np.float32(0)] * made.articles, {}
    for number, weight in terms.items():
        for row, impact in list_by_row(made.words)[number].items():
            if row < made.sections.sum():
                place = int(made.owner[row]), number
                gains[place] = max(gains.get(place, np.float32(0)), np.float32(weight) * impact)
        for article in range(made.articles):
            likeness[article] += gains.get((article, number), np.float32(0))
    for each in (kernel.compiled, kernel_numpy):
        scorer = made.scorer(each)
        assert scorer.likeness(terms).tolist() == [float(sum_) for sum_ in likeness]
        articles = made.chance.permutation(made.articles)[:5].tolist()
        found = scorer.gains(terms, articles)
        assert found == [[float(gains.get((article, number), 0)) for number in terms] for article in articles]


@compiled
def test_what_was_found_stays_as_it_is_when_more_is_asked() -> None:
    made = Made(seed=7)
    scorer = made.scorer(kernel.compiled)
    held = [scorer.best(made.plan(), **made.asked()) for _ in range(20)]
    before = [best.strict.tobytes() for best in held]
    part = scorer.best(made.plan(), **made.asked()).strict[:2]
    begins = part.tobytes()
    for _ in range(20):
        scorer.best(made.plan(), **made.asked())
    assert [best.strict.tobytes() for best in held] == before
    assert part.tobytes() == begins


@compiled
def test_threads_that_ask_one_snapshot_do_not_disturb_each_other() -> None:
    made = Made(seed=7)
    scorer = made.scorer(kernel.compiled)
    asked = [(made.plan(), made.asked()) for _ in range(200)]

    def ask_all(shift: int) -> list[Any]:
        turned = asked[shift:] + asked[:shift]
        answers = [scorer.best(plan, **each)[1:] for plan, each in turned]
        return answers[-shift:] + answers[:-shift] if shift else answers

    alone = ask_all(0)
    with ThreadPoolExecutor(4) as threads:
        assert all(answers == alone for answers in threads.map(ask_all, range(0, 160, 10)))


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_the_best_articles_are_those_of_a_count_by_hand(seed: int) -> None:
    made = Made(seed)
    plan, asked = made.plan(), made.asked()
    best = made.scorer(kernel_numpy).best(plan, **asked)
    rows, strict = by_hand(made, plan)
    scores = article_scores(made, rows, asked["question"])
    members = asked["allowed"]
    may = set(range(made.articles)) if members is None else set_of(members, made.articles)
    pinned = [article for article in asked["pinned"] if article in may][: asked["wanted"]]
    order = sorted(may - set(pinned), key=lambda a: (a not in strict, -scores[a], a))
    order = [a for a in order if a in strict or scores[a] > np.float32(asked["floor"])]
    assert array("i", best.first).tolist() == [*pinned, *order][: asked["wanted"]]
    assert set_of(best.strict, made.articles) == strict
    for article, score, matches, shown in read(best.page):
        assert score == pytest.approx(float(scores[article]), rel=1e-5)
        assert matches == (article in strict)
        assert {int(made.owner[section]) for section in shown} == {article}
        assert rows[shown[0]] == max(rows[s] for s in np.flatnonzero(made.owner == article)
                                     if s < made.sections.sum())  # fmt: skip


def set_of(bits: Any, articles: int) -> set[int]:
    return {n for n in range(articles) if int(bits[n // 64]) >> (n % 64) & 1}


def by_hand(made: Made, plan: Plan) -> tuple[list[Any], set[int]]:
    """Sums of rows, and articles that match strictly."""
    lists = {id(each): list_by_row(each) for each in (made.words, made.grams)}
    words, grams = lists[id(made.words)], lists[id(made.grams)]
    sums, strict = [np.float32(0)] * len(made.owner), set()
    for row in range(len(made.owner)):
        for number, weight in shortest_first(plan.words, words):
            sums[row] += np.float32(weight) * words[number].get(row, np.float32(0))
            strict |= {int(made.owner[row])} if row in words[number] else set()
        for group in plan.concepts:
            found = [
                np.float32(a.weight) * mean([words[t][row] for t in a.terms])
                for a in group
                if all(row in words[t] for t in a.terms)
            ]
            sums[row] += max(found, default=np.float32(0))
            strict |= {int(made.owner[row])} if found else set()
        for own, weighted in ((words, [*plan.loose.items()]), (grams, shortest_first(plan.grams, grams))):
            for number, weight in weighted:
                sums[row] += np.float32(weight) * own[number].get(row, np.float32(0))
    return sums, strict


def shortest_first(weighted: dict[int, float], lists: list[dict[int, float]]) -> list[tuple[int, float]]:
    return sorted(weighted.items(), key=lambda each: len(lists[each[0]]))


def mean(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total / np.float32(len(values))


def list_by_row(postings: Postings) -> list[dict[int, Any]]:
    row, impact = postings.row, postings.impact
    return [
        dict(zip(row[a:b].tolist(), impact[a:b], strict=True)) for a, b in pairwise(postings.ptr.tolist())
    ]


def article_scores(made: Made, rows: list[Any], question: float) -> Any:
    sections, lines = (np.zeros(made.articles, np.float32) for _ in range(2))
    for row, value in enumerate(rows):
        held = sections if row < made.sections.sum() else lines
        held[made.owner[row]] = max(held[made.owner[row]], value)
    return sections + np.float32(question) * lines


@given(st.lists(st.booleans(), max_size=200), st.integers(0, 2**32))
def test_sets_of_articles_are_counted_alike(members: list[bool], seed: int) -> None:
    flags = np.array(members, bool)
    bits = packed(flags)
    assert unpacked(bits, len(flags)).tolist() == members
    others = np.random.default_rng(seed).random((3, len(flags))) < 0.5
    sets = np.stack([packed(each) for each in others])
    for each in filter(None, (kernel.compiled, kernel_numpy)):
        assert each.size(bits) == sum(members)
        assert each.tally(sets, bits) == [int((other & flags).sum()) for other in others]
        assert each.tally(sets[:0], bits) == []
