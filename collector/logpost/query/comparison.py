"""Comparisons: what may stand behind `>`, and what it means; which levels are alike."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Mapping

from logpost.formats.levels import LEVEL_OF
from logpost.query.ast import Pattern
from logpost.query.errors import QuerySyntaxError
from logpost.query.numbers import NUMBER
from logpost.record import LEVELS

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def number(text: str, at: int) -> float:
    """Raises QuerySyntaxError for what is none; it stands at `at`."""
    if not NUMBER.fullmatch(text):
        raise QuerySyntaxError(f"expected a number to compare with, not {text}", at)
    return float(text)


def level_pattern(pattern: Pattern) -> Pattern:
    """What a level in lower case is; other names of our levels are theirs, as when they are stored."""
    pieces = tuple(piece.lower() for piece in pattern.pieces)
    return Pattern.exactly(LEVEL_OF.get(pieces[0], pieces[0])) if pattern.is_exact else Pattern(pieces)


def levels(operator: str, than: str, at: int) -> tuple[str, ...]:
    """Those on this side of `than`. Raises QuerySyntaxError for what is no level; it stands at `at`."""
    names: tuple[str, ...] = LEVELS
    level = LEVEL_OF.get(than.lower(), than.lower())
    if level not in names:
        raise QuerySyntaxError(f"expected a level to compare with: {', '.join(names)}", at)
    position = names.index(level)
    return tuple(name for place, name in enumerate(names) if OPERATORS[operator](place, position))
