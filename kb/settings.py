"""Settings from environment variables: the only module that reads the environment.

`SETTINGS` is the whole list: name, default, parser, and the sentence that the README prints. Everything
else receives a `Settings`, so a test needs no environment and a wrong value is told once, at the start.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from kb.errors import BadSetting

_LEVELS = ("debug", "info", "warning", "error")
_ADDRESS = re.compile(r"[^@<>\s]+@[^@<>\s]+|[^@<>\r\n]+ <[^@<>\s]+@[^@<>\s]+>")
_HOST = re.compile(r"[A-Za-z0-9.\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")


class BaseUrl(Struct, frozen=True):
    """Where readers reach the service; both empty when it is taken from each request."""

    origin: str = ""
    """`https://help.example.com`."""
    prefix: str = ""
    """Percent-encoded path before every address, without a slash at its end: `/support`."""


class Secret(Struct, frozen=True):
    """A password, token or key; shown nowhere, tracebacks and logs included."""

    value: str = ""

    def __repr__(self) -> str:
        return "Secret(***)" if self.value else "Secret()"

    def __bool__(self) -> bool:
        return bool(self.value)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Settings(Struct, frozen=True, kw_only=True):
    """One field a row of `SETTINGS`: KB_RATE_LIMIT is `rate_limit`."""

    base_url: BaseUrl = BaseUrl()
    workers: int = 2
    threads: int = 4
    kernel: str = "auto"
    log_level: str = "info"
    max_body: int = 1_000_000
    rate_limit: str = "600/minute"
    """Empty: no limit."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1/32", "::1/128")
    widget_origins: tuple[str, ...] = ()
    database_url: Secret = Secret()
    """Empty: `kb.sqlite3` in the state folder."""
    secret: Secret = Secret()
    """Empty: the file `secret` in the state folder."""
    fact_days: int = 90
    spool_mb: int = 64
    order_shapes: tuple[str, ...] = ("K-########",)
    desk: str = "none"
    desk_url: str = ""
    desk_user: str = ""
    desk_secret: Secret = Secret()
    desk_from: str = ""
    desk_to: str = ""
    desk_timeout: int = 20
    desk_tries: int = 60
    ticket_days: int = 30
    ticket_rate: str = "10/10minute"
    """Empty: no limit."""
    ticket_repeat: int = 10
    holdout: float = 0.0
    """Share of sessions, 0 to 1."""
    hook_secret: Secret = Secret()
    hook_secret_zendesk: Secret = Secret()
    owner_webhook: str = ""
    owner_secret: Secret = Secret()
    check_cache: Path | None = Path("~/.cache/kb")
    """None: nothing is kept."""
    git_url: Secret = Secret()
    """May hold a password."""
    git_ref: str = ""
    git_path: str = ""
    """Empty: found by looking."""
    git_timeout: int = 120
    publish_status_url: str = ""
    publish_status_secret: Secret = Secret()


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


def language(environ: Mapping[str, str] = os.environ) -> str:
    """What the terminal speaks, as POSIX names it (`ja_JP.UTF-8` is `ja`); empty when it does not say."""
    named = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    code = re.split("[_.@]", named)[0].lower()
    return "" if code in ("c", "posix") else code


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


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text.lower()

    return parse


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if text and (parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc):
            # not repeated: a user's password may stand in it
            raise ValueError(
                f"must begin with one of {', '.join(f'{s}://' for s in schemes)} and name a host only"
            )
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("must have a port from 1 to 65535, or none") from None
        return text

    return parse


def _ref(text: str) -> str:
    if text.startswith("-") or re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.", text):
        raise ValueError(f"must be the name of a branch or tag, not {text!r}")
    return text


def _folder(text: str) -> Path | None:
    return None if text.lower() == "none" else Path(text)


def _below(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError(f"must be a folder within the repository, not {text!r}")
    return text.strip("/")


def _address(text: str) -> str:
    """An e-mail address, perhaps with a name before it."""
    if text and not _ADDRESS.fullmatch(text):
        raise ValueError(f"must be like help@example.com or Help <help@example.com>, not {text!r}")
    return text


def _share(text: str) -> float:
    """`5%` → 0.05."""
    number = text.removesuffix("%").strip()
    try:
        share = float(number) / 100
    except ValueError:
        share = -1.0
    if not (text.endswith("%") or number == "0") or not 0 <= share <= 0.5:
        raise ValueError(f"must be from 0% to 50%, not {text!r}")
    return share


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}, not {text!r}")
    return text.lower()


def _rate(text: str) -> str:
    if text.lower() == "off":
        return ""
    import limits  # the commands do without its 0.1 s

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


def _origins(text: str) -> tuple[str, ...]:
    """`https://shop.example, http://localhost:3000` → as browsers send them."""
    if text.lower() == "none":
        return ()
    found = []
    for each in text.split(","):
        parts = urlsplit(each.strip())
        if (
            parts.scheme not in ("http", "https")
            or not _HOST.fullmatch(parts.netloc)
            or parts.path.strip("/")
        ):
            raise ValueError(
                f"must be like https://shop.example.com, parted by commas, or none, not {each!r}"
            )
        found.append(f"{parts.scheme}://{parts.netloc.lower()}")
    return tuple(found)


def _database(text: str) -> Secret:
    if text and not text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://", "sqlite:///")):
        raise ValueError("must begin with postgresql:// or sqlite:///")
    try:
        urlsplit(text).port  # noqa: B018 - reading it is the check
    except ValueError:
        # never with the text, which may hold a password
        raise ValueError("must name its host and port like host:5432") from None
    return Secret(text)


def _signing_key(text: str) -> Secret:
    if text and len(text) < 32:
        raise ValueError("must be at least 32 characters, chosen at random")
    return Secret(text)


def _shapes(text: str) -> tuple[str, ...]:
    if text.lower() == "none":
        return ()
    shapes = tuple(each.strip() for each in text.split(","))
    for shape in shapes:
        if shape.count("#") + shape.count("@") < 4 or len(shape) > 40:
            raise ValueError(
                f"must be like K-########, at least four of # (a digit) and @ (a letter), or none: {shape!r}"
            )
    return shapes


SETTINGS: tuple[Setting, ...] = (
    Setting("KB_BASE_URL", "", _base_url,
            "Address at which readers reach the service, with a path prefix if there is one; "
            "when empty, links have no prefix and absolute addresses come from the request's Host."),
    Setting("KB_WORKERS", "2", _number(1, 64), "Processes that answer requests; one a core is plenty."),
    Setting("KB_THREADS", "4", _number(1, 64),
            "Threads in each of these processes, for answers while another one takes long."),
    Setting("KB_KERNEL", "auto", _one_of("auto", "numpy"),
            "Hot loops of the search: `auto` (compiled where kb was installed with a compiler) or `numpy`; "
            "both give the same results."),
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
    Setting("KB_WIDGET_ORIGINS", "none", _origins,
            "Sites whose pages may embed `/widget.js`, such as `https://shop.example.com`, parted by commas, "
            "or `none`."),
    Setting("KB_DATABASE_URL", "", _database,
            "Where facts, tickets and tokens are kept: `postgresql://user:password@host/name`; "
            "when empty, the SQLite file `kb.sqlite3` in the state folder."),
    Setting("KB_SECRET", "", _signing_key,
            "Key with which cookies are signed, the same on every machine; "
            "when empty, a random one is kept in the file `secret` of the state folder."),
    Setting("KB_FACT_DAYS", "90", _number(1, 3650),
            "Days until `kb prune` deletes what readers did, keeping counts a day."),
    Setting("KB_SPOOL_MB", "64", _number(1, 100_000),
            "Megabytes of facts each process keeps on disk while the database cannot take them."),
    Setting("KB_ORDER_SHAPES", "K-########", _shapes,
            "How order and member numbers look, parted by commas: `#` a digit, `@` a letter; they are "
            "taken out of what is recorded wherever they stand. `none`: only after words such as 注文番号."),
    Setting("KB_DESK", "none", _one_of("none", "zendesk", "webhook", "smtp"),
            "Where tickets go: `zendesk`, `webhook`, `smtp`, or `none`: kept, and listed by `kb tickets`."),
    Setting("KB_DESK_URL", "", _url("https", "http", "smtp", "smtps"),
            "`https://example.zendesk.com`; the webhook's address; `smtp://host:587` or `smtps://host`."),
    Setting("KB_DESK_USER", "", str,
            "Zendesk: e-mail address of the token's agent; SMTP: user, if it asks for one."),
    Setting("KB_DESK_SECRET", "", Secret,
            "Zendesk: API token; webhook: key that our messages are signed with; SMTP: password."),
    Setting("KB_DESK_FROM", "", _address,
            "SMTP: sender of tickets; answers go to the customer's own address."),
    Setting("KB_DESK_TO", "", _address, "SMTP: where tickets are sent."),
    Setting("KB_DESK_TIMEOUT", "20", _number(1, 120), "Seconds that one try to hand over may take in all."),
    Setting("KB_DESK_TRIES", "60", _number(1, 1000),
            "Tries before a ticket is given up and listed by `kb tickets --dead`; 60 are about two days."),
    Setting("KB_TICKET_DAYS", "30", _number(1, 3650),
            "Days after delivery (with KB_DESK=none: after filing) until a ticket's words are erased here."),
    Setting("KB_TICKET_RATE", "10/10minute", _rate,
            "Tickets one client address may file with each process, or `off`; KB_RATE_LIMIT=off ends it."),
    Setting("KB_TICKET_REPEAT", "10", _number(0, 1440),
            "Minutes in which the same words of the same person are one ticket."),
    Setting("KB_HOLDOUT", "0%", _share,
            "Share of sessions whose ticket form suggests nothing, so that the effect can be measured."),
    Setting("KB_HOOK_SECRET", "", Secret,
            "Key with which hooks to us are signed; without one every hook is refused."),
    Setting("KB_HOOK_SECRET_ZENDESK", "", Secret,
            "Signing secret that Zendesk shows for its webhook; KB_HOOK_SECRET when empty."),
    Setting("KB_OWNER_WEBHOOK", "", _url("https", "http"),
            "Address that is told when an agent calls an article wrong."),
    Setting("KB_OWNER_SECRET", "", Secret, "Key with which these messages are signed."),
    Setting("KB_CHECK_CACHE", "~/.cache/kb", _folder,
            "Folder in which `kb check` keeps what it read, so that unchanged files are not read again; "
            "`none`: nothing is kept."),
    Setting("KB_GIT_URL", "", Secret,
            "Repository of the articles, as `git fetch` takes it; what a push publishes, and `kb publish`."),
    Setting("KB_GIT_REF", "", _ref,
            "Branch or tag of it that is published; the repository's default branch when empty."),
    Setting("KB_GIT_PATH", "", _below,
            "Folder of it that holds the articles; when empty, where kb.yml or the locale folders are."),
    Setting("KB_GIT_TIMEOUT", "120", _number(1, 3600), "Seconds that fetching may take."),
    Setting("KB_PUBLISH_STATUS_URL", "", _url("https", "http"),
            "Address that the result of each publish is posted to, as JSON."),
    Setting("KB_PUBLISH_STATUS_SECRET", "", Secret, "Key with which these posts are signed."),
)  # fmt: skip
