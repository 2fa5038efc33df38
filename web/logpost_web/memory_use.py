"""What this process keeps of memory that it does not use: less than C library and kernel would by themselves."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of mallopt(3)."""
MADV_DONTNEED = 4
"""Of madvise(2)."""
KEPT_BYTES = 4 * 1024 * 1024
LARGE_BYTES = 1024 * 1024
ARENAS = 2
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \S+ +(\S+)$")


def keep_little() -> None:
    """To be called before there are threads. By default glibc keeps heaps for eight threads a processor, and what was
    once needed for a block of 30 MB: with blocks and searches side by side that was 100 MB."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in every C library
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def forget_library(name: str, smaps: Path = Path("/proc/self/smaps")) -> None:
    """Give the pages of a library back that were read to load it. The kernel maps those again that are used, from its
    cache of the file."""
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return
    try:
        found = list(unwritten(smaps.read_text(), name))
    except OSError:
        return
    for start, end in found:
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def unwritten(smaps: str, name: str) -> Iterator[tuple[int, int]]:
    """Addresses of the mappings of a file that nobody may write, and of which no page is a copy of its own: these
    would be lost."""
    place: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if line[:1] in "0123456789abcdef":
            mapping = _MAPPING.match(line)
            place = None
            if mapping and mapping[3].rpartition("/")[2].startswith(name):
                place = int(mapping[1], 16), int(mapping[2], 16)
        elif place and re.fullmatch(r"Anonymous: +0 kB", line):
            yield place
