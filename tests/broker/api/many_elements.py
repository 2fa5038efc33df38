"""Requests of any API, made from its schema, with many elements in one of their arrays: all alike, or no two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

from logpost_broker.wire.convert import ZEROES, blank
from logpost_broker.wire.walk import entity_in, is_array

ArrayPath = tuple[str, ...]
"""The names of fields, from the outermost in."""


def arrays_of(entity: type[Any]) -> Iterator[ArrayPath]:
    """Where requests of the class have arrays."""
    for field in fields(entity):
        inner = entity_in(field.type)
        if is_array(field):
            yield (field.name,)
        if inner is not None:
            yield from ((field.name, *path) for path in arrays_of(inner))


@dataclass(frozen=True)
class Filler:
    """Fills in requests. `known`: values by the names of fields; `is_alike`: elements are all the same."""

    known: Mapping[str, Any]
    is_alike: bool

    def filled(self, entity: type[Any], path: ArrayPath, count: int, number: int = 0) -> Any:
        """An entity whose array at `path` has so many elements, and the arrays around that have one each; all others
        are as short as may be. `number`: what tells the entity from others."""
        values = {field.name: self._value(field, number) for field in fields(entity) if not is_array(field)}
        for field in fields(entity):
            if path and field.name == path[0]:
                values[field.name] = self._array(field, path[1:], count)
        return replace(blank(entity), **{name: value for name, value in values.items() if value is not None})

    def _array(self, field: Any, path: ArrayPath, count: int) -> Any:
        inner = entity_in(field.type)
        if inner is not None and not is_array(field):
            return self.filled(inner, path, count)
        if path:
            return (self.filled(inner, path, count),)  # type: ignore[arg-type]  # a path leads through entities
        numbers = itertools.repeat(0, count) if self.is_alike else range(count)
        if inner is not None:
            return tuple(self.filled(inner, (), 0, number) for number in numbers)
        zero = ZEROES.get(field.metadata["kafka_type"])
        values = (self._value(field, number) for number in numbers)
        return tuple(zero if value is None else value for value in values)

    def _value(self, field: Any, number: int) -> Any:
        """None: as the schema has it."""
        if field.name in self.known:
            return self.known[field.name]
        match field.metadata.get("kafka_type"):
            case "string":
                return f"e{number}"
            case "uuid":
                return UUID(int=number + 1)
            case "int32" | "int64":
                return number
        return None
