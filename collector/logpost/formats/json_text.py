"""JSON text → a document whose values are as they were written. Pure.

Numbers that a double would change keep their digits, as `msgspec.Raw`. What strict readers refuse costs only itself: it
becomes text (a number that no double holds, NaN, half a surrogate pair, what is nested too deep), and the values of a
key that comes several times become one array.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable

import msgspec

Document = dict[str, object]

MAX_DEPTH = 64
"""What is nested deeper becomes text: no search looks that deep, and writing it again could exhaust the stack."""
_INT64_DIGITS = 18

_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_HALF_PAIR = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_NEGATIVE_ZERO = re.compile(r"-0\s*+[,}\]]")


def read_json(text: str) -> Document | None:
    """The object that the text holds, None where it holds none."""
    try:
        document = _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _read_leniently(text)
    if _NEGATIVE_ZERO.search(text) or not _is_whole(document, text):
        return _read_leniently(text)
    return document


def exact_number(text: str) -> float | str | msgspec.Raw:
    """A number of JSON that has a fraction or an exponent: as a float if that is written the same, else as its digits,
    as text if no double holds it."""
    number = float(text)
    if math.isinf(number):
        return text
    return number if repr(number) == text and "e" not in text else msgspec.Raw(text.encode())


_decoder = msgspec.json.Decoder(Document, float_hook=exact_number)


def _is_whole(document: Document, text: str) -> bool:
    """Whether no key came twice (the decoder keeps the last) and nothing is too deep."""
    written = text.count('":')
    if written == len(document) and text.count("[") < MAX_DEPTH:
        return True
    # Quotes and colons inside of strings, and blanks in front of a colon.
    written += text.count('" :') - text.count('\\":') - text.count('\\" :')
    return len(document) + _inner_keys(document.values(), MAX_DEPTH - 1) == written


def _inner_keys(values: Iterable[object], room: int) -> float:
    """How many keys the objects among `values` have; infinitely many where they are nested deeper than `room`."""
    keys = 0.0
    for value in values:
        if isinstance(value, dict):
            keys += len(value) + (_inner_keys(value.values(), room - 1) if room else math.inf)
        elif isinstance(value, list):
            keys += _inner_keys(value, room - 1) if room else math.inf
    return keys


def _read_leniently(text: str) -> Document | None:
    if not text.isascii():
        text = text.encode(errors="backslashreplace").decode()  # half a pair by itself becomes its escape
    if text.count("{") + text.count("[") > MAX_DEPTH:
        text = _shallow(text)
    try:
        document = _lenient_decoder.decode(_HALF_PAIR.sub(_as_written, text))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _shallow(text: str) -> str:
    pieces: list[str] = []
    depth = start = end = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                start = found.start()
        elif found[0] in "]}":
            if depth == MAX_DEPTH + 1:
                pieces += text[end:start], json.dumps(text[start : found.end()])
                end = found.end()
            depth -= 1
    return "".join((*pieces, text[end:]))


def _as_written(escape: re.Match[str]) -> str:
    return f"\\{escape[0]}" if escape[1] else escape[0]


class Several(list[object]):
    """The values of a key that came several times."""


def _object(pairs: list[tuple[str, object]]) -> Document:
    document: Document = {}
    for key, value in pairs:
        add_value(document, key, value)
    return document


def add_value(document: Document, key: str, value: object) -> None:
    """Set a key, beside the values that it has already."""
    if key not in document:
        document[key] = value
        return
    there = document[key]
    if not isinstance(there, Several):
        document[key] = there = Several([there])
    there.append(value)


def _integer(text: str) -> int | msgspec.Raw:
    return msgspec.Raw(text.encode()) if text == "-0" or len(text) > _INT64_DIGITS else int(text)


_lenient_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=exact_number, parse_int=_integer, parse_constant=str, strict=False
)
