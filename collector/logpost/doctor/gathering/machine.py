"""What the system says of itself, as one value: a test gives another."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from logpost.processes import PROC

_TIMEX_BYTES = 512
"""More than `struct timex` has."""
_TIME_ERROR = 5


def clock_is_synchronised() -> bool | None:
    """Whether the kernel believes that something keeps its clock right; None where it may not be asked."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`root`: where `/etc` and the like are looked up. `now`: Unix seconds."""

    root: Path = Path("/")
    proc: Path = PROC
    cgroups: Path = Path("/sys/fs/cgroup")
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    now: Callable[[], float] = time.time
    host_name: Callable[[], str] = socket.gethostname
    clock_is_synchronised: Callable[[], bool | None] = clock_is_synchronised
