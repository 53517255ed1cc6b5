"""Every way the service says no: one class a failure, raised where it is found, told at the edges.

`kb.api` holds the one table from these to HTTP; `kb.cli` prints `str(error)` and exits with 2.
Exceptions of foreign libraries are caught in the module that calls them and become one of these.
"""

from __future__ import annotations

from collections.abc import Sequence


class KbError(Exception):
    """Base of all failures that a person can be told about; `str()` is one clear line."""


class BadParameter(KbError):
    """A parameter of a request or command cannot be taken."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class ContentError(KbError):
    """A file of the tree cannot be used; names the file, line and column (0: the whole of it), the reason."""

    def __init__(self, path: str, line: int, reason: str, column: int = 0) -> None:
        super().__init__(f"{placed(path, line, column)}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason
        self.column = column


def placed(path: str, line: int, column: int) -> str:
    """`path:line:column` as far as it is known; editors and terminals open it."""
    return ":".join([path, *(str(each) for each in (line, line and column) if each)])


class TreeMissing(KbError):
    """The folder of articles does not exist or cannot be listed."""


class ArticleNotFound(KbError):
    """No such article, or none that this reader may know of."""


class ArticleGone(KbError):
    """The article was archived or deleted."""

    def __init__(self, message: str, near: Sequence[tuple[str, str, str]] = ()) -> None:
        super().__init__(message)
        self.near = tuple(near)
        """(title, locale, id) of articles that may help instead."""


class ArticleMoved(KbError):
    """The article has another address now."""

    def __init__(self, asked: str, locale: str, article_id: str) -> None:
        super().__init__(f"this article is now {locale}/{article_id}")
        self.asked = asked
        """The id that was asked for."""
        self.locale = locale
        self.article_id = article_id


class IndexMissing(KbError):
    """There is no index generation yet."""


class IndexDamaged(KbError):
    """Files of a generation are missing or do not match their checksums; `reason` leaves out what to do."""

    def __init__(self, where: object, what: str) -> None:
        self.reason = f"{where}: {what}"
        super().__init__(f"{self.reason}; run `kb index` to make it anew")


class IndexMismatch(KbError):
    """The generation was written by another version of the schema or of the analyzer."""

    def __init__(self, where: object, what: str) -> None:
        self.reason = f"{where}: {what}"
        super().__init__(f"{self.reason}; run `kb index` to make it anew")


class IndexNotWritable(KbError):
    """The state folder cannot be written: no permission, or the disk is full."""


class IndexLocked(KbError):
    """Another process is building the index."""


class EvaluationError(KbError):
    """A truth file or relevance set cannot be read."""


class PortTaken(KbError):
    """The address to serve on is in use or not allowed."""


class BadSetting(KbError):
    """A KB_* variable of the environment cannot be taken; names the variable."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


class PageNotFound(KbError):
    """Nothing is served at this address."""


class PayloadTooLarge(KbError):
    """The body of a request is larger than the service takes."""


class LengthRequired(KbError):
    """A request has a body without saying how long it is."""


class TooManyRequests(KbError):
    """One client asks more often than it may; `seconds` from now it may again."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many requests from this address; please slow down")
        self.seconds = seconds


class StoreUnavailable(KbError):
    """The database cannot be reached, is locked or its disk is full; it may be back later."""


class StoreReadOnly(KbError):
    """The database may not be written."""


class StoreDamaged(KbError):
    """The database file is corrupt, or is no database."""


class StoreTooNew(KbError):
    """The database was written by a newer version of the program."""


class StoreRefused(KbError):
    """The database does not take these values; trying again would not help."""


class BadSignature(KbError):
    """A signed message is forged, altered, too old, or was received before."""


class MalformedBody(KbError):
    """A body that is not even what it says to be: no JSON, no form."""


class InvalidBody(KbError):
    """A body is well-formed and yet cannot be taken; names every field at fault with the reason."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {detail}" for field, detail in errors))
        self.errors = tuple(errors)


class KeyReused(KbError):
    """An Idempotency-Key came with another body before; `ticket` is what was filed under it."""

    def __init__(self, ticket: str) -> None:
        super().__init__("this Idempotency-Key was used for another ticket")
        self.ticket = ticket


class TicketNotFound(KbError):
    """There is no ticket of this number here."""


class GitFailed(KbError):
    """git is missing, cannot reach the remote or cannot read the repository; never tells credentials."""


class RefNotFound(KbError):
    """The repository has no such branch, tag or commit."""


class TokenNotFound(KbError):
    """There is no token of this id."""


class NotSignedIn(KbError):
    """The address is for people with a role, or the token is unknown, expired or revoked."""


class NotAllowed(KbError):
    """The role does not reach so far, or a form was not ours."""
