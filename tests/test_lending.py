"""A loop is lent while one answer takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kb.lending import Lending


@contextmanager
def stand_in(lending: Lending) -> Iterator[list[str]]:
    """A thread that takes the loop whenever it may; what happened, in order."""
    happened: list[str] = []
    ended = threading.Event()

    def work() -> None:
        while True:
            lending.take()
            if ended.is_set():
                return
            happened.append("taken")
            while lending.answering:
                time.sleep(0.0005)
            happened.append("given back")
            lending.give_back()

    thread = threading.Thread(target=work)
    thread.start()
    yield happened
    ended.set()
    lending.begin()  # it ends in the middle of an answer
    lending.wait()
    thread.join(10)
    assert not thread.is_alive()


def answer(lending: Lending, seconds: float, happened: list[str]) -> None:
    lending.begin()
    time.sleep(seconds)
    lending.end(lambda: happened.append("asked back"))
    happened.append("answered")


def test_a_loop_is_lent_while_one_answer_takes_long_and_given_back_before_the_next() -> None:
    lending = Lending(seconds=0.02)
    with stand_in(lending) as happened:
        for _ in range(3):
            answer(lending, 0.2, happened)
        assert sorted(happened[:3]) == ["asked back", "given back", "taken"]
        assert happened[0] == "taken"
        assert [each for each in happened if each == "answered"] == ["answered"] * 3
        assert happened[3::4] == ["answered"] * 3
        assert (lending.times, lending.lent) == (3, False)


def test_who_must_wait_for_a_client_lends_the_loop_without_being_looked_at() -> None:
    lending = Lending(seconds=60.0)
    with stand_in(lending) as happened:
        for _ in range(3):
            lending.begin()
            for _ in range(2):  # a body may come in many pieces
                lending.wait()
            began = time.monotonic()
            while not lending.lent:
                assert time.monotonic() - began < 10
                time.sleep(0.0005)
            lending.end(lambda: happened.append("asked back"))
        assert happened.count("taken") == lending.times == 3


def test_an_answer_that_waited_and_is_given_does_not_lend_the_next() -> None:
    lending = Lending(seconds=0.2)
    lending.begin()
    lending.wait()
    lending.end(lambda: None)
    lending.begin()
    began = time.monotonic()
    lending.take()
    assert time.monotonic() - began > 0.15


def test_quick_answers_lend_nothing_however_many_there_are() -> None:
    lending = Lending(seconds=1.0)
    with stand_in(lending) as happened:
        for _ in range(5_000):
            answer(lending, 0, happened)
        assert lending.times == 0
        assert set(happened) == {"answered"}


def test_an_answer_that_begins_as_the_stand_in_falls_asleep_is_noticed() -> None:
    lending = Lending(seconds=0.001)
    with stand_in(lending) as happened:
        for number in range(150):
            time.sleep(number % 7 * 0.0005)
            lending.begin()
            began = time.monotonic()
            while not lending.lent:
                assert time.monotonic() - began < 10, number
                time.sleep(0.0002)
            lending.end(lambda: None)
        assert happened.count("taken") == happened.count("given back") == 150


def test_a_loop_that_is_given_back_before_the_answer_is_not_waited_for_and_the_next_one_is() -> None:
    lending, happened = Lending(seconds=0.001), list[str]()
    lending.begin()
    lending.take()
    lending.give_back()
    lending.end(lambda: happened.append("asked back"))
    assert not happened

    lending.begin()
    lending.take()

    def give_back_later() -> None:
        happened.append("asked back")
        threading.Timer(0.05, lambda: (happened.append("given back"), lending.give_back())).start()

    lending.end(give_back_later)
    assert happened == ["asked back", "given back"]
