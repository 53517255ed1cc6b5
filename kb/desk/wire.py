"""One HTTP request with an end to it, for the adapters. The standard library's client: a request every few
seconds at most needs no pool, and its exceptions are few enough to be told apart here.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from msgspec import Struct

from kb import __version__
from kb.desk.parcel import NotEver, NotNow

MAX_REPLY = 1_000_000
"""Bytes of an answer that are read; a desk's answer to a new ticket is some 3,000."""
MAX_WAIT = 86_400.0
"""Longest Retry-After that is believed, in seconds."""
REFUSED = frozenset({400, 413, 415, 422})
"""The desk has read it and will not have it. All else may pass: a token is mended, an address comes back."""


class Reply(Struct, frozen=True):
    status: int
    body: bytes


def request(
    method: str, url: str, headers: dict[str, str], body: bytes | None = None, seconds: float = 20.0
) -> Reply:
    """The answer with a status of 2xx or 409. Raises NotNow or NotEver; no redirect is followed."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, seconds)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with ending(lambda: connection.sock, seconds) as over:
            connection.request(
                method,
                path,
                body,
                {"User-Agent": f"kb/{__version__}", "Accept": "application/json"} | headers,
            )
            response = connection.getresponse()
            reply = Reply(response.status, response.read(MAX_REPLY))
            wait = retry_after(response.getheader("Retry-After") or "")
            if over.is_set():
                # the library takes a connection that ends among the headers for the end of the headers
                raise NotNow("no answer in time")
    except (OSError, http.client.HTTPException) as error:
        # names of exceptions only: the text of some holds what was sent
        raise NotNow(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if 200 <= reply.status < 300 or reply.status == 409:
        return reply
    if reply.status in REFUSED:
        raise NotEver(f"refused with {reply.status}")
    raise NotNow(f"answered {reply.status}", wait)


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=seconds)


@contextmanager
def ending(current: Callable[[], socket.socket | None], seconds: float) -> Iterator[threading.Event]:
    """Shuts the socket when the time is over; its own limit begins anew with every byte that drips in."""

    over = threading.Event()

    def shut() -> None:
        over.set()
        sock = current()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def retry_after(text: str) -> float:
    """Seconds of a Retry-After, which may be a number or a date; 0 for none or nonsense."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), MAX_WAIT)
