"""Random names are never given twice, whoever asks for them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from kb.chance import token_bytes, token_hex, token_urlsafe


def test_names_have_their_length_and_no_two_are_alike() -> None:
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: token_hex(8), range(20_000)))
    assert len(set(names)) == 20_000
    assert {len(name) for name in names} == {16}
    assert len(token_urlsafe(12)) == 16
    assert len(token_bytes(10_000)) == 10_000


def test_a_forked_process_gives_other_names_than_its_parent() -> None:
    token_bytes(1)  # there is a rest that both would share
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, token_bytes(32))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 32)
    assert theirs != token_bytes(32)
