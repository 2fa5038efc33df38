"""Values of attributes as the store keeps them, and their texts there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from logpost.query.numbers import stored_double

Scalar = str | bool | int | float

_INTEGERS = range(-(2**63), 2**64)


def text_of(value: Scalar) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return stored_double(value)
        case _:
            return str(value)


def scalar(value: object) -> Scalar | None:
    """None for null, and for an object or array. Integers that have no 64 bits are texts."""
    match value:
        case str() | bool() | float():
            return value
        case int():
            return value if value in _INTEGERS else str(value)
        case msgspec.Raw():
            return scalar(json.loads(bytes(value)))
        case _:
            return None


def array(values: list[object]) -> list[object]:
    """Its numbers are of one kind: beside a fraction all are doubles, beside a number true is 1."""
    values = [value if isinstance(value, dict | list) else scalar(value) for value in values]
    leaves = set(_leaves(values, 0))
    kinds = {kind for _, kind in leaves}
    if not any(isinstance(value, list) for value in values) and len(kinds) < 2:
        return values
    if len({depth for depth, _ in leaves}) == 1 and kinds <= {bool, int, float}:
        return _all(values, float if float in kinds else int) if len(kinds) > 1 else values
    return [array(value) if isinstance(value, list) else value for value in values]


def _leaves(values: list[object], depth: int) -> Iterator[tuple[int, type]]:
    for value in values:
        if isinstance(value, list):
            yield from _leaves(value, depth + 1)
        elif value is not None:
            yield depth, type(value)


def _all(values: list[object], number: Callable[[Any], float]) -> list[object]:
    return [
        _all(value, number) if isinstance(value, list) else None if value is None else number(value) for value in values
    ]
