"""The two files that speak for the whole tree: `kb.yml` and `synonyms.yml`. Read by `tree` before articles.

A broken `kb.yml` stops everything: it says which folders only agents may read, and nothing may be served
with a guess about that. A broken `synonyms.yml` only costs synonyms, so it is a finding.
"""

from __future__ import annotations

import re
import zoneinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kb.content import values
from kb.content.codes import CODES
from kb.content.paths import SITE_FILE, nfc
from kb.content.yamltext import Mapping, Mark, Node, Refused, Scalar, load
from kb.errors import ContentError
from kb.model import Category, Channel, Finding, Pin, Severity, Site

SYNONYMS_FILE = "synonyms.yml"
MAX_BYTES = 1_000_000

_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_KEYS = (
    "site_name", "default_locale", "locales", "time_zone", "agents_only", "categories", "contact", "incident",
    "pinned", "check",
)  # fmt: skip
_ALARMING = re.compile(r"agent|internal|private|audience|staff|secret", re.I)
"""A misspelt `agents_only` must not be passed over: its folders would be public."""


def read_site(root: Path) -> tuple[Site, tuple[Finding, ...]]:
    """`kb.yml` below `root`, or the defaults without one; raises ContentError when it is broken."""
    text = _read(root / SITE_FILE, SITE_FILE)
    if text is None:
        return Site(), ()
    node = load(text, SITE_FILE)
    if node is None or (isinstance(node, Scalar) and node.absent):
        return Site(configured=True), ()
    try:
        entries = values.mapping(node)
        findings = _unknown_keys(entries)
        return _site(entries), findings
    except Refused as error:
        raise ContentError(SITE_FILE, error.at.line, error.reason, error.at.column) from None


def read_synonyms(root: Path) -> tuple[tuple[tuple[str, ...], ...], tuple[Finding, ...]]:
    """Groups of words that mean the same; a broken file gives none and an error."""
    try:
        text = _read(root / SYNONYMS_FILE, SYNONYMS_FILE)
        node = load(text, SYNONYMS_FILE) if text is not None else None
        lists = values.sequence(node) if node is not None else ()
        groups = [(item.at, values.texts(item)) for item in lists]
    except ContentError as error:
        return (), (_synonym_finding(Severity.ERROR, Mark(error.line, error.column), error.reason),)
    except Refused as error:
        return (), (_synonym_finding(Severity.ERROR, error.at, f"a group {error.reason}"),)
    small = tuple(
        _synonym_finding(Severity.WARNING, at, "a group of fewer than two words says nothing")
        for at, group in groups
        if len(group) < 2
    )
    return tuple(group for _, group in groups if len(group) >= 2), small


def _read(file: Path, name: str) -> str | None:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ContentError(name, 0, f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ContentError(name, 0, f"larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = Mark.of_byte(data, error.start)
        raise ContentError(name, at.line, "is not UTF-8", at.column) from None


def _synonym_finding(severity: Severity, at: Mark, message: str) -> Finding:
    return Finding(
        code="synonyms", severity=severity, path=SYNONYMS_FILE, line=at.line, column=at.column,
        message=message, mend="write a list of lists: `- [refund, money back, 返金]`",
    )  # fmt: skip


def _unknown_keys(entries: Mapping) -> tuple[Finding, ...]:
    findings = []
    for key, at in entries.keys.items():
        if key in _KEYS:
            continue
        close = get_close_matches(key, _KEYS, n=1, cutoff=0.75)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(_KEYS)}"
        if _ALARMING.search(key) or close == ["agents_only"]:
            raise Refused(at, f"unknown key {key!r} could decide who reads what; {hint}")
        findings.append(
            Finding(code="unknown-key", severity=Severity.WARNING, path=SITE_FILE, line=at.line,
                    column=at.column, message=f"unknown key {key!r}", mend=hint)
        )  # fmt: skip
    return tuple(findings)


def _site(entries: Mapping) -> Site:
    node = entries.entries
    locales = _locales(node["locales"]) if "locales" in node else ()
    default = _default_locale(node.get("default_locale"), locales)
    spoken = locales or (default,)
    contact = values.mapping(node["contact"]).entries if "contact" in node else {}
    for key in contact:
        if key not in ("hours", "channels"):
            raise Refused(values.mapping(node["contact"]).keys[key], f"contact has an unknown key {key!r}")
    return Site(
        site_name=_named(values.localized, node, "site_name", {}, spoken),
        default_locale=default,
        locales=locales,
        time_zone=_named(_time_zone, node, "time_zone", "UTC"),
        agents_only=_named(_folders, node, "agents_only", ()),
        categories=tuple(
            _category(item, spoken) for item in _named(values.sequence, node, "categories", ())
        ),
        hours=_named(values.localized, contact, "hours", {}, spoken),
        channels=tuple(_channel(item, spoken) for item in _named(values.sequence, contact, "channels", ())),
        incident=_notice(_named(values.localized, node, "incident", {}, spoken)),
        pinned=tuple(
            _pin(item, default) for item in _named(values.sequence, node, "pinned", ())
        ),
        check=_named(_check, node, "check", {}),
        configured=True,
    )  # fmt: skip


def _named(read: Any, node: dict[str, Node], key: str, default: Any, *more: Any) -> Any:
    """`read` on the entry `key`, whose name goes before the complaint; `default` when there is none."""
    if key not in node or (isinstance(entry := node[key], Scalar) and entry.absent):
        return default
    try:
        return read(node[key], *more)
    except Refused as error:
        raise Refused(error.at, f"{key} {error.reason}") from None


def _locales(node: Node) -> tuple[str, ...]:
    items = values.sequence(node)
    for item in items:
        if not _LOCALE.fullmatch(values.text(item)):
            raise Refused(item.at, f"locales must be like ja, en or pt-BR, not {values.text(item)!r}")
    return tuple(dict.fromkeys(values.text(item) for item in items))


def _default_locale(node: Node | None, locales: tuple[str, ...]) -> str:
    if node is None:
        return locales[0] if locales else "en"
    written = values.text(node)
    if not _LOCALE.fullmatch(written):
        raise Refused(node.at, f"default_locale must be like ja or en, not {written!r}")
    if locales and written not in locales:
        raise Refused(node.at, f"default_locale {written!r} is none of the locales ({', '.join(locales)})")
    return written


def _time_zone(node: Node) -> str:
    name = values.text(node)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(node.at, f"must be a name like Asia/Tokyo or UTC, not {name!r}") from None
    return name


def _folders(node: Node) -> tuple[str, ...]:
    return tuple(folder for each in values.texts(node) if (folder := nfc(each.strip("/ "))))


def _keyed(node: Node, required: str, known: tuple[str, ...]) -> dict[str, Node]:
    found = values.mapping(node)
    for key, at in found.keys.items():
        if key not in known:
            raise Refused(at, f"has an unknown key {key!r}; it may hold {', '.join(known)}")
    if required not in found.entries or not values.text(found.entries[required]):
        raise Refused(node.at, f"needs a {required!r}")
    return found.entries


def _category(node: Node, locales: tuple[str, ...]) -> Category:
    found = _keyed(node, "id", ("id", "title", "description"))
    return Category(
        id=nfc(values.text(found["id"])),
        title=_named(values.localized, found, "title", {}, locales),
        description=_named(values.localized, found, "description", {}, locales),
    )


def _channel(node: Node, locales: tuple[str, ...]) -> Channel:
    found = _keyed(node, "kind", ("kind", "value", "note"))
    return Channel(
        kind=values.text(found["kind"]),
        value=_named(values.text, found, "value", ""),
        note=_named(values.localized, found, "note", {}, locales),
    )


def _pin(node: Node, default_locale: str) -> Pin:
    found = _keyed(node, "query", ("query", "locale", "articles"))
    articles = _named(values.texts, found, "articles", ())
    if not articles:
        raise Refused(node.at, "needs a list of 'articles'")
    return Pin(
        query=values.text(found["query"]),
        locale=_named(values.text, found, "locale", default_locale),
        articles=tuple(nfc(article.strip("/")) for article in articles),
    )


def _check(node: Node) -> dict[str, str]:
    found = values.mapping(node)
    wishes = {code: values.text(entry).lower() for code, entry in found.entries.items()}
    for code, wish in wishes.items():
        if code not in CODES:
            close = get_close_matches(code, CODES, n=1, cutoff=0.6)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise Refused(found.keys[code], f"names no finding {code!r}{hint}")
        if wish not in ("off", "warning", "error"):
            raise Refused(found.keys[code], f"{code} must be off, warning or error, not {wish!r}")
    return wishes


def _notice(texts: dict[str, str]) -> dict[str, str]:
    """Only the locales that have something to say."""
    return {locale: text for locale, text in texts.items() if text}
