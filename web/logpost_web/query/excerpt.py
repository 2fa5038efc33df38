"""What a page shows of a message that is long: a part of it, from a little before the first match.

The store looks for the texts of the query as they are written. Where they are found otherwise (an expression, accents,
the border of a word), `api/excerpts.py` looks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from logpost.query.ast import And, Equals, Field, Or, Query, Text
from logpost.query.fields import RECORD_FIELDS, resolve
from logpost_web.query.columns import Columns

WHOLE_BYTES = 16_384
"""Messages up to this length come whole."""
EXCERPT_CHARACTERS = 4_096
MAX_TEXTS = 50
BEFORE_MATCH = 200
"""Characters that are shown before the first match."""

ATTRIBUTES_BYTES = 5 * 256 * 1024
"""Attributes that are longer are left out of pages: their length is there instead. More than the store keeps by default
(`store.max_attributes_bytes`), because it writes a slash as two characters."""


def message_bytes_sql(columns: Columns) -> str:
    """SQL: the bytes of a message of which a page does not have all, 0 where it does."""
    cut, whole = columns.message_bytes, f"length({columns.fields['message']})"
    return f"if({cut} > 0, {cut}, if({whole} > {WHOLE_BYTES}, {whole}, 0))"


def message_sql(columns: Columns) -> str:
    """SQL: the message, or its part around the first of the texts in the parameter `around`."""
    message = columns.fields["message"]
    # The function counts characters from 1, and is 0 where there is no match.
    first = f"multiSearchFirstPositionCaseInsensitiveUTF8({message}, {{around:Array(String)}})"
    start = f"greatest(1, toInt64({first}) - {BEFORE_MATCH})"
    return f"if(length({message}) > {WHOLE_BYTES}, substringUTF8({message}, {start}, {EXCERPT_CHARACTERS}), {message})"


def part_around(message: str, first: int) -> str:
    """The part of a message around a match, which begins at this character."""
    start = max(0, first - BEFORE_MATCH)
    return message[start : start + EXCERPT_CHARACTERS]


def attributes_sql(columns: Columns) -> str:
    """SQL: the attributes as JSON text, or how long they are."""
    attributes = columns.attrs_text
    instead = f"concat('{{\"logpost.attrs_bytes\":', toString(length({attributes})), '}}')"
    return f"if(length({attributes}) > {ATTRIBUTES_BYTES}, {instead}, {attributes})"


def texts(query: Query) -> list[str]:
    """The texts that the query looks for in messages, MAX_TEXTS at most."""
    return list(islice(_texts(query), MAX_TEXTS))


def _texts(query: Query) -> Iterator[str]:
    match query:
        case Text(pattern, _):
            yield from filter(None, pattern.pieces)
        case Field(name, Equals(pattern, _)) if resolve(name) == RECORD_FIELDS["message"]:
            yield from filter(None, pattern.pieces)
        case And(terms) | Or(terms):
            for term in terms:
                yield from _texts(term)
