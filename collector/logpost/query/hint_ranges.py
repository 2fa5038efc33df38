"""Rules for hints about ranges as others write them. Pure."""

from __future__ import annotations

import re

from logpost.query.hint_fields import is_time
from logpost.query.hint_parts import Found, Hint, Place

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def between_brackets(place: Place) -> Found:
    """`status:[400 TO 500]`, as Lucene writes it."""
    first, middle, last = place.part, place.beside(1), place.beside(2)
    if (
        first.value[:1] not in ("[", "{")
        or not middle
        or not last
        or middle.text != "TO"
        or last.text[-1:] not in ("]", "}")
    ):
        return None
    name = first.field or "field:"
    low = f"{name}>{'=' if first.value[0] == '[' else ''}{first.value[1:]}" if first.value[1:] not in ("", "*") else ""
    high = f"{name}<{'=' if last.text[-1] == ']' else ''}{last.text[:-1]}" if last.text[:-1] not in ("", "*") else ""
    instead = "the time range" if is_time(first.field[:-1]) else f"{low} {high}".strip() or f"{name}*"
    return Hint(first.at, f"the texts {first.value}, TO and {last.text}", instead), last.end


def between_numbers(place: Place) -> Found:
    """`status:400 TO 500`, `status between 400 and 500`."""
    part, following = place.part, [place.beside(distance) for distance in (1, 2, 3)]
    if part.kind == "VALUE" and part.field:
        name, between, low, to, high = (
            part.field,
            "between",
            part.value,
            *(one.text if one else "" for one in following[:2]),
        )
        last = following[1]
    elif part.kind == "WORD" and re.fullmatch(r"[A-Za-z_@][\w.@-]*", part.text):
        between, low, to = (one.text if one else "" for one in following)
        last = place.beside(4)
        name, high = f"{part.text}:", last.text if last else ""
    else:
        return None
    if between.lower() != "between" or to.lower() not in ("to", "and") or not last:
        return None
    if not _NUMBER.fullmatch(low) or not _NUMBER.fullmatch(high):
        return None
    return Hint(part.at, f"the texts {to} and {high}", f"{name}>={low} {name}<={high}"), last.end
