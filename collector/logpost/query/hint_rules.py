"""The rules by which `hints` finds what was perhaps meant, each for one slip of the pen. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logpost.formats.levels import LEVEL_OF
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
from logpost.query.hint_quotes import (
    NAME,
    before_quotes,
    equals_other_quotes,
    in_other_quotes,
    in_wide_parentheses,
    other_quotes,
    read_as,
    star_in_quotes,
)
from logpost.query.hint_ranges import between_brackets, between_numbers

_NUMBER = re.compile(r"[-+]?\d[\d.]*")
_UNIT = "(?:ms|[nuµ]s|[smhd]|[KMGT]?i?B|%)?"
_SEPARATORS = {",": "[,\uff0c\u3001]", ";": "[;\uff1b]", "|": "[|\uff5c]"}
"""As a keyboard writes them, and in full width."""
_COMMAND = re.compile(
    "count|dedup|extract|fields|format|grep|head|json|limit|line_format|logfmt|parse|pattern|sort|stats|summarize|table"
    "|tail|timechart|top|uniq|where"
)
"""Of what other programs write behind a `|`."""
_COMPARISONS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=>": ">=", "=<": "<=", "≥": ">=", "≤": "<="}
_LIKE = re.compile(
    rf"(?P<name>{NAME})(?::?(?P<operator>=~|!~|(?<=:)~)(?P<tilde>[^\s=~]+)"
    r"|:/(?P<slashes>.*/.*(?<=[^\\])(?:\.[*+]|[\[^$|]|\\[dws]).*|.*(?:\.[*+]|[\[^$|]|\\[dws]).*/.*)/)"
)


def _apart(place: Place) -> Found:
    """`status >= 500`, `service = "nginx"`."""
    name, operator, value = place.beside(-1), place.part, place.beside(1)
    if operator.kind != "WORD" or not name or not value or not _is_name(name) or value.kind not in ("WORD", "QUOTED"):
        return None
    if operator.text in ("=", "==", "!=", "<>"):
        inside = in_other_quotes(place, value.at)
        text, end = (f'"{escaped(inside[0])}"', inside[1]) if inside else (value.text, value.end)
        return Hint(name.at, "texts", f"{'' if operator.text[0] == '=' else '-'}{name.text}:{text}"), end
    number = re.fullmatch(rf"({_NUMBER.pattern}){_UNIT}", value.text)
    if operator.text not in _COMPARISONS or not number:
        return None
    return Hint(name.at, "texts", f"{name.text}:{_COMPARISONS[operator.text]}{number[1]}"), value.end


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
    end = 0
    for part in place.parts[place.number + 2 :]:
        if part.text == ")":
            return Hint(name.at, "texts", f"{name.text}:({' OR '.join(values)})"), part.end
        if part.at < end:
            continue  # inside of quotes
        inside = in_other_quotes(place, part.at)
        if inside:
            values.append(f'"{escaped(inside[0])}"')
            end = inside[1]
        else:
            values += filter(None, part.text.split(","))
    return None


def _either_value(place: Place) -> Found:
    """`level:error OR warn`, `status:500 OR 502`."""
    first, operator, second = place.part, place.beside(1), place.beside(2)
    if first.kind != "VALUE" or not first.field or not operator or operator.text != "OR" or not second:
        return None
    are_levels = first.field == "level:" and first.value.lower() in LEVEL_OF and second.value.lower() in LEVEL_OF
    are_numbers = bool(_NUMBER.fullmatch(first.value) and _NUMBER.fullmatch(second.value))
    if second.kind != "WORD" or not (are_levels or are_numbers):
        return None
    return Hint(second.at, f"the text {second.text}", f"{first.field}({first.value} OR {second.text})"), second.end


def _list_with_blanks(place: Place) -> Found:
    """`level:error, warn`."""
    first, second = place.part, place.beside(1)
    if first.kind != "VALUE" or not first.field or not re.fullmatch(r"[\w.-]+,", first.value) or not second:
        return None
    value = first.value[:-1]
    if second.kind != "WORD" or not re.fullmatch(r"[\w.-]+", second.text):
        return Hint(first.at, f"the value {first.value}", f"{first.field}{value}"), first.end
    return Hint(first.at, f"the value {first.value}", f"{first.field}({value} OR {second.text})"), second.end


def _expression(place: Place) -> Found:
    """`service=~nginx.*`, `path:~x`, `path:/api/.*/`."""
    part = place.part
    match = _LIKE.fullmatch(part.text)
    if part.kind not in ("WORD", "VALUE") or not match:
        return None
    inside = (match["tilde"] or match["slashes"]).replace("\\/", "/").replace("/", "\\/")
    excluded = "-" if (match["operator"] or "")[:1] == "!" else ""
    return Hint(part.at, read_as(part), f"{excluded}{match['name']}:/{inside}/"), part.end


def _value_in_parentheses(separator: str) -> Rule:
    """`level:(error,warn)`."""
    values, sign = _listed(separator)

    def rule(place: Place) -> Found:
        part, before = place.part, place.beside(-1)
        if part.kind != "VALUE" or part.field or not values.fullmatch(part.value):
            return None
        if before and before.kind == "COMPARISON":
            return None
        return Hint(part.at, f"the value {part.value}", " OR ".join(sign.split(part.value))), part.end

    return rule


def _listed(separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Expressions for values with this between them, and for itself."""
    sign = _SEPARATORS[separator]
    return re.compile(rf"[\w.-]+(?:{sign}[\w.-]+)+"), re.compile(sign)


def _value_in_brackets(place: Place) -> Found:
    """`level:[error,warn]`, `level:{error}`."""
    part = place.part
    match = re.fullmatch(r"[\[{]([\w.-]+(?:,[\w.-]+)*)[\]}]", part.value)
    if part.kind != "VALUE" or not part.field or not match:
        return None
    values = match[1].split(",")
    instead = f"({' OR '.join(values)})" if len(values) > 1 else values[0]
    return Hint(part.at, f"the value {part.value}", f"{part.field}{instead}"), part.end


def _is_name(part: Part) -> bool:
    return part.kind == "WORD" and bool(re.fullmatch(NAME, part.text))


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
    values, sign = _listed(separator)

    def rule(place: Place) -> Found:
        part = place.part
        if part.kind != "VALUE" or not part.field or not values.fullmatch(part.value) or part.field == "message:":
            return None
        either = " OR ".join(sign.split(part.value))
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
    other_quotes,
    equals_other_quotes,
    before_quotes,
    _expression,
    star_in_quotes,
    _colon_alone,
    _apart,
    _in_list,
    _either_value,
    _pipe,
    _operator(("and", "And", "&&", "&"), "AND", needs_left=True),
    _operator(("or", "Or", "||", "|"), "OR", needs_left=True),
    _operator(("not", "Not", "!"), "NOT", needs_left=False),
    *(
        _written(
            "WORD", False, rf"(?P<name>{NAME}):?{re.escape(sign)}(?P<number>{_NUMBER.pattern}){_UNIT}", _TEXT, instead
        )
        for sign, meant in sorted(_COMPARISONS.items(), key=lambda item: -len(item[0]))
        for instead in (f"{{name}}:{meant}{{number}}",)
    ),
    _written("WORD", False, rf"(?P<name>{NAME})(?:!=|<>|≠)(?P<other>[^\s=]+)", _TEXT, "-{name}:{other}"),
    _written("WORD", False, rf"(?P<name>{NAME})==?(?P<other>[^\s=~]+)", _TEXT, "{name}:{other}"),
    _written("WORD", False, rf"(?P<name>{NAME})\uff1a(?P<other>[^\s\uff1a]+)", _TEXT, "{name}:{other}"),
    in_wide_parentheses,
    _written("WORD", False, r"/(?P<inside>.+)/i", _TEXT, "message:/(?i){inside}/"),
    _written("WORD", False, r"\*:(?P<other>[^\s*]+)", _TEXT, "{other}"),
    _written("WORD", False, r"!(?P<other>[^\s!=]+)", _TEXT, "-{other}"),
    _written("WORD", False, r"\+(?P<other>[^\W\d][^\s+]*)", _TEXT, "{other}"),
    _written("WORD", False, r"(?P<other>\w+)~\d?", _TEXT, "{other}*"),
    _written("WORD", False, r"(?P<other>/.*[\\^$*+?|\[\]{}].*/)", _TEXT, "message:{other}"),
    _written(
        "WORD", False, r"(?P<other>\^[\w ]+|\w+\$|[\w.]*[^\W\d]\.[*+]\??[^\W\d][\w.]*)", _TEXT, "message:/{other}/"
    ),
    _written("WORD", False, r"\.\*(?P<other>[\w-]+)(?:\.\*)?", _TEXT, "*{other}*"),
    _written("VALUE", True, r"\.\*(?P<other>[\w-]+)(?:\.\*)?", _VALUE, "{field}*{other}*"),
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
