"""What of a message to mark: the texts that a query asks for, as regular expressions of JavaScript (flags `giu`)."""

from __future__ import annotations

import re

from logpost_web.search.ast import And, Equals, Field, Matches, Or, Pattern, Query, Text
from logpost_web.search.fields import COLUMNS, resolve
from logpost_web.search.words import is_letters, normal_form

_WORD_CHARACTERS = r"0-9A-Za-z\u{80}-\u{10ffff}"


def highlights(query: Query) -> tuple[str, ...]:
    """Expressions without duplicates, in the query's order. What is excluded is not there."""
    return tuple(dict.fromkeys(_collect(query)))


def _collect(query: Query) -> list[str]:
    match query:
        case Text(pattern, quoted):
            return [_text(pattern, quoted)]
        case Field(name, Equals(pattern, quoted)) if resolve(name) == COLUMNS["message"] and not pattern.is_any:
            return [_text(pattern, quoted)]
        case Field(name, Matches(regex)) if resolve(name) == COLUMNS["message"]:
            return [regex]
        case And(terms) | Or(terms):
            return [found for term in terms for found in _collect(term)]
        case _:
            return []


def _text(pattern: Pattern, quoted: bool) -> str:
    pieces = [re.sub(r"[\\^$.*+?()[\]{}|/]", r"\\\g<0>", piece) for piece in pattern.pieces]
    if quoted or not is_letters(normal_form("".join(pattern.pieces))):
        return ".*?".join(piece for piece in pieces if piece)
    word = f"[{_WORD_CHARACTERS}]*".join(pieces)
    return f"(?<![{_WORD_CHARACTERS}]){word}(?![{_WORD_CHARACTERS}])"
