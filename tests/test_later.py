"""What `kb serve` makes ready before its workers are forked."""

from __future__ import annotations

import subprocess
import sys

AT_ONCE = """
import sys, threading
from typing import Annotated
import msgspec
from kb.later import work_out

short = Annotated[str, msgspec.Meta(max_length=10)] | None
kinds = [msgspec.defstruct("Kind", [(f"field{n}", short, None) for n in range(12)]) for _ in range(500)]
work_out()
sys.setswitchinterval(1e-6)
gate = threading.Barrier(4)

def read():
    for kind in kinds:
        gate.wait()
        msgspec.convert({"field3": "a"}, kind)

threads = [threading.Thread(target=read) for _ in range(4)]
for each in threads:
    each.start()
for each in threads:
    each.join()
print("all read")
"""


def test_what_is_asked_may_be_read_for_the_first_time_by_several_threads_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "all read\n"), done.stderr
