"""glibc's malloc, told to keep what the broker frees: a batch is a block of a megabyte that lives for a millisecond.

Left alone, glibc maps such blocks one by one, or trims the heap after each, and every byte of the next batch costs a
page fault: measured here, half of the broker's CPU for produce and fetch (bench/README.md).
"""

from __future__ import annotations

import ctypes

from logpost.config import MIB

# Names and numbers of mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 64 * MIB
"""What may lie free at the end of the heap."""
LARGEST_BYTES = 32 * MIB
"""The largest block that is kept: glibc takes no higher threshold."""


def keep_large_blocks() -> bool:
    """For this process, from now on. Returns False where the C library has no such settings."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((M_MMAP_THRESHOLD, LARGEST_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES), (M_TOP_PAD, 16 * MIB))
    return all(bool(mallopt(name, size)) for name, size in settings)
