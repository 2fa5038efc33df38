"""Which attributes the store's JSON column refuses, foreseen without asking it. Pure.

Only asked for a block that the store has refused: finding a hostile row by halving its block costs some twenty inserts,
and a program whose every line is hostile would stop everybody's logs.
"""

from __future__ import annotations

import json
import math
from typing import Never


class _Object(list[tuple[str, object]]):
    """A JSON object as its pairs; a plain list is a JSON array."""


def is_refused(raw: bytes) -> bool:
    """Whether the store refuses this JSON text: a key twice, two ways to one path (`{"a":{"b":1},"a.b":2}`), a number
    that no double holds, half a surrogate pair, no object at all. Sometimes true for a key twice that it would take,
    never false for what it refuses."""
    try:
        _check_object(_decoder.decode(raw.decode()))
    except (ValueError, RecursionError):
        return True
    return False


def _pairs(pairs: list[tuple[str, object]]) -> _Object:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return _Object(pairs)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _no_number(text: str) -> Never:
    raise ValueError(text)


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_float, parse_int=lambda _: 0, parse_constant=_no_number
)


def _check_object(value: object) -> None:
    """The top, or an object inside an array, where paths begin anew."""
    if not isinstance(value, _Object):
        raise ValueError("no object")
    _check_paths(value, "", set())


def _check_paths(pairs: _Object, prefix: str, seen: set[str]) -> None:
    for key, value in pairs:
        path = prefix + key
        path.encode()  # half a surrogate pair is a ValueError here
        if isinstance(value, _Object) and value:
            _check_paths(value, f"{path}.", seen)
            continue
        if path in seen:
            raise ValueError(f"two ways to {path}")
        seen.add(path)
        _check_leaf(value)


def _check_leaf(value: object) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, list) and not isinstance(value, _Object):
        for item in value:
            if isinstance(item, _Object):
                _check_object(item)
            else:
                _check_leaf(item)
