"""Ending the loop's wait."""

from __future__ import annotations

import os
import resource
import threading
import time
from pathlib import Path

from logpost.agent.wake import Wake

WAIT_SECONDS = 60.0


def test_more_than_a_thousand_open_files_are_no_hindrance() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    others = [os.eventfd(0) for _ in range(1024)]
    wake = Wake()
    try:
        wake.wake()
        wake.wait(WAIT_SECONDS)
    finally:
        wake.close()
        for fd in others:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_anyone_can_end_the_wait() -> None:
    wake = Wake()
    threading.Timer(0.05, wake.wake).start()
    started = time.monotonic()
    wake.wait(WAIT_SECONDS)
    wake.close()
    assert time.monotonic() - started < WAIT_SECONDS / 2


def test_a_wake_after_the_end_touches_no_file_descriptor(tmp_path: Path) -> None:
    """A second SIGTERM, or the thread that made the topic; the number may be another file's by then."""
    wake = Wake()
    wake.close()
    with (tmp_path / "other").open("wb") as other:
        wake.wake()
    assert (tmp_path / "other").stat().st_size == 0
    assert other.closed
