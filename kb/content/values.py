"""From YAML nodes to typed values, one small reader a type; shared by `frontmatter` and `site`.

Each takes a node and returns a value or raises `Refused` with the node's place. Numbers and words
like `yes` are their own text, so a title of 2026 or No is simply a title.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from kb.content.yamltext import Mapping, Node, Refused, Scalar, Sequence

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off", ""})


def one_line(text: str) -> str:
    return " ".join(text.split())


def text(node: Node) -> str:
    """A text in one line; lists and mappings are refused."""
    if not isinstance(node, Scalar):
        raise Refused(node.at, "must be a text")
    return "" if node.absent else one_line(node.text)


def texts(node: Node) -> tuple[str, ...]:
    """A list of texts; a single text counts as a list of one, empty ones are left out."""
    return tuple(dict.fromkeys(written for item in items(node) if (written := text(item))))


def items(node: Node) -> tuple[Node, ...]:
    """What `texts` reads one by one. Raises Refused."""
    if isinstance(node, Mapping):
        raise Refused(node.at, "must be a list of texts")
    return node.items if isinstance(node, Sequence) else (node,)


def words(node: Node) -> tuple[str, ...]:
    """Like `texts`, but a single text may hold several, parted by commas (`tags: a, b`)."""
    if isinstance(node, Scalar):
        parts = text(node).replace("、", ",").split(",")
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    return texts(node)


def flag(node: Node) -> bool:
    """True or false, in any of the words that YAML has for them. Raises Refused."""
    word = text(node).lower()
    if word not in _TRUE | _FALSE:
        raise Refused(node.at, f"must be true or false, not {word!r}")
    return word in _TRUE


def moment(node: Node) -> datetime | None:
    """A date (midnight UTC) or a time; one without a zone is taken as UTC."""
    written = text(node)
    if not written:
        return None
    found = _parse_time(node, written)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else _in_utc(node, found)


def zoned(node: Node) -> datetime | None:
    """A time that names its zone: when an article appears must not depend on the machine's clock."""
    written = text(node)
    if not written:
        return None
    found = _parse_time(node, written)
    if found.tzinfo is None:
        raise Refused(node.at, f"must carry a time zone, like {found:%Y-%m-%dT%H:%M}+09:00")
    return _in_utc(node, found)


def day(node: Node) -> str:
    """A date as YYYY-MM-DD, or empty."""
    written = text(node)
    if not written:
        return ""
    try:
        return date.fromisoformat(written).isoformat()
    except ValueError:
        raise Refused(node.at, f"must be a date like 2026-05-01, not {written!r}") from None


def localized(node: Node, locales: tuple[str, ...]) -> dict[str, str]:
    """Texts by locale; a single text stands for every locale."""
    if isinstance(node, Mapping):
        return {locale: text(entry) for locale, entry in node.entries.items()}
    written = text(node)
    return dict.fromkeys(locales, written) if written else {}


def mapping(node: Node) -> Mapping:
    """Keys with their values; none when nothing is written. Raises Refused."""
    if isinstance(node, Scalar) and node.absent:
        return Mapping({}, {}, node.at)
    if not isinstance(node, Mapping):
        raise Refused(node.at, "must be a mapping of keys to values")
    return node


def sequence(node: Node) -> tuple[Node, ...]:
    """The items of a list; none when nothing is written. Raises Refused."""
    if isinstance(node, Scalar) and node.absent:
        return ()
    if not isinstance(node, Sequence):
        raise Refused(node.at, "must be a list")
    return node.items


def _parse_time(node: Node, written: str) -> datetime:
    try:
        return datetime.fromisoformat(written.replace("/", "-"))
    except ValueError:
        raise Refused(node.at, f"must be a date or time like 2026-05-01, not {written!r}") from None


def _in_utc(node: Node, found: datetime) -> datetime:
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise Refused(node.at, "is a time too far away") from None
