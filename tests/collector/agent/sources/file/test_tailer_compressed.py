"""A log that was compressed before it was read to its end is read on from its compressed copy."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.agent.harness import Host, append, lines_of, messages, numbered, range_of
from tests.collector.agent.sources.file.rotations import (
    PACKERS,
    assert_each_once,
    assert_no_more_after_restarts,
    pack,
    renamed,
)

# While the agent does not run


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("read", [20, 2, 0])
def test_rotated_and_compressed(host: Host, log: Path, ending: str, read: int) -> None:
    """`read`: lines that were read before; two of them are too short to be a fingerprint."""
    text = numbered(0, 60)
    append(log, numbered(0, read) or "\n")
    host.read()
    host.stop()
    append(log, numbered(read, 40))
    pack(renamed(log, ".1"), ending).rename(log.with_name("app.log.2" + ending))
    append(log, numbered(40, 50))
    pack(renamed(log, ".1"), ending)
    append(log, numbered(50, 60))
    host.read()
    assert_each_once(host, text)
    streams = {range_of(record).id for record in host.topic.records}
    assert len(streams) == 3
    assert sum(range_of(r).end - range_of(r).start for r in host.topic.records) == len(text) + (not read)
    assert_no_more_after_restarts(host)


def test_a_compressed_copy_is_read_on_after_a_crash(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, numbered(20, 9000))
    pack(renamed(log, ".1"))
    append(log, "new\n")
    host.topic.acknowledges_at_once = False
    host.scan()
    for _ in range(4):
        host.tailer.turn(host.now, host.now_ns)
    host.topic.acknowledge(range(len(host.topic.pending) // 2))
    host.save()
    assert 20 < len(messages(host)) < 9000
    for _ in range(2):
        host.crash()
        host.scan()
        host.tailer.turn(host.now, host.now_ns)
    host.topic.acknowledges_at_once = True
    host.crash()
    host.read()
    assert lines_of(host.topic.records) == dict.fromkeys([*numbered(0, 9000).splitlines(), "new"], 1)
    host.stop()
    before = len(messages(host))
    host.read()
    assert len(messages(host)) == before


def test_a_compressed_copy_that_is_damaged_is_read_as_far_as_it_goes(
    host: Host, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, "".join(os.urandom(40).hex() + "\n" for _ in range(5000)))
    packed = pack(renamed(log, ".1"))
    with packed.open("r+b") as file:
        file.truncate(packed.stat().st_size // 2)
    append(log, "new\n")
    host.read()
    assert 1000 < len(messages(host)) < 5000
    assert "new" in messages(host)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"{packed} is not read any further: it cannot be unpacked "
        "(Compressed file ended before the end-of-stream marker was reached)"
    ]


def test_a_file_that_is_being_compressed_is_read_itself(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, numbered(20, 25))
    rotated = renamed(log, ".1")
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(rotated.read_bytes())[:60])
    append(log, "new\n")
    host.read()
    assert_each_once(host, numbered(0, 25), "new\n")


@pytest.mark.parametrize("ending", PACKERS)
def test_a_copy_that_keeps_whole_seconds(host: Host, log: Path, ending: str) -> None:
    """As bzip2 does."""
    append(log, numbered(0, 2))
    host.read()
    host.stop()
    append(log, numbered(2, 3))
    os.utime(log, ns=(log.stat().st_mtime_ns,) * 2)
    whole_seconds(pack(renamed(log, ".1"), ending))
    host.read()
    assert_each_once(host, numbered(0, 3))


def whole_seconds(path: Path) -> None:
    seconds = path.stat().st_mtime_ns // 1_000_000_000
    os.utime(path, (seconds, seconds))


# While it runs


def crowd(host: Host) -> None:
    """Log to so many other files that no other stays open."""
    for number in range(2):
        append(host.directory / f"other-{number}.log", "other\n")
        host.read()


@pytest.fixture
def small_host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, max_open_files=1)
    yield host
    host.close()


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("read", [20, 2])
def test_a_closed_log_that_is_compressed_at_once(small_host: Host, log: Path, ending: str, read: int) -> None:
    host = small_host
    append(log, numbered(0, read))
    host.read()
    crowd(host)
    append(log, numbered(read, 40))
    whole_seconds(pack(renamed(log, ".1"), ending))
    append(log, numbered(40, 60))
    for _ in range(2):
        host.read()
        host.sleep(1)
    assert_each_once(host, numbered(0, 60), "other\nother\n")
    assert_no_more_after_restarts(host)


def test_a_rotated_log_that_grows_late_and_is_compressed(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    rotated = renamed(log, ".1")
    append(log, numbered(20, 40))
    host.sleep(14)
    assert host.counts.files_rotated == 1
    append(rotated, numbered(40, 45))
    pack(rotated).rename(log.with_name("app.log.2.gz"))
    host.sleep(2)
    assert host.counts.files_rotated == 0
    assert_each_once(host, numbered(0, 45))
    assert_no_more_after_restarts(host)


def test_a_rotated_log_that_was_read_to_its_end_is_not_unpacked(
    host: Host, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(log, numbered(0, 20))
    host.read()
    rotated = renamed(log, ".1")
    host.sleep(14)
    with caplog.at_level("INFO"):
        pack(rotated)
        host.sleep(2)
    assert not caplog.records
    assert_each_once(host, numbered(0, 20))


def test_a_log_that_is_copied_truncated_and_compressed_at_once(host: Host, log: Path) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.save()
    append(log, numbered(20, 40))
    copy = log.with_name("app.log.1")
    shutil.copyfile(log, copy)
    log.write_text(numbered(40, 45))
    pack(copy)
    host.read()
    assert_each_once(host, numbered(0, 45))


def test_copies_of_other_lives_are_not_read(small_host: Host, log: Path) -> None:
    """Each begins with the same line."""
    host = small_host
    for number in range(3):
        append(log, "started\n")
        host.read()
        crowd(host)
        append(log, f"line {number}\n")
        for rotated in (2, 1):
            if (older := log.with_name(f"app.log.{rotated}.gz")).exists():
                older.rename(log.with_name(f"app.log.{rotated + 1}.gz"))
        pack(renamed(log, ".1"))
        host.read()
        host.sleep(1)
    found = [message for message in messages(host) if message != "other"]
    assert sorted(found) == ["line 0", "line 1", "line 2", "started", "started", "started"]


def test_another_file_has_the_inode_of_a_log_that_was_compressed(small_host: Host, log: Path) -> None:
    """As long as what was read of the log, too."""
    host = small_host
    append(log, "first\n")
    host.read()
    crowd(host)
    append(log, "second\n")
    into_its_inode(log, "third\n")
    for _ in range(2):
        host.read()
        host.sleep(1)
    assert_each_once(host, "first\nsecond\nthird\n", "other\nother\n")


def test_another_file_has_the_inode_of_a_rotated_log_that_was_compressed(host: Host, log: Path) -> None:
    append(log, "first\n")
    host.read()
    rotated = renamed(log, ".1")
    host.sleep(14)
    append(rotated, "second\n")
    into_its_inode(rotated, "third\n")
    host.sleep(2)
    assert sorted(messages(host)) == ["first", "second"]
    rotated.rename(log)
    host.sleep(2)
    assert_each_once(host, "first\nsecond\nthird\n")


def into_its_inode(log: Path, text: str) -> None:
    """Compress the file as rotated; a file system may give its inode to the next file at once."""
    copy = log.with_name("app.log.1.gz")
    copy.write_bytes(gzip.compress(log.read_bytes()))
    shutil.copystat(log, copy)
    log.write_text(text)


@pytest.mark.parametrize("name", ["app.log.prev", "old-app.log", "app.log~"])
def test_compressed_while_down_under_any_name(host: Host, log: Path, name: str) -> None:
    append(log, numbered(0, 20))
    host.read()
    host.stop()
    append(log, "last\n")
    pack(log.rename(log.with_name(name)))
    append(log, "new\n")
    host.read()
    assert_each_once(host, numbered(0, 20), "last\n", "new\n")
