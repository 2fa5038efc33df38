"""Hearing of file events."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.sources.file.watch import NOTHING, Seen, Watch

WAIT_SECONDS = 60.0


class Watching:
    """A watch and what it wakes."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.watch = Watch(self.woken.set)

    def wait(self, seconds: float = WAIT_SECONDS) -> Seen:
        """What is seen with the next event."""
        self.woken.wait(seconds)
        self.woken.clear()
        return self.watch.take()


@pytest.fixture
def watching() -> Iterator[Watching]:
    watching = Watching()
    yield watching
    watching.watch.close()


def test_a_write_names_its_file_once(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    watching.watch.add([(tmp_path, False)])
    assert watching.watch.take() == NOTHING
    with (tmp_path / "a.log").open("a") as file:
        file.write("one\n")
    assert watching.wait().paths == {tmp_path / "a.log"}
    assert watching.watch.take() == NOTHING


def test_a_new_file_in_a_new_directory_is_noticed(watching: Watching, tmp_path: Path) -> None:
    watching.watch.add([(tmp_path, True)])
    (tmp_path / "new").mkdir()
    assert watching.wait().tree
    deadline = time.monotonic() + WAIT_SECONDS
    while (tmp_path / "new" / "a.log") not in watching.wait(0.1).paths:
        (tmp_path / "new" / "a.log").write_text("one\n")
        assert time.monotonic() < deadline


def test_a_rename_is_noticed(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    watching.watch.add([(tmp_path, False)])
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    assert {path.name for path in watching.wait().names} == {"a.log", "a.log.1"}


def test_a_directory_that_comes_later_is_watched_then(watching: Watching, tmp_path: Path) -> None:
    watching.watch.add([(tmp_path / "later", False)])
    (tmp_path / "later").mkdir()
    watching.watch.add([(tmp_path / "later", False)])
    (tmp_path / "later" / "a.log").touch()
    assert watching.wait().names
