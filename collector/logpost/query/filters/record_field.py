"""The fields of the record: texts, the level, partition and offset."""

from __future__ import annotations

from operator import attrgetter

from logpost.query.ast import Compares, Equals, Field, Pattern
from logpost.query.comparison import OPERATORS, level_pattern, levels, number
from logpost.query.errors import QuerySyntaxError
from logpost.query.filters.event import Matcher
from logpost.query.filters.value import text_test
from logpost.query.numbers import INTEGER


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
    """In any case. Raises QuerySyntaxError."""
    match field.test:
        case Equals(pattern) if not pattern.is_any:
            passes = text_test(Equals(level_pattern(pattern)), field.at)
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
            return lambda event: get(event) == wanted
        case Compares(operator, than):
            compare, limit = OPERATORS[operator], number(than, field.at)
            return lambda event: (value := get(event)) is not None and compare(value, limit)
        case test:
            passes = text_test(test, field.at)
            return lambda event: (value := get(event)) is not None and passes(str(value))
