"""What a process read to load a library goes back to the kernel, and nothing else does."""

from __future__ import annotations

import subprocess
import sys

from logpost_web.memory_use import unwritten

SMAPS = """\
7f00-7f10 r--p 00000000 fe:00 99 /lib/x/_chdb.abi3.so
Rss:                  40 kB
Anonymous:             0 kB
7f10-7f20 r-xp 00001000 fe:00 99 /lib/x/_chdb.abi3.so
Anonymous:             0 kB
7f20-7f30 r--p 00002000 fe:00 99 /lib/x/_chdb.abi3.so
Anonymous:            16 kB
7f30-7f40 rw-p 00003000 fe:00 99 /lib/x/_chdb.abi3.so
Anonymous:             0 kB
7f40-7f50 rw-p 00000000 00:00 0
Anonymous:             0 kB
7f50-7f60 r-xp 00000000 fe:00 98 /lib/x/libother.so
Anonymous:             0 kB
7f60-7f70 r-xs 00000000 fe:00 99 /lib/x/_chdb.abi3.so
Anonymous:             0 kB
"""

PROGRAM = """
import re
from logpost_web.memory_use import forget_library, keep_little

def mapped():
    return int(re.search(r"RssFile:\\s+(\\d+)", open("/proc/self/status").read())[1])

keep_little()
import chdb
before = mapped()
forget_library("_chdb")
after = mapped()
assert after < before - 50_000, (before, after)
print(chdb.query("SELECT sum(number) FROM numbers(10)", "CSV").data().strip())
"""


def test_only_what_nobody_may_write_or_wrote_goes() -> None:
    assert list(unwritten(SMAPS, "_chdb")) == [(0x7F00, 0x7F10), (0x7F10, 0x7F20)]


def test_the_engine_works_on_without_what_loaded_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "45\n", "")
