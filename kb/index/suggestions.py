"""The table behind suggestions: every title and question, under each of its words, as written and as read.

    商品を返したい   →   商品を返したい · 返したい · しょうひんをかえしたい · かえしたい

Keys are sorted bytes, so that "starts with what was typed so far" is one range. Compiled into the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from kb.index.blob import Blob, Mapped, Strings, load, offsets
from kb.index.former import Former
from kb.index.saver import Saver
from kb.index.splice import Ints, Splice, spliced
from kb.model import Article, Kind
from kb.text import english, japanese
from kb.text.analyze import japanese_only
from kb.text.kana import to_hiragana
from kb.text.normalize import fold

KEY_LENGTH = 24
"""Characters of a key; nobody types more before choosing."""


class SuggestionKind(StrEnum):
    TITLE = "title"
    QUESTION = "question"


class Entry(Struct, frozen=True, array_like=True):
    text: str
    kind: SuggestionKind
    article: int
    anchor: str


Keys = tuple[tuple[bytes, int, int], ...]
"""Key, number of its entry, place of the word it begins with."""


def entries_of(article: Article) -> Iterator[Entry]:
    """What may be suggested of an article, which is number 0 here."""
    yield Entry(article.title, SuggestionKind.TITLE, 0, "")
    for question in article.questions:
        yield Entry(question, SuggestionKind.QUESTION, 0, "")
    if article.kind is Kind.FAQ:
        for section in article.sections:
            if section.anchor:
                yield Entry(section.title, SuggestionKind.QUESTION, 0, section.anchor)


def save_suggestions(
    folder: Saver, former: Former, splice: Splice, came: Sequence[tuple[tuple[Entry, ...], Keys]]
) -> None:
    """Write the table; `came`: entries and keys of each article that is added."""
    articles = former.array("suggest_article")
    starts = np.searchsorted(articles, np.arange(len(former.offsets("article_sections"))))
    added = offsets([len(entries) for entries, _ in came])
    places = offsets(splice.lengths(starts, added))
    moved, numbers = splice.moved(starts, places, added)
    keys = [
        (key, int(numbers[start + entry]), place)
        for (_, own), start in zip(came, added.tolist(), strict=False)
        for key, entry, place in own
    ]
    _save_keys(folder, former, moved, sorted(keys))
    entries = [entry for own, _ in came for entry in own]
    encoded = Strings.of(list(map(_encode, entries)))
    folder.save_strings(
        "suggest_entries", splice.strings(former.strings("suggest_entries"), starts, encoded, added)
    )
    weights = former.array("suggest_weight", np.float32), np.array(list(map(_weight, entries)), np.float32)
    folder.save("suggest_weight", splice.rows(weights[0], starts, weights[1], added))
    # by itself, since it changes with other articles
    folder.save("suggest_article", np.repeat(np.arange(len(splice), dtype=np.int32), np.diff(places)))


def _save_keys(folder: Saver, former: Former, moved: Ints, came: Sequence[tuple[bytes, int, int]]) -> None:
    """Sorted by key, then by entry: so are the old ones, and stay so with the new numbers (`moved`)."""
    keys = former.strings("suggest_keys")
    numbers = moved[former.array("suggest_entry")]
    stay = np.flatnonzero(numbers >= 0)
    places = []
    for key, number, _ in came:
        first, end = (keys.bisect(each) for each in (key, key + b"\0"))
        later = np.flatnonzero(numbers[first:end] > number)
        places.append(first + int(later[0]) if len(later) else end)
    splice = spliced(len(numbers), stay, np.searchsorted(stay, places))
    every, new = np.arange(len(keys) + 1), np.arange(len(came) + 1)
    folder.save_strings("suggest_keys", splice.string_each(keys, Strings.of([key for key, _, _ in came])))
    entry = np.array([number for _, number, _ in came], np.int32)
    place = np.array([place for _, _, place in came], np.int32)
    folder.save("suggest_entry", splice.rows(numbers, every, entry, new))
    folder.save("suggest_place", splice.rows(former.array("suggest_place"), every, place, new))


def _weight(entry: Entry) -> float:
    """Order among equals: titles first, then the shorter."""
    return (1.0 if entry.kind is SuggestionKind.TITLE else 0.7) - min(len(entry.text), 100) / 200


def keys_of(text: str) -> list[tuple[str, int]]:
    """Keys with the place of the word they begin with, 0 the first; spaces and punctuation left out."""
    pieces = list(_pieces(text))
    keys: dict[str, int] = {}
    for number, (_, _, begins) in enumerate(pieces):
        if begins or number == 0:
            for form in (0, 1):
                key = "".join(piece[:2][form] for piece in pieces[number:])[:KEY_LENGTH]
                if key:
                    keys.setdefault(key, number)
    return list(keys.items())


def _pieces(text: str) -> Iterator[tuple[str, str, bool]]:
    """(as written, as read, whether somebody may begin to type here) of each word."""
    folded = fold(text).text
    found = [
        (m.start(), m.group().replace("'", ""), m.group().replace("'", ""), True)
        for m in english.WORD.finditer(folded)
    ]
    if japanese.JAPANESE.search(folded):
        for start, word in japanese.cut(japanese_only(folded)):
            for part in word.parts or (word,):
                surface = to_hiragana(folded[start + part.start : start + part.end])
                found.append((start + part.start, surface, part.reading or surface, part.content))
    for _, written, read, begins in sorted(found):
        if written.isalnum() or "ー" in written:
            yield written, read, begins


class SuggestionTable:
    """The compiled table, opened."""

    def __init__(self, files: Mapped) -> None:
        self.keys = Blob(files, "suggest_keys")
        self.entry: npt.NDArray[np.int32] = load(files, "suggest_entry")
        self.place: npt.NDArray[np.int32] = load(files, "suggest_place")
        self.weight: npt.NDArray[np.float32] = load(files, "suggest_weight")
        self._entries = Blob(files, "suggest_entries")
        self._article: npt.NDArray[np.int32] = load(files, "suggest_article")
        # the beginning of the first word is what people mean most; then each word further in a little less
        places = np.minimum(self.place, 10).astype(np.float32)
        self.score = self.weight[self.entry] + np.where(
            places == 0, np.float32(0.5), np.float32(-0.02) * places
        )
        """What each key is worth."""

    def __getitem__(self, number: int) -> Entry:
        return replace(_decode(self._entries[number]), article=int(self._article[number]))

    def range(self, prefix: bytes) -> tuple[int, int]:
        """Numbers of the keys that begin with `prefix`: first, end."""
        return self.keys.bisect(prefix), self.keys.bisect(prefix + b"\xff")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode
