"""Help desks that the tests talk to: real servers on this machine that can be told to misbehave.

Each remembers what it took, by the name it was told it under: a desk that doubles a ticket would hold two.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class HttpDesk(ThreadingHTTPServer):
    """Takes JSON by POST. `faults`: what happens to the next requests, one after the other.

    `500`, `429`, … answer so · `hang` says nothing · `drip` sends a byte now and then ·
    `drop` takes the ticket and hangs up · `refuse` hangs up at once.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Http)
        self.faults: list[str] = []
        self.retry_after = "7"
        self.taken: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, key: str, body: dict[str, Any]) -> int:
        """Number of the ticket, the same for the same key."""
        with self.lock:
            kept = self.taken.setdefault(key, {"number": len(self.taken) + 1001, "body": body, "times": 0})
            kept["times"] += 1
            return int(kept["number"])


class _Http(BaseHTTPRequestHandler):
    server: HttpDesk

    def do_GET(self) -> None:
        self._note(b"")
        wanted = parse_qs(urlsplit(self.path).query).get("external_id", [""])[0]
        found = [
            {"id": each["number"]}
            for each in self.server.taken.values()
            if each["body"].get("ticket", {}).get("external_id") == wanted
        ]
        self._answer(200, {"tickets": found})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._note(body)
        with self.server.lock:
            fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "refuse":
            self.close_connection = True
            return
        if fault in ("hang", "drip"):
            self._stall(fault)
            return
        if fault.isdigit():
            self._answer(int(fault), {"error": fault}, self.server.retry_after if fault == "429" else "")
            return
        number = self.server.take(self.headers["Idempotency-Key"], json.loads(body))
        if fault == "drop":
            self.close_connection = True
            return
        self._answer(201, {"id": number, "ticket": {"id": number}})

    def _note(self, body: bytes) -> None:
        with self.server.lock:
            self.server.requests.append((self.command, self.path, dict(self.headers), body))

    def _stall(self, fault: str) -> None:
        if fault == "drip":
            self.wfile.write(b"HTTP/1.1 201 Created\r\nX-Slow: ")
        while not self.server.closing.wait(0.2):
            if fault == "drip":
                try:
                    self.wfile.write(b".")
                except OSError:
                    break
        self.close_connection = True

    def _answer(self, status: int, body: dict[str, Any], retry_after: str = "") -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Silence."""


class SmtpDesk(socketserver.ThreadingTCPServer):
    """A mail server of the few commands that matter. `faults` as above: codes answer DATA so, `drop`
    takes the message and hangs up before saying so, `refuse` hangs up at once. Mail is kept by Message-ID."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.faults: list[str] = []
        self.mails: dict[str, list[str]] = {}
        self.logins: list[str] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Smtp(socketserver.StreamRequestHandler):
    server: SmtpDesk

    def handle(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "refuse":
            return
        self._say("220 desk")
        while line := self.rfile.readline().decode().strip():
            command = line.split()[0].upper()
            if command == "QUIT":
                self._say("221 bye")
                return
            if command == "DATA":
                if not self._take(fault):
                    return
            elif command == "EHLO":
                self._say("250-desk\r\n250 AUTH PLAIN")
            elif command == "AUTH":
                self.server.logins.append(line)
                self._say("235 welcome")
            else:
                self._say("250 ok")

    def _take(self, fault: str) -> bool:
        self._say("354 go on")
        lines: list[str] = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        if fault.isdigit():
            self._say(f"{fault} no")
            return True
        name = next(line for line in lines if line.lower().startswith("message-id:"))
        self.server.mails.setdefault(name.partition(":")[2].strip(), []).append("\n".join(lines))
        if fault == "drop":
            return False
        self._say("250 taken")
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def running(desk: HttpDesk | SmtpDesk) -> Iterator[None]:
    thread = threading.Thread(target=lambda: desk.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield
    finally:
        if isinstance(desk, HttpDesk):
            desk.closing.set()
        desk.shutdown()
        desk.server_close()
        thread.join()


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    """For what another process does; the limit only ends a test that has failed."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
