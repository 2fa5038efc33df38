"""Rotation while the agent was down that left files in another directory, or under a name that says nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.agent.harness import Host, append, messages, numbered
from tests.collector.agent.sources.file.rotations import PACKERS, assert_each_once, pack


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "var" / "log" / "app.log"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def host(log: Path) -> Iterator[Host]:
    host = Host(log.parent)
    yield host
    host.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


OLD_DIRECTORIES = ["old", "..", "../old", "linked"]


@pytest.fixture(params=OLD_DIRECTORIES)
def old(request: pytest.FixtureRequest, log: Path, tmp_path: Path) -> Path:
    """logrotate's `olddir`."""
    directory: Path = log.parent / request.param
    if request.param == "linked":
        (tmp_path / "elsewhere").mkdir()
        directory.symlink_to(tmp_path / "elsewhere")
    directory.mkdir(exist_ok=True)
    return directory


def to_another_file_system(path: Path, target: Path) -> None:
    """As `mv` does it."""
    shutil.copy2(path, target)
    path.unlink()


@pytest.mark.parametrize("read", [20, 1])
@pytest.mark.parametrize("kind", ["renamed", "another file system", ".gz", ".zst"])
def test_moved_to_another_directory(host: Host, log: Path, old: Path, kind: str, read: int) -> None:
    """Twice: the second file is one that nobody has read. `read`: 1 is too short to be told by its bytes alone."""
    append(log, numbered(0, read))
    host.read()
    host.stop()
    append(log, numbered(read, 40))
    move = Path.rename if kind == "renamed" else to_another_file_system
    move(log, old / "app.log.2")
    append(log, numbered(40, 50))
    move(log, old / "app.log.1")
    if kind in PACKERS:
        pack(old / "app.log.2", kind)
        pack(old / "app.log.1", kind)
    append(log, numbered(50, 60))
    host.read()
    for _ in range(2):
        host.stop()
        host.sleep(1)
    assert_each_once(host, numbered(0, 60))


def test_moved_under_any_name(host: Host, log: Path, old: Path) -> None:
    append(log, "one\n")
    host.read()
    host.stop()
    append(log, "two\n")
    log.rename(old / "2026-11-30")
    append(log, "three\n")
    host.read()
    assert_each_once(host, "one\ntwo\nthree\n")


def test_copies_and_logs_of_others_around_are_not_read(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, numbered(20, 25))
    log.rename(log.with_name("app.log.1"))
    append(log, "new\n")
    backup, other = log.parent / "backup", log.parent.parent / "other"
    backup.mkdir()
    shutil.copy(log.with_name("app.log.1"), backup / "app.log.1")
    shutil.copy(log, backup / "app.log.0")
    other.mkdir()
    append(other / "app.log", "other\n")
    append(other / "app.log.1", "other's\n")
    for _ in range(2):
        host.read()
        host.stop()
    assert_each_once(host, numbered(0, 25), "new\n")


def test_a_rotated_log_of_others_is_not_taken_for_one_that_is_gone(host: Host, log: Path) -> None:
    """Its name alone, in a directory where nothing that was read is found, says nothing."""
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    log.unlink()
    for directory in (log.parent / "other", log.parent.parent / "other"):
        directory.mkdir()
        append(directory / "app.log.1", "other's\n")
        (directory / "circle").symlink_to(directory)
    (log.parent / "circle").symlink_to(log.parent)
    append(log, "new\n")
    host.read()
    assert_each_once(host, numbered(0, 20), "new\n")


def test_of_others_that_begin_alike_no_log_is_read(host: Host, log: Path) -> None:
    """Of another instance of the program, whose logs are not ours: its first line is the same."""
    append(log, "started\n")
    host.read()
    host.stop()
    log.write_text("")  # not removed: another file may get its inode
    other = log.parent.parent / "other"
    other.mkdir()
    append(other / "app.log.1", "started\nother's\n")
    append(other / "app.log", "started\nother's\n")
    host.read()
    assert messages(host) == ["started"]


@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_a_short_log_under_an_odd_name(host: Host, log: Path, ending: str) -> None:
    """Beside another log that begins otherwise, and a file that is not of a log."""
    append(log, "one\n")
    append(log.with_name("other.log"), "other\n")
    host.read()
    host.stop()
    append(log, "two\n")
    shutil.copy(log, log.with_name("saved"))
    log.unlink()
    if ending:
        pack(log.with_name("saved"), ending)
    append(log, "three\n")
    append(log.with_name("notes"), "none\n")
    for _ in range(2):
        host.read()
        host.stop()
    assert_each_once(host, "one\ntwo\nthree\nother\n")


def test_of_two_files_that_begin_like_a_short_log_none_is_guessed(
    host: Host, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(log, "started\n")
    host.read()
    host.stop()
    log.write_text("")  # not removed: another file may get its inode
    append(log.with_name("saved"), "started\none\n")
    append(log.with_name("kept"), "started\ntwo\n")
    host.read()
    assert messages(host) == ["started"]
    assert len(warnings(caplog)) == 1


def test_of_two_logs_that_begin_alike_none_is_guessed(host: Host, log: Path) -> None:
    for name in ("app.log", "other.log"):
        append(log.with_name(name), "started\n")
    append(log.with_name("third.log"), "begun\n")
    host.read()
    host.stop()
    append(log.with_name("saved"), "started\none\n")
    append(log.with_name("kept"), "begun\ntwo\n")
    for name in ("app.log", "other.log", "third.log"):
        log.with_name(name).write_text("")
    host.read()
    assert sorted(messages(host)) == ["begun", "started", "started", "two"]


def test_what_is_found_nowhere_is_said_once(
    host: Host, log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("app.log", "gone.log", "stays.log"):
        append(log.with_name(name), numbered(0, 20))
    host.read()
    host.stop()
    append(log, "lost\n")
    (tmp_path / "far" / "away").mkdir(parents=True)
    to_another_file_system(log, tmp_path / "far" / "away" / "app.log.1")
    log.with_name("gone.log").unlink()
    append(log, "new\n")
    for _ in range(3):
        host.read()
        host.stop()
    assert warnings(caplog) == [
        f"{log} was rotated, removed or written over while the agent was not running, and is found nowhere around, "
        "and 1 more logs: "
        f"what was written to it behind its first {len(numbered(0, 20))} bytes meanwhile is not shipped"
    ]
    assert host.counts.files_gone == 2
    assert messages(host)[-1] == "new"


def test_what_was_gone_and_came_back_is_said_when_it_is_gone_again(
    host: Host, log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = tmp_path / "far" / "away" / "app.log"
    away.parent.mkdir(parents=True)
    append(log, numbered(0, 20))
    host.read()
    for life in (1, 2):
        host.stop()
        log.rename(away)
        host.read()
        assert len(warnings(caplog)) == life
        host.stop()
        away.rename(log)
        append(log, f"back {life}\n")
        host.read()
    assert_each_once(host, numbered(0, 20), "back 1\nback 2\n")


def test_a_log_that_was_written_over_at_the_same_length(
    host: Host, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the same inode: its new lines are read, and that the old ones may have been more is said."""
    append(log, "AAAA one\nAAAA two\n")
    host.read()
    host.stop()
    log.write_text("BBBB one\nBBBB two\n")
    for _ in range(2):
        host.read()
        host.stop()
    assert_each_once(host, "AAAA one\nAAAA two\n", "BBBB one\nBBBB two\n")
    assert len(warnings(caplog)) == 1


def test_what_is_deleted_while_the_agent_runs_is_not_said_to_be_lost(
    host: Host, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(log, "idle\n")
    append(log.with_name("rotated.log"), "all of it\n")
    host.read()
    rotated = log.with_name("rotated.log.1")
    log.with_name("rotated.log").rename(rotated)
    for _ in range(2):  # until nothing is to be saved but what is deleted
        host.sleep(12)
        host.save()
    for deleted in (rotated, log):
        deleted.unlink()
        host.sleep(12)
        host.stop()
        host.read()
    assert warnings(caplog) == []
