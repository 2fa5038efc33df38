"""A Kafka message → a row of `otel_logs`, as JSON. Pure.

A message that is a log record keeps its attributes as the bytes that came: they are checked to be JSON but not taken
apart, because that is where the time goes. Everything else (anyone may write to a topic) becomes a row whose body is
the message's bytes and whose time is the message's own. What the store refuses all the same gets `plain_attributes`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from logpost.formats.levels import LEVEL_OF
from logpost.record import LEVELS, Src, format_ts
from logpost_web.search.words import words_column
from logpost_web.store.schema import MAX_NS, MIN_NS

# OpenTelemetry's severity numbers: the first of each range.
SEVERITY_NUMBERS: dict[str, int] = {level: 1 + 4 * number for number, level in enumerate(LEVELS)}

MAX_STREAM_ID = 200
"""Characters; the ids of all streams that are read are kept in memory."""
NO_ATTRIBUTES = msgspec.Raw(b"{}")
# A time that the store takes as it is: inside its years, and a day that every month has.
_STORE_TIME = re.compile(
    r"(?:19|20|21)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z"
)
_FRACTION = re.compile(r"\.(\d+)")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class _Record(msgspec.Struct, gc=False):
    """`logpost.record.Record` as far as the index needs it, with its attributes unopened."""

    ts: str
    message: str
    host: str = ""
    service: str = ""
    level: str = ""
    trace_id: str = ""
    span_id: str = ""
    attrs: msgspec.Raw = NO_ATTRIBUTES
    file: str = ""
    src: Src | None = None


class Row(msgspec.Struct, omit_defaults=True, gc=False):
    """A line of JSONEachRow; the names are the columns'."""

    Timestamp: str
    Body: str
    Topic: str
    TopicId: str
    Partition: int
    Offset: int
    IndexedAt: int
    HostName: str = ""
    ServiceName: str = ""
    SeverityText: str = ""
    SeverityNumber: int = 0
    TraceId: str = ""
    SpanId: str = ""
    LogAttributes: msgspec.Raw = NO_ATTRIBUTES
    FilePath: str = ""
    StreamId: str = ""
    StreamFrom: int = 0
    StreamTo: int = 0
    Words: str = ""

    def __post_init__(self) -> None:
        self.Words = words_column(self.Body)


class ObservedRow(Row):
    """A row whose time is not the line's: it is when an agent first saw it, or saw it again."""


class Position(NamedTuple):
    """Where a message stands. `topic_id` tells a topic from a later one of the same name."""

    topic: str
    partition: int
    topic_id: str
    offset: int
    timestamp_ns: int


class _OurRecord(_Record, forbid_unknown_fields=True):
    """A record as we write it."""


_our_decoder = msgspec.json.Decoder(_OurRecord)
_decoder = msgspec.json.Decoder(_Record)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def to_row(value: bytes | None, position: Position, now_seconds: int) -> Row:
    """Never raises: what is no record becomes a row of text."""
    record = _record(value or b"")
    if record is None:
        return _plain_row(value or b"", position, now_seconds)
    attributes = record.attrs
    timestamp = record.ts
    if not _STORE_TIME.fullmatch(timestamp):
        timestamp, note = _store_time(timestamp, position.timestamp_ns)
        attributes = _with(attributes, "logpost.ts", _encoder.encode(note)) if note else attributes
    if not bytes(attributes).startswith(b"{"):
        attributes = _as_text(attributes)
    level = LEVEL_OF.get(record.level, record.level)
    make = ObservedRow if record.src is not None and record.src.observed else Row
    row = make(
        timestamp,
        record.message,
        position.topic,
        position.topic_id,
        position.partition,
        position.offset,
        now_seconds,
        record.host,
        record.service,
        level,
        SEVERITY_NUMBERS.get(level, 0),
        record.trace_id,
        record.span_id,
        attributes,
        record.file,
    )
    if record.src is not None and _is_range(record.src):
        row.StreamId, row.StreamFrom, row.StreamTo = record.src.id, record.src.start, record.src.end
    return row


def _record(value: bytes) -> _Record | None:
    """None for what is no record. Fields that our records do not have become attributes."""
    try:
        return _our_decoder.decode(value)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        record, fields = _decoder.decode(value), _fields_decoder.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    for name, field in fields.items():
        if name not in _Record.__struct_fields__:
            record.attrs = _with(record.attrs, name, bytes(field))
    return record


def _is_range(src: Src) -> bool:
    return 0 < len(src.id) <= MAX_STREAM_ID and 0 <= src.start <= src.end < 2**63


def plain_attributes(row: Row) -> Row:
    """The same row with its attributes as one text, for a store that cannot take them apart: a key twice, `a.b` beside
    `{"a":{"b":…}}`, a number beyond 64 bits, a depth of thousands."""
    return msgspec.structs.replace(row, LogAttributes=_as_text(row.LogAttributes))


def encode(rows: Sequence[Row]) -> bytes:
    """Lines of JSON, one row each."""
    return _encoder.encode_lines(list(rows))


def _plain_row(value: bytes, position: Position, now_seconds: int) -> Row:
    timestamp, _ = _store_time("", position.timestamp_ns)
    attributes = NO_ATTRIBUTES
    try:
        body = value.decode()
    except UnicodeDecodeError:
        body = value.decode(errors="replace")
        attributes = msgspec.Raw(b'{"logpost.encoding":"not utf-8"}')
    return Row(
        timestamp,
        body,
        position.topic,
        position.topic_id,
        position.partition,
        position.offset,
        now_seconds,
        LogAttributes=attributes,
    )


def _store_time(text: str, otherwise_ns: int) -> tuple[str, str]:
    """(the time as the store takes it, a note of the original when it had to be changed)."""
    ns = parse_ns(text)
    clamped = min(max(otherwise_ns if ns is None else ns, MIN_NS), MAX_NS)
    return format_ts(clamped), "" if clamped == ns else text


def row_time_ns(row: Row) -> int:
    """The row's time in Unix nanoseconds."""
    ns = parse_ns(row.Timestamp)
    assert ns is not None
    return ns


def parse_ns(text: str) -> int | None:
    """Unix nanoseconds of a time as RFC 3339 writes it; None for what is none."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    fraction = _FRACTION.search(text)
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    whole = moment.replace(microsecond=0, tzinfo=moment.tzinfo or datetime.UTC) - _EPOCH
    return (whole.days * 86_400 + whole.seconds) * 10**9 + nanoseconds


def _with(attributes: msgspec.Raw, key: str, value: bytes) -> msgspec.Raw:
    """Attributes with one more, `value` being JSON; as a text first when they are no object."""
    raw = bytes(attributes).strip()
    if not raw.startswith(b"{"):
        raw = bytes(_as_text(attributes))
    inside = raw[1:-1].strip()
    return msgspec.Raw(b"{" + inside + (b"," if inside else b"") + _encoder.encode(key) + b":" + value + b"}")


def _as_text(attributes: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode({"logpost.attrs": bytes(attributes).decode(errors="replace")}))
