"""A request without the tagged fields that its schema lacks."""

from __future__ import annotations

from typing import Any

from logpost_broker.wire.framing import Frame
from logpost_broker.wire.walk import (
    Elements,
    entity_in,
    field_step,
    is_array,
    is_flexible,
    is_nullable,
    is_present,
    length_of,
    tagged,
    untagged,
    varint,
)


def without_unknown_tags(entity: type[Any], frame: Frame, position: int, elements: Elements) -> bytes:
    """The entity at `position`. What is left is not checked by this. Raises ValueError, and IndexError where it is cut
    short."""
    kept: list[bytes] = []
    _copy(entity, frame, position, elements, kept)
    return b"".join(kept)


def _copy(entity: type[Any], frame: Frame, position: int, elements: Elements, out: list[bytes]) -> int:
    """Returns where it ends."""
    flexible = is_flexible(entity)
    for field in untagged(entity):
        inner = entity_in(field.type)
        if inner is None:
            end = field_step(field, flexible=flexible)(frame, position, elements)
            out.append(bytes(frame[position:end]))
            position = end
            continue
        start = position
        count, position = _count(field, frame, position, elements, flexible=flexible)
        out.append(bytes(frame[start:position]))
        for _ in range(count):
            position = _copy(inner, frame, position, elements, out)
    return _copy_tags(entity, frame, position, elements, out) if flexible else position


def _count(field: Any, frame: Frame, position: int, elements: Elements, *, flexible: bool) -> tuple[int, int]:
    """How many entities the field holds, and where the first begins."""
    if is_array(field):
        return length_of(field, flexible=flexible)(frame, position, elements)
    return (int(is_present(frame, position)), position + 1) if is_nullable(field) else (1, position)


def _copy_tags(entity: type[Any], frame: Frame, position: int, elements: Elements, out: list[bytes]) -> int:
    known = tagged(entity)
    kept = []
    count, position = varint(frame, position)
    elements.take(count)
    for _ in range(count):
        start = position
        tag, position = varint(frame, position)
        size, position = varint(frame, position)
        position += size
        if tag in known:
            kept.append(bytes(frame[start:position]))
    out += [bytes([len(kept)]), *kept]
    return position
