"""Where in its file a value of the YAML stands, for findings made when the whole tree is known.

The values themselves carry no places: few of them are ever complained of, and then the file is read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from kb.content import frontmatter, questions
from kb.content.book import Place, text_of
from kb.content.values import one_line
from kb.content.yamltext import Mapping, Mark, Node, Scalar, Sequence, load
from kb.errors import ContentError
from kb.model import Tree

_ENDING = re.compile(r"\.ya?ml$", re.I)


def place_of(tree: Tree, path: str, key: str, value: str = "") -> Place:
    """Of this value of the key; without it of the key; without that it is the whole file that is meant.

    `pinned.articles`: the key `articles` of whatever is listed under `pinned`.
    """
    entries = _entries(_yaml(tree, path), key.split("."))
    found = [each for _, entry in entries for each in _holding(entry, value)] if value else []
    marks = [each.at for each in found] + [mark for mark, _ in entries]
    return Place(path, *marks[0]) if marks else Place(path)


def word_in(tree: Tree, path: str, word: str, last: bool = False) -> Place:
    """The first place of a word in a file of nothing but lists, or its last."""
    node = _yaml(tree, path)
    found = _holding(node, word) if node else []
    return Place(path, *found[-1 if last else 0].at) if found else Place(path)


def _yaml(tree: Tree, path: str) -> Node | None:
    text, first_line = text_of(tree, path), 1
    try:
        if not _ENDING.search(path):
            text, first_line = frontmatter.split(text, path)[0], 2
        return load(text, path, first_line)
    except ContentError:
        return None  # changed since it was read


def _entries(node: Node | None, keys: list[str]) -> list[tuple[Mark, Node]]:
    """What stands under these keys, one within the other, with the place of the last of them."""
    if isinstance(node, Sequence):
        return [found for item in node.items for found in _entries(item, keys)]
    if not isinstance(node, Mapping) or keys[0] not in node.entries:
        return []
    entry = node.entries[keys[0]]
    return _entries(entry, keys[1:]) if keys[1:] else [(node.keys[keys[0]], entry)]


def _holding(node: Node, value: str) -> list[Scalar]:
    return [each for each in _scalars(node) if value in _meanings(each.text)]


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
        return
    for each in node.entries.values() if isinstance(node, Mapping) else node.items:
        yield from _scalars(each)


def _meanings(text: str) -> Iterator[str]:
    """What the readers of the front matter and of kb.yml may have made of it."""
    yield one_line(text)
    yield from frontmatter.ids_in(text)
    with suppress(questions.TooManyForms):
        yield from questions.expand(text)
