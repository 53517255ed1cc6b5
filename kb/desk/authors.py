"""Who files a ticket, and which sessions are suggested nothing, so that suggesting can be measured."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from kb.deflection.facts import Entry, Reader


class Author(Struct, frozen=True, kw_only=True):
    """Who files or marks, as facts know them."""

    session: str = ""
    reader: Reader = Reader.CUSTOMER
    entry: Entry = Entry.API


def in_holdout(session: str, share: float) -> bool:
    """Whether a session is one of those that are shown nothing: the same answer at every request of it.

    A reader without one is not: nobody could say what came of it.
    """
    if not session:
        return False
    digest = hashlib.sha256(f"holdout:{session}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
