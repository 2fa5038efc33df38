"""The journal, read through a stand-in for `journalctl` that prints what real ones print."""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from logpost.agent.delivery.positions import Place
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.journal.entry import decode, entries_between, read_entry, text
from logpost.agent.sources.journal.position import JournalPosition
from logpost.agent.sources.journal.source import QUEUED_BYTES, REMEDY, JournalSource
from logpost.agent.sources.source import SourceContext
from logpost.config import JournalSourceConfig
from logpost.formats import Parsed
from logpost.record import Src
from tests.collector.agent.harness import START_NS, Topic, range_of

REAL = shutil.which("journalctl")
REMOTE = "/lib/systemd/systemd-journal-remote"
"""Writes journal files."""


NOT_ALLOWED = "No journal files were opened due to insufficient permissions."
HINT = """Hint: You are currently not seeing messages from other users and the system.
      Users in groups 'adm', 'systemd-journal' can see all messages.
      Pass -q to turn off this notice."""


def plain(line: str, now_ns: int) -> Parsed:
    return Parsed(line)


def entry(number: int, **fields: object) -> dict[str, object]:
    stamp = START_NS // 1000 + number
    return {"__CURSOR": f"c{number}", "__REALTIME_TIMESTAMP": str(stamp), "MESSAGE": f"message {number}", **fields}


def test_an_entry_names_time_level_and_service() -> None:
    read = read_entry(
        entry(7, PRIORITY="3", SYSLOG_IDENTIFIER="sshd", _SYSTEMD_UNIT="ssh.service", _PID="42"), plain, 0
    )
    assert (read.message, read.ts_ns, read.level) == ("message 7", START_NS + 7000, "error")
    assert (read.service, read.attrs) == ("sshd", {"unit": "ssh.service", "pid": "42"})


def test_a_level_in_the_message_beats_the_level_of_all_service_output() -> None:
    def warns(line: str, now_ns: int) -> Parsed:
        return Parsed(line, level="warn")

    assert read_entry(entry(1, PRIORITY="6"), warns, 0).level == "warn"
    assert read_entry(entry(1, PRIORITY="3"), warns, 0).level == "error"
    assert read_entry(entry(1, PRIORITY="9"), plain, 0).level == ""


def test_a_unit_names_the_service_when_nothing_else_does() -> None:
    assert read_entry(entry(1, _SYSTEMD_UNIT="nginx.service"), plain, 0).service == "nginx"
    assert read_entry(entry(1, _COMM="cron"), plain, 0).service == "cron"


def test_values_are_text_bytes_null_or_several() -> None:
    assert text("a") == "a"
    assert text([99, 97, 102, 233]) == "caf\N{REPLACEMENT CHARACTER}"
    assert text(None) == ""
    assert text([["x"], "y"]) == "x"
    assert text([None, "y"]) == ""


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (["one", "two"], "one\ntwo"),
        ([[104, 105], "two"], "hi\ntwo"),
        ([None, "two"], "two"),
        ([], ""),
        (12, ""),
    ],
)
def test_all_values_of_a_message_are_kept(message: object, read: str) -> None:
    assert read_entry({**entry(1), "MESSAGE": message}, plain, 0).message == read


def test_a_time_that_no_calendar_has_is_that_of_reading() -> None:
    assert read_entry(entry(1, __REALTIME_TIMESTAMP="18446744073709551615"), plain, 7).ts_ns == 7


def test_what_journalctl_says_itself_is_no_entry() -> None:
    assert decode(b"Failed to seek to cursor: Invalid argument\n") is None
    assert decode(b'{"MESSAGE":"x"}\n') is None
    assert decode(json.dumps(entry(1)).encode()) == entry(1)
    assert decode(json.dumps(entry(1, COREDUMP="of a program", _UID="0")).encode()) == entry(1), "what is used"


STAND_IN = """#!/usr/bin/env python3
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(sys.argv[-1] + "\\n")
if (here / "refuse").exists():
    sys.exit((here / "refuse").read_text())
if (here / "hint").exists():
    print((here / "hint").read_text(), file=sys.stderr, flush=True)
option, _, place = sys.argv[-1].partition("=")
shown = option == "--since"
for line in (here / "entries").read_text().splitlines():
    at = json.loads(line)["__CURSOR"] == place
    if shown or (at and option == "--cursor"):
        print(line, flush=True)
    shown = shown or at
while not (here / "end").exists():
    time.sleep(0.01)
"""


class Journald:
    """A directory with a `journalctl` and what it is to print."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        program = directory / "journalctl"
        program.write_text(STAND_IN)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (directory / "calls").touch()
        self.write(0)

    def write(self, count: int, **fields: object) -> None:
        (self.directory / "entries").write_text("".join(json.dumps(entry(n, **fields)) + "\n" for n in range(count)))

    def calls(self) -> list[str]:
        return (self.directory / "calls").read_text().splitlines()


class Reading:
    """A journal reader, run until something is true."""

    def __init__(self, saved: JournalPosition | None, since: str, *, original: str) -> None:
        self.topic = Topic()
        self.counts = Counts()
        self.woken = threading.Event()
        self.saves: list[JournalPosition | None] = []
        cursor = msgspec.Raw(msgspec.json.encode(saved)) if saved is not None else None
        context = SourceContext(
            sink=self.topic,
            counts=self.counts,
            save=lambda: self.saves.append(self.position()),
            new_id=lambda: "new",
            wake=self.woken.set,
        )
        place = Place(path=Path("positions.json"), cursor=cursor, original=original)
        self.journal = JournalSource(JournalSourceConfig(since=since), place, context, host="web-1")

    def position(self) -> JournalPosition | None:
        cursor = self.journal.position(0)
        return msgspec.json.decode(cursor, type=JournalPosition) if cursor is not None else None

    def until(self, true: Callable[[], bool], now: float = 0.0) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline
            self.journal.turn(now, START_NS)
            self.woken.wait(0.05)
            self.woken.clear()

    def until_read(self, size: int) -> None:
        """So many bytes wait, and nothing is taken of them."""
        deadline = time.monotonic() + 20
        while self.journal.queued_bytes <= size:
            assert time.monotonic() < deadline
            self.woken.wait(0.05)
            self.woken.clear()

    def count(self, entries: int, now: float = 0.0) -> None:
        self.until(lambda: len(self.topic.records) >= entries, now)


Start = Callable[..., Reading]


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journald:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Journald(tmp_path)


@pytest.fixture
def reading() -> Iterator[Start]:
    started: list[Reading] = []

    def start(saved: JournalPosition | None = None, since: str = "-1h", *, original: str = "") -> Reading:
        started.append(Reading(saved, since, original=original))
        return started[-1]

    yield start
    for one in started:
        one.journal.close()


def test_entries_become_records_that_count(journald: Journald, reading: Start) -> None:
    journald.write(3)
    journal = reading()
    journal.count(3)
    assert [(range_of(r).id, range_of(r).start, range_of(r).end) for r in journal.topic.records] == [
        ("new", 0, 1),
        ("new", 1, 2),
        ("new", 2, 3),
    ]
    assert {(record.host, record.file) for record in journal.topic.records} == {("web-1", "journal")}
    assert journal.position() == JournalPosition(id="new", cursor="c2", entries=3)
    assert journald.calls() == ["--since=-1h"]


def test_large_entries_are_not_read_ahead_without_end(journald: Journald, reading: Start) -> None:
    journald.write(24, MESSAGE="m" * 1_000_000, COREDUMP="c" * 1_000_000)
    journal = reading()
    journal.journal.turn(0.0, START_NS)  # starts journalctl
    journal.until_read(QUEUED_BYTES)
    most = 0
    while len(journal.topic.records) < 24:
        most = max(most, journal.journal.queued_bytes)
        journal.count(len(journal.topic.records) + 1)
    assert QUEUED_BYTES < most < QUEUED_BYTES + 3_000_000
    assert [range_of(r).start for r in journal.topic.records] == [*range(24)]


def test_the_first_entry_is_saved_before_it_is_sent(journald: Journald, reading: Start) -> None:
    """So that a restart after kill -9 begins with the same entry, although an hour ago is now another time."""
    journald.write(2)
    journal = reading()
    journal.topic.acknowledges_at_once = False
    journal.count(2)
    assert journal.saves == [JournalPosition(id="new", cursor="c0", entries=0)]
    again = reading(journal.saves[0])
    again.count(2)
    assert [range_of(r) for r in again.topic.records] == [range_of(r) for r in journal.topic.records]
    assert journald.calls()[-1] == "--cursor=c0"


def test_a_restart_goes_on_after_the_last_acknowledged_entry(journald: Journald, reading: Start) -> None:
    journald.write(5)
    journal = reading(JournalPosition(id="old", cursor="c1", entries=2))
    journal.count(3)
    assert [(record.message, range_of(record).start) for record in journal.topic.records] == [
        ("message 2", 2),
        ("message 3", 3),
        ("message 4", 4),
    ]


def test_a_clone_begins_a_new_stream_at_the_cursor(journald: Journald, reading: Start) -> None:
    journald.write(4)
    journal = reading(JournalPosition(id="old", cursor="c1", entries=2), original="host web-1")
    assert journal.position() == JournalPosition(id="new", cursor="c1", entries=2)
    journal.count(2)
    assert [(record.message, range_of(record).id) for record in journal.topic.records] == [
        ("message 2", "new"),
        ("message 3", "new"),
    ]


def test_it_is_due_until_journalctl_runs(journald: Journald, reading: Start) -> None:
    journal = reading()
    assert journal.journal.due == 0.0
    journal.journal.turn(0.0, START_NS)
    assert journal.journal.due == math.inf


def test_the_position_waits_for_acknowledgements(journald: Journald, reading: Start) -> None:
    journald.write(3)
    journal = reading(JournalPosition(id="old", cursor="c0", entries=1))
    journal.topic.acknowledges_at_once = False
    journal.count(2)
    assert journal.position() == JournalPosition(id="old", cursor="c0", entries=1)
    journal.topic.acknowledge([0])
    assert journal.position() == JournalPosition(id="old", cursor="c1", entries=2)


def test_journalctl_that_ends_is_started_again_where_it_was(
    journald: Journald, reading: Start, caplog: pytest.LogCaptureFixture
) -> None:
    journald.write(2)
    (journald.directory / "end").touch()
    journal = reading()
    journal.until(lambda: "journalctl ended" in caplog.text)
    journald.write(4)
    journal.count(4, now=1000.0)
    assert [record.message for record in journal.topic.records] == [f"message {number}" for number in range(4)]
    assert journald.calls()[:2] == ["--since=-1h", "--cursor=c1"]


@pytest.mark.parametrize(
    "reason",
    [NOT_ALLOWED, "Failed to open journal: Input/output error"],
)
def test_a_journal_that_cannot_be_opened_at_first_is_said_once_and_read_when_it_can(
    journald: Journald, reading: Start, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    journald.write(2)
    (journald.directory / "refuse").write_text(reason)
    journal = reading()
    journal.until(lambda: len(journald.calls()) > 3, now=math.inf)
    (journald.directory / "refuse").unlink()
    journal.count(2, now=math.inf)
    told = f"{reason} {REMEDY}" if reason == NOT_ALLOWED else reason
    assert [record.message for record in caplog.records] == [f"journalctl ended ({told}); started again in 1 s"]
    assert set(journald.calls()) == {"--since=-1h"}


def test_one_journalctl_runs_at_a_time(journald: Journald, reading: Start) -> None:
    journald.write(1)
    journal = reading()
    journal.count(1, now=math.inf)
    assert [thread.name for thread in threading.enumerate()].count("journal") == 1


def test_a_cursor_of_another_journal_begins_a_new_stream(journald: Journald, reading: Start) -> None:
    journald.write(1)
    (journald.directory / "refuse").write_text("Failed to seek to cursor: Invalid argument")
    journal = reading(JournalPosition(id="old", cursor="gone", entries=7))
    journal.until(lambda: journal.position() is None)
    (journald.directory / "refuse").unlink()
    journal.count(1)
    assert range_of(journal.topic.records[0]) == Src(id="new", start=0, end=1)


@pytest.mark.parametrize("reason", ["Failed to open journal: Too many open files", ""])
def test_a_journal_that_cannot_be_opened_for_now_is_read_on(
    journald: Journald, reading: Start, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    """From its start on it would be shipped twice."""
    journald.write(3)
    (journald.directory / "refuse").write_text(reason)
    journal = reading(JournalPosition(id="old", cursor="c0", entries=1))
    journal.until(lambda: "journalctl ended" in caplog.text)
    assert journal.position() == JournalPosition(id="old", cursor="c0", entries=1)
    (journald.directory / "refuse").unlink()
    journal.count(2, now=1000.0)
    assert [range_of(record) for record in journal.topic.records] == [
        Src(id="old", start=1, end=2),
        Src(id="old", start=2, end=3),
    ]


def test_without_journalctl_there_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: Start, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    journal = reading()
    journal.journal.turn(0.0, START_NS)
    assert [record.message for record in caplog.records] == ["journalctl is not there: the journal is not read"]


class RealJournald:
    """A directory of journal files, and a `journalctl` that is the real one and reads only them."""

    def __init__(self, directory: Path) -> None:
        self.journals = directory / "journals"
        self.journals.mkdir()
        program = directory / "journalctl"
        program.write_text(f'#!/bin/sh\nexec {REAL} --directory={self.journals} "$@"\n')
        program.chmod(0o755)

    def write(self, file: str, messages: dict[int, bytes]) -> None:
        """Entries by number, which is their time."""
        exported = b""
        for number, message in messages.items():
            microseconds = START_NS // 1000 + number * 1_000_000
            exported += (
                f"__REALTIME_TIMESTAMP={microseconds}\n__MONOTONIC_TIMESTAMP={number * 1_000_000}\n"
                f"_BOOT_ID={'ab' * 16}\n_MACHINE_ID={'cd' * 16}\nPRIORITY=6\nSYSLOG_IDENTIFIER=test\n"
            ).encode()
            exported += b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n\n"
        subprocess.run(
            [REMOTE, f"--output={self.journals}/{file}", "-"],
            input=exported,
            check=True,
            capture_output=True,
            env={**os.environ, "SYSTEMD_LOG_LEVEL": "err"},
        )


@pytest.fixture
def real_journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealJournald:
    if REAL is None or not Path(REMOTE).exists():
        pytest.skip("journalctl or systemd-journal-remote is not installed")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return RealJournald(tmp_path)


SINCE = "2026-01-01"


def test_long_messages_and_any_bytes_come_whole(real_journald: RealJournald, reading: Start) -> None:
    written = [
        b"x" * 4095,
        b"y" * 4096,
        b"z" * 700_000,
        b"\x1b[31mred\x1b[0m\tand tab\rand return",
        b"caf\xe9",
        "é".encode() * 5000,
        b"first\nsecond\n\nlast",
    ]
    real_journald.write("a.journal", dict(enumerate(written)))
    journal = reading(since=SINCE)
    journal.count(len(written))
    assert [record.message for record in journal.topic.records] == [
        message.decode(errors="replace") for message in written
    ]


def test_nothing_is_skipped_where_the_cursors_entry_was_vacuumed(
    real_journald: RealJournald, reading: Start, caplog: pytest.LogCaptureFixture
) -> None:
    real_journald.write("a.journal", {number: b"message %d" % number for number in range(1, 4)})
    journal = reading(since=SINCE)
    journal.count(3)
    position = journal.position()
    journal.journal.close()
    real_journald.write("b.journal", {number: b"message %d" % number for number in range(11, 16)})
    again = reading(position)
    again.count(5)
    assert [record.message for record in again.topic.records] == [f"message {number}" for number in range(11, 16)]
    assert range_of(again.topic.records[0]).start == 3
    assert not caplog.records
    again.journal.close()
    (real_journald.journals / "a.journal").unlink()
    vacuumed = reading(position)
    vacuumed.count(5)
    assert [record.message for record in vacuumed.topic.records] == [f"message {number}" for number in range(11, 16)]
    [said] = [record.message for record in caplog.records]
    assert said.startswith("the journal deleted an unknown number of entries before they were read, behind ")
    assert [record.attrs.get("lost_entries") for record in vacuumed.topic.records] == ["unknown", *[None] * 4]
    assert (vacuumed.counts.journal_gaps, vacuumed.counts.journal_lost) == (1, 0)


def cursor(number: int, journal: str = "a1") -> str:
    return f"s={journal};i={number:x};b=ab;m=1;t=2;x=3"


@pytest.mark.parametrize(
    ("read_to", "found", "lost"),
    [
        (cursor(8), cursor(11), 2),
        (cursor(8), cursor(31), 22),
        (cursor(8), cursor(9), 0),
        (cursor(8), cursor(11, "b2"), None),
        (cursor(8), cursor(7), None),
        ("c8", cursor(11), None),
        ("s=a1;i=x", cursor(11), None),
        ("", "", None),
    ],
)
def test_cursors_say_how_much_was_lost(read_to: str, found: str, lost: int | None) -> None:
    assert entries_between(read_to, found) == lost


@pytest.mark.parametrize(("next_number", "lost"), [(11, 2), (9, 0)])
def test_what_the_journal_deleted_is_told_by_the_next_record(
    journald: Journald, reading: Start, caplog: pytest.LogCaptureFixture, next_number: int, lost: int
) -> None:
    """The stand-in prints what `--cursor` prints when its entry is gone: the next one that is there."""
    entries = [entry(number, __CURSOR=cursor(number)) for number in (next_number, next_number + 1)]
    program = journald.directory / "journalctl"
    (journald.directory / "shown").write_text("".join(json.dumps(one) + "\n" for one in entries))
    program.write_text(f"#!/bin/sh\ncat {journald.directory}/shown\nexec sleep 600\n")
    journal = reading(JournalPosition(id="old", cursor=cursor(8), entries=8))
    journal.count(2)
    told = [record.attrs.get("lost_entries") for record in journal.topic.records]
    assert told == ([lost, None] if lost else [None, None])
    assert (journal.counts.journal_gaps, journal.counts.journal_lost) == ((1, lost) if lost else (0, 0))
    assert [record.message.partition(",")[0] for record in caplog.records] == (
        [f"the journal deleted {lost} entries before they were read"] if lost else []
    )


def test_a_journal_of_which_the_agent_may_read_a_part_is_no_quiet_one(
    journald: Journald, reading: Start, caplog: pytest.LogCaptureFixture
) -> None:
    journald.write(2)
    (journald.directory / "hint").write_text(HINT)
    reading().count(2)
    [record] = caplog.records
    assert HINT.splitlines()[0] in record.message and REMEDY in record.message
