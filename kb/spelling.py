"""What may have been meant, when nothing matches as typed: keyboard mode, romaji, kana, typos.

Candidates come in the order of how sure they are; `search` takes the first that finds something and says
so. Everything is checked against the words of the index, so a correction is never a word nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kb.index.snapshot import Snapshot
from kb.text.analyze import analyze
from kb.text.kana import kana_keyboard, kana_to_keys, letters_keyboard, romaji_to_hiragana, to_hiragana
from kb.text.normalize import fold
from kb.vocabulary import near, read_kana

_LATIN_RUN = re.compile(r"[a-z][a-z'\-]*")
_KANA_RUN = re.compile(r"[\u3041-\u3096\u30fc]+")
_MAX_TRIED = 12
"""Words of a query that are tried; a whole sentence of unknown words is not a typo."""


def candidates(snapshot: Snapshot, text: str) -> Iterator[str]:
    """Other spellings of the whole query, the likeliest first; each differs from `text`."""
    folded = to_hiragana(fold(text).text)
    if len(folded.split()) > _MAX_TRIED:
        return
    seen = {text, folded}
    for reader in (_as_romaji, _as_kana, _as_letters, _as_kana_keys, _as_letter_keys, _as_typo):
        candidate = _each_word(snapshot, folded, reader)
        if candidate and candidate not in seen:
            seen.add(candidate)
            yield candidate


Reader = Callable[[Snapshot, str], str | None]


def _each_word(snapshot: Snapshot, text: str, reader: Reader) -> str | None:
    """Apply a reader to each word between spaces; words it cannot read stay. None when it read none."""
    words, changed = [], False
    for word in text.split():
        read = None if _known(snapshot, word) else reader(snapshot, word)
        words.append(read or word)
        changed |= read is not None
    return " ".join(words) if changed else None


def _known(snapshot: Snapshot, word: str) -> bool:
    """Whether the index has all of it; stop words are known everywhere."""
    return all(snapshot.term(token.term) >= 0 for token in analyze(word).tokens)


def _as_romaji(snapshot: Snapshot, word: str) -> str | None:
    """henkin → 返金"""
    kana = romaji_to_hiragana(word) if len(word) > 3 else None
    return _kana_words(snapshot, kana) if kana else None


def _as_kana(snapshot: Snapshot, word: str) -> str | None:
    """かいやくのほうほう → 解約の方法"""
    return _kana_words(snapshot, word)


def _as_letters(snapshot: Snapshot, word: str) -> str | None:
    """ぱっsをrd → password: an input method was on while Latin letters were typed."""
    return next((keys for keys in kana_to_keys(word) if _is_word(snapshot, keys, word)), None)


def _as_kana_keys(snapshot: Snapshot, word: str) -> str | None:
    """^ygy → へんきん → 返金: a kana keyboard's keys, read as Latin."""
    kana = kana_keyboard(word)
    return _kana_words(snapshot, kana) if kana else None


def _as_letter_keys(snapshot: Snapshot, word: str) -> str | None:
    """せちととてらすし → password: Latin typed on a kana keyboard."""
    letters = letters_keyboard(word)
    return letters if letters and _is_word(snapshot, letters, word) else None


def _is_word(snapshot: Snapshot, letters: str, typed: str) -> bool:
    """Whether Latin letters are words of the index, or other words for such (password for パスワード)."""
    terms = [token.term for token in analyze(letters).tokens if not token.compound]
    if letters == typed or not terms:
        return False
    return _known(snapshot, letters) or any(
        all(snapshot.term(term) >= 0 for term in member)
        for concept in snapshot.synonyms.expand(terms)
        for member in concept.others
    )


def _kana_words(snapshot: Snapshot, kana: str) -> str | None:
    """Kana with every reading that the index knows written as the index writes it; None for none."""
    out: list[str] = []
    changed = False
    position = 0
    for run in _KANA_RUN.finditer(kana):
        out.append(kana[position : run.start()])
        position = run.start()
        for start, end, terms in read_kana(snapshot, run.group()):
            out.append(kana[position : run.start() + start])
            # of words that sound alike, the one that stands in most sections
            out.append(snapshot.surface(terms[0]))
            changed = True
            position = run.start() + end
        out.append(kana[position : run.end()])
        position = run.end()
    out.append(kana[position:])
    return "".join(out) if changed else None


def _as_typo(snapshot: Snapshot, word: str) -> str | None:
    """pasword → password, ぱすわど → パスワード"""
    if not _LATIN_RUN.fullmatch(word) and not _KANA_RUN.fullmatch(word):
        return None
    nearest = near(snapshot, word)
    if nearest is None:
        return None
    text, number = nearest
    return text if text.isascii() else snapshot.surface(number)
