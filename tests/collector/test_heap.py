"""When freed memory goes back, and that it does."""

import subprocess
import sys

from logpost.heap import LEAST_BYTES, REST_SECONDS, Heap


def test_it_goes_back_once_for_much_that_was_read() -> None:
    given: list[str] = []
    heap = Heap(1000.0, lambda: given.append("back"))
    now = 1000.0 + REST_SECONDS
    heap.rests(now - 1, LEAST_BYTES)
    heap.rests(now, LEAST_BYTES - 1)
    assert not given
    heap.rests(now, LEAST_BYTES)
    heap.rests(now + REST_SECONDS, 2 * LEAST_BYTES - 1)
    assert len(given) == 1, "nothing much was read since"
    heap.rests(now + 1, 2 * LEAST_BYTES)
    assert len(given) == 1, "too soon"
    heap.rests(now + REST_SECONDS, 2 * LEAST_BYTES)
    assert len(given) == 2


def test_the_process_gets_smaller() -> None:
    code = """
from pathlib import Path
from logpost.heap import LEAST_BYTES, REST_SECONDS, Heap
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
kept = []
for _ in range(20_000):  # small ones: large ones go back at once
    kept.append(bytes(2000))
    last = bytes(2000)
    kept.append(bytes(600))
top = bytes(2000)
del kept
before = resident()
Heap(0).rests(REST_SECONDS, LEAST_BYTES)
assert resident() < before - 20_000_000, (before, resident())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
