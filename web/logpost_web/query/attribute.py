"""SQL that tests the values of one attribute: a number or text, each element of an array, a field of the objects in an
array. A path is a parameter, as all texts of a user are, except in one place, where it stands between backticks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from logpost.query.fields import MAX_ARRAYS, MAX_LEVELS
from logpost.query.numbers import NUMBER, Numbers, integer, stored_numbers

Value = str | int | float
Parameter = Callable[[Value | tuple[Value, ...], str], str]
"""Makes a parameter of a value, or of several, and its type; returns its place in SQL."""

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

    # Each test first looks at the values of the types that nearly all have, which are read and compared as they are,
    # and makes texts of the others alone: of numbers elsewhere, booleans, arrays.

    def compares(self, path: str, operator: str, limit: str) -> str:
        """A value of this attribute, a number or a text that is one, is on this side of `limit`, an SQL number."""
        value = self._at(path)
        integer, double, text = (_of_type(value, name) for name in ("Int64", "Float64", "String"))
        # Many rows have an integer or nothing: they are done with first.
        return self._any_value(
            path,
            lambda others: (
                f"ifNull(multiIf(isNotNull({integer}), toFloat64({integer}) {operator} {limit}, isNull({value}), 0,"
                f" isNotNull({double}), {double} {operator} {limit},"
                f" isNotNull({text}), toFloat64OrNull({text}) {operator} {limit}, {others}), 0)"
            ),
            lambda text: f"ifNull(toFloat64OrNull({text}) {operator} {limit}, 0)",
        )

    def equals(self, path: str, texts: Sequence[str]) -> str:
        """A value of this attribute is one of these texts; or it was logged as a number that is one of them, in any
        spelling."""
        value = self._at(path)
        numbers = [text for text in texts if NUMBER.fullmatch(text)]
        written = [found for text in numbers if (found := stored_numbers(text))]
        integers = [whole for text in numbers if (whole := integer(text)) is not None and whole in _INT64]
        types = {
            "Int64": self._one_of(integers, "Int64"),
            "Float64": self._one_of([double for text in numbers if math.isfinite(double := float(text))], "Float64"),
            "String": self._one_of([*texts, *(long for one in written for long in one.texts)]),
        }
        if not numbers:
            del types["Int64"], types["Float64"]
        by_type = ", ".join(
            f"isNotNull({found}), ifNull({test(found)}, 0)"
            for name, test in types.items()
            for found in (_of_type(value, name),)
        )
        return self._any_value(
            path,
            lambda others: f"multiIf({by_type}, {others})",
            self._one_of(texts),
            written,
        )

    def passes(self, path: str, test: Callable[[str], str]) -> str:
        """A value of this attribute passes `test`, which gets an SQL text."""
        text = _of_type(self._at(path), "String")
        return self._any_value(path, lambda others: f"if(isNull({text}), {others}, ifNull({test(text)}, 0))", test)

    def _any_value(
        self,
        path: str,
        by_type: Callable[[str], str],
        test: Callable[[str], str],
        numbers: Sequence[Numbers] = (),
    ) -> str:
        """`by_type` tests a value of the usual types, and else asks what it is given. `test` gets an SQL text of any
        other value; this may also be one of `numbers`."""
        value = self._at(path)
        scalar, text = f"toString({value})", "if(startsWith(found, '\"'), JSONExtract(found, 'String'), found)"
        scalars, elements = [test(scalar)], [test(text)]
        for types, texts in _by_type(numbers):
            scalars.append(f"{self._one_of(texts)(scalar)} AND dynamicType({value}) IN ({types})")
        if in_arrays := sorted({text for one in numbers for text in one.in_arrays}):
            elements.append(self._one_of(in_arrays)("found"))
        if long := sorted({text for one in numbers for text in one.texts_in_arrays}):
            elements.append(self._one_of(long)(text))
        passes = f"{_IS_VALUE} AND {_any(*elements)}"
        in_array = f"arrayExists(found -> {passes}, {_elements(value)})"
        conditions = [by_type(f"if(isNotNull({value}), if({_is_array(value)}, {in_array}, {_any(*scalars)}), 0)")]
        if in_objects := list(self._in_objects(path)):
            is_any_array = _any(*(_is_array(array) for array, _ in in_objects))
            found = ", ".join(f"if({_is_array(array)}, {found}, [])" for array, found in in_objects)
            conditions.append(f"if({is_any_array}, arrayExists(found -> {passes}, arrayConcat({found})), 0)")
        return _any(*conditions)

    def _one_of(self, values: Sequence[Value], kind: str = "String") -> Callable[[str], str]:
        """Whether an SQL value is one of these."""
        wanted = tuple(dict.fromkeys(values))
        if len(wanted) == 1:
            return lambda value: f"{value} = {self.parameter(wanted[0], kind)}"
        return lambda value: f"{value} IN {self.parameter(wanted, f'Array({kind})')}" if wanted else "0"

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


def _by_type(numbers: Sequence[Numbers]) -> Iterator[tuple[str, list[str]]]:
    """(types of the store, in SQL; texts)."""
    if doubles := sorted({text for one in numbers for text in one.doubles}):
        yield "'Float64'", doubles
    if integers := sorted({text for one in numbers for text in one.integers}):
        yield "'Int64', 'UInt64'", integers


_INT64 = range(-(2**63), 2**63)
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


def _of_type(value: str, name: str) -> str:
    """NULL where it is of another type."""
    return f"dynamicElement({value}, '{name}')"


def _is_array(value: str) -> str:
    # Whether there is a value is known without its type, whose name takes ten times as long.
    return f"if(isNotNull({value}), startsWith(dynamicType({value}), 'Array'), 0)"


def _json(value: str) -> str:
    return f"ifNull(toJSONString({value}), '')"


def _any(*conditions: str) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"
