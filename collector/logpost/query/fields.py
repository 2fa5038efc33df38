"""The fields that a query can name: those of the record, all others are attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ATTRIBUTE_PREFIX = "attrs."
"""`attrs.host:x` is the attribute `host`, where `host:x` is the host of the record."""

MAX_ARRAYS = 3
"""Arrays in arrays that are looked into for values of an attribute."""
MAX_LEVELS = 10
"""In a path with more, arrays of objects are not found."""


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of the record itself."""

    name: str
    kind: Literal["text", "integer", "level", "message"] = "text"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A path in the attributes; a dot leads into a nested object."""

    path: str


RECORD_FIELDS = {
    field.name: field
    for field in (
        RecordField("message", "message"),
        RecordField("service"),
        RecordField("host"),
        RecordField("level", "level"),
        RecordField("trace_id"),
        RecordField("span_id"),
        RecordField("file"),
        RecordField("topic"),
        RecordField("partition", "integer"),
        RecordField("offset", "integer"),
    )
}


def resolve(name: str) -> RecordField | Attribute:
    """Where the values of a field are."""
    return RECORD_FIELDS.get(name) or Attribute(name.removeprefix(ATTRIBUTE_PREFIX))
