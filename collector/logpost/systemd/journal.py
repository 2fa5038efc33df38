"""Entries of the systemd journal with their fields, by its native protocol, where stderr leads there."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping
from typing import Any

JOURNAL_STREAM = "JOURNAL_STREAM"
SOCKET = "/run/systemd/journal/socket"
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) ([\w.]+): (.*)", re.DOTALL)
_ERROR_LINE = "logpost: "
_TRACEBACK = "Traceback (most recent call last):"


def leads_to_journal(descriptor: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written there goes to the journal: systemd tells device and inode of what it has connected."""
    device, _, inode = environment.get(JOURNAL_STREAM, "").partition(":")
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def encoded(fields: Mapping[str, str]) -> bytes:
    """A datagram of the native protocol: names are upper case; a value of several lines has its length before it."""
    parts = []
    for name, text in fields.items():
        value = text.encode(errors="replace")
        if b"\n" in value:
            parts.append(name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n")
        else:
            parts.append(name.encode() + b"=" + value + b"\n")
    return b"".join(parts)


def entry(level: int, logger: str, message: str) -> dict[str, str]:
    """`logger`: its first word is the part, which is also the identifier that `journalctl -t` takes."""
    part = logger.partition(".")[0]
    return {
        "MESSAGE": message,
        "PRIORITY": str(priority(level)),
        "SYSLOG_IDENTIFIER": f"logpost-{part}",
        "LOGPOST_PART": part,
        "LOGGER": logger,
    }


def priority(level: int) -> int:
    """Syslog's, of a level of Python's."""
    return next((number for least, number in _PRIORITIES if level >= least), 7)


class Lines:
    """Those that a part writes to its stderr, by `LineFormatter` or in another way, one by one."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._in_traceback = False

    def entry(self, line: str) -> dict[str, str]:
        found = _LINE.fullmatch(line)
        if found is not None:
            self._in_traceback = False
            own = {"SYSLOG_IDENTIFIER": f"logpost-{self._part}", "LOGPOST_PART": self._part}
            return entry(getattr(logging, found[1]), found[2], found[3]) | own
        is_error = self._is_of_traceback(line) or line.startswith(_ERROR_LINE)
        return entry(logging.ERROR if is_error else logging.INFO, self._part, line.removeprefix(_ERROR_LINE))

    def _is_of_traceback(self, line: str) -> bool:
        """It ends with the first line that is not indented, which says what was raised."""
        was, self._in_traceback = self._in_traceback, line == _TRACEBACK
        if was and not self._in_traceback:
            self._in_traceback = line[:1] in ("", " ")
        return was or self._in_traceback


class Journal:
    """Any thread. `address`: the journal's socket."""

    def __init__(self, address: str = SOCKET) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def send(self, fields: Mapping[str, str]) -> bool:
        """Whether the journal took it: it does not while it is away, and takes no entry of hundreds of kilobytes."""
        try:
            self._socket.sendto(encoded(fields), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class JournalHandler(logging.Handler):
    """What the journal does not take goes to `otherwise`, with its priority in front."""

    def __init__(self, journal: Journal, otherwise: logging.StreamHandler[Any]) -> None:
        super().__init__()
        self._journal = journal
        self._otherwise = otherwise

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - the contract of logging: who says something goes on
            self.handleError(record)
            return
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        if not self._journal.send(entry(record.levelno, record.name, message)):
            self._otherwise.emit(logging.makeLogRecord({"msg": prefixed(record.levelno, message)}))

    def close(self) -> None:
        self._journal.close()
        super().close()


def prefixed(level: int, message: str) -> str:
    """As systemd reads it from stderr: a priority before each line."""
    return "\n".join(f"<{priority(level)}>{line}" for line in message.splitlines())
