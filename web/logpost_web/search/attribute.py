"""SQL that tests the values of one attribute: a number or text, each element of an array, a field of the objects in an
array. A path is a parameter, as all texts of a user are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal

MAX_LEVELS = 10
"""Of a path with more, no arrays of objects are looked for."""

Parameter = Callable[[str, str], str]
"""Makes a parameter of a text and its type; returns its place in SQL."""

_IDENTIFIER = re.compile(r"[\w $@/#%+-]+(?:\.[\w $@/#%+-]+)*")
"""Paths that ClickHouse takes in an identifier for nothing but a path."""


def has_path(path: str, parameter: Parameter) -> str:
    """The row has this attribute: a value that is not null, an object, or a field of an object in an array."""
    conditions = [f"isNotNull({_at(path, parameter)})"]
    if "`" not in path:  # in which the part of the column below a path could not be named
        below = f"getSubcolumn(LogAttributes, {parameter(f'^`{path}`', 'String')})"
        conditions.append(f"notEmpty(JSONAllPaths({below}))")
    for array, found in _in_objects(path, parameter):
        conditions.append(f"({_is_array(array)} AND arrayExists(found -> {_IS_THERE}, {found}))")
    return _any(*conditions)


def any_value(path: str, parameter: Parameter, test: Callable[[str], str], number: str = "") -> str:
    """A value of this attribute passes `test`, which gets an SQL text; or it was logged as a number with a point or an
    exponent, and the store writes it as `number`."""
    value = _at(path, parameter)
    scalar, text = f"toString({value})", "if(startsWith(found, '\"'), JSONExtract(found, 'String'), found)"
    scalars, elements = [test(scalar)], [test(text)]
    if number:
        scalars.append(f"{scalar} = {parameter(number, 'String')} AND dynamicType({value}) = 'Float64'")
        elements.append(f"found = {parameter(number, 'String')}")
    arrays = [(value, f"JSONExtractArrayRaw({_json(value)})"), *_in_objects(path, parameter)]
    is_any_array = _any(*(_is_array(array) for array, _ in arrays))
    found = ", ".join(f"if({_is_array(array)}, {found}, [])" for array, found in arrays)
    return (
        f"(if({_is_array(value)}, 0, isNotNull({value}) AND {_any(*scalars)})"
        f" OR if({is_any_array}, arrayExists(found -> {_IS_THERE} AND {_any(*elements)}, arrayConcat({found})), 0))"
    )


def stored_number(text: str) -> str:
    """How the store writes the double that is nearest to this number, as JavaScript does but for a plus: `1.1`, `1e21`,
    `1e-7`; empty for a number that no double holds."""
    number = float(text)
    if not math.isfinite(number):
        return ""
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return f"{Decimal(repr(number)):f}".removesuffix(".0")
    return re.sub(r"(?:\.0)?e([+-])0*", lambda found: "e" + found[1].strip("+"), repr(number))


_IS_THERE = "found NOT IN ('', 'null')"


def _in_objects(path: str, parameter: Parameter) -> Iterator[tuple[str, str]]:
    """For `a.b.c`: of an array `a` the values of `b.c`, of an array `a.b` those of `c`; (array, JSON texts), in SQL."""
    names = path.split(".")
    if len(names) > MAX_LEVELS:
        return
    for level in range(1, len(names)):
        array = _at(".".join(names[:level]), parameter)
        field = f"JSONExtractRaw(object, {', '.join(parameter(name, 'String') for name in names[level:])})"
        fields = f"arrayMap(object -> {field}, JSONExtractArrayRaw({_json(array)}))"
        yield (
            array,
            f"arrayFlatten(arrayMap(one -> if(startsWith(one, '['), JSONExtractArrayRaw(one), [one]), {fields}))",
        )


def _at(path: str, parameter: Parameter) -> str:
    # A path that a row lacks is NULL, and its text is empty. As an identifier it is read alone, tens of times faster.
    if _IDENTIFIER.fullmatch(path):
        return parameter(f"LogAttributes.{path}", "Identifier")
    return f"getSubcolumn(LogAttributes, {parameter(path, 'String')})"


def _is_array(value: str) -> str:
    return f"startsWith(dynamicType({value}), 'Array')"


def _json(value: str) -> str:
    return f"ifNull(toJSONString({value}), '')"


def _any(*conditions: str) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"
