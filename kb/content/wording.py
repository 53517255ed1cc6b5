"""Words that stand in each other's way, for `check`: questions of two articles, synonyms that say nothing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from kb.model import Article, Status
from kb.text.analyze import analyze
from kb.text.kana import to_hiragana
from kb.text.normalize import fold
from kb.text.synonyms import member

MOST_GOLDEN = 3
"""Articles that can be among the first three for one query."""
_MARKS = re.compile(r"[\s?!。、,.・「」()'\"]+")

Same = tuple[Article, Article, str]
"""An article, another before it, and a question of both as the first of the two has it."""


def same_questions(articles: Iterable[Article]) -> Iterator[Same]:
    """One question a pair of articles of one locale and audience that asks the same in both."""
    first: dict[tuple[str, str, str], Article] = {}
    told: set[tuple[str, str]] = set()
    for article in articles:
        for question in article.questions if article.status is Status.PUBLISHED else ():
            text = _MARKS.sub("", fold(question).text)
            other = first.setdefault((article.locale, article.audience, text), article)
            if other is not article and (article.key, other.key) not in told:
                told.add((article.key, other.key))
                yield article, other, question


def crowded(articles: Iterable[Article]) -> Iterator[tuple[str, list[Article]]]:
    """Golden queries that more articles claim than there is room for."""
    claims: defaultdict[tuple[str, str], list[Article]] = defaultdict(list)
    for article in articles:
        for query in article.golden if article.status is Status.PUBLISHED else ():
            claims[article.locale, query].append(article)
    for (_, query), claimed in claims.items():
        if len(claimed) > MOST_GOLDEN:
            yield query, claimed


def ambiguous(groups: Sequence[Sequence[str]]) -> list[str]:
    """Words that stand in several groups as the search takes them: each would expand to all of the others."""
    counts = Counter(form for group in groups for form in {member(word) for word in group})
    return [word for group in groups for word in group if (form := member(word)) and counts[form] > 1]


def never_match(groups: Sequence[Sequence[str]], articles: Iterable[Article]) -> Iterator[str]:
    """The first word of groups no word of which stands in any article, so that they lead nowhere."""
    rest = {group[0]: [_spellings(word) for word in group] for group in groups}
    for article in articles:
        if not rest:
            return
        text = _everything(article)
        rest = {
            first: words
            for first, words in rest.items()
            if not any(all(any(each in text for each in part) for part in word) for word in words)
        }
    yield from rest


def _spellings(word: str) -> list[tuple[str, ...]]:
    """For each part of a word what it may be written as; a stem is the beginning of its forms."""
    folded = to_hiragana(fold(word).text)
    tokens = [token for token in analyze(word).tokens if not token.compound]
    parts: list[tuple[str, ...]] = [
        (token.term, to_hiragana(fold(word[token.start : token.end]).text)) for token in tokens
    ]
    return parts if len(parts) > 1 else [(folded, *(each for part in parts for each in part))]


def _everything(article: Article) -> str:
    texts = [article.title, article.description, *article.questions, *article.tags]
    texts += [text for section in article.sections for text in (section.title, section.text)]
    return to_hiragana(fold("\n".join(texts)).text)
