"""Tests of a text: the whole value, with wildcards, or by a regular expression."""

from __future__ import annotations

from collections.abc import Callable

import re2

from logpost.query.ast import Equals, Matches, Pattern
from logpost.query.errors import QuerySyntaxError
from logpost.query.expression import searcher

TextTest = Callable[[str], bool]


def text_test(test: Equals | Matches, at: int) -> TextTest:
    """Raises QuerySyntaxError for an expression that RE2 cannot read; it stands at `at`."""
    match test:
        case Matches(regex):
            try:
                return searcher(regex)
            except re2.error as error:
                reason = error.args[0].decode(errors="replace").partition(": ")[0]
                raise QuerySyntaxError(f"this regular expression cannot be used: {reason}", at) from error
        case Equals(Pattern((whole,))):
            return lambda text: text == whole
        case Equals(pattern):
            return _wildcards(pattern)


def _wildcards(pattern: Pattern) -> TextTest:
    first, *between, last = pattern.pieces

    def matches(text: str) -> bool:
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in between:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return at <= end

    return matches
