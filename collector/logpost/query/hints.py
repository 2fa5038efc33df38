"""What of a query looks like something that it is not: another language's way to say it, or a text that the language
takes for a field. A hint never changes what is found. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lark import Token

from logpost.query.hint_parts import Hint, Part, Place
from logpost.query.hint_rules import RULES
from logpost.query.syntax import tokens

MAX_HINTS = 5
MAX_CHARACTERS = 300
"""Of the part of the query to which hints are given."""


def hints(text: str) -> list[Hint]:
    """Of a query that can be parsed; the first MAX_HINTS."""
    parts = _parts(tokens(text))
    found: list[Hint] = []
    end = 0
    for number, part in enumerate(parts):
        if part.at < end or len(part.text) > MAX_CHARACTERS:
            continue  # inside of what a hint was given for, or no slip of the pen
        for rule in RULES:
            if hint := rule(Place(text, parts, number)):
                found.append(hint[0])
                end = hint[1]
                break
    return found[:MAX_HINTS]


def _parts(found: Sequence[Token]) -> list[Part]:
    parts: list[Part] = []
    field: Token | None = None
    for token in found:
        if token.type in ("FIELD", "QUOTED_FIELD"):
            field = token
            continue
        kind = "SIGN" if token.type not in ("WORD", "QUOTED", "VALUE", "REGEX", "COMPARISON") else token.type
        at = token.start_pos if token.start_pos is not None else 0
        if field is not None and at == field.end_pos:
            parts.append(Part(at - len(field), kind, str(token), str(field)))
        else:
            parts.append(Part(at, kind, str(token)))
        field = None
    return parts
