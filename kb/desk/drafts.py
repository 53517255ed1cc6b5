"""A ticket that is being written: what is wrong with it, and what is searched for it."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from kb.errors import BadParameter
from kb.index.snapshot import Snapshot
from kb.plan import analyze_query
from kb.text.normalize import MAX_QUERY, clean_query

MAX_BODY = 4000
"""Characters of a message that are looked at: who writes more says first what it is about."""
MAX_TERMS = 12
"""Words of the query. A sentence has ten; with more, politeness outweighs the matter."""
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

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
"""What browsers take for one; two dots in a row are usual with Japanese carriers."""
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
    """A checked query for `kb.search`, or an empty string when no word of the draft is known.

    The subject's words come first and count even when they are common: they are the customer's own summary.
    Of the body the rarest are taken, in the order in which they were written.
    """
    chosen = _words(snapshot, subject, MAX_TERMS, 1.0)
    room = MAX_TERMS - len(chosen)
    if room > 0:
        more = _words(snapshot, body[:MAX_BODY], MAX_TERMS, _TOO_COMMON)
        chosen += [word for word in more if word not in chosen][:room]
    text = ""
    for word in chosen:
        if len(text) + len(word) < MAX_QUERY:
            text = f"{text} {word}".strip()
    try:
        return clean_query(text) if text else ""
    except BadParameter:
        return ""


def _words(snapshot: Snapshot, text: str, limit: int, common: float) -> list[str]:
    """The rarest known words as they are written, in their order; neighbours make compounds again."""
    rare: dict[str, tuple[int, int, str]] = {}
    most = common * snapshot.meta.sections
    for token in analyze_query(text).tokens:
        number = -1 if token.compound or token.term in rare else snapshot.term(token.term)
        if number >= 0 and (found := int(snapshot.df[number])) <= max(most, 1):
            rare[token.term] = (found, token.start, text[token.start : token.end])
    rarest = sorted(rare.values())[:limit]
    return [word for _, _, word in sorted(rarest, key=lambda each: each[1])]
