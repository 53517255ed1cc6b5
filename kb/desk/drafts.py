"""A ticket that is being written: what is wrong with it, and what is searched for it."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from msgspec import Struct

from kb.errors import BadParameter
from kb.index.snapshot import Snapshot
from kb.plan import analyze_query
from kb.text.normalize import clean_query

MAX_BODY = 4000
"""Characters of a message that are looked at: who writes more says first what it is about."""
MAX_TERMS = 10
"""Words of the query. A sentence has ten; with more, politeness outweighs the matter (12 drafts tried)."""
_TOO_COMMON = 0.3
"""A word that stands in this share of all sections tells them apart too little."""

MAX_SUBJECT = 200
MAX_MESSAGE = 20_000
MAX_EMAIL = 254

DETAILS = {
    "empty": "is empty",
    "long": "is too long: at most {most} characters",
    "address": "is no e-mail address",
}
"""What is wrong, for programs; pages say it in the reader's language (`ticket.flaw.…`)."""
_MOST = {"subject": MAX_SUBJECT, "body": MAX_MESSAGE, "email": MAX_EMAIL}

ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
"""What browsers take for one; two dots in a row are usual with Japanese carriers."""
SAYS_SOMETHING = r"[^\s\x00-\x20\x7f-\xa0\ufeff]"
"""At least one character that `cleaned` leaves."""
_ADDRESS = re.compile(ADDRESS)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
"""What comes along when something is pasted; databases and mail do not take all of it."""


class Draft(Struct, frozen=True, kw_only=True):
    """What a customer wrote; `cleaned` has made it."""

    subject: str
    body: str
    locale: str
    email: str = ""
    suggestion_id: str = ""


class Flaw(Struct, frozen=True):
    """`code` is a key of DETAILS."""

    field: str
    code: str

    @property
    def detail(self) -> str:
        return DETAILS[self.code].format(most=_MOST[self.field])


def cleaned(draft: Draft) -> Draft:
    """Tidy white space, no control characters, an address typed in full width made plain."""
    lines = draft.body.replace("\r\n", "\n").replace("\r", "\n")
    return Draft(
        subject=" ".join(_CONTROL.sub(" ", draft.subject).split()),
        body=_CONTROL.sub("", lines).strip(),
        email=unicodedata.normalize("NFKC", draft.email).strip(),
        locale=draft.locale,
        suggestion_id=draft.suggestion_id,
    )


def flaws(draft: Draft, *, whole: bool = True) -> list[Flaw]:
    """What is wrong with a cleaned draft, in the form's order; for suggestions it need not be `whole`."""
    found = []
    for field, text in (("subject", draft.subject), ("body", draft.body), ("email", draft.email)):
        if len(text) > _MOST[field]:
            found.append(Flaw(field, "long"))
        elif not text and whole and field != "email":
            found.append(Flaw(field, "empty"))
        elif field == "email" and text and not _ADDRESS.fullmatch(text):
            found.append(Flaw(field, "address"))
    return found


def query_of(snapshot: Snapshot, subject: str, body: str) -> str:
    """A checked query for `kb.search`, or an empty string when there is nothing to search for.

    The subject is the customer's own summary: it is searched as it stands, so that kana and typos are
    read as in the search box, unless it is an essay. The rarest known words of the body follow, in the
    order in which they were written.
    """
    summary = _words(snapshot, subject, MAX_TERMS + 1, 1.0)
    query = subject if len(summary) <= MAX_TERMS else _text(summary[:MAX_TERMS])
    known = {word.term for word in summary}
    more = _words(snapshot, body[:MAX_BODY], MAX_TERMS, _TOO_COMMON)
    query += _text([word for word in more if word.term not in known][: max(0, MAX_TERMS - len(known))])
    try:
        return clean_query(query) if query.strip() else ""
    except BadParameter:
        return ""  # a subject of 200 characters that NFKC makes 2,000 of


def _text(words: list[_Word]) -> str:
    return "".join(word.text if word.joined else f" {word.text}" for word in words)


class _Word(NamedTuple):
    """A word of a draft: how rare, where, and whether it follows the one before without a gap."""

    found: int
    start: int
    end: int
    term: str
    text: str
    joined: bool = False


def _words(snapshot: Snapshot, text: str, limit: int, common: float) -> list[_Word]:
    """The rarest known words in their order; neighbours stay together, as parts of one compound (領収|書)."""
    rare: dict[str, _Word] = {}
    most = max(1.0, common * snapshot.meta.sections)
    for token in analyze_query(text).tokens:
        number = -1 if token.compound or token.term in rare else snapshot.term(token.term)
        if number >= 0 and (found := int(snapshot.df[number])) <= most:
            piece = text[token.start : token.end]
            rare[token.term] = _Word(found, token.start, token.end, token.term, piece)
    rarest = sorted(sorted(rare.values())[:limit], key=lambda word: word.start)
    ends = [-1, *(word.end for word in rarest)]
    return [word._replace(joined=word.start == end) for word, end in zip(rarest, ends, strict=False)]
