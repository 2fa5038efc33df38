"""SQL that tests the values of one attribute: a number or text, each element of an array, a field of the objects in an
array. A path is a parameter, as all texts of a user are, except in one place, where it stands between backticks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from logpost.query.fields import MAX_ARRAYS, MAX_LEVELS
from logpost.query.numbers import Numbers

Parameter = Callable[[str, str], str]
"""Makes a parameter of a text and its type; returns its place in SQL."""

_IDENTIFIER = re.compile(r"[\w $@/#%+-]+(?:\.[\w $@/#%+-]+)*")
"""Paths that ClickHouse takes in an identifier for nothing but a path."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """In a column of type JSON."""

    column: str
    parameter: Parameter

    def has(self, path: str) -> str:
        """The row has this attribute: a value that is not null, an object, or a field of an object in an array."""
        conditions = [f"isNotNull({self._at(path)})", self._has_fields(path)]
        for array, found in self._in_objects(path):
            conditions.append(f"({_is_array(array)} AND arrayExists(found -> {_IS_THERE}, {found}))")
        return _any(*conditions)

    def any_value(self, path: str, test: Callable[[str], str], numbers: Numbers | None = None) -> str:
        """A value of this attribute passes `test`, which gets an SQL text; or it was logged as a number that is written
        otherwise, as one of `numbers`."""
        value = self._at(path)
        scalar, text = f"toString({value})", "if(startsWith(found, '\"'), JSONExtract(found, 'String'), found)"
        scalars, elements = [test(scalar)], [test(text)]
        for types, texts in _by_type(numbers) if numbers else ():
            one_of = ", ".join(self.parameter(one, "String") for one in texts)
            scalars.append(f"{scalar} IN ({one_of}) AND dynamicType({value}) IN ({types})")
        if numbers and numbers.in_arrays:
            elements.append(f"found IN ({', '.join(self.parameter(one, 'String') for one in numbers.in_arrays)})")
        arrays = [(value, _elements(value)), *self._in_objects(path)]
        is_any_array = _any(*(_is_array(array) for array, _ in arrays))
        found = ", ".join(f"if({_is_array(array)}, {found}, [])" for array, found in arrays)
        return (
            f"(if({_is_array(value)}, 0, isNotNull({value}) AND {_any(*scalars)})"
            f" OR if({is_any_array}, arrayExists(found -> {_IS_VALUE} AND {_any(*elements)}, arrayConcat({found})), 0))"
        )

    def _in_objects(self, path: str) -> Iterator[tuple[str, str]]:
        """For `a.b.c`: of an array `a` the values of `b.c`, of an array `a.b` those of `c`; (array, JSON texts), in
        SQL."""
        names = path.split(".")
        if len(names) > MAX_LEVELS:
            return
        for level in range(1, len(names)):
            array = self._at(".".join(names[:level]))
            found = _elements(array)
            for name in names[level:]:
                values = _values("object", self.parameter(name, "String"))
                found = _flat(f"arrayFlatten(arrayMap(object -> {values}, {found}))")
            yield array, _flat(found)

    def _at(self, path: str) -> str:
        # A path that a row lacks is NULL, and its text is empty. As an identifier it is read alone, tens of times
        # faster.
        if _IDENTIFIER.fullmatch(path):
            return self.parameter(f"{self.column}.{path}", "Identifier")
        return f"getSubcolumn({self.column}, {self.parameter(path, 'String')})"

    def _has_fields(self, path: str) -> str:
        """The attribute is an object with a field."""
        # As an identifier, which no parameter can name, the part of the column below a path is read alone, tens of
        # times faster. Between backticks the signs of `_IDENTIFIER` mean nothing else.
        if _IDENTIFIER.fullmatch(path):
            return f"notEmpty(JSONAllPaths({self.column}.^`{path}`))"
        prefix = self.parameter(f"{path}.", "String")
        return f"arrayExists(found -> startsWith(found, {prefix}), JSONAllPaths({self.column}))"


def _by_type(numbers: Numbers) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(types of the store, in SQL; texts)."""
    if numbers.doubles:
        yield "'Float64'", numbers.doubles
    if numbers.integers:
        yield "'Int64', 'UInt64'", numbers.integers


_IS_THERE = "found NOT IN ('', 'null')"
_IS_VALUE = "left(found, 1) NOT IN ('', 'n', '{', '[')"
"""Of JSON texts neither null, nor an object, nor an array that lies too deep."""


def _values(json: str, name: str) -> str:
    """The JSON texts that an object has under a name. Of `{"a": 2, "a.b": 1}` these are two: the store writes
    `{"a": 2, "a": {"b": 1}}`."""
    return f"arrayMap(field -> field.2, arrayFilter(field -> field.1 = {name}, JSONExtractKeysAndValuesRaw({json})))"


def _elements(array: str) -> str:
    """The JSON texts of an array's elements, also of those in arrays in it, MAX_ARRAYS deep."""
    found = f"JSONExtractArrayRaw({_json(array)})"
    for _ in range(MAX_ARRAYS - 1):
        found = _flat(found)
    return found


def _flat(found: str) -> str:
    return f"arrayFlatten(arrayMap(one -> if(startsWith(one, '['), JSONExtractArrayRaw(one), [one]), {found}))"


def _is_array(value: str) -> str:
    return f"startsWith(dynamicType({value}), 'Array')"


def _json(value: str) -> str:
    return f"ifNull(toJSONString({value}), '')"


def _any(*conditions: str) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"
