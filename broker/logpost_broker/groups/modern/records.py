"""Events to records of `__consumer_offsets` and back, as far as Kafka's schemas of the three protocols are alike:
version 0, a key of type, group and name, and a value that is null for what is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from logpost_broker.coordinator.record_fields import Reader, int16, string
from logpost_broker.groups.modern.events import Forgotten, GroupRecord

VALUE_VERSION = int16(0)

T = TypeVar("T", bound=Enum)
E = TypeVar("E")
ReadValue = Callable[[str, str, Reader], E]
"""Of a record's group, its name (empty where it has none) and what is behind the version of its value."""


def written(event: GroupRecord | Forgotten, fields_of: Callable[[Any], bytes]) -> tuple[bytes, bytes | None]:
    """Key and value."""
    type_ = event.type if isinstance(event, Forgotten) else event.TYPE
    key = int16(type_.value) + string(event.group_id) + (b"" if event.name is None else string(event.name))
    return key, None if isinstance(event, Forgotten) else VALUE_VERSION + fields_of(event)


def read(
    type_: T,
    key: Reader,
    value: bytes | None,
    *,
    is_named: bool,
    forgotten: Callable[..., E],
    readers: Mapping[T, ReadValue[E]],
) -> E:
    """`key` stands behind its type. Raises ValueError for what is no such record."""
    group_id = key.string()
    name = key.string() if is_named else None
    if value is None:
        return forgotten(group_id=group_id, type=type_, name=name)
    if value[:2] != VALUE_VERSION:
        raise ValueError(f"version {int.from_bytes(value[:2], 'big')} of a record of type {type_.value} is not known")
    return readers[type_](group_id, name or "", Reader(value[2:], flexible=True))
