"""Rotation while the agent runs and while it does not: what is on the disk is shipped, and once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logpost.agent.metrics import Counts
from logpost.agent.rotated import ROTATED_SECONDS, RotatedFiles
from logpost.agent.source import Source
from logpost.config import FileSource
from tests.collector.agent.harness import Host, lines_of, range_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def messages(host: Host) -> list[str]:
    return [record.message for record in host.topic.records]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number} of a log that is long enough\n" for number in range(first, last))


def pack(path: Path, ending: str = ".gz") -> Path:
    """Compress a file as gzip and its relatives do: the copy keeps the time."""
    packed = path.with_name(path.name + ending)
    packed.write_bytes(PACKERS[ending](path.read_bytes()))
    shutil.copystat(path, packed)
    path.unlink()
    return packed


def renamed(path: Path, ending: str) -> Path:
    return path.rename(path.with_name(path.name + ending))


def assert_each_once(host: Host, *texts: str) -> None:
    """As sent, without what the indexer drops."""
    assert sorted(messages(host)) == sorted("".join(texts).splitlines())
    lines_of(host.topic.records)  # no gap


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
    source = Source(FileSource(paths=(str(tmp_path / "*.log"),)), host="", max_line_bytes=1, forbidden=())
    rotated = RotatedFiles(counts, limit=2)
    paths = [tmp_path / f"{number}.log.1" for number in range(3)]
    for path, grown_at in zip(paths, (2.0, 1.0, 3.0), strict=True):
        path.touch()
        rotated.add(path, path.stat(), source, grown_at)
    assert (len(rotated), counts.rotated_dropped) == (2, 1)
    for path in paths:
        append(path, "late\n")
    assert [path for path, _ in rotated.changed(4.0)] == [paths[0], paths[2]]


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
    for _ in range(2):
        host.stop()
        host.read()
    assert len(messages(host)) == 31


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
    for _ in range(2):
        host.stop()
        host.read()
    assert len(messages(host)) == 60


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
