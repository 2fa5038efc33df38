"""What the status says, as a value and as a screen. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import msgspec

from logpost.controls import one_line

GB = 1e9
MOST_SHOWN = 10
"""Hosts, groups and errors on the screen; `--json` has all."""
SUPERVISOR = "up"
NOT_RUNNING, UNKNOWN = "not running", "unknown"
"""States of a part."""
NAMES = {SUPERVISOR: "supervisor"}


class Part(msgspec.Struct, kw_only=True):
    """`state`: `running`, `not running`, `not answering`, `stopped` (by a signal), `waiting`: the agent has lines, and
    nothing was acknowledged for a minute; or `unknown`: this user may not look. `started`: RFC 3339."""

    part: str
    state: str
    pid: int | None = None
    started: str | None = None
    memory_bytes: int | None = None
    detail: str = ""


class Rates(msgspec.Struct, kw_only=True):
    """Over the last second or so; null where nobody says."""

    read_lines_per_second: float | None = None
    produced_bytes_per_second: float | None = None
    indexed_rows_per_second: float | None = None


class GroupLag(msgspec.Struct, kw_only=True):
    group: str
    topic: str
    records: int


class Lag(msgspec.Struct, kw_only=True):
    """What is not yet where it is to be: bytes in the agent's files, records in the topics."""

    agent_bytes: int | None = None
    agent_seconds: float | None = None
    """Since the last acknowledgement, where something waits for one."""
    indexer_records: int | None = None
    groups: list[GroupLag] = []


class Host(msgspec.Struct, kw_only=True):
    """Lines of the last hour; `last_seen`: the minute of the newest, RFC 3339."""

    host: str
    lines: int
    last_seen: str


class Disk(msgspec.Struct, kw_only=True):
    """`used_bytes`: what the part's directory takes, null where it may not be looked at."""

    path: str
    used_bytes: int | None
    free_bytes: int
    total_bytes: int


class Error(msgspec.Struct, kw_only=True):
    part: str
    line: str


class Status(msgspec.Struct, kw_only=True):
    """`at`: RFC 3339. `unread`: what this host's agent is to read and cannot. `incomplete`: why answers of the web lack
    lines."""

    version: str
    at: str
    data: str
    parts: list[Part]
    rates: Rates
    lag: Lag
    hosts: list[Host]
    disk: list[Disk]
    errors: list[Error]
    unread: list[str] = []
    incomplete: list[str] = []


def screen(status: Status) -> Iterator[str]:
    """The lines of a terminal."""
    yield f"logpost {status.version}, data in {status.data}, {status.at}"
    yield ""
    yield from _table([_part(part) for part in _shown(status.parts)])
    yield ""
    yield from _table([*_rates(status.rates), *_lag(status.lag)])
    if status.unread:
        yield from ("", *(f"not read    {one_line(reason)}" for reason in status.unread))
    if status.incomplete:
        yield from ("", *(f"incomplete  {one_line(reason)}" for reason in status.incomplete))
    if status.hosts:
        yield ""
        hosts = sorted(status.hosts, key=lambda one: (-one.lines, one.host))
        yield from _table(
            [
                (one_line(one.host), f"{one.lines:,} lines in the last hour", f"last {one.last_seen}")
                for one in hosts[:MOST_SHOWN]
            ]
        )
        yield from _more(len(hosts), "hosts")
    yield ""
    yield from _table([_disk(disk) for disk in status.disk])
    if status.errors:
        yield ""
        for error in status.errors[-MOST_SHOWN:]:
            yield f"{error.part}: {one_line(error.line)}"


def _shown(parts: list[Part]) -> list[Part]:
    """Not a supervisor that does not run where parts do: they are units of their own, and lack none."""
    is_alone = any(part.part != SUPERVISOR and part.state not in (NOT_RUNNING, UNKNOWN) for part in parts)
    return [part for part in parts if not (is_alone and part.part == SUPERVISOR and part.state == NOT_RUNNING)]


def _part(part: Part) -> tuple[str, ...]:
    since = f"since {part.started}" if part.started else ""
    memory = f"{part.memory_bytes / 1e6:,.0f} MB" if part.memory_bytes is not None else ""
    pid = f"pid {part.pid}" if part.pid is not None else ""
    return (NAMES.get(part.part, part.part), part.state, pid, since, memory, one_line(part.detail))


def _rates(rates: Rates) -> Iterator[tuple[str, ...]]:
    for name, value, unit in (
        ("read", rates.read_lines_per_second, "lines/s"),
        ("produced", rates.produced_bytes_per_second, "bytes/s"),
        ("indexed", rates.indexed_rows_per_second, "lines/s"),
    ):
        yield (name, "?" if value is None else f"{value:,.0f} {unit}")


def _lag(lag: Lag) -> Iterator[tuple[str, ...]]:
    if lag.agent_bytes is not None:
        waits = f", {lag.agent_seconds:,.0f} s without an acknowledgement" if lag.agent_seconds else ""
        yield ("to send", f"{lag.agent_bytes:,} bytes{waits}")
    if lag.indexer_records is not None:
        yield ("to index", f"{lag.indexer_records:,} records")
    behind = [one for one in lag.groups if one.records]
    for one in sorted(behind, key=lambda one: -one.records)[:MOST_SHOWN]:
        yield ("lag", f"{one_line(one.group)} in {one.topic}: {one.records:,} records")


def _disk(disk: Disk) -> tuple[str, ...]:
    used = "?" if disk.used_bytes is None else f"{disk.used_bytes / GB:,.2f} GB"
    return (disk.path, used, f"{disk.free_bytes / GB:,.1f} of {disk.total_bytes / GB:,.1f} GB free")


def _more(count: int, what: str) -> Iterator[str]:
    if count > MOST_SHOWN:
        yield f"and {count - MOST_SHOWN} more {what}: --json has all"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    columns = max((len(row) for row in rows), default=0)
    full = [(*row, *[""] * (columns - len(row))) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*full, strict=True)]
    for row in full:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def moment(unix_seconds: float) -> str:
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def last_errors(part: str, text: str, most: int) -> list[Error]:
    """The last lines of a part's log that say that something is wrong."""
    wrong = (" ERROR ", " CRITICAL ", " WARNING ", "; starting it again in ")
    lines = [line for line in text.splitlines() if any(mark in line for mark in wrong)]
    return [Error(part=part, line=line) for line in lines[-most:]]


def rate(before: float, after: float, seconds: float) -> float | None:
    """Of a counter that was looked at twice; null where it began again meanwhile."""
    if after < before or seconds <= 0:
        return None
    return (after - before) / seconds
