"""What of a message to mark: the places of what a query asks for, found as the store finds it. No browser runs a user's
expression: those that RE2 matches in a moment take JavaScript's engine forever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from logpost.query.ast import And, Equals, Field, Matches, Or, Query, Text
from logpost.query.expression import compile_expression
from logpost.query.fields import RECORD_FIELDS, resolve
from logpost.query.phrase import phrase
from logpost.query.words import is_plain, normal_form, tokens
from logpost_web.query.positions import Positions

MAX_MARKS = 100
"""Of a message; the first ones."""
MAX_CHARACTERS = 100_000
"""Of a message that are looked at."""

_STEP, _OVERLAP = 50_000, 500
"""Characters of a long message that are looked at together, and of the next ones, so that no match is cut."""

Span = tuple[int, int]
"""Start and end (excluded)."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An expression over UTF-8. `is_text`: over the normal form; what is found is its group 1, and where `has_border`,
    there is a border in front of that."""

    expression: Any
    is_text: bool = False
    has_border: bool = False


class Marker:
    """Marks what a query asks for of messages; not what it excludes."""

    def __init__(self, query: Query) -> None:
        self._wanted = list(_collect(query))

    def __bool__(self) -> bool:
        """Whether the query asks for anything in messages."""
        return bool(self._wanted)

    def marks(self, message: str) -> list[Span]:
        """At most MAX_MARKS places in order, apart from each other, in UTF-16 units: as JavaScript counts."""
        message = message[:MAX_CHARACTERS]
        spans: list[Span] = []
        positions = Positions(message) if any(wanted.is_text for wanted in self._wanted) else None
        for wanted in self._wanted:
            if wanted.is_text and positions:
                found = _characters(positions.normal, _find(wanted, positions.normal.encode()))
                spans += [positions.span(*span) for span in found]
            else:
                spans += _characters(message, _find(wanted, message.encode()))
        return _utf16(message, _apart(spans)[:MAX_MARKS])

    def first(self, message: str) -> int | None:
        """Where the first place begins, in characters, in a message of any length; None where there is none."""
        starts = (_first(wanted, message) for wanted in self._wanted)
        return min((start for start in starts if start is not None), default=None)


def _first(wanted: _Wanted, message: str) -> int | None:
    if not wanted.is_text or is_plain(message):
        text = message.lower() if wanted.is_text else message
        return next((start for start, _ in _characters(text, _find(wanted, text.encode()))), None)
    # A normal form alone is fast; the places of all its characters are asked for where it has a match.
    for at in range(0, len(message), _STEP):
        part = message[at : at + _STEP + _OVERLAP]
        if next(_find(wanted, normal_form(part).encode()), None):
            positions = Positions(part)
            for span in _characters(positions.normal, _find(wanted, positions.normal.encode())):
                return at + positions.span(*span)[0]
    return None


def _collect(query: Query) -> Iterator[_Wanted]:
    match query:
        case Text():
            yield from _phrase(query)
        case Field(name, Equals(pattern, quoted)) if resolve(name) == RECORD_FIELDS["message"] and any(pattern.pieces):
            yield from _phrase(Text(pattern, quoted))
        case Field(name, Matches(regex)) if resolve(name) == RECORD_FIELDS["message"]:
            yield _Wanted(compile_expression(regex))
        case And(terms) | Or(terms):
            for term in terms:
                yield from _collect(term)


def _phrase(text: Text) -> Iterator[_Wanted]:
    if wanted := phrase(text):
        expression = compile_expression(f"{wanted.before}({wanted.marked}){wanted.after}")
        yield _Wanted(expression, is_text=True, has_border=bool(wanted.before))


def _find(wanted: _Wanted, text: bytes) -> Iterator[Span]:
    """Places in UTF-8; none is empty."""
    at = 0
    for _ in range(MAX_MARKS):
        found = wanted.expression.search(text, at)
        if not found:
            return
        start, end = found.span(1 if wanted.is_text else 0)
        if start == end:
            # It matches nothing at all, and would be tried at every character.
            return
        yield start, end
        at = end
        if wanted.has_border and not tokens(chr(text[end - 1])):
            # The sign at the end of this one may be the border in front of the next.
            at = end - 1


def _characters(text: str, spans: Iterator[Span]) -> Iterator[Span]:
    """Spans in UTF-8, in order, as spans in characters."""
    data = b"" if text.isascii() else text.encode()
    bytes_before = characters_before = 0
    for start, end in spans:
        if not data:
            yield start, end
            continue
        # `\C` matches one byte: all of its character is marked.
        start, end = max(bytes_before, _character_start(data, start)), _character_start(data, end, step=1)
        if start >= end:
            continue
        characters_start = characters_before + len(data[bytes_before:start].decode())
        characters_end = characters_start + len(data[start:end].decode())
        yield characters_start, characters_end
        bytes_before, characters_before = end, characters_end


def _character_start(data: bytes, at: int, step: int = -1) -> int:
    """The start of a character of UTF-8 that is nearest in the direction of `step`."""
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += step
    return at


def _apart(spans: list[Span]) -> list[Span]:
    """In order; those that overlap are one."""
    apart: list[Span] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _utf16(text: str, spans: list[Span]) -> list[Span]:
    if text.isascii():
        return spans
    counted: list[Span] = []
    at = units = 0
    for start, end in spans:
        units_start = units + _units(text[at:start])
        at, units = end, units_start + _units(text[start:end])
        counted.append((units_start, units))
    return counted


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
