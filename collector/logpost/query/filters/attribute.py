"""Attributes: a number or text, each element of an array, a field of the objects in an array."""

from __future__ import annotations

import re

from logpost.query.ast import Compares, Equals, Field
from logpost.query.comparison import OPERATORS, number
from logpost.query.fields import MAX_LEVELS
from logpost.query.filters.event import Matcher
from logpost.query.filters.paths import Test, any_value, is_there
from logpost.query.filters.stored import Scalar, text_of
from logpost.query.filters.value import TextTest, text_test
from logpost.query.numbers import Numbers, other_numbers

# A text that the store reads as a number.
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity)", re.ASCII | re.IGNORECASE)


def attribute(path: str, field: Field) -> Matcher:
    """Raises QuerySyntaxError."""
    in_arrays = path.count(".") < MAX_LEVELS
    match field.test:
        case Equals(pattern) if pattern.is_any:
            return lambda event: is_there(event.attrs, path, in_arrays=in_arrays)
        case Compares(operator, than):
            compare = _compares(operator, number(than, field.at))
            return lambda event: any_value(event.attrs, path, compare, compare, in_arrays=in_arrays)
        case test:
            passes = text_test(test, field.at)
            scalar = element = _text(passes)
            if numbers := other_numbers(test):
                scalar, element = _number(passes, numbers), _number_in_array(passes, numbers)
            return lambda event: any_value(event.attrs, path, scalar, element, in_arrays=in_arrays)


def _text(passes: TextTest) -> Test:
    return lambda value: passes(value if type(value) is str else text_of(value))


def _compares(operator: str, limit: float) -> Test:
    compare = OPERATORS[operator]

    def test(value: Scalar) -> bool:
        match value:
            case bool():
                return False
            case str():
                return _NUMBER.fullmatch(value) is not None and compare(float(value), limit)
            case _:
                return compare(float(value), limit)

    return test


def _number(passes: TextTest, numbers: Numbers) -> Test:
    def test(value: Scalar) -> bool:
        text = text_of(value)
        if passes(text):
            return True
        written = {float: numbers.doubles, int: numbers.integers, str: numbers.texts}
        return text in written.get(type(value), ())

    return test


def _number_in_array(passes: TextTest, numbers: Numbers) -> Test:
    either, texts = numbers.in_arrays, numbers.texts_in_arrays

    def test(value: Scalar) -> bool:
        text = text_of(value)
        return passes(text) or text in (texts if type(value) is str else either)

    return test
