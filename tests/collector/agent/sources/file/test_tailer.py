"""Stories of files, one each, with a manual clock."""

from __future__ import annotations

import cProfile
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from logpost.agent.sources.file.known import EXPIRY_SECONDS
from logpost.agent.sources.file.reader import FileReader
from logpost.agent.sources.file.reports import REMEDY
from tests.collector.agent.harness import Host, append, lines_of, messages, numbered, range_of


def test_a_stream_is_saved_before_its_first_line_is_sent(host: Host, tmp_path: Path) -> None:
    append(tmp_path / "a.log", "one\n")
    host.scan()
    assert [position.id for position in host.saved()] == ["stream-1"]
    assert host.topic.records == []


def test_an_empty_file_has_no_stream_yet(host: Host, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    host.read()
    assert host.saved() == []
    append(tmp_path / "a.log", "one\n")
    host.read()
    assert messages(host) == ["one"]


def test_a_line_in_two_writes_is_one_line(host: Host, tmp_path: Path) -> None:
    append(tmp_path / "a.log", "one ")
    host.read()
    host.sleep(0.75)
    append(tmp_path / "a.log", "line\n")
    host.read()
    assert messages(host) == ["one line"]


def test_a_line_without_newline_is_shipped_when_the_file_rests(host: Host, tmp_path: Path) -> None:
    append(tmp_path / "a.log", "one")
    host.read()
    host.sleep(1.25)
    assert messages(host) == ["one"]
    append(tmp_path / "a.log", " more\ntwo\n")
    host.read()
    assert messages(host) == ["one", " more", "two"]
    assert host.topic.records[1].attrs == {"continued": True}


def test_the_place_of_the_cut_survives_a_crash(host: Host, tmp_path: Path) -> None:
    """Else the line, which has grown, would be sent whole under a range that overlaps what is there."""
    host.topic.acknowledges_at_once = False
    append(tmp_path / "a.log", "one")
    host.read()
    host.sleep(1.25)
    append(tmp_path / "a.log", " more\n")
    host.crash()
    host.read()
    assert [(range_of(r).start, range_of(r).end, r.message) for r in host.topic.records] == [
        (0, 3, "one"),
        (0, 3, "one"),
        (3, 9, " more"),
    ]


def test_nothing_is_saved_that_is_not_acknowledged(host: Host, tmp_path: Path) -> None:
    host.topic.acknowledges_at_once = False
    append(tmp_path / "a.log", "one\ntwo\nthree\n")
    host.read()
    host.topic.acknowledge([1, 2])
    host.save()
    assert [position.offset for position in host.saved()] == [0]
    host.topic.acknowledge()
    host.save()
    assert [position.offset for position in host.saved()] == [14]


def test_a_renamed_file_is_read_to_its_end_and_let_go(host: Host, tmp_path: Path) -> None:
    append(tmp_path / "a.log", "one\n")
    host.read()
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log", "first of the new file\n")
    append(tmp_path / "a.log.1", "two\n")
    host.read()
    host.sleep(11)
    assert sorted(messages(host)) == ["first of the new file", "one", "two"]
    assert host.counts.files_open == 1


def test_a_name_within_the_globs_does_not_make_a_new_stream(tmp_path: Path) -> None:
    host = Host(tmp_path, str(tmp_path / "a.log*"))
    append(tmp_path / "a.log", "one\n")
    host.read()
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    host.stop()
    append(tmp_path / "a.log.1", "two\n")
    host.read()
    assert messages(host) == ["one", "two"]
    assert len({range_of(record).id for record in host.topic.records}) == 1
    host.close()


def test_a_deleted_file_is_read_to_its_end(host: Host, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, "one\n")
    host.read()
    with log.open("a") as file:
        log.unlink()
        file.write("two\n")
    host.read()
    host.sleep(11)
    assert messages(host) == ["one", "two"]
    assert (host.counts.files_open, host.tailer.files) == (0, 0)


def test_a_file_truncated_and_longer_than_before_is_a_new_stream(host: Host, tmp_path: Path) -> None:
    append(tmp_path / "a.log", "one\n")
    host.read()
    (tmp_path / "a.log").write_text("uno\ndue\ntre\n")
    host.read()
    assert messages(host) == ["one", "uno", "due", "tre"]
    assert range_of(host.topic.records[1]).start == 0


def test_an_inode_that_is_used_again_is_a_new_stream(host: Host, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, "one\n")
    host.read()
    host.stop()
    log.write_text("uno\ndue\n")  # the same inode, as the file system would give it to the next file
    host.read()
    assert messages(host) == ["one", "uno", "due"]


def test_the_rest_of_a_copied_file_is_read_from_the_copy(host: Host, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, numbered(0, 20))
    host.read()
    append(log, numbered(20, 25))
    shutil.copyfile(log, tmp_path / "a.log.1")
    log.write_text("new\n")
    host.read()
    assert [message.split()[1] for message in messages(host) if message != "new"] == [str(n) for n in range(25)]
    assert lines_of(host.topic.records)["new"] == 1


def test_a_copy_within_the_globs_is_not_shipped_twice(tmp_path: Path) -> None:
    host = Host(tmp_path, str(tmp_path / "a.log*"))
    log = tmp_path / "a.log"
    append(log, numbered(0, 20))
    host.read()
    shutil.copyfile(log, tmp_path / "a.log.1")
    host.read()
    append(tmp_path / "a.log.1", "")
    log.write_bytes(b"")
    host.read()
    append(log, "new\n")
    host.read()
    assert len(messages(host)) == 21
    host.close()


@pytest.mark.parametrize("max_open_files", [512, 1])
def test_a_file_that_is_replaced_by_a_longer_copy_goes_on(tmp_path: Path, max_open_files: int) -> None:
    """As rsync and editors write: a new file under a name of its own, then renamed over the old one."""
    host = Host(tmp_path, max_open_files=max_open_files)
    log, other = tmp_path / "a.log", tmp_path / "b.log"
    append(log, numbered(0, 20))
    for number in range(20, 23):
        append(other, "other\n")
        host.read()
        shutil.copy(log, tmp_path / "a.new")
        append(tmp_path / "a.new", numbered(number, number + 1))
        (tmp_path / "a.new").rename(log)
        host.read()
        host.sleep(12)
    assert sorted(messages(host)) == sorted([*numbered(0, 23).splitlines(), *3 * ["other"]])
    assert len({range_of(record).id for record in host.topic.records}) == 2
    host.close()


def test_a_file_that_is_replaced_by_one_that_is_no_longer_copy_is_a_new_one(host: Host, tmp_path: Path) -> None:
    """A program that writes the same each night, or something else."""
    log = tmp_path / "a.log"
    append(log, numbered(0, 20))
    for text in (numbered(0, 20), numbered(0, 19) + numbered(20, 25)):
        host.read()
        (tmp_path / "a.new").write_text(text)
        (tmp_path / "a.new").rename(log)
        host.read()
    assert len(messages(host)) == 20 + 20 + 24


def test_a_log_on_a_disk_that_is_mounted_after_the_start_is_not_shipped_again(tmp_path: Path) -> None:
    """Its device may have another number by then."""
    host = Host(tmp_path, str(tmp_path / "mounted" / "*.log"))
    disk, mounted = tmp_path / "far" / "away" / "disk", tmp_path / "mounted"
    mounted.mkdir()
    append(mounted / "a.log", numbered(0, 20))
    append(mounted / "short.log", "started\n")
    host.read()
    host.stop()
    disk.parent.mkdir(parents=True)
    mounted.rename(disk)
    host.read()
    host.sleep(2)
    shutil.copytree(disk, mounted)
    append(mounted / "a.log", "new\n")
    host.read()
    assert messages(host).count("new") == 1
    assert messages(host).count("started") == 2, "too short to tell it from another that begins alike"
    assert len(messages(host)) == 20 + 1 + 2
    host.close()


def test_a_closed_file_whose_directory_is_none_any_more(tmp_path: Path) -> None:
    host = Host(tmp_path, str(tmp_path / "*" / "*.log"), max_open_files=1)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        append(tmp_path / name / "app.log", f"{name}\n")
    host.read()
    host.sleep(2)
    for name in ("a", "b"):
        shutil.rmtree(tmp_path / name)
        (tmp_path / name).touch()
    host.read()
    host.sleep(15)
    assert host.tailer.files == 0
    host.close()


def test_a_closed_file_that_cannot_be_looked_at_keeps_its_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, str(tmp_path / "*" / "*.log"), max_open_files=1)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        append(tmp_path / name / "app.log", f"{name}\n")
    host.read()
    host.sleep(2)
    stat = Path.stat

    def refusing_a(path: Path) -> os.stat_result:
        if path.parent.name == "a":
            raise PermissionError(13, "Permission denied")
        return stat(path)

    with monkeypatch.context() as failing:
        failing.setattr(Path, "stat", refusing_a)
        (tmp_path / "a" / "app.log").rename(tmp_path / "away")
        host.read()
        host.sleep(15)
    (tmp_path / "away").rename(tmp_path / "a" / "app.log")
    append(tmp_path / "a" / "app.log", "more\n")
    host.read()
    assert sorted(messages(host)) == ["a", "b", "more"]
    host.close()


def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    host = Host(tmp_path, max_open_files=3)
    for number in range(10):
        append(tmp_path / f"{number}.log", f"first {number}\n")
    for _ in range(10):
        host.read()
    for number in range(10):
        append(tmp_path / f"{number}.log", f"second {number}\n")
    (tmp_path / "0.log").rename(tmp_path / "0.log.1")
    for _ in range(10):
        host.read()
        host.tailer.measure()
        assert host.counts.files_open <= 3
    assert sorted(messages(host)) == sorted([f"{nth} {n}" for nth in ("first", "second") for n in range(10)])
    host.close()


def calls_of(work: Callable[[], object]) -> int:
    """How many calls it makes: what it costs, whatever the machine."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    return sum(entry.callcount for entry in profiler.getstats())


@dataclass(frozen=True, slots=True)
class Costs:
    reading: int
    """Of all files for the first time."""
    line: int
    """That comes in one of them."""
    rest: int


def costs_of(directory: Path, count: int) -> Costs:
    directory.mkdir()
    log = directory / "7.log"
    for number in range(count):
        append(directory / f"{number}.log", f"first {number}\n")
    host = Host(directory, max_open_files=20)

    def line_comes() -> None:
        host.tailer.touch([], [log], host.now, host.now_ns)
        while host.tailer.has_work:
            host.tailer.turn(host.now, host.now_ns)

    reading = calls_of(host.read)
    host.sleep(2)
    append(log, "second\n")
    line = calls_of(line_comes)
    assert len(messages(host)) == count + 1
    host.sleep(2)
    rest = calls_of(lambda: host.tailer.tick(host.now, host.now_ns))
    host.close()
    return Costs(reading, line, rest)


def test_many_files_cost_each_the_same(tmp_path: Path) -> None:
    """With more of them than may be open."""
    few, many = costs_of(tmp_path / "few", 40), costs_of(tmp_path / "many", 400)
    assert many.reading < 20 * few.reading  # of ten times the files; with their square it would be 100 times
    assert many.line < 2 * few.line
    assert many.rest < 2 * few.rest


def test_files_take_turns(host: Host, tmp_path: Path) -> None:
    """One long file does not hold up the others."""
    (tmp_path / "long.log").write_text(numbered(0, 60_000))
    (tmp_path / "short.log").write_text("short\n")
    host.scan()
    for _ in range(2):
        host.tailer.turn(host.now, host.now_ns)
    assert "short" in messages(host)
    assert len(messages(host)) < 20_000


def test_a_directory_that_cannot_be_listed_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path)
    append(tmp_path / "a.log", "one\n")
    real_scandir = os.scandir

    def refusing(path: str) -> object:
        if path == str(tmp_path):  # tests run as root too, whom no permission stops
            raise PermissionError(13, "Permission denied")
        return real_scandir(path)

    for readings in (1, 2):
        with monkeypatch.context() as failing:
            failing.setattr(os, "scandir", refusing)
            for _ in range(3):
                host.read()
        said = [record.message for record in caplog.records]
        told = f"what is in {tmp_path} is not read: it cannot be listed: Permission denied{REMEDY}"
        assert said == readings * [told]
        host.read()
    host.close()


def test_a_file_that_cannot_be_read_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, max_open_files=1)
    append(tmp_path / "a.log", "one\n")
    append(tmp_path / "b.log", "two\n")
    real_open = os.open

    def refusing(path: str | Path, *arguments: int) -> int:
        if Path(path).name == "a.log":  # tests run as root too, whom no permission stops
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments)

    for readings in (1, 2):
        with monkeypatch.context() as failing:
            failing.setattr(os, "open", refusing)
            for _ in range(3):
                host.read()
        said = [record.message for record in caplog.records]
        assert said == readings * [f"{tmp_path}/a.log is not read: Permission denied{REMEDY}"]
        host.read()
        append(tmp_path / "b.log", "more\n")  # takes the only place from a.log
        host.sleep(2)
        append(tmp_path / "a.log", "more\n")
    host.close()


def test_drops_are_told_when_the_file_rests(tmp_path: Path) -> None:
    host = Host(tmp_path, max_lines_per_second=2)
    append(tmp_path / "a.log", "1\n2\n3\n4\n5\n")
    host.read()
    assert messages(host) == ["1", "2"]
    host.sleep(1.25)
    assert host.topic.records[-1].attrs == {"dropped_lines": 3}
    append(tmp_path / "a.log", "6\n")
    host.read()
    assert [(range_of(r).start, range_of(r).end) for r in host.topic.records] == [(0, 2), (2, 4), (4, 10), (10, 12)]
    assert host.counts.dropped == 3
    host.close()


def test_drops_are_told_when_the_file_is_truncated(tmp_path: Path) -> None:
    host = Host(tmp_path, max_lines_per_second=2)
    append(tmp_path / "a.log", "1\n2\n3\n4\n5\n")
    host.read()
    (tmp_path / "a.log").write_text("6\n")
    host.read()
    assert [(record.message, record.attrs) for record in host.topic.records if record.attrs] == [
        ("3 lines dropped by max_lines_per_second = 2, 11:23:20 to 11:23:20 UTC", {"dropped_lines": 3})
    ]
    host.close()


def test_a_save_after_a_truncation_claims_none_of_the_new_bytes(host: Host, tmp_path: Path) -> None:
    """Acknowledgements come in between the truncation and the look that notices it, then kill -9."""
    host.topic.acknowledges_at_once = False
    log = tmp_path / "a.log"
    append(log, numbered(0, 20))
    host.read()
    log.write_text(numbered(100, 140))
    host.topic.acknowledge()
    host.save()
    host.crash()
    host.read()
    assert sum(lines_of(host.topic.records).values()) == 60


def test_a_truncation_is_noticed_once_however_many_events_follow(host: Host, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, numbered(0, 20))
    host.read()
    log.write_text("uno\n")
    for _ in range(3):
        host.tailer.touch([], [log], host.now, host.now_ns)
    host.read()
    assert messages(host)[20:] == ["uno"]


def test_a_file_made_while_the_agent_was_down_is_read_from_its_beginning(tmp_path: Path) -> None:
    host = Host(tmp_path, start="end")
    append(tmp_path / "a.log", "old\n")
    host.read()
    host.stop()
    append(tmp_path / "b.log", "made meanwhile\n")
    host.read()
    assert messages(host) == ["made meanwhile"]
    host.close()


def test_an_error_of_the_disk_delays_a_file_and_no_more(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path / "a.log", "one\n")
    host.scan()
    with monkeypatch.context() as failing:
        failing.setattr(os, "pread", refusing(OSError(5, "Input/output error")))
        host.tailer.turn(host.now, host.now_ns)
        host.save()
    host.read()
    assert messages(host) == ["one"]


@pytest.mark.parametrize("rotated", [False, True])
def test_a_file_that_cannot_be_opened_again_keeps_its_stream(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotated: bool
) -> None:
    append(tmp_path / "a.log", numbered(0, 20))
    host.read()
    host.stop()
    if rotated:
        (tmp_path / "a.log").rename(tmp_path / "a.log.1")
        append(tmp_path / "a.log.1", "last\n")
    with monkeypatch.context() as failing:
        failing.setattr(FileReader, "open", refusing(OSError(24, "Too many open files")))
        host.scan()
        host.save()
    host.crash()
    host.read()
    assert len(messages(host)) == 20 + rotated


def test_a_host_that_was_off_for_long_does_not_ship_its_files_again(host: Host, tmp_path: Path) -> None:
    append(tmp_path / "a.log", "one\n")
    append(tmp_path / "b.log", "two\n")
    host.read()
    host.stop()
    (tmp_path / "b.log").unlink()
    host.now += 2 * EXPIRY_SECONDS
    host.read()
    host.save()
    assert sorted(messages(host)) == ["one", "two"]
    assert [position.path for position in host.saved()] == [f"{tmp_path}/a.log"]


def refusing(error: OSError) -> Callable[..., object]:
    def refuse(*_: object) -> object:
        raise error

    return refuse
