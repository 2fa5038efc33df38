"""The fields of the record: texts, the level, partition and offset."""

from __future__ import annotations

import re
from operator import attrgetter

from logpost.formats.levels import LEVEL_OF
from logpost_web.errors import QuerySyntaxError
from logpost_web.query.ast import Compares, Equals, Field, Pattern
from logpost_web.query.filters.comparison import OPERATORS, levels, number
from logpost_web.query.filters.event import Matcher
from logpost_web.query.filters.value import text_test

INTEGER = re.compile(r"[0-9]{1,18}")
"""As `condition` takes one."""


def text_field(field: Field) -> Matcher:
    """Raises QuerySyntaxError."""
    get = attrgetter(field.name)
    match field.test:
        case Compares(operator):
            raise QuerySyntaxError(f"{field.name} is a text: {operator} compares numbers", field.at)
        case Equals(pattern) if pattern.is_any:
            return lambda event: get(event) != ""
        case test:
            passes = text_test(test, field.at)
            return lambda event: passes(get(event))


def level_field(field: Field) -> Matcher:
    """In any case; other names of our levels are theirs, as when they are stored. Raises QuerySyntaxError."""
    match field.test:
        case Equals(pattern) if not pattern.is_any:
            pieces = tuple(piece.lower() for piece in pattern.pieces)
            if pattern.is_exact:
                pieces = (LEVEL_OF.get(pieces[0], pieces[0]),)
            passes = text_test(Equals(Pattern(pieces)), field.at)
            return lambda event: passes(event.level.lower())
        case Compares(operator, than):
            names = levels(operator, than, field.at)
            return lambda event: event.level in names
        case _:
            return text_field(field)


def integer_field(field: Field) -> Matcher:
    """Raises QuerySyntaxError."""
    get = attrgetter(field.name)
    match field.test:
        case Equals(pattern) if pattern.is_any:
            return lambda event: get(event) is not None
        case Equals(Pattern((text,))) if INTEGER.fullmatch(text):
            wanted = int(text)
            return lambda event: bool(get(event) == wanted)
        case Compares(operator, than):
            compare, limit = OPERATORS[operator], number(than, field.at)
            return lambda event: (value := get(event)) is not None and compare(value, limit)
        case test:
            passes = text_test(test, field.at)
            return lambda event: (value := get(event)) is not None and passes(str(value))
