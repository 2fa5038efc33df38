"""Values of attributes as the store keeps them, and their texts there."""

from __future__ import annotations

import json

import msgspec

from logpost.query.numbers import INTEGERS, stored_double

Scalar = str | bool | int | float


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
            return value if value in INTEGERS else str(value)
        case msgspec.Raw():
            return scalar(json.loads(bytes(value)))
        case _:
            return None
