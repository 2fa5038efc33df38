"""Waking on file events."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.wake import Wake, Woken

WAIT_SECONDS = 60.0


@pytest.fixture
def wake() -> Iterator[Wake]:
    wake = Wake()
    yield wake
    wake.close()


def test_a_write_names_its_file(wake: Wake, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    wake.watch([(tmp_path, False)])
    with (tmp_path / "a.log").open("a") as file:
        file.write("one\n")
    assert wake.wait(WAIT_SECONDS).paths == {tmp_path / "a.log"}


def test_a_new_file_in_a_new_directory_is_noticed(wake: Wake, tmp_path: Path) -> None:
    wake.watch([(tmp_path, True)])
    (tmp_path / "new").mkdir()
    assert wake.wait(WAIT_SECONDS).tree
    deadline = time.monotonic() + WAIT_SECONDS
    while (tmp_path / "new" / "a.log") not in wake.wait(0.1).paths:
        (tmp_path / "new" / "a.log").write_text("one\n")
        assert time.monotonic() < deadline


def test_a_rename_is_noticed(wake: Wake, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    wake.watch([(tmp_path, False)])
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    assert {path.name for path in wake.wait(WAIT_SECONDS).names} == {"a.log", "a.log.1"}


def test_a_directory_that_comes_later_is_watched_then(wake: Wake, tmp_path: Path) -> None:
    wake.watch([(tmp_path / "later", False)])
    (tmp_path / "later").mkdir()
    wake.watch([(tmp_path / "later", False)])
    (tmp_path / "later" / "a.log").touch()
    assert wake.wait(WAIT_SECONDS).names


def test_more_than_a_thousand_open_files_are_no_hindrance() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    others = [os.eventfd(0) for _ in range(1024)]
    wake = Wake()
    try:
        wake.wake()
        assert wake.wait(WAIT_SECONDS) == Woken()
    finally:
        wake.close()
        for fd in others:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_anyone_can_end_the_wait(wake: Wake) -> None:
    threading.Timer(0.05, wake.wake).start()
    started = time.monotonic()
    assert not wake.wait(WAIT_SECONDS).names
    assert time.monotonic() - started < WAIT_SECONDS / 2


def test_a_wake_after_the_end_touches_no_file_descriptor(tmp_path: Path) -> None:
    """A second SIGTERM, or the thread that made the topic; the number may be another file's by then."""
    wake = Wake()
    wake.close()
    with (tmp_path / "other").open("wb") as other:
        wake.wake()
    assert (tmp_path / "other").stat().st_size == 0
    assert other.closed
