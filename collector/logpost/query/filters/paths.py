"""What is at a path of attributes. A dot leads into an object or belongs to a name; each way is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from logpost.query.fields import MAX_ARRAYS
from logpost.query.filters.stored import Scalar, scalar

Test = Callable[[Scalar], bool]
Fields = Mapping[str, object]


def any_value(
    fields: Fields, path: str, test: Test, element: Test, *, in_arrays: bool = True, inside: bool = False
) -> bool:
    """A value at the path passes `test`, or `element` where it is in an array. `in_arrays`: also look for the path in
    the objects of arrays on the way; not for a path of many levels. `inside`: this is such an object."""
    value = fields.get(path)
    if isinstance(value, list):
        if _any(opened(value, _depth_at_end(inside)), element):
            return True
    elif value is not None and (one := scalar(value)) is not None and (element if inside else test)(one):
        return True
    at = path.find(".")
    # A path of thousands of levels would be cut at each of them, for a time that grows with their square.
    last = len(path) if in_arrays else max(map(len, fields), default=0)
    while 0 <= at <= last:
        outer, rest = fields.get(path[:at]), path[at + 1 :]
        if isinstance(outer, dict):
            if any_value(outer, rest, test, element, in_arrays=in_arrays, inside=inside):
                return True
        elif isinstance(outer, list) and in_arrays:
            for one_of in _objects(outer, inside):
                if any_value(one_of, rest, test, element, inside=True):
                    return True
        at = path.find(".", at + 1)
    return False


def is_there(fields: Fields, path: str, *, in_arrays: bool = True, inside: bool = False) -> bool:
    """A value that is not null, or an object with one; the rest as above."""
    return any(_is_at(name, value, path, in_arrays, inside) for name, value in fields.items())


def _is_at(name: str, value: object, path: str, in_arrays: bool, inside: bool) -> bool:
    """What is there is this value, or inside of it."""
    if name == path:
        if inside and isinstance(value, list):
            return any(one is not None for one in opened(value, _depth_at_end(inside)))
        return _has_value(value)
    if name.startswith(f"{path}."):
        return _has_value(value)
    if not path.startswith(f"{name}."):
        return False
    rest = path[len(name) + 1 :]
    if isinstance(value, dict):
        return is_there(value, rest, in_arrays=in_arrays, inside=inside)
    if isinstance(value, list) and in_arrays:
        return any(is_there(one, rest, inside=True) for one in _objects(value, inside))
    return False


def _has_value(value: object) -> bool:
    return any(map(_has_value, value.values())) if isinstance(value, dict) else value is not None


def _any(values: Iterator[object], test: Test) -> bool:
    return any((one := scalar(value)) is not None and test(one) for value in values)


def _objects(values: list[object], inside: bool) -> Iterator[Fields]:
    return (value for value in opened(values, 1 if inside else MAX_ARRAYS) if isinstance(value, dict))


def _depth_at_end(inside: bool) -> int:
    return MAX_ARRAYS - inside


def opened(values: list[object], depth: int) -> Iterator[object]:
    """The elements, and those of arrays among them, down to `depth` arrays."""
    for value in values:
        if isinstance(value, list) and depth > 1:
            yield from opened(value, depth - 1)
        else:
            yield value
