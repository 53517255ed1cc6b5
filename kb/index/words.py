"""Which terms and readings there are, how each is written, and which terms a reading stands for.

All of it is counted, so that what an article brought in is taken out with it: `merge` adds the counts of
articles that came and takes off those of articles that went.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from kb.index.blob import Strings, offsets
from kb.index.former import Former
from kb.index.joined import Joined, Names, Wide, names_of
from kb.index.saver import Saver
from kb.index.splice import Splice, among
from kb.index.vectors import Vectors
from kb.text.kana import to_hiragana


class Vocabulary(Struct, frozen=True):
    """The terms of a snapshot."""

    names: Strings
    before: Wide
    """New number of each term of before; -1 when it is no more."""
    every: Names
    """Those of before, of articles that went and of articles that came."""
    final: Wide
    """New number of each of `every`."""

    def of(self, joined: Joined, name: str, columns: int, own: Wide) -> Wide:
        """New numbers of the terms in a table of the articles that came."""
        found: Wide = self.final[joined.named(self.every, name, columns, own)]
        return found


class _Delta(Struct, frozen=True):
    """Articles that went, then articles that came."""

    joined: Joined
    signs: list[int]

    def table(self, name: str, columns: int) -> tuple[list[Wide], Wide]:
        """Columns, and +1 or -1 for each row."""
        return self.joined.table(name, columns), self.joined.shift(name, 4 * columns, self.signs)


def compile_vocabulary(
    folder: Saver, tables: Saver, former: Former, went: Sequence[Vectors], came: Sequence[Vectors]
) -> Vocabulary:
    """Write terms, forms and readings."""
    articles = [*went, *came]
    delta = _Delta(Joined(articles), [-1] * len(went) + [1] * len(came))
    every = names_of(former.strings("terms"), [each.terms for each in articles])
    forms = names_of(former.strings("forms"), [each.forms for each in articles])
    term, form, count = _written(former, delta, every, forms)
    # every term of an article is written somewhere in it
    names, final = every.alive(term)
    vocabulary = Vocabulary(names, final[every.before], every, final)
    other = form >= 0
    written, form_final = forms.alive(form[other])
    term, form[other] = final[term], form_final[form[other]]
    folder.save_strings("terms", names)
    tables.save_strings("forms", written)
    for name, array in (("term", term), ("form", form), ("count", count)):
        tables.save(f"written_{name}", array.astype(np.int32))
    touched = np.zeros(len(every), bool)
    touched[every.number] = True
    again = final[np.flatnonzero(touched & (final >= 0))]
    pairs = _Written(names, written, term, form, count)
    _save_surfaces(folder, former, vocabulary, pairs, again)
    _save_spellings(folder, pairs)
    _compile_lexicon(folder, tables, former, delta, vocabulary)
    return vocabulary


def _counted(before: Wide, counts: Wide, came: Wide, signs: Wide) -> tuple[Wide, Wide]:
    """Keys in order, each once (as those of before are), with the sum of its counts, unless that is 0."""
    key, which = np.unique(came, return_inverse=True)
    sums = np.bincount(which, signs, len(key)).astype(np.int64)
    places, there = among(before, key)
    total = counts.astype(np.int64)
    total[places[there]] += sums[there]
    new = places[~there]
    every, total = np.insert(before, new, key[~there]), np.insert(total, new, sums[~there])
    return every[total > 0], total[total > 0]


# ---------------------------------------------------------------- forms


class _Written(Struct, frozen=True):
    """How often each term is written how: `form` is -1 for the term itself; ordered by term, then form."""

    terms: Strings
    forms: Strings
    term: Wide
    form: Wide
    count: Wide

    def text(self, place: int) -> str:
        form = int(self.form[place])
        return (self.forms[form] if form >= 0 else self.terms[int(self.term[place])]).decode()


def _written(former: Former, delta: _Delta, every: Names, forms: Names) -> tuple[Wide, Wide, Wide]:
    """Term, form, count, in the numbers of `every` and `forms`."""
    wide = len(forms) + 1
    old = former.array("written_form").astype(np.int64)
    old[old >= 0] = forms.before[old[old >= 0]]
    (own_term, own_form, count), sign = delta.table("written", 3)
    form = np.full(len(own_form), -1, np.int64)
    other = own_form >= 0
    form[other] = forms.number[(own_form + delta.joined.shift("written", 12, forms.first))[other]]
    term = delta.joined.named(every, "written", 3, own_term)
    before = every.before[former.array("written_term")] * wide + old + 1
    key, total = _counted(before, former.array("written_count"), term * wide + form + 1, sign * count)
    return key // wide, key % wide - 1, total


def _save_surfaces(
    folder: Saver, former: Former, vocabulary: Vocabulary, pairs: _Written, again: Wide
) -> None:
    """The form that stands for each term, chosen anew where something changed."""
    first = np.searchsorted(pairs.term, again).tolist()
    end = np.searchsorted(pairs.term, again, side="right").tolist()
    chosen = [
        _surface(pairs.terms[number].decode(), [(pairs.text(n), int(pairs.count[n])) for n in range(*places)])
        for number, *places in zip(again.tolist(), first, end, strict=True)
    ]
    before = former.strings("surfaces")
    source = np.zeros(len(pairs.terms), np.int64)
    stay = np.flatnonzero(vocabulary.before >= 0)
    source[vocabulary.before[stay]] = stay
    source[again] = len(before) + 1 + np.arange(len(again))
    added = Strings.of([surface.encode() for surface in chosen])
    folder.save_strings("surfaces", Splice(len(before), source).string_each(before, added))


def _save_spellings(folder: Saver, pairs: _Written) -> None:
    """Every word in Latin script as it is written, with its term: what typos are compared with."""
    terms, forms = _latin(pairs.terms), _latin(pairs.forms)
    every, itself = [*terms, *forms], pairs.form < 0
    known = np.flatnonzero(np.where(itself, pairs.term < len(terms), pairs.form < len(forms)))
    text = np.where(itself, pairs.term, pairs.form + len(terms))[known]
    latin = np.fromiter(map(bytes.isalpha, every), bool, len(every))[text]
    words = map(every.__getitem__, text[latin].tolist())
    spelled = dict(zip(words, pairs.term[known[latin]].tolist(), strict=True))
    folder.save_blob("spellings", sorted(spelled))
    folder.save("spelling_terms", np.array([spelled[word] for word in sorted(spelled)], np.int32))


def _latin(strings: Strings) -> list[bytes]:
    """Those that begin in ASCII, which come first, in small letters without what joins them (Wi-Fi: wifi)."""
    end = strings.bisect(b"\x80")
    # parted meanwhile by what is in no UTF-8
    parted = np.insert(strings.data[: strings.ptr[end]], strings.ptr[1 : end + 1], 0xFF).tobytes()
    return parted.lower().translate(None, b"-_.+/&'").split(b"\xff")[:-1]


def _surface(term: str, written: list[tuple[str, int]]) -> str:
    """The form that is written most, of those that are the term itself."""
    same = [each for each in written if to_hiragana(each[0].lower()) == term]
    if same:
        return max(same, key=_often)[0]
    # an inflected Japanese word is told by its dictionary form, a stemmed English one is not a word
    return max(written, key=_often)[0].lower() if term.isascii() else term


def _often(form: tuple[str, int]) -> tuple[int, str]:
    """Among equals small letters go before capitals, kanji before kana."""
    return form[1], form[0]


# ---------------------------------------------------------------- readings


def _compile_lexicon(
    folder: Saver, tables: Saver, former: Former, delta: _Delta, vocabulary: Vocabulary
) -> None:
    """Which terms a kana spelling may stand for: かいやく → 解約. Counted is in how many articles."""
    readings = [each.readings for each in delta.joined.articles]
    every, wide = names_of(former.strings("lexicon"), readings), len(vocabulary.final)
    old = np.repeat(every.before, np.diff(former.offsets("lexicon_terms_ptr")))
    (own_reading, own_term), sign = delta.table("read_as", 2)
    reading = delta.joined.named(every, "read_as", 2, own_reading)
    term = delta.joined.named(vocabulary.every, "read_as", 2, own_term)
    before = old * wide + vocabulary.every.before[former.array("lexicon_terms")]
    key, count = _counted(before, former.array("lexicon_count"), reading * wide + term, sign)
    names, final = every.alive(key // max(wide, 1))
    folder.save_strings("lexicon", names)
    counts: npt.NDArray[np.int64] = np.bincount(final[key // max(wide, 1)], minlength=len(names))
    folder.save("lexicon_terms_ptr", offsets(counts))
    folder.save("lexicon_terms", vocabulary.final[key % max(wide, 1)].astype(np.int32))
    tables.save("lexicon_count", count.astype(np.int32))
