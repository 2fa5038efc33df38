"""Comparisons: what may stand behind `>`, and what it means."""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Mapping

from logpost.formats.levels import LEVEL_OF
from logpost.record import LEVELS
from logpost_web.errors import QuerySyntaxError

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def number(text: str, at: int) -> float:
    """Raises QuerySyntaxError for what is none; it stands at `at`."""
    if not NUMBER.fullmatch(text):
        raise QuerySyntaxError(f"expected a number to compare with, not {text}", at)
    return float(text)


def levels(operator: str, than: str, at: int) -> tuple[str, ...]:
    """Those on this side of `than`. Raises QuerySyntaxError for what is no level; it stands at `at`."""
    names: tuple[str, ...] = LEVELS
    level = LEVEL_OF.get(than.lower(), than.lower())
    if level not in names:
        raise QuerySyntaxError(f"expected a level to compare with: {', '.join(names)}", at)
    position = names.index(level)
    return tuple(name for place, name in enumerate(names) if OPERATORS[operator](place, position))
