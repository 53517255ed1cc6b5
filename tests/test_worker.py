"""Connections are shared out by counts that all workers see; what is read and written is what gunicorn would."""

from __future__ import annotations

import os
import time
from socket import MSG_DONTWAIT, socketpair
from types import SimpleNamespace

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http.wsgi import FileWrapper, InvalidResponseHeader
from hypothesis import example, given
from hypothesis import strategies as st

from kb import wire
from kb.wire import Response
from kb.worker import Connections


def test_who_has_more_connections_than_another_is_ahead() -> None:
    connections = Connections()
    connections.tell(1, 3)
    assert not connections.ahead(1)  # there is nobody else
    connections.tell(2, 2)
    assert (connections.ahead(1), connections.ahead(2)) == (True, False)
    connections.tell(2, 3)
    assert (connections.ahead(1), connections.ahead(2)) == (False, False)
    connections.tell(1, 4)
    connections.leave(2)
    assert not connections.ahead(1)


def test_processes_forked_later_see_each_others_counts() -> None:
    connections = Connections()
    connections.tell(1, 1)
    child = os.fork()
    if child == 0:
        connections.tell(2, 0)
        os._exit(0)
    os.waitpid(child, 0)
    assert connections.ahead(1)


def test_headers_that_were_sent_before_are_sent_again_and_what_is_refused_stays_refused() -> None:
    headers = [("content-type", "application/json"), ("x-request-id", "a"), ("cache-control", "no-store")]
    for _ in range(2):
        response = Response(SimpleNamespace(), None, None)
        response.process_headers([*headers, ("content-length", "3")])
        assert sorted(response.headers) == sorted([*headers, ("content-length", "3")])
        assert response.response_length == 3
        with pytest.raises(InvalidResponseHeader):
            response.process_headers([("cache-control", "no-store\r\nx: y")])


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\0", "a\n"])
def test_headers_whose_names_are_known_are_refused_for_what_they_hold(value) -> None:
    with pytest.raises(InvalidResponseHeader):
        Response(SimpleNamespace(), None, None).process_headers([("x-request-id", value)])
    response = Response(SimpleNamespace(), None, None)
    response.process_headers([("x-request-id", " a b\t"), ("connection", "close"), ("etag", '"0f"')])
    assert response.headers == [("x-request-id", "a b"), ("etag", '"0f"')]


@pytest.mark.parametrize(
    ("peer", "scheme"), [("127.0.0.1", "https"), ("10.1.2.3", "https"), ("192.0.2.7", "http")]
)
def test_only_a_trusted_proxy_is_believed_that_its_reader_came_by_https(peer, scheme) -> None:
    config = Config()
    config.set("forwarded_allow_ips", "127.0.0.1/32,10.0.0.0/8")
    config.set("http_parser", "python")
    wire.settle(config)
    for _ in range(2):  # who asks again is known
        request = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n"
        assert next(wire.Parser(config, [request], (peer, 4711))).scheme == scheme


def test_settings_that_have_settled_are_the_same() -> None:
    config = Config()
    config.set("keepalive", 7)
    before = {name: getattr(config, name) for name in config.settings}
    wire.settle(config)
    assert vars(config)["keepalive"] == 7
    assert {name: getattr(config, name) for name in config.settings} == before


def test_the_date_of_an_answer_is_the_second_of_a_moment_as_the_standard_has_it() -> None:
    assert wire.http_date(0) == wire.http_date(0.9) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert wire.http_date(1) == "Thu, 01 Jan 1970 00:00:01 GMT"
    before, date, after = util.http_date(), wire.http_date(), util.http_date()
    assert date in (before, after)


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(lambda text: "/" + text)
)
@example("//host/path?q=1")
@example("/a#b?c")
@example("/a;b?c=d?e")
@example("/?")
def test_an_address_is_split_as_the_standard_library_splits_it(uri: str) -> None:
    def told(split) -> object:
        try:
            parts = split(uri)
        except ValueError:
            return None
        return parts.path, parts.query, parts.fragment

    assert told(wire.split_request_uri) == told(util.split_request_uri)


class Hesitant:
    """A socket that takes a few bytes of what it is given at once, as one does whose reader is slow."""

    def __init__(self, takes: int) -> None:
        self.takes, self.sent = takes, b""

    def sendmsg(self, parts: tuple[bytes, ...], _: object, flags: int) -> int:
        assert flags == MSG_DONTWAIT
        if not self.takes:
            raise BlockingIOError
        self.sent += b"".join(parts)[: self.takes]
        return min(self.takes, sum(map(len, parts)))

    def sendall(self, data: bytes) -> None:
        self.sent += data


@pytest.fixture
def waited(monkeypatch) -> list[str]:
    """One entry for each time that a client had to be waited for."""
    told: list[str] = []
    monkeypatch.setattr(wire.Unreader, "waits", staticmethod(lambda: told.append("waits")))
    return told


@pytest.fixture
def config() -> Config:
    settled = Config()
    settled.set("http_parser", "python")
    wire.settle(settled)
    return settled


@pytest.mark.parametrize("takes", [0, 5, 60, 200, 10_000])
def test_an_answer_leaves_whole_however_much_of_it_the_socket_takes_at_once(
    waited, config, takes: int
) -> None:
    (request,) = wire.Parser(config, [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ("127.0.0.1", 4711))
    socket, body = Hesitant(takes), b"x" * 300
    response = Response(request, socket, config)
    response.start_response("200 OK", [("content-length", "300"), ("etag", '"a"')])
    response.write(body)
    head, _, rest = socket.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b'content-length: 300\r\netag: "a"')
    assert (rest, response.sent, response.headers_sent) == (body, 300, True)
    response.write(b"more than was said")
    assert socket.sent.endswith(body)
    assert waited == (["waits"] if takes < 10_000 else [])


def test_it_is_told_when_a_body_has_not_come_yet(monkeypatch) -> None:
    here, there = socketpair()
    with here, there:
        unreader = wire.Unreader(here)
        there.send(b"one")
        assert unreader.chunk() == b"one"
        monkeypatch.setattr(wire.Unreader, "waits", staticmethod(lambda: there.sendall(b"two")))
        assert unreader.chunk(1_000_000) == b"two"
        monkeypatch.undo()
        there.close()
        assert unreader.chunk() == b""


def test_it_is_told_when_a_body_that_nobody_read_is_waited_for(waited, config) -> None:
    here, there = socketpair()
    with here, there:
        parser = wire.Parser(config, here, ("127.0.0.1", 4711))
        there.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
        next(parser)
        assert not parser.finish_body(deadline=time.monotonic() + 0.01)
        assert waited == ["waits"]


def test_it_is_told_when_a_file_is_sent(waited, config, tmp_path) -> None:
    (request,) = wire.Parser(config, [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ("127.0.0.1", 4711))
    (tmp_path / "file").write_bytes(b"x" * 300)
    here, there = socketpair()
    with here, there, (tmp_path / "file").open("rb") as file:
        response = Response(request, here, config)
        response.start_response("200 OK", [("content-length", "300")])
        response.write_file(FileWrapper(file))
        assert there.recv(10_000).endswith(b"\r\n\r\n" + b"x" * 300)
    assert waited == ["waits"]
