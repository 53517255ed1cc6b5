"""Work that is shared with other processes gives what one alone gives, whatever becomes of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import pytest

from kb.processes import by_two


def doubled(numbers: Sequence[int]) -> list[int]:
    return [2 * number for number in numbers]


@pytest.mark.parametrize("size", [0, 1, 2, 7, 50_000])
def test_two_give_what_one_gives_in_order(size: int) -> None:
    assert by_two(doubled, range(size)) == doubled(range(size))


def test_the_second_half_is_made_by_another_process() -> None:
    one, other = by_two(lambda items: [os.getpid()] * len(items), range(2))
    assert one == os.getpid() != other


def test_what_the_other_does_not_give_is_made_here() -> None:
    here = os.getpid()

    def killed_elsewhere(numbers: Sequence[int]) -> list[int]:
        if os.getpid() != here:
            os._exit(1)
        return doubled(numbers)

    assert by_two(killed_elsewhere, range(9)) == doubled(range(9))


def test_an_error_of_either_half_is_raised() -> None:
    for wrong in (0, 3):
        with pytest.raises(ZeroDivisionError):
            by_two(lambda numbers, wrong=wrong: [1 // (number - wrong) for number in numbers], range(4))


def test_beside_threads_one_works_alone() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert set(by_two(lambda items: [os.getpid()] * len(items), range(4))) == {os.getpid()}
    finally:
        ended.set()
        thread.join()
