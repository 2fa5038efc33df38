"""The fields that a query can name: those of the record have a column, all others are attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ATTRIBUTE_PREFIX = "attrs."
"""`attrs.host:x` is the attribute `host`, where `host:x` is the host of the record."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field with a column of its own in `otel_logs`."""

    name: str
    kind: Literal["text", "integer", "level", "message"] = "text"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A path in `LogAttributes`; a dot leads into a nested object."""

    path: str


COLUMNS = {
    "message": Column("Body", "message"),
    "service": Column("ServiceName"),
    "host": Column("HostName"),
    "level": Column("SeverityText", "level"),
    "trace_id": Column("TraceId"),
    "span_id": Column("SpanId"),
    "file": Column("FilePath"),
    "topic": Column("Topic"),
    "partition": Column("Partition", "integer"),
    "offset": Column("Offset", "integer"),
}


def resolve(name: str) -> Column | Attribute:
    """Where the values of a field are."""
    if name in COLUMNS:
        return COLUMNS[name]
    return Attribute(name.removeprefix(ATTRIBUTE_PREFIX))
