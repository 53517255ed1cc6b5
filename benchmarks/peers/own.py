"""Ours: the ranking with each kernel, the floor of it, and the corpus that all others get."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from kb.index import kernel
from kb.index.scorer import SCORED
from kb.index.snapshot import Snapshot
from kb.plan import WEIGHTS, Plan, plan
from kb.related import related
from kb.search import Query, _counts, _facets, _filter
from kb.snippets import sought
from peers import Ask, Corpus, Peer, Question, here, word


def corpus(snapshot: Snapshot) -> Corpus:
    """Words of each section, the article's title first, and its category."""
    ptr, terms = snapshot.forward_ptr.tolist(), snapshot.forward_term.tolist()
    written = [word(number) for number in range(snapshot.meta.terms)]
    cards = [snapshot.card(number) for number in range(snapshot.meta.articles)]
    titles = [[written[n] for n in card.title_terms] for card in cards]
    owners = snapshot.section_article.tolist()
    return Corpus(
        [
            " ".join([*titles[owner], *[written[n] for n in terms[ptr[s] : ptr[s + 1]]]])
            for s, owner in enumerate(owners)
        ],
        [cards[owner].category for owner in owners],
    )


def fingerprint(made: Corpus) -> str:
    """Names what was built of this corpus."""
    digest = hashlib.sha256()
    for text in made.texts:
        digest.update(text.encode())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=2)
def _words_alone(words: tuple[int, ...]) -> Plan:
    return Plan(words=dict.fromkeys(words, 1.0), concepts=(), loose={}, grams={}, gram_mass=0.0)


def ours(snapshot: Snapshot, kernel_name: str, whole: bool = False) -> Peer:
    """The ten best articles with the sections that answer, and all matches counted by category.

    `whole`: a sentence with its n-grams, synonyms and readings. Excerpts come with all that a hit shows.
    """

    def ready(question: Question) -> Ask | None:
        if whole and not question.text:
            return None
        used = plan(snapshot, question.text) if whole else _words_alone(question.words)
        query = Query(text="", category=question.category)

        def ask() -> int:
            kernel.choose(kernel_name)
            if question.article >= 0:
                return len(related(snapshot, question.article, 10))
            best = snapshot.scorer.best(used, WEIGHTS.question, _filter(snapshot, query), 0.0, (), 10, 0, 10)
            _facets(snapshot, _counts(snapshot, query, best.strict))
            total = kernel.chosen.size(best.strict)
            if question.excerpts:
                return len(sought(snapshot, used).records(best.page, snapshot.card, snapshot.passage, 1.0))
            return total if question.counted else len(best.page) // SCORED.size

        return ask

    name = "compiled" if kernel_name == "auto" else kernel_name
    return here(f"kb, {name}" + (", n-grams too" if whole else ""), ready)


def ten_best(snapshot: Snapshot) -> list[Peer]:
    """No more than the others do: matches are known, but not counted; scorer and filter are ready, too.

    And what of this stands around the kernel's loops: the same ten, pinned, of a plan that has no lists.
    """

    def best(name: str, around: bool) -> Peer:
        def ready(question: Question) -> Ask | None:
            if question.counted or question.excerpts or question.article >= 0:
                return None
            kernel.choose("auto")
            used, scorer, pinned = _words_alone(question.words), snapshot.scorer, list[int]()
            allowed = _filter(snapshot, Query(text="", category=question.category))
            if around:
                first = scorer.best(used, WEIGHTS.question, allowed, 0.0, (), 10, 0, 10).first
                pinned, used = np.frombuffer(first, np.int32).tolist(), _words_alone(())

            def ask() -> int:
                best = scorer.best(used, WEIGHTS.question, allowed, 0.0, pinned, 10, 0, 10)
                return len(best.page) // SCORED.size

            return ask

        return here(name, ready)

    return [best("kb, compiled, not counting", False), best("of this, around the loops", True)]


def floors(snapshot: Snapshot) -> list[Peer]:
    """What nobody can do without: the same postings read once; and read once and added up by section.

    Rows and impacts of all lists, by one call from Python with the numbers of the lists ready, as our plan
    is. Compiled by numba with every liberty, so that the compiler is no excuse; ImportError without it.
    """
    from numba import njit

    @njit(fastmath=True, nogil=True)
    def stream(numbers, ptr, row, impact):  # noqa: ANN001, ANN202
        total, rows = np.float32(0), 0
        for number in numbers:
            for i in range(ptr[number], ptr[number + 1]):
                total += impact[i]
                rows ^= row[i]
        return total + rows

    @njit(fastmath=True, nogil=True)
    def add(numbers, ptr, row, impact, sums):  # noqa: ANN001, ANN202
        for number in numbers:
            for i in range(ptr[number], ptr[number + 1]):
                sums[row[i]] += impact[i]

    lists, sums = snapshot.words.arrays()[:3], np.zeros(len(snapshot.owner), np.float32)
    grams = snapshot.grams.arrays()[:3]

    def whole(question: Question) -> Ask | None:
        if not question.text:
            return None
        used = plan(snapshot, question.text)
        synonyms = [term for concept in used.concepts for each in concept for term in each.terms]
        numbers, pieces = (
            np.array([*used.words, *synonyms, *used.loose], np.int64),
            np.array([*used.grams], np.int64),
        )

        def ask() -> int:
            stream(numbers, *lists)
            stream(pieces, *grams)
            return len(numbers) + len(pieces)

        return ask

    def floor(name: str, run: Callable[..., object], *more: object) -> Peer:
        def ready(question: Question) -> Ask | None:
            if not question.plain or question.article >= 0:
                return None
            numbers = np.array(question.words)

            def ask() -> int:
                run(numbers, *lists, *more)
                return len(numbers)

            return ask

        return here(name, ready)

    return [
        floor("reading the postings", stream),
        floor("adding them up", add, sums),
        here("reading the postings, n-grams too", whole),
    ]
