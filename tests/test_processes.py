"""Work that is shared with other processes gives what one alone gives, whatever becomes of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from kb.processes import by_two


def doubled(numbers: Sequence[int]) -> list[int]:
    return [2 * number for number in numbers]


@pytest.mark.parametrize("size", [0, 1, 2, 7, 50_000])
def test_two_give_what_one_gives_in_order(size: int) -> None:
    assert by_two(doubled, range(size)) == doubled(range(size))


def alone(code: str) -> str:
    """What a program prints in which no other test has left a thread: it forks."""
    program = f"import os\nfrom kb.processes import by_two\nhere = os.getpid()\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_second_half_is_made_by_another_process() -> None:
    said = alone(
        "print([each == here for each in by_two(lambda items: [os.getpid()] * len(items), range(4))])"
    )
    assert said == "[True, True, False, False]\n"


def test_what_the_other_does_not_give_is_made_here() -> None:
    said = alone(
        "def killed_elsewhere(items):\n"
        "    if os.getpid() != here: os._exit(1)\n"
        "    return [os.getpid() == here] * len(items)\n"
        "print(by_two(killed_elsewhere, range(3)))"
    )
    assert said == "[True, True, True]\n"


def test_an_error_of_either_half_is_raised() -> None:
    for wrong in (0, 3):
        with pytest.raises(ZeroDivisionError):
            by_two(lambda numbers, wrong=wrong: [1 // (number - wrong) for number in numbers], range(4))


def test_work_that_nobody_waits_for_any_more_is_not_begun(tmp_path: Path) -> None:
    began = tmp_path / "began"
    alone(
        "import time\n"
        "from pathlib import Path\n"
        "from kb.processes import pool\n"
        f"def work(number): Path({str(began)!r}, str(number)).touch(); time.sleep(0.05)\n"
        f"Path({str(began)!r}).mkdir()\n"
        "try:\n"
        "    with pool(2) as helpers:\n"
        "        made = helpers.map(work, range(200), chunksize=1)\n"
        "        next(made)\n"
        "        1 / 0\n"
        "except ZeroDivisionError:\n"
        "    pass\n"
    )
    assert 0 < len(list(began.iterdir())) < 100


def test_beside_threads_one_works_alone() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert set(by_two(lambda items: [os.getpid()] * len(items), range(4))) == {os.getpid()}
    finally:
        ended.set()
        thread.join()
