"""Steps over the bytes of a request, one field each: compiled once per entity class of kio, from its schema.

A step takes the frame, where its field begins, and how many elements the request may still have. It returns where the
field ends, which must be where kio's reader finds its end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin

from logpost_broker.wire.framing import Frame


class Elements:
    """How many more elements of arrays, and tagged fields, a request may have."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """Raises ValueError."""
        self._left -= count
        if self._left < 0:
            raise ValueError("it has too many elements in its arrays, or tagged fields")


class UnknownTagError(Exception):
    """The schema lacks a tagged field that the request has."""


Step = Callable[[Frame, int, Elements], int]
Length = Callable[[Frame, int, Elements], tuple[int, int]]

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
VARINT_BITS = 32
ABSENT, PRESENT = 0xFF, 1
"""The markers of a struct that may be null."""


def entity_step(entity: type[Any]) -> Step:
    """Over one entity. Raises UnknownTagError, ValueError, and IndexError where it is cut short."""
    steps: list[Step] = []
    fixed = 0
    for field in untagged(entity):
        size = fixed_bytes(field)
        if size is not None:
            fixed += size
            continue
        if fixed:
            steps.append(_skipping(fixed))
            fixed = 0
        steps.append(field_step(field, flexible=is_flexible(entity)))
    if fixed:
        steps.append(_skipping(fixed))
    if is_flexible(entity):
        steps.append(_tags_step(entity))

    def walk(frame: Frame, position: int, elements: Elements) -> int:
        for step in steps:
            position = step(frame, position, elements)
        return position

    return walk


def is_flexible(entity: type[Any]) -> bool:
    return bool(entity.__flexible__)


def untagged(entity: type[Any]) -> list[Any]:
    """The fields that every entity of the class has, in their order."""
    return [field for field in dataclasses.fields(entity) if "tag" not in field.metadata]


def tagged(entity: type[Any]) -> dict[int, Any]:
    """Tag → field."""
    return {field.metadata["tag"]: field for field in dataclasses.fields(entity) if "tag" in field.metadata}


def is_array(field: Any) -> bool:
    return any(get_origin(part) is tuple for part in (field.type, *get_args(field.type)))


def is_nullable(field: Any) -> bool:
    return NoneType in get_args(field.type)


def fixed_bytes(field: Any) -> int | None:
    """How long the field is; None where that depends."""
    return None if is_array(field) else FIXED_BYTES.get(field.metadata.get("kafka_type", ""))


def entity_in(annotation: Any) -> type[Any] | None:
    """The class of entities that a field holds, or an array of them."""
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return annotation
    return next((found for part in get_args(annotation) if (found := entity_in(part))), None)


@cache
def field_step(field: Any, *, flexible: bool) -> Step:
    size, entity = fixed_bytes(field), entity_in(field.type)
    if size is not None:
        return _skipping(size)
    if is_array(field):
        return _array_step(field, flexible=flexible)
    if entity is not None:
        return _nullable_step(entity_step(entity)) if is_nullable(field) else entity_step(entity)
    return _bytes_step(field.metadata.get("kafka_type"), flexible=flexible)


def _skipping(size: int) -> Step:
    return lambda frame, position, elements: position + size


def _nullable_step(step: Step) -> Step:
    def nullable(frame: Frame, position: int, elements: Elements) -> int:
        return step(frame, position + 1, elements) if is_present(frame, position) else position + 1

    return nullable


def is_present(frame: Frame, position: int) -> bool:
    """What the marker of a struct that may be null says. Raises ValueError."""
    if frame[position] not in (ABSENT, PRESENT):
        raise ValueError(f"a struct that is neither there nor null: {frame[position]}")
    return frame[position] == PRESENT


def _bytes_step(kafka_type: str | None, *, flexible: bool) -> Step:
    """A string or bytes: its length, 0 or one less than said where compact, then itself."""
    if flexible:

        def compact(frame: Frame, position: int, elements: Elements) -> int:
            size = frame[position]
            if size < 0x80:
                return position + max(size, 1)
            size, position = varint(frame, position)
            return position + max(size - 1, 0)

        return compact
    width = 2 if kafka_type == "string" else 4

    def legacy(frame: Frame, position: int, elements: Elements) -> int:
        size = int.from_bytes(frame[position : position + width], "big", signed=True)
        if size < -1:
            raise ValueError(f"a length of {size}")
        return position + width + max(size, 0)

    return legacy


@cache
def length_of(field: Any, *, flexible: bool) -> Length:
    """Reads how many elements an array has: 0 where it is null. Raises ValueError for more than there can be, and for a
    null where the schema has none."""
    entity = entity_in(field.type)
    least = _least_bytes(entity) if entity is not None else FIXED_BYTES.get(field.metadata["kafka_type"], 1)
    lowest = -1 if is_nullable(field) else 0
    read = _compact_length if flexible else _legacy_length

    def length(frame: Frame, position: int, elements: Elements) -> tuple[int, int]:
        count, position = read(frame, position)
        if count < lowest or (count > 0 and count * least > len(frame) - position):
            raise ValueError(f"an array of {count} elements, and {len(frame) - position} bytes are left")
        elements.take(max(count, 0))
        return max(count, 0), position

    return length


def _array_step(field: Any, *, flexible: bool) -> Step:
    length = length_of(field, flexible=flexible)
    entity, kafka_type = entity_in(field.type), field.metadata.get("kafka_type")
    if entity is None and kafka_type in FIXED_BYTES:
        width = FIXED_BYTES[kafka_type]

        def fixed(frame: Frame, position: int, elements: Elements) -> int:
            count, position = length(frame, position, elements)
            return position + count * width

        return fixed
    each = _bytes_step(kafka_type, flexible=flexible) if entity is None else entity_step(entity)

    def array(frame: Frame, position: int, elements: Elements) -> int:
        count, position = length(frame, position, elements)
        for _ in range(count):
            position = each(frame, position, elements)
        return position

    return array


def _least_bytes(entity: type[Any]) -> int:
    """No entity of this class is shorter."""
    sizes = (fixed_bytes(field) for field in untagged(entity))
    return sum(1 if size is None else size for size in sizes) + is_flexible(entity)


def _legacy_length(frame: Frame, position: int) -> tuple[int, int]:
    return int.from_bytes(frame[position : position + 4], "big", signed=True), position + 4


def _compact_length(frame: Frame, position: int) -> tuple[int, int]:
    count = frame[position]
    if count < 0x80:
        return count - 1, position + 1
    count, position = varint(frame, position)
    return count - 1, position


def varint(frame: Frame, position: int) -> tuple[int, int]:
    """An unsigned varint and where it ends. Raises ValueError for one of more than 32 bits."""
    value = shift = 0
    while shift < VARINT_BITS:
        byte = frame[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and not value >> VARINT_BITS:
            return value, position
        shift += 7
    raise ValueError("a varint of more than 32 bits")


def _tags_step(entity: type[Any]) -> Step:
    known = {tag: field_step(field, flexible=True) for tag, field in tagged(entity).items()}

    def tags(frame: Frame, position: int, elements: Elements) -> int:
        if not frame[position]:
            return position + 1
        count, position = varint(frame, position)
        elements.take(count)
        for _ in range(count):
            tag, position = varint(frame, position)
            size, position = varint(frame, position)
            if tag not in known:
                raise UnknownTagError
            # kio goes on where the field itself ends, whatever size it was said to have.
            if known[tag](frame, position, elements) != position + size:
                raise ValueError(f"tagged field {tag} has not the {size} bytes that it says")
            position += size
        return position

    return tags
