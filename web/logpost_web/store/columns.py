"""The columns of `otel_logs` in which the fields of a record are."""

from __future__ import annotations

from logpost.query.words import BORDER, is_plain, normal_form

COLUMNS = {
    "message": "Body",
    "service": "ServiceName",
    "host": "HostName",
    "level": "SeverityText",
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "file": "FilePath",
    "topic": "Topic",
    "partition": "Partition",
    "offset": "Offset",
}
"""By the names that queries use."""


def words_column(message: str) -> str:
    """`Words`: the normal form of a message, empty where the store makes that itself."""
    return "" if is_plain(message) else normal_form(message) or BORDER
