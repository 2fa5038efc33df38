"""Regular expressions (RE2) over a text, in time that grows with its length alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2


def compile_expression(expression: str) -> Any:
    """An expression over UTF-8, read as the store's `match` reads it. Raises `re2.error`."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    return re2.compile(expression.encode(), options)


def searcher(expression: str) -> Callable[[str], bool]:
    """Whether a text has a match. Raises `re2.error`."""
    search = compile_expression(expression).search
    return lambda text: search(text.encode(errors="replace")) is not None
