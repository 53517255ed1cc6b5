"""Settings from environment variables: the only module that reads the environment.

`SETTINGS` is the whole list: name, default, parser, and the sentence that the README prints. Everything
else receives a `Settings`, so a test needs no environment and a wrong value is told once, at the start.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import limits
from msgspec import Struct

from kb.errors import BadSetting

_LEVELS = ("debug", "info", "warning", "error")
_HOST = re.compile(r"[A-Za-z0-9.\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")


class BaseUrl(Struct, frozen=True):
    """Where readers reach the service; both empty when it is taken from each request."""

    origin: str = ""
    """`https://help.example.com`."""
    prefix: str = ""
    """Percent-encoded path before every address, without a slash at its end: `/support`."""


class Settings(Struct, frozen=True, kw_only=True):
    """One field a row of `SETTINGS`: KB_RATE_LIMIT is `rate_limit`."""

    base_url: BaseUrl = BaseUrl()
    workers: int = 2
    threads: int = 4
    log_level: str = "info"
    max_body: int = 1_000_000
    rate_limit: str = "600/minute"
    """Empty: no limit."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1/32", "::1/128")


class Setting(NamedTuple):
    """A row of the table; `parse` raises ValueError with the reason."""

    name: str
    default: str
    parse: Callable[[str], Any]
    sentence: str

    @property
    def field(self) -> str:
        return self.name.removeprefix("KB_").lower()


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment gives; raises BadSetting naming the variable."""
    values = {}
    for setting in SETTINGS:
        text = environ.get(setting.name, "").strip() or setting.default
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            raise BadSetting(setting.name, str(error)) from None
    return Settings(**values)


def _base_url(text: str) -> BaseUrl:
    if not text:
        return BaseUrl()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        raise ValueError(
            f"must be like https://help.example.com or https://example.com/support, not {text!r}"
        )
    if parts.query or parts.fragment:
        raise ValueError(f"must end with its path, without a query or fragment: {text!r}")
    prefix = quote(unquote(parts.path)).rstrip("/")
    return BaseUrl(f"{parts.scheme}://{parts.netloc}", prefix)


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 19 and lowest <= int(text) <= highest):
            raise ValueError(f"must be a whole number from {lowest} to {highest}, not {text!r}")
        return int(text)

    return parse


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}, not {text!r}")
    return text.lower()


def _rate(text: str) -> str:
    if text.lower() == "off":
        return ""
    try:
        rates = limits.parse_many(text)
    except ValueError:
        rates = []
    if len(rates) != 1 or rates[0].amount < 1:
        raise ValueError(f"must be like 600/minute or 20/second, or off, not {text!r}")
    return text


def _networks(text: str) -> tuple[str, ...]:
    if text.lower() == "none":
        return ()
    found = []
    for each in text.split(","):
        try:
            found.append(str(ipaddress.ip_network(each.strip(), strict=False)))
        except ValueError:
            raise ValueError(
                f"must be addresses or networks parted by commas, or none, not {each.strip()!r}"
            ) from None
    return tuple(found)


SETTINGS: tuple[Setting, ...] = (
    Setting("KB_BASE_URL", "", _base_url,
            "Address at which readers reach the service, with a path prefix if there is one; "
            "when empty, links have no prefix and absolute addresses come from the request's Host."),
    Setting("KB_WORKERS", "2", _number(1, 64), "Processes that answer requests; one a core is plenty."),
    Setting("KB_THREADS", "4", _number(1, 64), "Threads in each of these processes."),
    Setting("KB_LOG_LEVEL", "info", _level,
            "`debug`, `info` (a line a request), `warning` or `error`; the log goes to standard error."),
    Setting("KB_MAX_BODY", "1000000", _number(1, 100_000_000),
            "Largest body of a request in bytes; more is answered 413."),
    Setting("KB_RATE_LIMIT", "600/minute", _rate,
            "Requests one client address may make of each process before it is answered 429, or `off`; "
            "clients on this machine are not limited."),
    Setting("KB_TRUSTED_PROXIES", "127.0.0.1,::1", _networks,
            "Addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, "
            "or `none`."),
)  # fmt: skip
