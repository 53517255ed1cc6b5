"""The real thing: gunicorn in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
import structlog
from sockets import owner

from kb.content.tree import read_tree
from kb.errors import PortTaken
from kb.indexer import build
from kb.ports import bind, check_address
from kb.serve import configure_log, serve
from kb.serve_cli import load_settings
from kb.settings import Settings
from tests.web.conftest import write_tree

START = """
import sys
from pathlib import Path
from kb.serve import serve
from kb.settings import load
serve(Path(sys.argv[1]), "127.0.0.1", 0, load())
"""

LATE = """
import time
from kb.worker import Worker

begin = Worker.init_process

def late(worker):
    time.sleep(1.5)
    begin(worker)

Worker.init_process = late
"""

EAGER = """
import sys
from http.client import HTTPConnection
from threading import Thread

def ask():
    connection = HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
    while True:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()

for _ in range(int(sys.argv[3])):
    Thread(target=ask).start()
"""


class Running:
    def __init__(self, var: Path, log: Path, command: Sequence[str] = ("-c", START)) -> None:
        environment = {**os.environ, "KB_WORKERS": "2", "KB_THREADS": "2"}
        self.log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *command, str(var)],
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
            )
        assert self.process.stdout
        lines = iter(self.process.stdout.readline, b"")
        self.said = next(line for line in lines if b" is serving " in line).decode()
        self.url = self.said.split()[3]

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def raw(self, request: bytes) -> bytes:
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            answer = connection.recv(65536)
            # head and body may come apart; a connection that is kept open ends after the first
            while b"connection: close" in answer.lower() and (more := connection.recv(65536)):
                answer += more
            return answer


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Running, Path, Path]]:
    tree, var = write_tree(tmp_path / "articles"), tmp_path / "var"
    build(read_tree(tree), var, processes=1)
    service = Running(var, tmp_path / "log")
    yield service, tree, var
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0
    assert "SIGSEGV" not in service.log.read_text("utf-8")


def test_kept_connections_are_shared_out_among_the_workers(running):
    service, _, _ = running
    host, port = service.url.removeprefix("http://").split(":")

    def workers_of(count: int) -> Counter[int]:
        kept = [HTTPConnection(host, int(port), timeout=20) for _ in range(count)]
        for connection in kept:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        found = Counter(map(owner, kept))
        for connection in kept:
            connection.close()
        return found

    end = time.monotonic() + 30
    # one worker is ready before the other, and a busy machine may hold one up
    while len(shares := workers_of(16)) < 2 or min(shares.values()) < 6:
        assert time.monotonic() < end, shares


def test_those_who_ask_again_at_once_keep_nobody_else_waiting(running):
    service, _, _ = running
    host, port = service.url.removeprefix("http://").split(":")
    # two workers of two threads each: more who never pause than there are threads
    eager = subprocess.Popen([sys.executable, "-c", EAGER, host, port, "8"])
    try:
        for _ in range(20):
            assert service.get("/healthz")[0] == 200
        assert eager.poll() is None
    finally:
        eager.kill()
        eager.wait()


def _connected(service: Running) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _closing(connection: socket.socket) -> bytes:
    """What answers a request that is to be the last of its connection."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return connection.recv(65536)


def test_connections_that_say_nothing_yet_hold_no_thread(running):
    service, _, _ = running
    assert service.get("/healthz")[0] == 200
    # three times as many as there are threads, which would wait five seconds for each of them
    silent = [_connected(service) for _ in range(12)]
    began = time.monotonic()
    while time.monotonic() - began < 1:
        assert service.get("/healthz")[0] == 200
    assert time.monotonic() - began < 4
    # whoever speaks late is answered, too
    for connection in silent:
        assert _closing(connection).startswith(b"HTTP/1.1 200 OK")
        connection.close()


def _begin_to_post(service: Running) -> socket.socket:
    """A request whose body does not come: who answers it waits."""
    connection = _connected(service)
    head = b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 13\r\n\r\n"
    connection.sendall(head)
    time.sleep(0.1)
    return connection


def _end(connection: socket.socket) -> bytes:
    connection.sendall(b'{"events":[]}')
    with connection:
        return connection.recv(65536)


def test_answers_that_take_long_keep_nobody_waiting_as_long_as_there_are_threads(running):
    service, _, _ = running
    assert service.get("/healthz")[0] == 200
    # two workers that answer one each themselves, and have two threads
    waiting = [_begin_to_post(service) for _ in range(4)]
    began = time.monotonic()
    for _ in range(20):
        assert service.get("/healthz")[0] == 200
    assert time.monotonic() - began < 10
    for connection in waiting:
        assert _end(connection).startswith(b"HTTP/1.1 2")
    assert service.get("/healthz")[0] == 200


def _post_in_pieces(connection: HTTPConnection) -> None:
    """Over a connection that is kept, a body that comes bit by bit: whoever answers waits for each."""
    connection.putrequest("POST", "/api/v1/events")
    connection.putheader("Content-Length", "13")
    connection.endheaders()
    for piece in (b'{"ev', b'ents"', b":[]}"):
        time.sleep(0.1)
        connection.send(piece)


def test_whoever_takes_the_loop_leaves_a_kept_connection_alone_that_is_being_answered(running):
    service, _, _ = running
    host, port = service.url.removeprefix("http://").split(":")
    kept = [HTTPConnection(host, int(port), timeout=20) for _ in range(4)]
    for _ in range(3):
        for connection in kept:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"ok"}'
        with ThreadPoolExecutor(4) as pool:
            pieces = [pool.submit(_post_in_pieces, connection) for connection in kept]
            while not all(each.done() for each in pieces):
                assert service.get("/healthz")[0] == 200
        for connection, each in zip(kept, pieces, strict=True):
            each.result()
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (202, b'{"accepted":0}')
    for connection in kept:
        connection.close()


def test_clients_that_leave_while_they_are_answered_are_forgotten(running):
    service, _, _ = running
    host, port = service.url.removeprefix("http://").split(":")
    for _ in range(3):
        # fewer than the threads of one worker, which may get all of them
        left = [HTTPConnection(host, int(port), timeout=20) for _ in range(2)]
        for connection in left:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
            connection.putrequest("POST", "/api/v1/events")
            connection.putheader("Content-Length", "13")
            connection.endheaders(b'{"ev')
        time.sleep(0.1)
        for connection in left:
            connection.close()
        for _ in range(10):
            assert service.get("/healthz")[0] == 200
    assert "Traceback" not in service.log.read_text("utf-8")


def test_those_who_do_not_close_what_was_to_be_closed_keep_nobody_waiting(running):
    service, _, _ = running
    assert service.get("/healthz")[0] == 200
    left = [_connected(service) for _ in range(8)]
    began = time.monotonic()
    for connection in left:
        assert _closing(connection).startswith(b"HTTP/1.1 200 OK")
    # gunicorn would wait two seconds for each of them
    for _ in range(10):
        assert service.get("/healthz")[0] == 200
    assert time.monotonic() - began < 4
    for connection in left:
        connection.close()


def test_requests_sent_without_waiting_for_answers_are_all_answered_and_others_between_them(running):
    service, _, _ = running
    host, port = service.url.removeprefix("http://").split(":")
    request, count = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 2000
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request * count)
        assert service.get("/healthz")[0] == 200
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < count:
            more = connection.recv(65536)
            assert more, answers[-200:]
            answers += more


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_an_answer_under_way_is_given_before_the_service_ends(running, stop):
    service, _, _ = running
    _both(service)
    waiting = [_begin_to_post(service) for _ in range(4)]
    service.process.send_signal(stop)
    time.sleep(0.5)
    for connection in waiting:
        assert _end(connection).startswith(b"HTTP/1.1 2")
    assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text("utf-8")


def _workers(service: Running) -> set[int]:
    """Those that have answered."""
    host, port = service.url.removeprefix("http://").split(":")
    found = set()
    for _ in range(16):
        connection = HTTPConnection(host, int(port), timeout=20)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        if connection.sock is not None:  # one that is about to end keeps none
            found.add(owner(connection))
        connection.close()
    return found


def _both(service: Running) -> set[int]:
    end = time.monotonic() + 30
    while len(found := _workers(service)) < 2:
        assert time.monotonic() < end
    return found


def test_when_a_worker_is_replaced_all_go_on_and_count_together(tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    build(read_tree(write_tree(tmp_path / "articles")), tmp_path / "var", processes=1)
    service = Running(tmp_path / "var", tmp_path / "log")
    for tidied in (False, True):  # by somebody who removes what is old
        before = _both(service)
        counted = service.get("/metrics")[1].count(b"_bucket{")
        if tidied:
            (folder,) = temporary.iterdir()
            shutil.rmtree(folder)
        os.kill(max(before), signal.SIGTERM)
        end = time.monotonic() + 30
        while max(before) in _both(service):
            assert time.monotonic() < end
        for path in ("/api/v1/search?q=a", "/api/v1/suggest?q=a", "/ja/", "/metrics"):
            assert service.get(path)[0] == 200
        assert tidied or service.get("/metrics")[1].count(b"_bucket{") >= counted > 0
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text("utf-8")
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_stopped_while_its_workers_begin_ends_at_once(tmp_path, stop):
    build(read_tree(write_tree(tmp_path / "articles")), tmp_path / "var", processes=1)
    service = Running(tmp_path / "var", tmp_path / "log", ("-c", LATE + START))
    time.sleep(0.3)
    service.process.send_signal(stop)
    # a worker that had not heard it would be killed after thirty seconds
    assert service.process.wait(20) == 0


def test_a_connection_goes_on_behind_a_body_that_nobody_read(running):
    service, _, _ = running
    host, port = service.url.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=20)
    for path, status in (("/healthz", 405), ("/api/v1/nothing", 404)):
        connection.request("POST", path, b"x" * 3000)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (status, True)
        connection.request("HEAD", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    connection.close()


def test_it_says_where_it_serves_follows_new_generations_and_refuses_cleanly(running):
    service, tree, var = running
    assert service.said == f"kb is serving {service.url} (Ctrl-C stops)\n"
    status, body = service.get("/api/v1/search?q=" + quote("返金"))
    assert status == 200
    assert json.loads(body)["total"] >= 2

    # a new generation reaches every worker without a restart
    (tree / "ja/returns/new.md").write_text("# 孔雀の返品\n\n孔雀は返品できません。\n", "utf-8")
    build(read_tree(tree), var, processes=1)
    for _ in range(20):
        assert json.loads(service.get("/api/v1/search?q=" + quote("孔雀"))[1])["total"] == 1

    # what never reaches the application is refused the same way
    long_line = service.raw(b"GET /?q=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert long_line.startswith(b"HTTP/1.1 414 ")
    assert b"application/problem+json" in long_line
    headers = service.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 431 ")
    assert service.raw(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert service.raw(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n").startswith(
        b"HTTP/1.1 400 "
    )
    chunked = b"POST /api/v1/search HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert service.raw(chunked).startswith(b"HTTP/1.1 411 ")
    japanese = quote("返" * 400)
    assert service.get(f"/api/v1/search?q={japanese}")[0] == 200

    # all workers count together
    metrics = service.get("/metrics")[1].decode()
    assert 'kb_http_requests_total{method="GET",route="/api/v1/search",status="200"} 22.0' in metrics
    log = service.log.read_text("utf-8")
    assert "127.0.0.1" not in log
    assert "孔雀" not in log
    assert "Traceback" not in log


def test_an_address_typed_in_japanese_is_read_as_it_is_meant(running):
    service, _, _ = running
    typed = "GET /api/v1/search?q=返金&locale=ja HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    head, _, body = service.raw(typed).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert '"query":"返金"'.encode() in body
    # bytes that are no UTF-8 stay an error
    assert service.raw(typed.replace("返金".encode(), b"\xff\xfe")).startswith(b"HTTP/1.1 400 ")


def test_it_waits_for_an_index_and_serves_it_when_it_comes(tmp_path):
    service = Running(tmp_path / "var", tmp_path / "log")
    try:
        assert service.get("/healthz")[0] == 200
        assert service.get("/readyz")[0] == 503
        build(read_tree(write_tree(tmp_path / "articles")), tmp_path / "var", processes=1)
        assert service.get("/readyz")[0] == 200
    finally:
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(20) == 0


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_made_its_index_ends_without_a_word_of_its_workers(tmp_path, stop):
    tree = write_tree(tmp_path / "articles")
    command = ("-m", "kb", "serve", "--articles", str(tree), "--port", "0", "--var")
    service = Running(tmp_path / "var", tmp_path / "log", command)
    assert service.get("/readyz")[0] == 200
    service.process.send_signal(stop)
    assert service.process.wait(20) == 0
    log = service.log.read_text("utf-8")
    assert "Traceback" not in log
    assert "exited with code" not in log


@pytest.mark.parametrize(
    "said",
    [
        {
            "route": "/ja/{id}",
            "status": 200,
            "ms": 0.5,
            "generation": None,
            "facts": [1, {"a": True}],
            "none": {},
        },
        {"reason": '„返金“\n\t\x01\x7f\u2028 "a\\b" / 😀', "much": 1234567.125, "little": -0.25},
        {"path": Path("/a"), "huge": 2**70},
    ],
)
def test_a_log_line_is_what_json_makes_of_it_with_the_moment_it_was_written(capsys, said):
    configure_log("info")
    before = datetime.now(UTC)
    structlog.get_logger("kb").info("said", **said)
    structlog.reset_defaults()
    line = capsys.readouterr().err
    moment = json.loads(line)["timestamp"]
    assert before <= datetime.fromisoformat(moment) <= datetime.now(UTC)
    expected = {**said, "event": "said", "level": "info", "timestamp": moment}
    assert line == json.dumps(expected, ensure_ascii=False, default=repr) + "\n"


def test_a_taken_port_is_told_before_anything_starts(tmp_path):
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            serve(tmp_path, "127.0.0.1", port, Settings())
        assert time.monotonic() - started < 1


def test_the_command_line_may_name_the_number_of_workers(monkeypatch):
    monkeypatch.setenv("KB_WORKERS", "3")
    assert load_settings(None).workers == 3
    assert load_settings(1).workers == 1


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70000), ("192.0.2.1", 0)]
)
def test_an_address_that_cannot_be_served_is_told_in_one_line(host, port):
    with pytest.raises(PortTaken) as raised:
        check_address(host, port)
    assert "\n" not in str(raised.value)
