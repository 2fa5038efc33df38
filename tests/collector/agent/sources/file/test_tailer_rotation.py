"""Rotation while the agent runs and while it does not: what is on the disk is shipped, and once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.fingerprint import fingerprint_of
from logpost.agent.sources.file.position import new_position
from logpost.agent.sources.file.rotated import ROTATED_SECONDS, RotatedFiles
from logpost.config import FileSourceConfig
from tests.collector.agent.harness import Host, append, lines_of, messages, numbered, range_of
from tests.collector.agent.sources.file.rotations import assert_each_once, assert_no_more_after_restarts, pack, renamed

# While the agent runs


def test_a_rotated_file_that_grows_after_long_silence_is_read(host: Host, log: Path) -> None:
    append(log, "one\n")
    host.read()
    rotated = renamed(log, ".1")
    append(log, "new\n")
    host.sleep(14)
    assert host.counts.files_open == 1
    assert host.counts.files_rotated == 1
    append(rotated, "late\n")
    host.sleep(1)
    assert sorted(messages(host)) == ["late", "new", "one"]
    assert len({range_of(record).id for record in host.topic.records}) == 2


def test_a_rotated_file_is_followed_through_its_next_names(host: Host, log: Path) -> None:
    append(log, "one\n")
    host.read()
    renamed(log, ".1")
    host.sleep(14)
    second = (log.parent / "app.log.1").rename(log.parent / "app.log.2")
    append(second, "late\n")
    host.sleep(1)
    host.sleep(14)
    append(second.rename(log.parent / "elsewhere"), "later\n")
    host.sleep(1)
    assert messages(host) == ["one", "late", "later"]


def test_a_rotated_file_is_let_go_when_it_has_not_grown_for_an_hour(host: Host, log: Path) -> None:
    append(log, "one\n")
    host.read()
    renamed(log, ".1")
    host.sleep(14)
    host.now += ROTATED_SECONDS
    host.sleep(0.25)
    assert host.counts.files_rotated == 0


def test_rotated_files_that_are_looked_at_are_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    counts = Counts()
    source = FileSet(FileSourceConfig(paths=(str(tmp_path / "*.log"),)), host="", max_line_bytes=1, forbidden=())
    rotated = RotatedFiles(counts, limit=2)
    paths = [tmp_path / f"{number}.log.1" for number in range(3)]
    for path, grown_at in zip(paths, (2.0, 1.0, 3.0), strict=True):
        path.touch()
        status = path.stat()
        position = new_position(path.name, path, status, 0, fingerprint_of(b"", b""))
        rotated.add(path, status, source, position, grown_at)
    assert (len(rotated), counts.rotated_dropped) == (2, 1)
    for path in paths:
        append(path, "late\n")
    assert [file.path for file in rotated.changed(4.0)] == [paths[0], paths[2]]


def test_a_copy_that_is_not_followed_by_a_truncation_is_a_file_of_its_own(tmp_path: Path, log: Path) -> None:
    host = Host(tmp_path, str(tmp_path / "app.log*"))
    append(log, numbered(0, 20))
    host.read()
    shutil.copyfile(log, tmp_path / "app.log.1")
    host.read()
    assert len(messages(host)) == 20
    host.sleep(11)
    assert len(messages(host)) == 40
    host.close()


@pytest.mark.parametrize("length", [20, 13])
def test_files_that_begin_alike_are_shipped_at_once(host: Host, tmp_path: Path, length: int) -> None:
    """`length` 13: the second is only the beginning of the first, so far."""
    append(tmp_path / "backup-1.log", numbered(0, 20))
    host.read()
    append(tmp_path / "backup-2.log", numbered(0, length))
    host.read()
    assert len(messages(host)) == 20 + length
    host.stop()
    append(tmp_path / "backup-0.log", numbered(0, 20))
    append(tmp_path / "backup-2.log", numbered(length, 21))
    host.read()
    assert sorted(messages(host)) == sorted((numbered(0, 20) * 2 + numbered(0, 21)).splitlines())
    assert len(lines_of(host.topic.records)) == 21
    assert len({range_of(record).id for record in host.topic.records}) == 3


def test_a_closed_log_that_is_renamed_after_its_directory_was_listed(tmp_path: Path, log: Path) -> None:
    host = Host(tmp_path, max_open_files=1)
    gone = log.with_name("gone.log")
    for path in (log, gone):
        append(path, numbered(0, 20))
        host.read()
    for number in range(2):
        append(tmp_path / f"other-{number}.log", "other\n")
        host.read()
    append(log, numbered(20, 40))
    gone.unlink()
    host.tailer.scan(host.now, host.now_ns)
    renamed(log, ".1")
    while host.tailer.has_work:
        host.tailer.turn(host.now, host.now_ns)
    host.read()
    assert lines_of(host.topic.records)["line 39 of a log that is long enough"] == 1
    host.close()


# While it does not


def test_a_link_whose_target_was_rotated(tmp_path: Path) -> None:
    target = tmp_path / "pods" / "c" / "0.log"
    target.parent.mkdir(parents=True)
    (tmp_path / "containers").mkdir()
    append(target, "one\n")
    (tmp_path / "containers" / "web.log").symlink_to("../pods/c/0.log")
    host = Host(tmp_path / "containers")
    host.read()
    host.stop()
    append(target, "two\n")
    renamed(target, ".20261128-101112")
    append(target, "between\n")
    pack(renamed(target, ".20261128-102112"))
    append(target, "three\n")
    host.read()
    assert sorted(messages(host)) == ["between", "one", "three", "two"]
    assert {record.service for record in host.topic.records} == {"web"}
    host.stop()
    host.read()
    assert len(messages(host)) == 4
    host.close()


def test_a_link_that_leads_to_another_directory_by_now(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"pod-{number}").mkdir()
        append(tmp_path / f"pod-{number}" / "0.log", f"{number}\n")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "web.log"
    link.symlink_to(tmp_path / "pod-1" / "0.log")
    host = Host(link.parent)
    host.read()
    host.stop()
    append(tmp_path / "pod-1" / "0.log", "last\n")
    link.unlink()
    link.symlink_to(tmp_path / "pod-2" / "0.log")
    host.read()
    assert sorted(messages(host)) == ["1", "2", "last"]
    host.close()


def test_several_rotations(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, numbered(20, 25))
    renamed(log, ".1").rename(log.with_name("app.log.2"))
    append(log, numbered(25, 30))
    renamed(log, ".1")
    append(log, numbered(30, 31))
    host.read()
    assert_each_once(host, numbered(0, 31))
    assert {record.file for record in host.topic.records} == {str(log)}
    assert_no_more_after_restarts(host)


def test_a_copy_of_the_log_as_it_is_is_not_read(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, numbered(20, 22))
    shutil.copyfile(log, log.with_name("app.log.bak"))
    host.read()
    assert_each_once(host, numbered(0, 22))


def test_copied_and_truncated(tmp_path: Path, log: Path) -> None:
    host = Host(tmp_path, str(tmp_path / "app.log*"))
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, numbered(20, 25))
    shutil.copyfile(log, tmp_path / "app.log.1")
    log.write_text(numbered(30, 60))
    host.read()
    assert_each_once(host, numbered(0, 25), numbered(30, 60))
    host.close()


def test_rotated_files_of_before_the_first_start_are_not_read(host: Host, log: Path) -> None:
    append(log.with_name("app.log.2"), numbered(0, 20))
    pack(log.with_name("app.log.2"))
    append(log.with_name("app.log.1"), "old\n")
    append(log, "one\n")
    os.utime(log.with_name("app.log.1"), (1, 1))
    os.utime(log.with_name("app.log.2.gz"), (1, 1))
    host.read()
    host.stop()
    host.read()
    assert messages(host) == ["one"]


def test_a_rotated_file_is_looked_at_again_after_a_restart_too(host: Host, log: Path) -> None:
    append(log, "one\n")
    host.read()
    rotated = renamed(log, ".1")
    host.stop()
    host.now = rotated.stat().st_mtime - 1_795_000_000 + 60  # the host's clock runs from START_NS
    host.read()
    append(rotated, "late\n")
    host.read()
    assert messages(host) == ["one", "late"]
