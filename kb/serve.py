"""gunicorn, embedded: `serve` binds, starts the workers, ends when it is stopped. Called by `kb.cli`.

The parent process opens nothing but the dictionary: each worker does so after the fork, because threads,
locks and connections do not survive one. It imports the application's code once for all workers, but only
when prometheus-client, which decides while it is imported whether processes share counters, was told so.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from msgspec import Struct

from kb.desk.office import FACTS, TICKETS, Bell, open_office
from kb.errors import IndexDamaged, IndexMismatch, IndexMissing, StoreReadOnly
from kb.index import kernel
from kb.later import importing, later, settle, work_out
from kb.ports import bind
from kb.settings import Settings
from kb.signing import signing_secret
from kb.worker import Connections, Worker

if TYPE_CHECKING:
    from kb.deflection.store import EventStore
    from kb.desk.clerk import Clerk
    from kb.index.live import LiveIndex

GRACEFUL_SECONDS = 30
"""For requests under way when the service is told to stop."""
MAX_REQUESTS = 100_000
"""A worker is replaced after about so many, so that a slow leak in a library stays small."""
MAX_REQUESTS_JITTER = 20_000
REQUEST_LINE = 8190
"""gunicorn's own 4,094 bytes end at some 440 Japanese characters, escaped."""
KEEPALIVE_SECONDS = 5
LOOK_SECONDS = 0.02
"""Between two looks of a worker at the pointer."""


def serve(
    var: Path, host: str, port: int, settings: Settings, locale: str | None = None, made: Made | None = None,
    until: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Serve the index of `var` until Ctrl-C or SIGTERM.

    `locale`: of readers who ask for none. `made`: what the index was made of. `until` is called when all is
    ready but the index, and returns when that is, too. Port 0 takes any free one. Raises PortTaken.
    """
    configure_log(settings.log_level)
    kernel.choose(settings.kernel)
    secret = _secret(var, settings)
    with _metrics_folder() as metrics:
        # read by prometheus-client while it is imported
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        # code, and the dictionary, which is only read: what is here once is in every worker after the fork
        with importing():
            import_module("kb.api")
        import_module("kb.text.analyze").analyze("返金")
        work_out()
        settle()
        ring = _publisher(var.absolute(), settings)
        if until is not None:
            until()
        listener = bind(host, port)
        number = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        say = f"kb is serving http://{shown}:{number}{settings.base_url.prefix} (Ctrl-C stops)"
        made = made or Made()
        bell = open_office(var.absolute(), settings)
        try:
            _Server(var, settings, locale or "", metrics, listener, say, secret, made, ring, bell).run()
        finally:
            bell.let_go()


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Where all workers count. Each of them leaves this block as well when it ends: the others go on."""
    folder, own = Path(tempfile.mkdtemp(prefix="kb-metrics-")), os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == own:
            shutil.rmtree(folder, ignore_errors=True)


def _publisher(var: Path, settings: Settings) -> Callable[[], bool] | None:
    """Starts the process that publishes what is pushed, where hooks are taken; returns what wakes it."""
    from kb.publish import resident

    return resident.start(var, settings) if settings.git_url and settings.hook_secret else None


def configure_log(level: str) -> None:
    """JSON lines on standard error; for people at a terminal, plain ones."""
    renderer: Any = structlog.processors.JSONRenderer(_json)
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamped,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _stamped(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """With the moment in UTC; `datetime` takes as long to write one as all else that makes a line of it."""
    seconds, rest = divmod(time.time_ns() // 1000, 1_000_000)
    event["timestamp"] = f"{_second(seconds)}.{rest:06}Z"
    return event


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _json(event: dict[str, Any], **how: Any) -> str:
    """As `json.dumps` writes it, in a third of the time; what msgspec does not know is left to that."""
    try:
        return msgspec.json.format(msgspec.json.encode(event), indent=0).decode()
    except (TypeError, ValueError, OverflowError):
        return json.dumps(event, ensure_ascii=False, **how)


def _secret(var: Path, settings: Settings) -> bytes:
    """Without a place for it, one that ends with this process: people sign in again, searches go on."""
    try:
        return signing_secret(var, settings.secret.value)
    except StoreReadOnly as error:
        structlog.get_logger("kb").warning("cookies end with this process", reason=str(error))
        return secrets.token_bytes(32)


class Made(Struct, frozen=True, kw_only=True):
    """What the index that is served was made of, where `kb publish` did not note it."""

    articles: Path | None = None
    """The folder, to be read again when the time of an article has come."""
    preview: str = ""
    """The branch, when this is a preview of one."""


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn's application object; `load` runs in each worker."""

    def __init__(
        self, var: Path, settings: Settings, locale: str, metrics: Path, listener: socket.socket, say: str,
        secret: bytes, made: Made, ring: Callable[[], bool] | None, bell: Bell,
    ) -> None:  # fmt: skip
        self._var, self._settings, self._locale, self._metrics = var, settings, locale, metrics
        self._listener, self._say, self._secret, self._made = listener, say, secret, made
        self._ring, self._bell = ring, bell
        self.connections = Connections()
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        options: dict[str, Any] = {
            # bound already, so that nothing can take the port in between
            "bind": f"fd://{self._listener.detach()}",
            "workers": settings.workers,
            "threads": settings.threads,
            "worker_class": Worker,
            "preload_app": False,
            "control_socket_disable": True,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": KEEPALIVE_SECONDS,
            "max_requests": MAX_REQUESTS,
            "max_requests_jitter": MAX_REQUESTS_JITTER,
            "limit_request_line": REQUEST_LINE,
            # the one that TypedRequest extends
            "http_parser": "python",
            "forwarded_allow_ips": ",".join(settings.trusted_proxies),
            # its heartbeat file must not wait for a disk
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
            "loglevel": "warning",
            # by default it is asked to write debug lines, which are off
            "pre_request": lambda worker, request: None,
            "post_fork": lambda server, worker: worker.forked_from(server),
            "child_exit": lambda server, worker: self.connections.leave(worker.age),
            "when_ready": lambda server: print(self._say, flush=True),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        # after the fork, see above
        from kb.api import create_app
        from kb.deflection.delivery import Delivery
        from kb.deflection.spool import Bounds, Spool
        from kb.index.live import LiveIndex
        from kb.publish import schedule
        from kb.web import metrics
        from kb.web.parts import Parts

        metrics.begin(self._metrics)
        settings = self._settings
        store = later(partial(_store, self._var, settings))
        delivery = Delivery(self._var / "spool", store)
        clerk = later(partial(_clerk, store, settings, lambda: ring(TICKETS)))
        alone = threading.Event()

        def ring(what: bytes) -> None:
            """Wake the office; when somebody killed it, this worker does its work from now on."""
            if not self._bell.ring(what):
                alone.set()
                delivery.start()
                clerk.start()
                delivery.ring()

        bounds = Bounds(bytes=settings.spool_mb * 1_000_000)
        spool = Spool(self._var / "spool", partial(ring, FACTS), bounds)
        parts = Parts(
            live=LiveIndex(self._var, LOOK_SECONDS), var=self._var, settings=settings, locale=self._locale,
            metrics=self._metrics, preview=self._made.preview, articles=self._made.articles,
            store=store, spool=spool, clerk=clerk, secret=self._secret, ring=self._ring,
        )  # fmt: skip
        warm(parts.live)

        def leave(server: object, worker: object) -> None:
            spool.close()
            if alone.is_set():
                clerk.close()
                delivery.close()

        self.cfg.set("worker_exit", leave)
        schedule.start(schedule.Scheduler(
            live=parts.live, var=self._var.absolute(), settings=settings, articles=self._made.articles,
            locale=self._locale or None, ring=self._ring,
        ))  # fmt: skip
        return create_app(parts)


def _store(var: Path, settings: Settings) -> EventStore:
    from kb.deflection.store import EventStore, database_url

    return EventStore(database_url(var, settings.database_url.value))


def _clerk(store: EventStore, settings: Settings, ring: Callable[[], None]) -> Clerk:
    from kb.desk.clerk import Clerk

    return Clerk(store, settings, ring)


def warm(live: LiveIndex) -> None:
    """Open the index and search once, so that no reader waits for the dictionary (0.3 s)."""
    from kb.model import Audience
    from kb.search import Query, search

    try:
        generation = live.current()
    except (IndexMissing, IndexDamaged, IndexMismatch) as error:
        structlog.get_logger("kb").warning("no index", reason=str(error))
        return
    for locale in generation.locales:
        search(generation.snapshot(locale, Audience.PUBLIC), Query(text="返金はいつ when is my refund"))
