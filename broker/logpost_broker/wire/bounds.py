"""What a request says of itself, walked before kio reads it: no array may have more elements than bytes are left, and
tagged fields that nobody knows here are taken out.

kio sets aside room for as many elements as a request claims: a few bytes that claim two thousand million would end the
process. And it refuses a tagged field that its schema lacks, where KIP-482 wants it passed over: a newer client may
send one in a version that we have.

The walk is compiled once for each version of an API, into steps that each take the position behind one field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import NoneType
from typing import Any, get_args, get_origin

from logpost_broker.wire.framing import Frame

Step = Callable[[Frame, int], int]
Length = Callable[[Frame, int], tuple[int, int]]

FIXED_BYTES = {
    "bool": 1,
    "datetime_i64": 8,
    "error_code": 2,
    "float64": 8,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "timedelta_i32": 4,
    "timedelta_i64": 8,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "uuid": 16,
}
"""How long a value of each type is, but strings and bytes."""
MAX_VARINT_BITS = 35
ABSENT = b"\xff"
"""The marker of a struct that is null."""


class _UnknownTagError(Exception):
    pass


class RequestBounds:
    """Of the requests of one entity class."""

    def __init__(self, entity: type[Any]) -> None:
        self._entity = entity
        self._walk = _entity_step(entity)

    def checked(self, frame: Frame, position: int) -> tuple[Frame, int]:
        """The request at `position` as kio may read it, and where it begins there. Raises ValueError, and IndexError
        where it is cut short."""
        try:
            self._walk(frame, position)
        except _UnknownTagError:
            kept: list[bytes] = []
            _copy_known(self._entity, frame, position, kept)
            return b"".join(kept), 0
        return frame, position


def _entity_step(entity: type[Any]) -> Step:
    """Skips one entity."""
    steps: list[Step] = []
    fixed = 0
    for field in dataclasses.fields(entity):
        if "tag" in field.metadata:
            continue
        size = _fixed_bytes(field.type, field.metadata.get("kafka_type"))
        if size is not None:
            fixed += size
            continue
        if fixed:
            steps.append(_skipping(fixed))
            fixed = 0
        steps.append(_field_step(field, flexible=_is_flexible(entity)))
    if fixed:
        steps.append(_skipping(fixed))
    if _is_flexible(entity):
        steps.append(_tags_step(entity))

    def walk(frame: Frame, position: int) -> int:
        for step in steps:
            position = step(frame, position)
        return position

    return walk


def _is_flexible(entity: type[Any]) -> bool:
    return bool(entity.__flexible__)


def _fixed_bytes(annotation: Any, kafka_type: str | None) -> int | None:
    is_array = any(get_origin(part) is tuple for part in (annotation, *get_args(annotation)))
    return None if is_array or kafka_type is None else FIXED_BYTES.get(kafka_type)


def _skipping(size: int) -> Step:
    return lambda frame, position: position + size


def _field_step(field: Any, *, flexible: bool) -> Step:
    """Skips one field whose length is not fixed."""
    entity, kafka_type = _entity_in(field.type), field.metadata.get("kafka_type")
    if any(get_origin(part) is tuple for part in (field.type, *get_args(field.type))):
        length = _length_of(field, flexible=flexible)
        return _array_step(entity, kafka_type, length, flexible=flexible)
    if entity is not None:
        step = _entity_step(entity)
        return _nullable_step(step) if NoneType in get_args(field.type) else step
    return _bytes_step(kafka_type, flexible=flexible)


def _entity_in(annotation: Any) -> type[Any] | None:
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return annotation
    return next((found for part in get_args(annotation) if (found := _entity_in(part))), None)


def _nullable_step(step: Step) -> Step:
    return lambda frame, position: position + 1 if frame[position] == ABSENT[0] else step(frame, position + 1)


def _bytes_step(kafka_type: str | None, *, flexible: bool) -> Step:
    """A string or bytes: its length, 0 or one less than said where compact, then itself."""
    if flexible:

        def compact(frame: Frame, position: int) -> int:
            size = frame[position]
            if size < 0x80:
                return position + max(size, 1)
            size, position = _varint(frame, position)
            return position + size - 1

        return compact
    width = 2 if kafka_type == "string" else 4

    def legacy(frame: Frame, position: int) -> int:
        size = int.from_bytes(frame[position : position + width], "big", signed=True)
        return position + width + max(size, 0)

    return legacy


def _length_of(field: Any, *, flexible: bool) -> Length:
    """Reads how many elements an array has: 0 where it is null. Raises ValueError for more than there can be, and for a
    null where the schema has none."""
    entity = _entity_in(field.type)
    least = _least_bytes(entity) if entity is not None else FIXED_BYTES.get(field.metadata["kafka_type"], 1)
    lowest = -1 if NoneType in get_args(field.type) else 0
    read = _compact_length if flexible else _legacy_length

    def length(frame: Frame, position: int) -> tuple[int, int]:
        count, position = read(frame, position)
        if count < lowest or (count > 0 and count * least > len(frame) - position):
            raise ValueError(f"an array of {count} elements, and {len(frame) - position} bytes are left")
        return max(count, 0), position

    return length


def _array_step(entity: type[Any] | None, kafka_type: str | None, length: Length, *, flexible: bool) -> Step:
    if entity is None and kafka_type in FIXED_BYTES:
        width = FIXED_BYTES[kafka_type]

        def fixed(frame: Frame, position: int) -> int:
            count, position = length(frame, position)
            return position + count * width

        return fixed
    each = _bytes_step(kafka_type, flexible=flexible) if entity is None else _entity_step(entity)

    def array(frame: Frame, position: int) -> int:
        count, position = length(frame, position)
        for _ in range(count):
            position = each(frame, position)
        return position

    return array


def _least_bytes(entity: type[Any]) -> int:
    """No entity of this class is shorter."""
    untagged = [field for field in dataclasses.fields(entity) if "tag" not in field.metadata]
    sizes = (_fixed_bytes(field.type, field.metadata.get("kafka_type")) for field in untagged)
    return sum(1 if size is None else size for size in sizes) + _is_flexible(entity)


def _legacy_length(frame: Frame, position: int) -> tuple[int, int]:
    return int.from_bytes(frame[position : position + 4], "big", signed=True), position + 4


def _compact_length(frame: Frame, position: int) -> tuple[int, int]:
    count = frame[position]
    if count < 0x80:
        return count - 1, position + 1
    count, position = _varint(frame, position)
    return count - 1, position


def _varint(frame: Frame, position: int) -> tuple[int, int]:
    """An unsigned varint and where it ends. Raises ValueError for one that is longer than 32 bits need."""
    value = shift = 0
    while shift < MAX_VARINT_BITS:
        byte = frame[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a varint that does not end")


def _tags_step(entity: type[Any]) -> Step:
    known = {
        field.metadata["tag"]: None
        if _fixed_bytes(field.type, field.metadata.get("kafka_type")) is not None
        else _field_step(field, flexible=True)
        for field in dataclasses.fields(entity)
        if "tag" in field.metadata
    }

    def tags(frame: Frame, position: int) -> int:
        if not frame[position]:
            return position + 1
        count, position = _varint(frame, position)
        for _ in range(count):
            tag, position = _varint(frame, position)
            size, position = _varint(frame, position)
            if tag not in known:
                raise _UnknownTagError
            step = known[tag]
            if step is not None:
                step(frame, position)
            position += size
        return position

    return tags


def _copy_known(entity: type[Any], frame: Frame, position: int, out: list[bytes]) -> int:
    """Copy one entity without the tagged fields that it does not know; answers where it ends."""
    flexible = _is_flexible(entity)
    for field in dataclasses.fields(entity):
        if "tag" in field.metadata:
            continue
        position = _copy_field(field, frame, position, out, flexible=flexible)
    return _copy_known_tags(entity, frame, position, out) if flexible else position


def _copy_field(field: Any, frame: Frame, position: int, out: list[bytes], *, flexible: bool) -> int:
    size = _fixed_bytes(field.type, field.metadata.get("kafka_type"))
    inner = _entity_in(field.type)
    if inner is None:
        end = position + size if size is not None else _field_step(field, flexible=flexible)(frame, position)
        out.append(bytes(frame[position:end]))
        return end
    if any(get_origin(part) is tuple for part in (field.type, *get_args(field.type))):
        count, start = _length_of(field, flexible=flexible)(frame, position)
    else:
        is_nullable = NoneType in get_args(field.type)
        start = position + is_nullable
        count = 0 if is_nullable and frame[position] == ABSENT[0] else 1
    out.append(bytes(frame[position:start]))
    for _ in range(count):
        start = _copy_known(inner, frame, start, out)
    return start


def _copy_known_tags(entity: type[Any], frame: Frame, position: int, out: list[bytes]) -> int:
    known = {field.metadata["tag"] for field in dataclasses.fields(entity) if "tag" in field.metadata}
    kept = []
    count, position = _varint(frame, position)
    for _ in range(count):
        start = position
        tag, position = _varint(frame, position)
        size, position = _varint(frame, position)
        position += size
        if tag in known:
            kept.append(bytes(frame[start:position]))
    out += [bytes([len(kept)]), *kept]
    return position
