"""A row of `otel_logs`, as the store takes it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logpost_web.store.columns import LOGS

NO_ATTRIBUTES = msgspec.Raw(b"{}")


class Row(
    msgspec.Struct,
    omit_defaults=True,
    gc=False,
    rename={
        **LOGS.fields,
        "ts": LOGS.time,
        "topic_id": LOGS.topic_id,
        "indexed_at": LOGS.indexed_at,
        "severity": "SeverityNumber",
        "attrs": LOGS.attrs,
        "attrs_text": "LogAttributesText",
        "stream_id": "StreamId",
        "stream_from": "StreamFrom",
        "stream_to": "StreamTo",
        "message_bytes": LOGS.message_bytes,
        "words": "Words",
        "arrived_at": "ArrivedAt",
        "retention_class": "RetentionClass",
        "retention_unit": "RetentionUnit",
    },
):
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
    severity: int = 0
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


_encoder = msgspec.json.Encoder()


def encode(rows: Sequence[Row]) -> bytes:
    """Lines of JSON, one row each."""
    return _encoder.encode_lines(list(rows))
