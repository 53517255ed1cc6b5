"""Connections are shared out by counts that all workers see."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http.wsgi import InvalidResponseHeader

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
