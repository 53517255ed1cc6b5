"""What gunicorn reads from a connection and writes to it, where we have it do otherwise. `begin` puts it in
gunicorn's places; used by `worker`.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import SplitResult

import gunicorn.http  # type: ignore[import-untyped]
import msgspec
import structlog
from gunicorn import util
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http import errors as http_errors
from gunicorn.http import message, parser, wsgi
from gunicorn.http.body import LengthReader  # type: ignore[import-untyped]
from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.util import write_nonblock  # type: ignore[import-untyped]
from gunicorn.workers import gthread  # type: ignore[import-untyped]

REFUSED: tuple[tuple[type[Exception], int, str], ...] = (
    (http_errors.LimitRequestLine, 414, "URI Too Long"),
    (http_errors.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (http_errors.UnsupportedTransferCoding, 501, "Not Implemented"),
    (http_errors.ExpectationFailed, 417, "Expectation Failed"),
    (http_errors.ParseException, 400, "Bad Request"),
)
"""What is refused before the application sees it; the first that fits."""


def begin(config: Config, waits: Callable[[], None]) -> ThreadPoolExecutor:
    """In this process, before its first connection. Returns the threads that close connections.

    `waits` is called by whoever is about to wait for a client.
    """
    same = wsgi.base_environ(config)
    wsgi.base_environ = lambda _: same.copy()
    gunicorn.http.RequestParser = Parser
    parser.SocketUnreader = Unreader
    Unreader.waits = staticmethod(waits)
    message.split_request_uri = split_request_uri
    wsgi.Response = Response
    gthread.TConn = Connection
    util.http_date = http_date
    Connection.closers = ThreadPoolExecutor(2)
    return Connection.closers


def settle(config: Config) -> None:
    """Nothing is set any more: what each request asks of gunicorn's settings it finds as plain attributes.

    gunicorn finds each by a search for an attribute that fails, thirty times a request: a thirtieth of its
    time.
    """
    vars(config).update({name: setting.get() for name, setting in config.settings.items()})


def split_request_uri(uri: str) -> SplitResult:
    """What the standard library finds in an address, ten times as fast where it begins with a slash.

    Nothing but printable ASCII comes here.
    """
    if uri[0] != "/" or "#" in uri:
        return util.split_request_uri(uri)  # type: ignore[no-any-return]
    path, _, query = uri.partition("?")
    return SplitResult("", "", path, query, "")


def http_date(timestamp: float | None = None) -> str:
    """A moment, or now, as headers have it."""
    return _date(int(time.time() if timestamp is None else timestamp))


@lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    """The same for all answers of a second; to write one takes as long as to read a request line."""
    return formatdate(seconds, usegmt=True)


@lru_cache(maxsize=1024)
def _is_trusted(config: Config, address: str) -> bool:
    """Whether what a proxy at this address says of its reader is believed."""
    return any(ip_address(address) in network for network in config.forwarded_allow_networks())


class TypedRequest(Request):  # type: ignore[misc]
    """Takes addresses as people type them: `curl '…/search?q=返金'` sends the letters themselves.

    gunicorn refuses all but ASCII there, as the standard has it; browsers escape before they send. It reads
    the other side's address anew for each request, which takes as long as all of the head.
    """

    def _peer_is_trusted_proxy(self) -> bool:
        return _is_trusted(self.cfg, self.peer_addr[0])

    def parse_request_line(self, line_bytes: bytes) -> None:
        if not line_bytes.isascii():
            line_bytes = re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte.group()[0], line_bytes)
        super().parse_request_line(line_bytes)


class Unreader(SocketUnreader):  # type: ignore[misc]
    """Tells when nothing has come yet: the rest of a body over a slow line, mostly."""

    waits: Callable[[], None] = staticmethod(lambda: None)
    """See `begin`; called for whoever reads slowly, too."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        try:
            most = min(max(size_hint or 0, self.mxchunk), self.max_body_chunk)
            return self.sock.recv(most, socket.MSG_DONTWAIT)  # type: ignore[no-any-return]
        except BlockingIOError:
            self.waits()
            return super().chunk(size_hint)  # type: ignore[no-any-return]


class Parser(RequestParser):  # type: ignore[misc]
    """Leaves the socket alone when a body has ended, or there was none.

    gunicorn sets the socket's time limit thrice to read nothing. Each time the thread gives up Python's lock,
    and in a busy worker waits its turn again.
    """

    mesg_class = TypedRequest

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        body = self.mesg.body if self.mesg else None
        if body and not body.failed and isinstance(body.reader, LengthReader) and body.reader.length == 0:
            return True
        if deadline is not None:
            # for the rest of a body that nobody read; a socket with a time limit does not say so
            Unreader.waits()
        return bool(super().finish_body(deadline, max_bytes))


_LASTING = frozenset((
    "cache-control", "content-security-policy", "content-type", "cross-origin-opener-policy",
    "permissions-policy", "referrer-policy", "x-content-type-options", "x-kb-generation",
))  # fmt: skip
"""Headers of few values, which nearly all answers share."""
_CHANGING = frozenset(("content-length", "etag", "server-timing", "x-request-id"))
"""Those whose names alone are known to be in order."""
_PLAIN = re.compile("[!-~]*")


class Response(wsgi.Response):  # type: ignore[misc]
    """Sends the head together with the beginning of the body, for the same reason."""

    sock: Any
    headers_sent: bool
    _sound: ClassVar[set[tuple[str, str]]] = set()

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """What lasts is looked through once; gunicorn does so each time, letter by letter."""
        for each in headers:
            name, value = each
            if each in self._sound or (name in _CHANGING and _PLAIN.fullmatch(value)):
                self.headers.append(each)
                if name == "content-length":
                    self.response_length = int(value)
            else:
                super().process_headers([each])
                if name in _LASTING:
                    self._sound.add(each)

    def write(self, arg: bytes) -> None:
        if self.headers_sent:
            super().write(arg)
            return
        if len(arg) == self.response_length and not self._omits_body:
            named = [f"{name}: {value}\r\n" for name, value in self.headers]
            head = "".join([*self.default_headers(), *named, "\r\n"]).encode("latin-1")
            self.headers_sent, self.sent = True, len(arg)
            try:
                sent = self.sock.sendmsg((head, arg), (), socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent < len(head) + len(arg):
                Unreader.waits()
                self.sock.sendall((head + arg)[sent:])
            return
        sock, gathered = self.sock, _Gathered()
        self.sock = gathered
        try:
            super().write(arg)
        finally:
            self.sock = sock
        sock.sendall(b"".join(gathered))

    def sendfile(self, respiter: Any) -> bool:
        """A file may be long, and its reader slow."""
        Unreader.waits()
        return bool(super().sendfile(respiter))


class _Gathered(list[bytes]):
    """Stands for a socket: what was sent, in order."""

    sendall = list.append


class Connection(gthread.TConn):  # type: ignore[misc]
    """Waits in a thread for the other side to close it, up to two seconds; gunicorn has the loop wait."""

    closers: ThreadPoolExecutor

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self.closers.submit(super().close, graceful=True)
        else:
            super().close()


def refuse(client: socket.socket, failed: Exception) -> None:
    """Answer what gunicorn cannot: in our form, and no address is logged."""
    status, title = next(
        ((status, title) for kind, status, title in REFUSED if isinstance(failed, kind)),
        (500, "Internal Server Error"),
    )
    log = structlog.get_logger("kb")
    if status == 500:
        log.error("request failed outside the application", exc_info=failed)
    else:
        log.info("refused", status=status, reason=type(failed).__name__)
    try:
        write_nonblock(client, _problem(status, title))
    except OSError:
        log.debug("the client did not wait for its refusal")


def _problem(status: int, title: str) -> bytes:
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": title})
    head = (
        f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
