"""Entries of the journal with their fields."""

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from logpost.systemd.journal import (
    Journal,
    JournalHandler,
    Lines,
    encoded,
    leads_to_journal,
    prefixed,
)


def decoded(datagram: bytes) -> dict[str, str]:
    """As systemd reads it."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if not is_short:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Its socket, in the current directory: a socket's path has 107 characters at most."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("journal")
        listener.settimeout(60)
        yield listener


@pytest.fixture
def said() -> StringIO:
    return StringIO()


@pytest.fixture
def handler(request: pytest.FixtureRequest, said: StringIO) -> Iterator[JournalHandler]:
    is_there = "journal" in request.fixturenames
    with closing(JournalHandler(Journal("journal" if is_there else "/nowhere"), logging.StreamHandler(said))) as made:
        yield made


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, "7"), (logging.INFO, "6"), (logging.WARNING, "4"), (logging.ERROR, "3"), (logging.CRITICAL, "2")],
)
def test_a_record_is_an_entry_with_its_priority(
    journal: socket.socket, handler: JournalHandler, level: int, priority: str
) -> None:
    handler.handle(logging.makeLogRecord({"levelno": level, "name": "agent.kafka", "msg": "%s=é", "args": ("a",)}))
    assert decoded(journal.recv(65536)) == {
        "MESSAGE": "a=é",
        "PRIORITY": priority,
        "SYSLOG_IDENTIFIER": "logpost-agent",
        "LOGPOST_PART": "agent",
        "LOGGER": "agent.kafka",
    }


def test_a_traceback_is_one_entry(journal: socket.socket, handler: JournalHandler) -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        handler.handle(logging.makeLogRecord({"levelno": 40, "name": "web", "msg": "x", "exc_info": sys.exc_info()}))
    message = decoded(journal.recv(65536))["MESSAGE"]
    assert message.startswith("x\nTraceback") and message.endswith("ValueError: wrong")


def test_what_the_journal_does_not_take_goes_to_stderr_with_its_priority(
    handler: JournalHandler, said: StringIO
) -> None:
    handler.handle(logging.makeLogRecord({"levelno": logging.ERROR, "name": "web", "msg": "one\ntwo"}))
    assert said.getvalue() == "<3>one\n<3>two\n"
    assert prefixed(logging.INFO, "one") == "<6>one"


def test_what_does_not_fit_its_format_stops_nobody(
    journal: socket.socket, handler: JournalHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("x",)}))
    assert "TypeError" in capsys.readouterr().err


def test_a_value_may_have_lines_and_equals_signs() -> None:
    fields = {"MESSAGE": "a=b\n\nPRIORITY=0\n", "LOGGER": "x=y"}
    assert decoded(encoded(fields)) == fields


@pytest.mark.parametrize(
    ("line", "priority", "logger", "message"),
    [
        ("2026-11-30T10:51:07.123Z WARNING indexer: a: b", "4", "indexer", "a: b"),
        ("2026-11-30T10:51:07.123Z ERROR web: x", "3", "web", "x"),
        ("logpost: cannot listen", "3", "web", "cannot listen"),
        ("Traceback (most recent call last):", "3", "web", "Traceback (most recent call last):"),
    ],
)
def test_a_line_of_a_part_is_an_entry_of_that_part(line: str, priority: str, logger: str, message: str) -> None:
    fields = Lines("web").entry(line)
    assert (fields["PRIORITY"], fields["LOGGER"], fields["MESSAGE"]) == (priority, logger, message)
    assert (fields["LOGPOST_PART"], fields["SYSLOG_IDENTIFIER"]) == ("web", "logpost-web")


def test_only_the_very_stream_that_systemd_connected_leads_to_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream, (tmp_path / "other").open("w") as other:
        found = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert leads_to_journal(stream.fileno(), environment)
        assert not leads_to_journal(other.fileno(), environment)
        assert not leads_to_journal(stream.fileno(), {})


def test_a_traceback_has_the_priority_of_an_error_to_its_end() -> None:
    lines = Lines("web")
    told = {
        "2026-11-30T12:00:00.000Z WARNING web: before": "4",
        "something else": "6",
        "Traceback (most recent call last):": "3",
        '  File "x.py", line 1, in <module>': "3",
        "    f()": "3",
        "ValueError: why": "3",
        "": "6",
        "of the engine": "6",
        "During handling of the above exception, another exception occurred:": "6",
    }
    assert {line: lines.entry(line)["PRIORITY"] for line in told} == told
