"""The rules by which `hints` finds what was perhaps meant, each for one slip of the pen. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logpost.query.hint_fields import (
    element,
    escaped,
    exists,
    field_that_is_none,
    other_name,
    time_range,
    unquoted_name,
)
from logpost.query.hint_parts import Found, Hint, Part, Place, Rule
from logpost.query.hint_ranges import between_brackets, between_numbers

_NAME = r"[A-Za-z_@][\w.@-]*"
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
_NUMBER = re.compile(r"[-+]?\d[\d.]*")
_COMMAND = re.compile(
    "count|dedup|extract|fields|format|grep|head|json|limit|line_format|logfmt|parse|pattern|sort|stats|summarize|table"
    "|tail|timechart|top|uniq|where"
)
"""Of what other programs write behind a `|`."""
_COMPARISONS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=>": ">=", "=<": "<=", "≥": ">=", "≤": "<="}
_EQUALS = re.compile(rf"\{{?(?P<name>{_NAME}):?(?P<operator>=~|!~|!=|==?|~)")
_LIKE = re.compile(
    rf"(?P<name>{_NAME})(?::?(?P<operator>=~|!~|(?<=:)~)(?P<tilde>[^\s=~]+)"
    r"|:/(?P<slashes>.*/.*(?<=[^\\])(?:\.[*+]|[\[^$|]|\\[dws]).*|.*(?:\.[*+]|[\[^$|]|\\[dws]).*/.*)/)"
)


def _other_quotes(place: Place) -> Found:
    """Curly and single quotes."""
    part = place.part
    closing = _QUOTES.get(part.value[:1], "")
    start = part.at + len(part.field)
    end = place.query.find(closing, start + 1) if closing and part.kind in ("WORD", "VALUE") else -1
    if end < 0:
        return None
    inside = place.query[start + 1 : end]
    return Hint(start, 'letters and signs; a phrase is in "', f'{part.field}"{escaped(inside)}"'), end + 1


def _star_in_quotes(place: Place) -> Found:
    part = place.part
    inside = part.value[1:-1]
    if part.kind != "QUOTED" or not re.fullmatch(r'[^\s()"\\*]*\*[^\s()"\\]*', inside) or not inside.strip("*"):
        return None
    return Hint(part.at, "a text with the sign *", part.field + inside), part.end


def _apart(place: Place) -> Found:
    """`status >= 500`, `service = "nginx"`."""
    name, operator, value = place.beside(-1), place.part, place.beside(1)
    if operator.kind != "WORD" or not name or not value or not _is_name(name) or value.kind not in ("WORD", "QUOTED"):
        return None
    if operator.text in ("=", "==", "!=", "<>"):
        term = f"{name.text}:{value.text}"
        return Hint(name.at, "texts", term if operator.text[0] == "=" else f"-{term}"), value.end
    if operator.text not in _COMPARISONS or not _NUMBER.fullmatch(value.text):
        return None
    return Hint(name.at, "texts", f"{name.text}:{_COMPARISONS[operator.text]}{value.text}"), value.end


def _pipe(place: Place) -> Found:
    """`error | head 10`, `error | stats count() by host`."""
    part, command = place.part, place.beside(1)
    before = place.query[: part.at].strip()
    if part.text != "|" or part.kind != "WORD" or not command or not _COMMAND.fullmatch(command.text) or not before:
        return None
    return Hint(part.at, f"the texts | and {command.text}", before), len(place.query)


def _in_list(place: Place) -> Found:
    """`level in (error, warn)`."""
    name, opening = place.beside(-1), place.beside(1)
    if place.part.text not in ("in", "IN") or not name or not _is_name(name) or not opening or opening.text != "(":
        return None
    values: list[str] = []
    for part in place.parts[place.number + 2 :]:
        if part.text == ")":
            return Hint(name.at, "texts", f"{name.text}:({' OR '.join(values)})"), part.end
        values += filter(None, part.text.split(","))
    return None


def _list_with_blanks(place: Place) -> Found:
    """`level:error, warn`."""
    first, second = place.part, place.beside(1)
    if first.kind != "VALUE" or not first.field or not re.fullmatch(r"[\w.-]+,", first.value) or not second:
        return None
    value = first.value[:-1]
    if second.kind != "WORD" or not re.fullmatch(r"[\w.-]+", second.text):
        return Hint(first.at, f"the value {first.value}", f"{first.field}{value}"), first.end
    return Hint(first.at, f"the value {first.value}", f"{first.field}({value} OR {second.text})"), second.end


def _before_quotes(place: Place) -> Found:
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
        value = "/" + value[1:-1].replace("\\\\", "\\").replace("/", "\\/") + "/"
    excluded = "-" if match["operator"][0] == "!" else ""
    return Hint(part.at, _read_as(part), f"{excluded}{match['name']}:{value}"), quoted.end


def _expression(place: Place) -> Found:
    """`service=~nginx.*`, `path:~x`, `path:/api/.*/`."""
    part = place.part
    match = _LIKE.fullmatch(part.text)
    if part.kind not in ("WORD", "VALUE") or not match:
        return None
    inside = (match["tilde"] or match["slashes"]).replace("\\/", "/").replace("/", "\\/")
    excluded = "-" if (match["operator"] or "")[:1] == "!" else ""
    return Hint(part.at, _read_as(part), f"{excluded}{match['name']}:/{inside}/"), part.end


def _value_in_parentheses(separator: str) -> Rule:
    """`level:(error,warn)`."""
    values = re.compile(rf"[\w.-]+(?:{re.escape(separator)}[\w.-]+)+")

    def rule(place: Place) -> Found:
        part, before = place.part, place.beside(-1)
        if part.kind != "VALUE" or part.field or not values.fullmatch(part.value):
            return None
        if before and before.kind == "COMPARISON":
            return None
        return Hint(part.at, f"the value {part.value}", " OR ".join(part.value.split(separator))), part.end

    return rule


def _value_in_brackets(place: Place) -> Found:
    """`level:[error,warn]`, `level:{error}`."""
    part = place.part
    match = re.fullmatch(r"[\[{]([\w.-]+(?:,[\w.-]+)*)[\]}]", part.value)
    if part.kind != "VALUE" or not part.field or not match:
        return None
    values = match[1].split(",")
    instead = f"({' OR '.join(values)})" if len(values) > 1 else values[0]
    return Hint(part.at, f"the value {part.value}", f"{part.field}{instead}"), part.end


def _read_as(part: Part) -> str:
    return f"the value {part.value}" if part.field else f"the text {part.text}"


def _is_name(part: Part) -> bool:
    return part.kind == "WORD" and bool(re.fullmatch(_NAME, part.text))


def _written(kind: str, field: bool, pattern: str, read_as: str, instead: str) -> Rule:
    """A part that is written so; the templates name the groups of the pattern, `field`, `value` and `text`."""
    expression = re.compile(pattern)

    def rule(place: Place) -> Found:
        part = place.part
        match = expression.fullmatch(part.value)
        if part.kind != kind or bool(part.field) != field or not match:
            return None
        names = {**match.groupdict(default=""), "field": part.field, "value": part.value, "text": part.text}
        return Hint(part.at, read_as.format(**names), instead.format(**names)), part.end

    return rule


def _one_of(separator: str) -> Rule:
    """`level:error,warn`."""
    values = re.compile(rf"[\w.-]+(?:{re.escape(separator)}[\w.-]+)+")

    def rule(place: Place) -> Found:
        part = place.part
        if part.kind != "VALUE" or not part.field or not values.fullmatch(part.value) or part.field == "message:":
            return None
        either = " OR ".join(part.value.split(separator))
        return Hint(part.at, f"the value {part.value}", f"{part.field}({either})"), part.end

    return rule


def _operator(words: Sequence[str], instead: str, needs_left: bool) -> Rule:
    """`and` between two terms is a word."""

    def rule(place: Place) -> Found:
        part = place.part
        if (
            part.kind != "WORD"
            or part.text not in words
            or not place.beside(1)
            or (needs_left and not place.beside(-1))
        ):
            return None
        return Hint(part.at, f"the text {part.text}", instead), part.end

    return rule


def _colon_alone(place: Place) -> Found:
    """`status : 500`, `"status": 500`."""
    before, colon, after = place.beside(-1), place.part, place.beside(1)
    if colon.text != ":" or colon.kind != "WORD" or not before or not after or before.field or before.kind == "SIGN":
        return None
    return Hint(before.at, "texts", f"{before.text}:{after.text}"), after.end


_TEXT = "the text {text}"
_VALUE = "the value {value}"
RULES: tuple[Rule, ...] = (
    between_brackets,
    between_numbers,
    field_that_is_none,
    _other_quotes,
    _before_quotes,
    _expression,
    _star_in_quotes,
    _colon_alone,
    _apart,
    _in_list,
    _pipe,
    _operator(("and", "And", "&&", "&"), "AND", needs_left=True),
    _operator(("or", "Or", "||", "|"), "OR", needs_left=True),
    _operator(("not", "Not", "!"), "NOT", needs_left=False),
    *(
        _written("WORD", False, rf"(?P<name>{_NAME}):?{re.escape(sign)}(?P<number>{_NUMBER.pattern})", _TEXT, instead)
        for sign, meant in sorted(_COMPARISONS.items(), key=lambda item: -len(item[0]))
        for instead in (f"{{name}}:{meant}{{number}}",)
    ),
    _written("WORD", False, rf"(?P<name>{_NAME})(?:!=|<>|≠)(?P<other>[^\s=]+)", _TEXT, "-{name}:{other}"),
    _written("WORD", False, rf"(?P<name>{_NAME})==?(?P<other>[^\s=~]+)", _TEXT, "{name}:{other}"),
    _written("WORD", False, rf"(?P<name>{_NAME})\uff1a(?P<other>[^\s\uff1a]+)", _TEXT, "{name}:{other}"),
    _written("WORD", False, r"\uff08(?P<other>[^\s\uff08\uff09]+)\uff09", _TEXT, "({other})"),
    _written("WORD", False, r"/(?P<inside>.+)/i", _TEXT, "message:/(?i){inside}/"),
    _written("WORD", False, r"\*:(?P<other>[^\s*]+)", _TEXT, "{other}"),
    _written("WORD", False, r"!(?P<other>[^\s!=]+)", _TEXT, "-{other}"),
    _written("WORD", False, r"\+(?P<other>[^\W\d][^\s+]*)", _TEXT, "{other}"),
    _written("WORD", False, r"(?P<other>\w+)~\d?", _TEXT, "{other}*"),
    _written("WORD", False, r"(?P<other>/.*[\\^$*+?|\[\]{}].*/)", _TEXT, "message:{other}"),
    _written(
        "WORD", False, r"(?P<other>\^[\w ]+|\w+\$|[\w.]*[^\W\d]\.[*+]\??[^\W\d][\w.]*)", _TEXT, "message:/{other}/"
    ),
    _written("WORD", False, r"\*:\*", _TEXT, "*"),
    _written("WORD", False, r"(?P<name>\w[\w.-]*)\\:(?P<other>[^\s\\]+)", _TEXT, '"{name}:{other}"'),
    _written(
        "WORD", False, r"\d{4}-\d\d-\d\d(?:T\d.*)?|\d\d:\d\d(?::\d\d)?", "{text} in the message", "the time range"
    ),
    unquoted_name,
    _written("VALUE", True, r"/(?P<inside>.+)/i", _VALUE, "{field}/(?i){inside}/"),
    _written("VALUE", True, r"(?P<start>[\w-]+)\?{1,3}", _VALUE, "{field}{start}*"),
    _written("VALUE", True, r"==?(?P<other>[^\s=~]+)", _VALUE, "{field}{other}"),
    _written("VALUE", True, r"(?:!=?|<>|≠)(?P<other>[^\s=~]+)", _VALUE, "-{field}{other}"),
    _written("VALUE", True, rf"(?:=>|≥)(?P<other>{_NUMBER.pattern})", _VALUE, "{field}>={other}"),
    _written("VALUE", True, rf"(?:=<|≤)(?P<other>{_NUMBER.pattern})", _VALUE, "{field}<={other}"),
    _written(
        "VALUE",
        True,
        r"[\[(]?(?P<low>\d[\d.]*?)\.\.\.?(?P<high>\d[\d.]*)[\])]?",
        _VALUE,
        "{field}>={low} {field}<={high}",
    ),
    _written("VALUE", True, r"(?P<low>[1-5]\d\d)-(?P<high>[1-5]\d\d)", _VALUE, "{field}>={low} {field}<={high}"),
    _written("VALUE", True, r"(?P<class>[1-5])[xX]{2}", _VALUE, "{field}>={class}00 {field}<={class}99"),
    _written("VALUE", True, r"null|NULL|nil|None", _VALUE, "-{field}*"),
    _one_of(","),
    _one_of("|"),
    _one_of(";"),
    _value_in_parentheses(","),
    _value_in_parentheses("|"),
    _value_in_brackets,
    _list_with_blanks,
    exists,
    element,
    time_range,
    other_name,
)
