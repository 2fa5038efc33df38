"""What the C library is told about memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Page faults of a second round of large blocks: a heap that was kept has its pages already.
PROGRAM = """
import resource, sys
from logpost_broker.server.allocator import keep_large_blocks
if sys.argv[1] == "kept":
    assert keep_large_blocks()
def round_of_blocks():
    return [b"x" * 1_000_000 for _ in range(8)] and None
round_of_blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    round_of_blocks()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(setting: str) -> int:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, setting], capture_output=True, text=True, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
def test_freed_blocks_are_used_again_without_page_faults() -> None:
    assert page_faults("kept") * 10 < page_faults("left")
