"""Words that may mean the same, found in what customers did and in what articles say. Below `synonyms`.

    searches      reformulated before success: one found nothing of use, the next was read with profit
    brackets      領収書（レシート）, two-factor authentication (2FA)
    questions     two ways to ask one article that differ in one place; a word that only customers use
    translations  words of titles that come together in an article and its translation

Only candidates: a writer decides, after a look at what each would change.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct
from rapidfuzz.distance import DamerauLevenshtein

from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    FeedbackGiven,
    MarkedSolved,
    Reader,
    SearchRan,
    TicketFiled,
)
from kb.deflection.joining import GAP
from kb.deflection.outcomes import READ_MS, READ_SCROLL
from kb.model import Article
from kb.text.analyze import Token, analyze
from kb.text.kana import under_way
from kb.text.normalize import fold

MOST_TERMS = 3
"""Terms of a member: longer ones are sentences."""
MOST_ALONE = 2
"""The same of two texts that share nothing else."""
MOST_FAILED = 5
"""Searches before the one that helped that are compared with it."""
TOGETHER = 0.75
"""Dice coefficient of two words of translated titles from which they are taken for one."""
_LONGEST = 24
_BRACKETS = re.compile(
    r"([^\s()（）「」。、,.:;!?]{1,24}(?:[ ][A-Za-z-]{1,24}){0,3})[ ]?[(（]([^()（）]{2,24})[)）]"
)
_NO_WORD = re.compile(r"[0-9０-９〜～~、。,:;=/@]|\b(?:e\.?g|i\.?e|for|or|and|see|例|税|注)\b")


class Pair(Struct, frozen=True, array_like=True, order=True):
    """Two words or phrases, as they were written; in alphabetical order."""

    one: str
    other: str


class Evidence(Struct, frozen=True, array_like=True):
    source: str
    """`searches`, `brackets`, `questions` or `translations`."""
    where: str
    """A session, or the path of an article."""


Found = Mapping[Pair, set[Evidence]]


def of_articles(articles: Iterable[Article]) -> Found:
    """What the articles themselves say."""
    listed = list(articles)
    found: defaultdict[Pair, set[Evidence]] = defaultdict(set)
    for article in listed:
        for source, pairs in (("brackets", _brackets(article)), ("questions", _questions(article))):
            for pair in pairs:
                found[pair].add(Evidence(source, article.path))
    for pair, path in _only_asked(listed):
        found[pair].add(Evidence("questions", path))
    for pair, path in _translations(listed):
        found[pair].add(Evidence("translations", path))
    return found


def of_facts(facts: Iterable[AnyFact]) -> Found:
    """Searches that customers put into other words, and then read something with profit."""
    sessions: defaultdict[str, list[AnyFact]] = defaultdict(list)
    for fact in facts:
        if fact.session and fact.reader is Reader.CUSTOMER:
            sessions[fact.session].append(fact)
    found: defaultdict[Pair, set[Evidence]] = defaultdict(set)
    for session, acts in sessions.items():
        for failed, helped in _reformulated(sorted(acts, key=lambda fact: (fact.at, fact.id))):
            pair = None if _typing(failed, helped) else difference(failed, helped)
            if pair:
                found[pair].add(Evidence("searches", session))
    return found


# ---------------------------------------------------------------- searches


def _reformulated(acts: Sequence[AnyFact]) -> Iterator[tuple[str, str]]:
    """(a query that did not help, the query after it that did) of one session, in order of time."""
    row: list[SearchRan] = []
    for act in acts:
        if isinstance(act, SearchRan):
            if row and (act.at - row[-1].at >= GAP or act.locale != row[-1].locale):
                row = []
            row.append(act)
        elif isinstance(act, TicketFiled):
            row = []
        elif row and _helped(act) and act.at - row[-1].at < GAP:
            for failed in row[-1 - MOST_FAILED : -1]:
                yield failed.query, row[-1].query
            row = []


def _helped(act: AnyFact) -> bool:
    """As `kb.deflection.outcomes` has it: read for a while, or called helpful; silence is no success."""
    if isinstance(act, ArticleViewed):
        return act.active_ms >= READ_MS or act.scroll >= READ_SCROLL or act.copied
    return isinstance(act, MarkedSolved) or (isinstance(act, FeedbackGiven) and act.helpful)


def _typing(earlier: str, later: str) -> bool:
    """Whether the earlier text is but a keystroke on the way to the later: へんき on the way to 返金."""
    one, other = fold(earlier).text, fold(later).text
    if other.startswith(one) or one.startswith(other):
        return True
    reading = analyze(later).reading.strip()
    begun = (analyze(earlier).reading.strip(), *under_way(one))
    return any(each and reading.startswith(each) for each in begun)


# ---------------------------------------------------------------- articles


def _brackets(article: Article) -> Iterator[Pair]:
    texts = [article.title, *article.questions]
    texts += [text for section in article.sections for text in (section.title, section.text)]
    for match in _BRACKETS.finditer("\n".join(texts)):
        before, inside = match.groups()
        if _NO_WORD.search(inside):
            continue
        word = _named(before, inside)
        pair = pair_of(word, inside) if word else None
        if pair:
            yield pair


def _named(before: str, inside: str) -> str:
    """The end of a text that a bracket explains: as many words as an acronym has letters, else the last."""
    words = before.split(" ")
    if inside.isascii() and inside.isupper() and len(inside) <= len(words):
        meant = words[-len(inside) :]
        if "".join(word[:1] for word in meant).upper() == inside:
            return " ".join(meant)
    tokens = [token for token in analyze(before).tokens if token.end == len(before)]
    return before[tokens[0].start :] if tokens else ""  # a compound stands before its words


def _questions(article: Article) -> Iterator[Pair]:
    """Pairs of questions that say the same but in one place."""
    for one, other in combinations(dict.fromkeys(map(_folded, article.questions)), 2):
        pair = difference(one, other, framed=True)
        if pair:
            yield pair


def _folded(text: str) -> str:
    return fold(text).text


def _only_asked(articles: Sequence[Article]) -> Iterator[tuple[Pair, str]]:
    """A word that stands in questions of an article and in no text anywhere, beside its title's rarest."""
    known: Counter[str] = Counter()
    for article in articles:
        texts = [article.title, *(s.title for s in article.sections), *(s.text for s in article.sections)]
        known.update({token.term for token in analyze("\n".join(texts)).tokens})
    for article in articles:
        asked: Counter[str] = Counter()
        written: dict[str, str] = {}
        for question in article.questions:
            for token in _words(question):
                if token.term not in known and len(token.term) > 1:
                    asked[token.term] += 1
                    written.setdefault(token.term, question[token.start : token.end])
        titles = _wholes(article.title)
        rarest = min(titles, key=lambda token: (known[token.term], -len(token.term)), default=None)
        for term, count in asked.items():
            if rarest is not None and count > 1:
                pair = pair_of(written[term], article.title[rarest.start : rarest.end])
                if pair:
                    yield pair, article.path


def _translations(articles: Sequence[Article]) -> Iterator[tuple[Pair, str]]:
    """Words of titles that come together in articles and their translations more than with any other."""
    titles: defaultdict[str, dict[str, Article]] = defaultdict(dict)
    for article in articles:
        titles[article.id][article.locale] = article
    alone: Counter[tuple[str, str]] = Counter()
    both: defaultdict[tuple[tuple[str, str], tuple[str, str]], set[str]] = defaultdict(set)
    written: dict[tuple[str, str], str] = {}
    for versions in titles.values():
        words = {locale: _title_words(article, written) for locale, article in versions.items()}
        for those in words.values():
            alone.update(those)
        for one, other in combinations(sorted(words), 2):
            for left in words[one]:
                for right in words[other]:
                    both[left, right].add(versions[one].path)
    dice = {pair: 2 * len(paths) / (alone[pair[0]] + alone[pair[1]]) for pair, paths in both.items()}
    best: defaultdict[tuple[str, str], float] = defaultdict(float)
    for pair, share in dice.items():
        for word in pair:
            best[word] = max(best[word], share)
    for (left, right), share in sorted(dice.items()):
        paths = both[left, right]
        if len(paths) > 1 and share >= TOGETHER and share == best[left] == best[right]:
            found = pair_of(written[left], written[right])
            if found:
                yield from ((found, path) for path in sorted(paths))


def _title_words(article: Article, written: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    """(locale, term) of a title; `written` learns how each is written."""
    found = set()
    for token in _wholes(article.title):
        word = (article.locale, token.term)
        written.setdefault(word, article.title[token.start : token.end])
        found.add(word)
    return found


# ---------------------------------------------------------------- pairs


def _words(text: str) -> list[Token]:
    return [token for token in analyze(text).tokens if not token.compound]


def _wholes(text: str) -> list[Token]:
    """Compounds instead of their words."""
    found: list[Token] = []
    for token in analyze(text).tokens:
        if not found or token.start >= found[-1].end:
            found.append(token)
    return found


def difference(one: str, other: str, framed: bool = False) -> Pair | None:
    """What stands in one place of `one` and in the same of `other`; None where they differ in more.

    `framed`: all that stands around it must be the same, word for word.
    """
    sides = [_words(one), _words(other)]
    terms = [{token.term for token in tokens} for tokens in sides]
    spans = []
    for text, tokens, there in ((one, sides[0], terms[1]), (other, sides[1], terms[0])):
        places = [place for place, token in enumerate(tokens) if token.term not in there]
        if not places or len(places) > MOST_TERMS or places[-1] - places[0] >= len(places):
            return None
        spans.append((text, tokens[places[0]].start, tokens[places[-1]].end))
    if framed:
        around = [(text[:start], text[end:]) for text, start, end in spans]
        if around[0] != around[1] or not any(around[0]):
            return None
    shared = terms[0] & terms[1]
    if not shared and max(map(len, sides)) > MOST_ALONE:
        return None
    (left, *at), (right, *to) = spans
    return pair_of(left[at[0] : at[1]], right[to[0] : to[1]])


def pair_of(one: str, other: str) -> Pair | None:
    """Two wordings as a pair; None where one is the other already, a slip or a part of it."""
    words = sorted(" ".join(fold(each).text.split()) for each in (one, other))
    if not all(1 < len(word) <= _LONGEST for word in words) or words[0] in words[1] or words[1] in words[0]:
        return None
    cut = [[token.term for token in _words(word)] for word in words]
    if not all(cut) or max(map(len, cut)) > MOST_TERMS or set(cut[0]) == set(cut[1]):
        return None
    readings = [analyze(word).reading.replace(" ", "") for word in words]
    if readings[0] and readings[0] == readings[1]:
        return None  # kana find their kanji without being told
    slips = DamerauLevenshtein.distance(words[0], words[1])
    if all(word.isascii() for word in words) and slips * 4 <= max(map(len, words)):
        return None  # typos are found without being told, too
    return Pair(*words)
