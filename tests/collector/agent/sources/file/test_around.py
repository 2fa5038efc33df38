"""Rotation under the running agent that moves logs to another directory, where they are not held open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.sources.file.around import Around
from tests.collector.agent.harness import Host, append, numbered
from tests.collector.agent.sources.file.rotations import assert_each_once, pack

COUNT = 6


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    directory = tmp_path / "log"
    directory.mkdir()
    return [directory / f"{number}.log" for number in range(COUNT)]


@pytest.fixture
def host(logs: list[Path]) -> Iterator[Host]:
    host = Host(logs[0].parent, max_open_files=2)
    yield host
    host.close()


def text(path: Path, first: int, last: int) -> str:
    return "".join(f"{path.name} {line}" for line in numbered(first, last).splitlines(keepends=True))


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("old", ["old", "..", "../old"])
def test_closed_logs_are_found_where_rotation_moved_them(host: Host, logs: list[Path], old: str, ending: str) -> None:
    """More than may be open."""
    directory = logs[0].parent / old
    directory.mkdir(exist_ok=True)
    for log in logs:
        append(log, text(log, 0, 20))
    host.read()
    host.sleep(2)
    for log in logs:
        append(log, text(log, 20, 25))
        rotated = log.rename(directory / f"{log.name}.1")
        if ending:
            pack(rotated, ending)
        append(log, text(log, 25, 30))
    host.read()
    host.sleep(30)
    assert host.counts.files_open <= 2
    assert_each_once(host, *(text(log, 0, 30) for log in logs))


def test_a_log_that_was_copied_to_another_directory_and_truncated(host: Host, logs: list[Path]) -> None:
    """logrotate's `copytruncate` with `olddir`: what was not read yet stands in the copy alone."""
    log = logs[0]
    (log.parent / "old").mkdir()
    append(log, text(log, 0, 20))
    host.read()
    append(log, text(log, 20, 25))
    shutil.copy(log, log.parent / "old" / "0.log.1")
    log.write_text(text(log, 25, 30))
    host.read()
    host.sleep(2)
    assert_each_once(host, text(log, 0, 30))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_log_of_others_that_begins_alike_is_not_taken(host: Host, logs: list[Path], ending: str) -> None:
    """Of another instance of the program."""
    other = logs[0].parent.parent / "other" / "0.log.1"
    other.parent.mkdir()
    append(logs[0], "started\n")
    host.read()
    append(other, "started\nother's\n")
    if ending:
        pack(other, ending)
    logs[0].write_text("new\n")
    host.read()
    host.sleep(2)
    assert_each_once(host, "started\nnew\n")


def test_closed_logs_that_are_gone_are_let_go(host: Host, logs: list[Path]) -> None:
    for log in logs:
        append(log, text(log, 0, 20))
    host.read()
    host.sleep(2)
    for log in logs:
        log.unlink()
    host.read()
    host.sleep(15)
    host.save()
    assert (host.tailer.files, host.saved()) == (0, [])
    assert_each_once(host, *(text(log, 0, 20) for log in logs))


def test_names_are_those_that_rotation_makes_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log" / "app.log"
    names = ("app.log.1", "app-2026-11-28.log", "app.log.2.gz", "app.log.3.zip", "other.log.1", "app.log.d")
    for name in names:
        path = tmp_path / "log" / "old" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    inode = (tmp_path / "log" / "old" / "other.log.1").stat().st_ino
    around = Around([log], {inode})
    assert next(around.copies([log], inode)).name == "other.log.1"
    assert {path.name for path in around.copies([log], 0)} == {"app.log.1", "app-2026-11-28.log"}
    assert [path.name for path in around.packed_copies([log])] == ["app.log.2.gz"]
