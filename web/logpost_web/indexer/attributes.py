"""What the store's JSON column does to attributes, foreseen without asking it. Pure.

It gives most attributes back as they came. It changes how some numbers are written, drops nulls and empty objects, and
takes a dot in a name for a level; rows with such attributes keep their text beside it. Some it refuses, and with them
the whole block: then `mended` makes of them what it takes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Never

import msgspec

from logpost.formats.json_text import Document, add_value, read_json

_DIGITS = bytes(ord("1") if byte in b"123456789" else byte for byte in range(256))
_BLANKS_OF_LINES = b" \t\r"
_BLANKS = _BLANKS_OF_LINES + b"\n"
# The first look, at the text with every digit but 0 as 1 and without blanks: most rows end here. Of all fractions of 15
# digits, each is the only one that its double is written as.
_DOTTED_NAME = re.compile(rb'\.[^"\\]*+(?:\\.[^"\\]*+)*+":')
_INTEGER = rb"(?!-0[,}])-?(?:0|1[01]{0,17})(?=[,}])"
_FRACTION = rb"-?(?:0|1[01]{0,9})\.(?!0000)[01]{0,4}1(?=[,}])"
_UNUSUAL_VALUE = re.compile(rb'":(?!["tf]|\{(?!\})|' + _INTEGER + rb"|" + _FRACTION + rb")")
_DOTTED_NAME_LINEAR = re.compile(rb'"[^"\\.]*+(?:\\.[^"\\.]*+)*+\.[^"\\]*+(?:\\.[^"\\]*+)*+":')
_LONG = 2000
"""Bytes from which `_DOTTED_NAME`, whose time may grow with their square, is too slow."""
# The closer look, at the text itself.
_DROPPED = re.compile(rb'"\s*+:\s*+(?:null|\{\s*+\})')
_MIXED_ARRAY = re.compile(rb"[\[,]\s*+(?:true|false|null|-?\d{16})")
_NUMBER = re.compile(rb"[:\[,]\s*+(-?\d++(?:[.eE][-+.\deE]*+)?)")
_STORED_INTEGERS = range(-(2**63), 2**64)


def is_rewritten(raw: bytes) -> bool:
    """Whether the column may give back other JSON than this. Sometimes true for what it gives back as it is, never
    false for what it changes."""
    squeezed = raw.translate(_DIGITS, _BLANKS)
    if _dotted(len(raw)).search(squeezed):
        return True
    if not _UNUSUAL_VALUE.search(squeezed):
        return False
    if _DROPPED.search(raw) or (b"[" in raw and _MIXED_ARRAY.search(raw)):
        return True
    return not all(map(_is_written_alike, _NUMBER.findall(raw)))


def look_rewritten(lines: bytes, longest: int) -> list[int]:
    """The numbers, from 0, of lines for which `is_rewritten` may be true. None has more than `longest` bytes."""
    squeezed = lines.translate(_DIGITS, _BLANKS_OF_LINES)
    looks = (_dotted(longest), _UNUSUAL_VALUE)
    starts = sorted(found.start() for look in looks for found in look.finditer(squeezed))
    numbers = accumulate(squeezed.count(b"\n", start, end) for start, end in pairwise([0, *starts]))
    return list(dict.fromkeys(numbers))


def _dotted(length: int) -> re.Pattern[bytes]:
    return _DOTTED_NAME if length < _LONG else _DOTTED_NAME_LINEAR


def _is_written_alike(number: bytes) -> bool:
    try:
        integer = int(number)
    except ValueError:  # also for thousands of digits
        return _is_short_fraction(number)
    return integer in _STORED_INTEGERS and number != b"-0"


def _is_short_fraction(number: bytes) -> bool:
    try:
        written = repr(float(number)).encode()
    except ValueError:  # `:59.123-05` of a time in a text
        return False
    return b"e" not in number.lower() and written == number and not number.endswith(b".0")


def mended(raw: bytes) -> tuple[bytes, bytes]:
    """(what the column takes of attributes that it refuses, their text): see `logpost.formats.json_text`. Values under
    one path (`{"a":{"b":1},"a.b":2}`) become one array in the column, each value in its place in the text."""
    text = raw.decode(errors="replace")
    document = read_json(text)
    if document is None:
        document = {"logpost.attrs": text}
    return _encode(_by_path(document)), _encode(document)


_encode = msgspec.json.Encoder().encode


def _by_path(document: Document) -> Document:
    paths: Document = {}
    _add_paths(document, "", paths)
    return paths


def _add_paths(document: Mapping[str, object], prefix: str, paths: Document) -> None:
    for key, value in document.items():
        if isinstance(value, dict):
            _add_paths(value, f"{prefix}{key}.", paths)
        else:
            add_value(paths, prefix + key, _array_by_path(value) if isinstance(value, list) else value)


def _array_by_path(array: list[object]) -> list[object]:
    """Objects in an array have paths of their own."""
    return [
        _by_path(item) if isinstance(item, dict) else _array_by_path(item) if isinstance(item, list) else item
        for item in array
    ]


class _Object(list[tuple[str, object]]):
    """A JSON object as its pairs; a plain list is a JSON array."""


def is_refused(raw: bytes) -> bool:
    """Whether the store refuses this JSON text: a key twice, two ways to one path (`{"a":{"b":1},"a.b":2}`), a number
    that no double holds, half a surrogate pair, no object at all. Sometimes true for a key twice that it would take,
    never false for what it refuses. Only asked for a block that the store has refused: finding a hostile row by halving
    its block costs some twenty inserts, and a program whose every line is hostile would stop everybody's logs."""
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
    """The top, or an object inside an array, where paths begin again."""
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
