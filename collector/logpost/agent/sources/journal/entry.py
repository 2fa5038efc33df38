"""An entry of the systemd journal as `journalctl -o json` prints it → the fields of a record. Pure.

The format is systemd's "Journal JSON Format": a value is a string, an array of bytes where it is not UTF-8, null where
it is too long, and an array of these where a field is there more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from logpost.formats import Parsed
from logpost.formats.levels import SYSLOG

LEVELS = {str(priority): level for priority, level in enumerate(SYSLOG)}
_TOO_LONG = 18
"""Digits of a time in microseconds that no calendar has."""
INFO = "6"
"""What systemd gives to each line that a service prints: says nothing about the line."""

NAMES = (
    "__CURSOR",
    "__REALTIME_TIMESTAMP",
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "_PID",
    "_SYSTEMD_UNIT",
)
"""What is kept of an entry while it waits: others may be large, such as the memory of a program that crashed."""

Entry = Mapping[str, object]

_decode = msgspec.json.Decoder(dict[str, object]).decode


def decode(line: bytes) -> Entry | None:
    """One printed line; None when it is no entry (what journalctl itself has to say)."""
    try:
        entry = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return {name: entry[name] for name in NAMES if name in entry} if "__CURSOR" in entry else None


def read_entry(entry: Entry, parse: Callable[[str, int], Parsed], now_ns: int) -> Parsed:
    """Time, service and priority are the journal's; what the message itself tells adds to them."""
    stamp = text(entry.get("__REALTIME_TIMESTAMP"))
    ts_ns = int(stamp) * 1000 if stamp.isascii() and stamp.isdigit() and len(stamp) < _TOO_LONG else now_ns
    parsed = parse("\n".join(filter(None, _texts(entry.get("MESSAGE")))), ts_ns)
    priority = text(entry.get("PRIORITY"))
    own_level = parsed.level if priority in ("", INFO) else ""
    unit = text(entry.get("_SYSTEMD_UNIT"))
    named = {"unit": unit, "pid": text(entry.get("_PID"))}
    return Parsed(
        message=parsed.message,
        ts_ns=ts_ns,
        level=own_level or LEVELS.get(priority, ""),
        attrs={**parsed.attrs, **{name: value for name, value in named.items() if value}},
        trace_id=parsed.trace_id,
        span_id=parsed.span_id,
        service=text(entry.get("SYSLOG_IDENTIFIER")) or unit.removesuffix(".service") or text(entry.get("_COMM")),
    )


def entries_between(cursor: str, later: str) -> int | None:
    """How many entries journald numbered between these two; None when their cursors do not say."""
    first, second = _place(cursor), _place(later)
    if first is None or second is None or first[0] != second[0] or second[1] <= first[1]:
        return None
    return second[1] - first[1] - 1


def _place(cursor: str) -> tuple[str, int] | None:
    """(what the numbers are of, the entry's number), from `s=…;i=…;b=…;…`."""
    parts = dict(part.partition("=")[::2] for part in cursor.split(";"))
    try:
        return parts["s"], int(parts["i"], 16)
    except (KeyError, ValueError):
        return None


def text(value: object) -> str:
    """A field's value as text; of a field that is there several times, the first."""
    return next(_texts(value))


def _texts(value: object) -> Iterator[str]:
    """All values of a field, at least one; the empty text for what is none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and not all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        for inner in value:
            yield from _texts(inner)
    else:
        yield bytes(value).decode(errors="replace") if isinstance(value, list) else ""
