"""Whether two rows that claim the same bytes of a stream are one line sent twice, or lines of two lives. Pure.

A host set back to a snapshot writes other bytes where its stream is known already, and a clone beside its original
writes them at the same time. A record stands for the line that ends where its range ends, so lines are compared by
that end. What the store keeps is compared with what arrives: the store writes attributes in its own way (no nulls,
objects in objects for `a.b`, its own numbers), so both are taken apart and each value is compared as text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal

from logpost_web.indexer.row import ObservedRow, mended_attributes, plain_attributes, row_time_ns
from logpost_web.store.deleted import MARKED_BYTES
from logpost_web.store.row import Row
from logpost_web.store.stored import Line, Place


class Lines:
    """The lines that are known at some places."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._known: dict[Place, list[Line]] = {place: [] for place in places}
        self._deleted: dict[Place, set[int]] = {}

    def add(self, line: Line) -> None:
        """A line anywhere else is ignored."""
        known = self._known.get((line.stream, line.end))
        if known is not None:
            known.append(line)

    def add_row(self, row: Row) -> None:
        if (row.stream_id, row.stream_to) in self._known:
            self.add(line_of(row))

    def add_deleted(self, place: Place, mark: int) -> None:
        """A line was there until it was deleted for good: so much is known of it."""
        self._deleted.setdefault(place, set()).add(mark)

    def has(self, row: Row) -> bool:
        """Whether this is one of the lines, sent again."""
        place = (row.stream_id, row.stream_to)
        known = self._known[place]
        if known and any(_is_same(line, row) for line in known):
            return True
        return place in self._deleted and mark_of(row) in self._deleted[place]


def mark_of(row: Row) -> int:
    """As the store makes it: see `logpost_web.store.deleted`."""
    line = f"{row.stream_id} {row.stream_to} ".encode() + row.message.encode()[:MARKED_BYTES]
    return int.from_bytes(hashlib.md5(line, usedforsecurity=False).digest()[:4], "little")


def line_of(row: Row) -> Line:
    return Line(
        row.stream_id,
        row.stream_to,
        row_time_ns(row),
        row.message,
        row.level,
        row.host,
        row.service,
        row.file,
        row.trace_id,
        row.span_id,
        bytes(row.attrs).decode(errors="replace"),
    )


def _is_same(known: Line, row: Row) -> bool:
    """A line that tells no time is sent again with a later one; the pieces of a long line have time, level and service
    of a beginning that an agent may have forgotten."""
    sent = line_of(row)
    attributes = flat(sent.attributes)
    if isinstance(attributes, dict) and attributes.get("continued") == _text(True):
        known = known._replace(time_ns=0, level="", service="")
        sent = sent._replace(time_ns=0, level="", service="")
    elif isinstance(row, ObservedRow):
        known = known._replace(time_ns=sent.time_ns)
    if known._replace(attributes="") != sent._replace(attributes=""):
        return False
    stored = flat(known.attributes)
    return stored == attributes or any(  # what the store refused it has in another form
        stored == flat(bytes(other_form(row).attrs).decode()) for other_form in (mended_attributes, plain_attributes)
    )


def flat(attributes: str) -> dict[str, str] | str:
    """Each value under its whole path, as text; the text itself where it is no JSON object."""
    try:
        parsed = _decode(attributes)
        return dict(_paths("", parsed)) if isinstance(parsed, dict) else attributes
    except (ValueError, RecursionError):
        return attributes


def _paths(prefix: str, value: dict[str, object]) -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        path = prefix + key
        if isinstance(inner, dict):
            yield from _paths(f"{path}.", inner)
        elif inner is not None and inner != []:
            yield path, _text(inner)


def _text(value: object) -> str:
    """In an array of several types the store makes numbers of Booleans, and texts of numbers: those are all alike."""
    match value:
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
        case dict():
            return str(sorted(_paths("", value)))
        case str():
            return _number_text(value) if value not in _BOOLEANS else _BOOLEANS[value]
        case bool():
            return str(int(value))
    return _number_text(str(value))


def _number_text(text: str) -> str:
    try:
        return str(int(text))  # exactly: ids have more digits than a float
    except ValueError:
        pass
    try:
        number = float(text) + 0.0  # which makes a zero of a negative zero
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return f"{Decimal(repr(number)):f}".removesuffix(".0")  # the digits that the store writes for a float


_BOOLEANS = {"true": "1", "false": "0"}
_decode = json.JSONDecoder(strict=False).decode
