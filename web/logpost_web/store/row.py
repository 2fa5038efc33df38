"""A row of `otel_logs`, and how it comes into the table.

A row travels as a line of JSON: an array of where it stands and of what the indexer found out, with the record as it
was sent at its end. Which column each of it is stands in `RECORDS`, the one statement that inserts rows. So a record
that is as we write it needs no other form, and nothing that is in it can pass for what stands around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from logpost.record import SEVERITY_NUMBERS, Src
from logpost_web.store.columns import LOGS
from logpost_web.store.schema import UNIT_OF_THE_DAY
from logpost_web.store.statements import Lines

NO_ATTRIBUTES = msgspec.Raw(b"{}")


class Row(msgspec.Struct, gc=False):
    """`ts`: RFC 3339, to the nanosecond. `indexed_at`, `arrived_at`: Unix seconds. `stream_from`, `stream_to`: the
    bytes of the stream. The rest as `schema` describes its column."""

    ts: str
    message: str
    topic: str
    topic_id: str
    partition: int
    offset: int
    indexed_at: int
    host: str = ""
    service: str = ""
    level: str = ""
    trace_id: str = ""
    span_id: str = ""
    attrs: msgspec.Raw = NO_ATTRIBUTES
    attrs_text: str = ""
    file: str = ""
    stream_id: str = ""
    stream_from: int = 0
    stream_to: int = 0
    message_bytes: int = 0
    words: str = ""
    arrived_at: int = 0
    retention_class: int = 0
    retention_unit: int = 0


class Shared(NamedTuple):
    """What rows have in common that arrived one after the other."""

    topic: str
    topic_id: str
    partition: int
    indexed_at: int
    retention_class: int
    retention_unit: int


class _Line(msgspec.Struct, array_like=True, gc=False):
    """In the order of `_TYPES`."""

    topic: str
    topic_id: str
    partition: int
    indexed_at: int
    retention_class: int
    retention_unit: int
    arrived_at: int
    offset: int
    message_bytes: int
    words: str
    attrs_text: str
    record: _Record


class _Record(msgspec.Struct, omit_defaults=True, gc=False):
    ts: str
    message: str
    host: str
    service: str
    level: str
    trace_id: str
    span_id: str
    attrs: msgspec.Raw
    file: str
    src: Src | None


# Texts, also for columns of LowCardinality: to look up the values of a column at once takes a seventh less of an insert
# than to look up each where it is read.
_TYPES = """
topic String, topic_id String, partition Int32, indexed_at DateTime('UTC'),
retention_class UInt32, retention_unit UInt64, arrived_at DateTime('UTC'), offset Int64, message_bytes UInt64,
words String, attrs_text String, record Tuple(
    ts DateTime64(9, 'UTC'), message String, host String, service String,
    level String, trace_id String, span_id String, attrs JSON(max_dynamic_paths = 128),
    file String, src Tuple(id String, `from` UInt64, `to` UInt64, observed Bool)
)
"""
_VALUES = {
    LOGS.time: "record.ts",
    **{
        LOGS.fields[field]: f"record.{field}"
        for field in ("message", "host", "service", "level", "trace_id", "span_id", "file")
    },
    **{LOGS.fields[field]: field for field in ("topic", "partition", "offset")},
    "SeverityNumber": f"transform(record.level, {[*SEVERITY_NUMBERS]}, {[*SEVERITY_NUMBERS.values()]}, 0)",
    LOGS.attrs: "record.attrs",
    "LogAttributesText": "attrs_text",
    "StreamId": "record.src.id",
    "StreamFrom": "record.src.from",
    "StreamTo": "record.src.to",
    LOGS.topic_id: "topic_id",
    LOGS.message_bytes: "message_bytes",
    LOGS.indexed_at: "indexed_at",
    "Words": "words",
    "ArrivedAt": "if(arrived_at = 0, if(indexed_at = 0, now(), indexed_at), arrived_at)",
    "RetentionClass": "retention_class",
    "RetentionUnit": f"if(retention_unit = 0, {UNIT_OF_THE_DAY}, retention_unit)",
}
RECORDS = Lines(
    columns=tuple(_VALUES),
    select=", ".join(f"{value} AS {column}" for column, value in _VALUES.items()),
    structure=" ".join(_TYPES.split()),
)

_encoder = msgspec.json.Encoder()


def encode(rows: Iterable[Row]) -> list[bytes]:
    """Lines of JSON, one row each."""
    return [_encoder.encode(_line(row)) for row in rows]


def _line(row: Row) -> _Line:
    return _Line(
        row.topic,
        row.topic_id,
        row.partition,
        row.indexed_at,
        row.retention_class,
        row.retention_unit,
        row.arrived_at,
        row.offset,
        row.message_bytes,
        row.words,
        row.attrs_text,
        _Record(
            row.ts,
            row.message,
            row.host,
            row.service,
            row.level,
            row.trace_id,
            row.span_id,
            row.attrs,
            row.file,
            Src(id=row.stream_id, start=row.stream_from, end=row.stream_to) if row.stream_id else None,
        ),
    )


def splice(
    shared: Shared,
    arrivals: Iterable[int],
    offsets: Sequence[int],
    words: Sequence[str],
    texts: Sequence[str],
    records: Iterable[bytes],
) -> list[bytes]:
    """As `encode`, around records that are as we write them. `words` and `texts` of their attributes
    may be empty: then no row has any."""
    start = _encoder.encode(shared)[:-1].replace(b"%", b"%%")
    if not words and not texts:
        line = start + b',%d,%d,0,"","",%b]'
        return [line % row for row in zip(arrivals, offsets, records, strict=True)]
    line = start + b",%d,%d,0,%b,%b,%b]"
    none = [""] * len(offsets)
    around = map(_encoder.encode, words or none), map(_encoder.encode, texts or none)
    return [line % row for row in zip(arrivals, offsets, *around, records, strict=True)]
