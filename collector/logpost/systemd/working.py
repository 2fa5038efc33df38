"""Whether a call that says nothing until it returns gets on: it does while this process computes, reads or writes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from logpost.systemd.notices import Notices

LOOK_SECONDS = 5.0
ALLOWED_SECONDS = 60.0
"""How long such a call may do nothing before it is taken for hung."""
LEAST_CPU_SHARE = 0.05
LEAST_BYTES_PER_SECOND = 100_000
"""Idle threads use less than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What the process has used: seconds of processor time, bytes read and written, at a time in seconds."""

    at: float
    cpu_seconds: float
    io_bytes: int

    def has_advanced(self, since: Used) -> bool:
        elapsed = self.at - since.at
        computes = self.cpu_seconds - since.cpu_seconds >= LEAST_CPU_SHARE * elapsed
        return computes or self.io_bytes - since.io_bytes >= LEAST_BYTES_PER_SECOND * elapsed


@contextlib.contextmanager
def working(notices: Notices, status: str) -> Iterator[None]:
    """Around the call. The listener is told that it gets on, as long as it does."""
    if not notices.are_heard:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_tell, args=(notices, status, done), name="working", daemon=True)
    notices.advances(status, ALLOWED_SECONDS)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tell(notices: Notices, status: str, done: threading.Event) -> None:
    before = _used()
    while not done.wait(LOOK_SECONDS):
        now = _used()
        if now.has_advanced(before):
            notices.advances(status, ALLOWED_SECONDS)
        before = now


def _used() -> Used:
    times = os.times()
    return Used(at=times.elapsed, cpu_seconds=times.user + times.system, io_bytes=_io_bytes())


def _io_bytes() -> int:
    try:
        lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    except OSError:
        return 0
    return int(lines["rchar"]) + int(lines["wchar"])
