"""Articles cut into words: what `vectors` counts, and what explaining a score looks at again."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from kb.model import Article
from kb.text.analyze import Analysis, Token, analyze


class SectionRecord(Struct, frozen=True):
    """A section, cut."""

    article: str
    """Key of the article."""
    ordinal: int
    """Place in the article, from 0."""
    anchor: str
    heading: str
    text: str
    """What snippets are cut from; the lead's begins with the article's description."""
    headings: Analysis
    """Of the heading and those above it."""
    body: Analysis


class ArticleRecord(Struct, frozen=True):
    """An article, cut."""

    article: Article
    title: Analysis
    tags: Analysis
    questions: tuple[Analysis, ...]


Analysed = tuple[ArticleRecord, list[SectionRecord]]


def records_of(article: Article) -> Analysed:
    """Cut an article into words: its own record and one a section."""
    sections: list[SectionRecord] = []
    for ordinal, (section, heading) in enumerate(zip(article.sections, headings_texts(article), strict=True)):
        text = section.text
        if ordinal == 0 and article.description and article.description not in text:
            text = f"{article.description}\n{text}"
        sections.append(
            SectionRecord(
                article.key, ordinal, section.anchor, section.title, text, analyze(heading), analyze(text)
            )
        )
    questions = tuple(analyze(question) for question in article.questions)
    tags = analyze(labels_text(article))
    return ArticleRecord(article, analyze(article.title), tags, questions), sections


def headings_texts(article: Article) -> Iterator[str]:
    """The heading of each section below those above it, a line each."""
    above: list[tuple[int, str]] = []
    for section in article.sections:
        above = [(level, title) for level, title in above if level < section.level]
        yield "\n".join([*(title for _, title in above), section.title])
        above.append((section.level, section.title))


def labels_text(article: Article) -> str:
    """Tags, products, name of the manual: what an article is about, though its title may not say so."""
    names = [*article.products, article.manual.rpartition("/")[2]]
    words = (name.replace("-", " ").replace("_", " ") for name in dict.fromkeys(names) if name)
    return "\n".join([*article.tags, *words])


def field_tokens(name: str, owner: ArticleRecord, section: SectionRecord) -> list[Token]:
    """Tokens of one field of one section."""
    if name == "title":
        return list(owner.title.tokens)
    if name == "tags":
        return list(owner.tags.tokens)
    if name == "questions":
        return [token for line in owner.questions for token in line.tokens] if section.ordinal == 0 else []
    return list((section.headings if name == "headings" else section.body).tokens)
