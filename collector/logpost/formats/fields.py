"""Structured lines: which of a document's keys is the time, the level, the message; the others are attributes.

The keys are those of OpenTelemetry, the Elastic Common Schema, GELF, bunyan and pino, zap, logrus, zerolog, structlog,
Serilog, log4j's and Python's JSON layouts, MongoDB, Docker's json-file, and logpost's own record.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from logpost.formats.colours import without_colours
from logpost.formats.json_text import Document
from logpost.formats.levels import LEVEL_OF, SYSLOG
from logpost.formats.parsed import Parsed
from logpost.formats.times import Times, epoch_text, epoch_time, iso_time

_BUNYAN = {10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_OPENTELEMETRY = ("trace", "debug", "info", "warn", "error", "fatal")
_OWN_LEVEL = re.compile(r"[^\W\d_][\w.-]{0,31}")
"""A level of the program's own: `SUCCESS`, `Sev1`."""
_MONGODB = {"F": "fatal", "E": "error", "W": "warn", "I": "info", "D": "debug"}


def _time(value: object, times: Times, now_ns: int) -> int | None:
    if isinstance(value, str):
        ns = iso_time(value, times, now_ns)
        return ns if ns is not None else epoch_text(value)
    if isinstance(value, dict):
        return _time(value.get("$date"), times, now_ns)  # MongoDB
    if isinstance(value, msgspec.Raw):  # a number with all its digits
        ns = epoch_text(digits := bytes(value).decode())
        return ns if ns is not None else epoch_time(float(digits))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return epoch_time(value)
    return None


def _level(value: object, times: Times, now_ns: int) -> str | None:
    if isinstance(value, str):
        value = without_colours(value).strip()
        level = LEVEL_OF.get(value)
        return level if level or not value.isdecimal() or len(value) > 2 else _level_of_number(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return _level_of_number(value)
    return None


def _priority(value: object, times: Times, now_ns: int) -> str | None:
    return _level(value, times, now_ns)


def _level_of_number(number: int) -> str | None:
    """bunyan and pino count in tens; below eight it is syslog's severity (GELF, journald)."""
    return SYSLOG[number] if 0 <= number < 8 else _BUNYAN.get(number)


def _severity_number(value: object, times: Times, now_ns: int) -> str | None:
    return _OPENTELEMETRY[(value - 1) // 4] if isinstance(value, int) and 1 <= value <= 24 else None


def _mongodb_severity(value: object, times: Times, now_ns: int) -> str | None:
    return _MONGODB.get(value[0]) if isinstance(value, str) and value[1:] in ("", "1", "2", "3", "4", "5") else None


def _message(value: object, times: Times, now_ns: int) -> str | None:
    return (value.rstrip("\r\n") or None) if isinstance(value, str) else None


def _text(value: object, times: Times, now_ns: int) -> str | None:
    return value if isinstance(value, str) and value else None


Reader = Callable[[object, Times, int], object]
# Attribute of Parsed → its keys, the more telling first, and what reads their value.
_KEYS: tuple[tuple[str, str, Reader], ...] = (
    ("ts_ns", "@timestamp timestamp ts time @t t datetime asctime eventTime event_time time_iso8601 date", _time),
    ("ts_ns", "timeUnixNano time_unix_nano", _time),
    (
        "level",
        "level log.level severity lvl levelname log_level loglevel level_name severityText severity_text @l",
        _level,
    ),
    ("level", "priority", _priority),
    ("level", "severityNumber severity_number", _severity_number),
    ("level", "s", _mongodb_severity),
    ("message", "message msg @m short_message log event body @mt text", _message),
    ("trace_id", "trace_id traceId trace.id traceid traceID @tr", _text),
    ("span_id", "span_id spanId span.id spanid spanID @sp", _text),
    ("service", "service service.name service_name serviceName", _text),
    ("host", "host host.name hostname host_name", _text),
)
_ROLES: dict[str, tuple[int, str, Reader]] = {}
for _attribute, _names, _reader in _KEYS:
    for _name in _names.split():
        for _form in (_name, _name.upper(), _name[:1].upper() + _name[1:]):
            _ROLES.setdefault(_form, (len(_ROLES), _attribute, _reader))
# Elastic nests what others write with a dot.
_NESTED = (("log", "level"), ("trace", "id"), ("span", "id"), ("service", "name"), ("host", "name"))


def read_document(document: Document, text: str, times: Times, now_ns: int) -> Parsed:
    """Take the known fields out of `document`; the rest of it becomes `attrs`.

    Of several keys for one field the first in the tables that can be read is taken, and the others stay attributes.
    A document without a message has `text`, its whole line.
    """
    _flatten(document)
    parsed = Parsed(message=text)
    taken = set()
    known = sorted((*_ROLES[key], key) for key in document if key in _ROLES)
    for _, attribute, reader, key in known:
        if attribute not in taken:
            value = reader(document[key], times, now_ns)
            if value is not None:
                setattr(parsed, attribute, value)
                taken.add(attribute)
                del document[key]
    if not parsed.level:
        parsed.level = _own_level(document, [key for _, _, reader, key in known if reader is _level])
    parsed.attrs = document
    return parsed


def _own_level(document: Document, keys: list[str]) -> str:
    """Take a level that is none of ours out of the document, as it is written."""
    for key in keys:
        value = document[key]
        level = without_colours(value) if isinstance(value, str) else ""
        if _OWN_LEVEL.fullmatch(level):
            del document[key]
            return level
    return ""


def _flatten(document: Document) -> None:
    for outer, inner in _NESTED:
        nested = document.get(outer)
        if isinstance(nested, dict) and isinstance(nested.get(inner), str):
            document.setdefault(f"{outer}.{inner}", nested.pop(inner))
            if not nested:
                del document[outer]
    attrs = document.get("attrs")
    if isinstance(attrs, dict) and not attrs.keys() & document.keys():
        del document["attrs"]
        document.update(attrs)
