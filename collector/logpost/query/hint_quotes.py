"""Rules for hints about quotes: what in other languages and on other keyboards is a phrase, and quotes where others
have them. Pure."""

from __future__ import annotations

import re

from logpost.query.hint_fields import escaped
from logpost.query.hint_parts import Found, Hint, Part, Place

NAME = r"[A-Za-z_@][\w.@-]*"
"""Of a field."""
# Opening and closing: curly, low, angle, single, of CJK, of a keyboard in full width.
_QUOTES: dict[str, str] = {
    **{"“": "”", "„": "“", "”": "”", "«": "»", "「": "」", "『": "』", "'": "'", "`": "`"},
    **{
        "\u2018": "\u2019",
        "\u201a": "\u2018",
        "\uff02": "\uff02",
        "\u2039": "\u203a",
        "\u2033": "\u2033",
        "\u00b4": "\u00b4",
    },
}
_EQUALS = re.compile(rf"\{{?(?P<name>{NAME}):?(?P<operator>=~|!~|!=|<>|==?|~)")


def other_quotes(place: Place) -> Found:
    """Curly and single quotes."""
    part = place.part
    start = part.at + len(part.field)
    found = in_other_quotes(place, start) if part.kind in ("WORD", "VALUE") else None
    if not found:
        return None
    inside, end = found
    return Hint(start, 'letters and signs; a phrase is in "', f'{part.field}"{escaped(inside)}"'), end


def equals_other_quotes(place: Place) -> Found:
    """`user='Ada L'`, `user=~“A.*”`."""
    part = place.part
    match = _EQUALS.match(part.text)
    inside = match and in_other_quotes(place, part.at + match.end())
    if part.kind not in ("WORD", "VALUE") or not match or not inside:
        return None
    value = _expression(inside[0]) if "~" in match["operator"] else f'"{escaped(inside[0])}"'
    excluded = "-" if match["operator"][0] in "!<" else ""
    return Hint(part.at, read_as(part), f"{excluded}{match['name']}:{value}"), inside[1]


def in_other_quotes(place: Place, start: int) -> tuple[str, int] | None:
    """What stands in curly or single quotes that begin at `start` of the query, and where they end."""
    closing = _QUOTES.get(place.query[start : start + 1], "")
    end = place.query.find(closing, start + 1) if closing else -1
    return (place.query[start + 1 : end], end + 1) if end >= 0 else None


def star_in_quotes(place: Place) -> Found:
    part = place.part
    inside = part.value[1:-1]
    if part.kind != "QUOTED" or not re.fullmatch(r'[^\s()"\\*]*\*[^\s()"\\]*', inside) or not inside.strip("*"):
        return None
    return Hint(part.at, "a text with the sign *", part.field + inside), part.end


def before_quotes(place: Place) -> Found:
    """`service="nginx"`, `{service=~"ng.*"}`, `path:~"/api"`."""
    part, quoted = place.part, place.beside(1)
    match = _EQUALS.fullmatch(part.text)
    if (
        part.kind not in ("WORD", "VALUE")
        or not match
        or not quoted
        or quoted.kind != "QUOTED"
        or quoted.at != part.end
    ):
        return None
    value = quoted.value
    if "~" in match["operator"]:
        value = _expression(value[1:-1].replace("\\\\", "\\"))
    excluded = "-" if match["operator"][0] in "!<" else ""
    return Hint(part.at, read_as(part), f"{excluded}{match['name']}:{value}"), quoted.end


def in_wide_parentheses(place: Place) -> Found:
    """`(error OR timeout)` in full width."""
    part = place.part
    end = place.query.find("\uff09", part.at)
    inside = place.query[part.at + 1 : end]
    if part.kind != "WORD" or part.text[:1] != "\uff08" or end < 0 or not inside.strip() or "\uff08" in inside:
        return None
    return Hint(part.at, read_as(part), f"({inside})"), end + 1


def read_as(part: Part) -> str:
    return f"the value {part.value}" if part.field else f"the text {part.text}"


def _expression(text: str) -> str:
    return "/" + text.replace("/", "\\/") + "/"
