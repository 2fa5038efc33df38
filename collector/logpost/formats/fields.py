"""Structured lines: which of a document's keys is the time, the level, the message; the others are attributes.

The keys are those of OpenTelemetry, the Elastic Common Schema, GELF, bunyan and pino, zap, logrus, zerolog, klog,
hclog, structlog, loguru, Serilog, .NET, log4j's and Python's JSON layouts, MongoDB, PostgreSQL, Docker's
json-file, journald, syslog-ng and rsyslog, Google Cloud, and logpost's own record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter

import msgspec

from logpost.formats.colours import without_colours
from logpost.formats.http_server import level_of_status
from logpost.formats.json_text import Document, Several, add_value
from logpost.formats.levels import LEVEL_OF, SYSLOG
from logpost.formats.otlp import log_record
from logpost.formats.parsed import Parsed
from logpost.formats.times import SECOND_NS, Times, epoch_text, epoch_time, iso_time, named_month_time
from logpost.record import LEVELS, parse_ts

_BUNYAN = dict(zip(range(10, 70, 10), LEVELS, strict=True))
_STEP = re.compile(r"(?<=[A-Z])[+-]\d{1,2}$")
"""Of Go's slog: `INFO+2` is between info and warn."""
_OWN_LEVEL = re.compile(r"[^\W\d_][\w.-]{0,31}")
"""A level of the program's own: `SUCCESS`, `Sev1`."""
_ZONE_NAME = re.compile(r"(Z|[+-]\d\d:?\d\d)(?:\[!?[\w/+=.-]{1,64}\]){1,2}$", re.ASCII)
"""What RFC 9557 and Java write behind an offset: `+01:00[Europe/Paris]`."""
_BASIC_TIME = re.compile(r"\d{8}T\d{6}(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
"""ISO 8601 without signs between the digits."""
_MAX_SECONDS = 10**11
_NO_LEVEL = ("DEFAULT", "NOTSET", "UNSPECIFIED")
"""Names that Google Cloud, Python and OpenTelemetry have for no level."""
_STATUS = ("status", "status_code", "response_code", "DownstreamStatus")
_REQUEST = frozenset(("request", "method", "request_method", "path", "uri", "request_uri", "url", "RequestPath"))
_HTTP_STATUS = re.compile("[1-5][0-9]{2}")
_MONGODB = {"F": "fatal", "E": "error", "W": "warn", "I": "info", "D": "debug"}


def read_time(value: object, times: Times, now_ns: int) -> int | None:
    """Unix nanoseconds of a time as JSON has it; None for what is none."""
    if isinstance(value, str):
        value = _ZONE_NAME.sub(r"\1", value.strip())
        for read in (iso_time, named_month_time):
            ns = read(value, times, now_ns)
            if ns is not None:
                return ns
        return _basic_time(value) if _BASIC_TIME.fullmatch(value) else epoch_text(value)
    if isinstance(value, dict):
        return _time_of_parts(value, times, now_ns)
    if isinstance(value, msgspec.Raw):  # a number with all its digits
        ns = epoch_text(digits := bytes(value).decode())
        return ns if ns is not None else epoch_time(float(digits))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return epoch_time(value)
    return None


def _basic_time(text: str) -> int | None:
    try:
        return parse_ts(text)
    except ValueError:
        return None


def _time_of_parts(parts: Document, times: Times, now_ns: int) -> int | None:
    """MongoDB's, PHP's, and seconds with nanoseconds, as log4j and protobuf write them."""
    for name in ("$date", "$numberLong"):
        if name in parts:
            return read_time(parts[name], times, now_ns)
    match parts:
        case {"date": str(date), "timezone": str(zone)}:
            return iso_time(f"{date} {zone}", times, now_ns)
        case {"epochSecond": int(seconds), "nanoOfSecond": int(nanos)} | {"seconds": int(seconds), "nanos": int(nanos)}:
            ns = epoch_time(seconds) if seconds < _MAX_SECONDS else None
            return None if ns is None or not 0 <= nanos < SECOND_NS else ns + nanos
    return None


def read_level(value: object, times: Times, now_ns: int) -> str | None:
    """One of `logpost.record.LEVELS`, None for what is none of them."""
    if isinstance(value, str):
        value = without_colours(value).strip().strip("[]<> ")
        level = LEVEL_OF.get(value.lower()) or LEVEL_OF.get(_STEP.sub("", value).lower())
        return level if level or not value.isdecimal() or len(value) > 2 else _level_of_number(int(value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _level_of_number(value)
    return None


def _priority(value: object, times: Times, now_ns: int) -> str | None:
    return read_level(value, times, now_ns)


def _level_of_number(number: int) -> str | None:
    """bunyan and pino count in tens; below eight it is syslog's severity (GELF, journald)."""
    return SYSLOG[number] if 0 <= number < 8 else _BUNYAN.get(number)


def _severity_number(value: object, times: Times, now_ns: int) -> str | None:
    return LEVELS[(value - 1) // 4] if isinstance(value, int) and 1 <= value <= 24 else None


def _mongodb_severity(value: object, times: Times, now_ns: int) -> str | None:
    return _MONGODB.get(value[:1]) if isinstance(value, str) and value[1:] in ("", "1", "2", "3", "4", "5") else None


def _message(value: object, times: Times, now_ns: int) -> str | None:
    return (value.rstrip("\r\n") or None) if isinstance(value, str) else None


def _text(value: object, times: Times, now_ns: int) -> str | None:
    return value if isinstance(value, str) and value else None


Reader = Callable[[object, Times, int], object]
# Attribute of Parsed → its keys, the more telling first, and what reads their value.
_KEYS: tuple[tuple[str, str, Reader], ...] = (
    (
        "ts_ns",
        "@timestamp timestamp ts time @t t datetime asctime eventTime event_time time_iso8601 date instant timeMillis"
        " time_local logTime log_time start_time timereported timegenerated __REALTIME_TIMESTAMP record.time.timestamp",
        read_time,
    ),
    ("ts_ns", "timeUnixNano time_unix_nano", read_time),
    (
        "level",
        "levelname level_name level.name level log.level severity lvl log_level loglevel logLevel severityText"
        " severity_text error_severity @l @level record.level.name",
        read_level,
    ),
    ("level", "priority", _priority),
    ("level", "severityNumber severity_number", _severity_number),
    ("level", "s", _mongodb_severity),
    (
        "message",
        "message msg @m @message short_message log event body body.stringValue RenderedMessage @mt MessageTemplate"
        " logMessage textPayload jsonPayload.message record.message text"
        " fields.message",
        _message,
    ),
    ("trace_id", "trace_id traceId trace.id traceid traceID @tr dd.trace_id otelTraceID", _text),
    ("span_id", "span_id spanId span.id spanid spanID @sp dd.span_id otelSpanID", _text),
    (
        "service",
        "service service.name service_name serviceName otelServiceName dd.service SYSLOG_IDENTIFIER programname appname"
        " program",
        _text,
    ),
    ("host", "host host.name host.hostname hostname hostName host_name _HOSTNAME", _text),
)
_Role = tuple[int, str, Reader, tuple[str, ...]]
"""Rank among all names, attribute of Parsed, what reads the value, where it is: a key, and keys of inner objects."""
_ROLES: dict[str, _Role] = {}
_NESTED: dict[str, list[_Role]] = {}
"""By the first part of a name with dots: some nest what others write with a dot."""
for _attribute, _names, _reader in _KEYS:
    for _name in _names.split():
        _rank = len(_ROLES)
        for _form in (_name, _name.upper(), _name[:1].upper() + _name[1:]):
            _ROLES.setdefault(_form, (_rank, _attribute, _reader, (_form,)))
        if "." in _name:
            _NESTED.setdefault(_name.partition(".")[0], []).append(
                (_rank, _attribute, _reader, tuple(_name.split(".")))
            )


def read_document(document: Document, text: str, times: Times, now_ns: int) -> Parsed:
    """Take the known fields out of `document`, which is changed; the rest of it becomes `attrs`.

    Of several keys for one field the first in the tables that can be read is taken, and the others stay attributes.
    A document without a message has `text`, its whole line.
    """
    document = _unwrapped(document)
    parsed = Parsed(message=text)
    implied = _implied_level(document)
    taken = set()
    known = _known(document)
    for _, attribute, reader, path in known:
        if attribute not in taken:
            found = _at(document, path)
            if type(found) is Several:  # the last is taken, all stay
                value = reader(found[-1], times, now_ns)
            else:
                value = reader(found, times, now_ns)
                if value is not None:
                    _remove(document, path)
            if value is not None:
                setattr(parsed, attribute, value)
                taken.add(attribute)
    if "level" not in taken:
        parsed.level = _own_level(document, [path for _, _, reader, path in known if reader is read_level]) or implied
    if not parsed.level and "message" not in taken:
        parsed.level = _level_of_request(document)
    _merge_attrs(document)
    parsed.attrs = document
    return parsed


def _known(document: Document) -> list[_Role]:
    known = [_ROLES[key] for key in document if key in _ROLES]
    if not _NESTED.keys().isdisjoint(document):
        for outer in _NESTED.keys() & document.keys():
            known += [role for role in _NESTED[outer] if _at(document, role[3]) is not None]
    known.sort(key=itemgetter(0))
    return known


def _at(document: Document, path: tuple[str, ...]) -> object:
    if len(path) == 1:
        return document.get(path[0])  # gone when all that was in it was taken
    found: object = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _remove(document: Document, path: tuple[str, ...]) -> None:
    """Remove a field, and the objects that are empty without it."""
    inner = document[path[0]]
    if len(path) > 1 and isinstance(inner, dict):
        _remove(inner, path[1:])
        if inner:
            return
    del document[path[0]]


def _own_level(document: Document, paths: list[tuple[str, ...]]) -> str:
    """Take a level that is not ours out of the document, as it is written."""
    for path in paths:
        value = _at(document, path)
        level = without_colours(value) if isinstance(value, str) else ""
        if _OWN_LEVEL.fullmatch(level) and level not in _NO_LEVEL:
            _remove(document, path)
            return level
    return ""


def _implied_level(document: Document) -> str:
    """Serilog leaves out its usual level; of klog an error is what has `err` and no verbosity."""
    if "@t" in document and ("@m" in document or "@mt" in document):
        return "info"
    if "caller" in document and "ts" in document and ("v" in document or "err" in document):
        return "info" if "v" in document else "error"
    return ""


def _level_of_request(document: Document) -> str:
    """What the status of an access log's entry says."""
    if not document.keys() & _REQUEST:
        return ""
    status = next((str(document[name]) for name in _STATUS if name in document), "")
    return level_of_status(int(status)) if _HTTP_STATUS.fullmatch(status) else ""


def _unwrapped(document: Document) -> Document:
    if "resourceLogs" in document or "body" in document:
        document = log_record(document) or document
    attrs = document.get("attrs")
    if isinstance(attrs, dict) and not attrs.keys() & document.keys():
        _merge_attrs(document)
    return document


def _merge_attrs(document: Document) -> None:
    """Attributes of our record are those of the document. When a name of theirs is that of a field too, only after the
    fields were read."""
    if isinstance(document.get("attrs"), dict):
        attrs = document.pop("attrs")
        assert isinstance(attrs, dict)
        for name, value in attrs.items():
            add_value(document, name, value)
