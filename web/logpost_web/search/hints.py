"""What of a query looks like something that it is not: another language's way to say it, or a text that the language
takes for a field. A hint never changes what is found. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from lark import Token

from logpost_web.search.syntax import tokens

MAX_HINTS = 5
MAX_CHARACTERS = 300
"""Of a part of the query for which a hint is looked for."""


class Hint(msgspec.Struct, frozen=True):
    """`at`: 0-based position in the query, in characters. `read_as`: what stands there means this. `instead`: what to
    write for what was perhaps meant."""

    at: int
    read_as: str
    instead: str


def hints(text: str) -> list[Hint]:
    """Of a query that can be parsed; the first MAX_HINTS."""
    parts = _parts(tokens(text))
    found: list[Hint] = []
    end = 0
    for number, part in enumerate(parts):
        if part.at < end or len(part.text) > MAX_CHARACTERS:
            continue  # inside of what a hint was given for, or no slip of the pen
        for rule in _RULES:
            if hint := rule(_Place(text, parts, number)):
                found.append(hint[0])
                end = hint[1]
                break
    return found[:MAX_HINTS]


@dataclass(frozen=True, slots=True)
class _Part:
    """A word, phrase or sign of the query; or a field with its value, both as they are written."""

    at: int
    kind: str
    value: str
    field: str = ""

    @property
    def text(self) -> str:
        return self.field + self.value

    @property
    def end(self) -> int:
        return self.at + len(self.text)


def _parts(found: Sequence[Token]) -> list[_Part]:
    parts: list[_Part] = []
    field: Token | None = None
    for token in found:
        if token.type in ("FIELD", "QUOTED_FIELD"):
            field = token
            continue
        kind = "SIGN" if token.type not in ("WORD", "QUOTED", "VALUE", "REGEX", "COMPARISON") else token.type
        at = token.start_pos if token.start_pos is not None else 0
        if field is not None and at == field.end_pos:
            parts.append(_Part(at - len(field), kind, str(token), str(field)))
        else:
            parts.append(_Part(at, kind, str(token)))
        field = None
    return parts


@dataclass(frozen=True, slots=True)
class _Place:
    query: str
    parts: Sequence[_Part]
    number: int

    @property
    def part(self) -> _Part:
        return self.parts[self.number]

    def beside(self, step: int) -> _Part | None:
        number = self.number + step
        return self.parts[number] if 0 <= number < len(self.parts) else None


_Found = tuple[Hint, int] | None
"""A hint, and the end of what it is about."""
_Rule = Callable[[_Place], _Found]

_NAME = r"[A-Za-z_@][\w.@-]*"
# Opening and closing: curly, low, angle, single, of CJK, of a keyboard in full width.
_QUOTES: dict[str, str] = {
    **{"“": "”", "„": "“", "”": "”", "«": "»", "「": "」", "'": "'", "`": "`"},
    **{"\u2018": "\u2019", "\u201a": "\u2018", "\uff02": "\uff02"},
}
_CODE = (
    "c|cc|cpp|cs|css|erl|ex|go|h|hpp|html|java|js|jsx|json|kt|log|lua|mjs|php|pl|py|rb|rs|scala|sh|sql|swift|ts|tsx"
    "|txt|xml|ya?ml"
)
_DOMAINS = "com|net|org|io|dev|local|localdomain|internal|lan|home|corp|cloud|svc|cluster|example|test"
_NO_FIELD = re.compile(
    r"[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}"  # a MAC address, IPv6
    rf"|(?:localhost|[\w.-]+\.(?:{_DOMAINS})|[a-z]+-?\d+(?:\.[\w.-]+)?):\d{{2,5}}(?:/.*)?"  # a host and a port
    rf"|[\w./@-]+\.(?:{_CODE}):\d+(?::\d+)?:?"  # a file and a line
    r"|[A-Za-z]:[\\/].*"  # a drive
    r"|(?:sha\d+|md5):[0-9a-f]{8,}"
    r"|(?:mailto|urn|arn|jdbc|data|tel|cid):.+",
    re.IGNORECASE,
)


def _field_that_is_none(place: _Place) -> _Found:
    part = place.part
    if part.kind != "VALUE" or not part.field or not _NO_FIELD.fullmatch(part.text):
        return None
    return Hint(part.at, f"the field {part.field[:-1]}", f'"{_escaped(part.text)}"'), part.end


def _range(place: _Place) -> _Found:
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
    instead = f"{low} {high}".strip() or f"{name}*"
    return Hint(first.at, f"the texts {first.value}, TO and {last.text}", instead), last.end


def _other_quotes(place: _Place) -> _Found:
    """Curly and single quotes."""
    part = place.part
    closing = _QUOTES.get(part.value[:1], "")
    start = part.at + len(part.field)
    end = place.query.find(closing, start + 1) if closing and part.kind in ("WORD", "VALUE") else -1
    if end < 0:
        return None
    inside = place.query[start + 1 : end]
    return Hint(start, 'letters and signs; a phrase is in "', f'{part.field}"{_escaped(inside)}"'), end + 1


def _star_in_quotes(place: _Place) -> _Found:
    part = place.part
    inside = part.value[1:-1]
    if part.kind != "QUOTED" or not re.fullmatch(r'[^\s()"\\*]*\*[^\s()"\\]*', inside) or not inside.strip("*"):
        return None
    return Hint(part.at, "a text with the sign *", part.field + inside), part.end


def _written(kind: str, field: bool, pattern: str, read_as: str, instead: str) -> _Rule:
    """A part that is written so; the templates name the groups of the pattern, `field`, `value` and `text`."""
    expression = re.compile(pattern)

    def rule(place: _Place) -> _Found:
        part = place.part
        match = expression.fullmatch(part.value)
        if part.kind != kind or bool(part.field) != field or not match:
            return None
        names = {**match.groupdict(default=""), "field": part.field, "value": part.value, "text": part.text}
        return Hint(part.at, read_as.format(**names), instead.format(**names)), part.end

    return rule


def _one_of(separator: str) -> _Rule:
    """`level:error,warn`."""
    values = re.compile(rf"[\w.-]+(?:{re.escape(separator)}[\w.-]+)+")

    def rule(place: _Place) -> _Found:
        part = place.part
        if part.kind != "VALUE" or not part.field or not values.fullmatch(part.value) or part.field == "message:":
            return None
        either = " OR ".join(part.value.split(separator))
        return Hint(part.at, f"the value {part.value}", f"{part.field}({either})"), part.end

    return rule


def _operator(words: Sequence[str], instead: str, needs_left: bool) -> _Rule:
    """`and` between two terms is a word."""

    def rule(place: _Place) -> _Found:
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


def _colon_alone(place: _Place) -> _Found:
    """`status : 500`, `"status": 500`."""
    before, colon, after = place.beside(-1), place.part, place.beside(1)
    if colon.text != ":" or colon.kind != "WORD" or not before or not after or before.field or before.kind == "SIGN":
        return None
    return Hint(before.at, "texts", f"{before.text}:{after.text}"), after.end


def _escaped(text: str) -> str:
    return re.sub(r'["\\]', r"\\\g<0>", text)


_TEXT = "the text {text}"
_RULES: tuple[_Rule, ...] = (
    _range,
    _field_that_is_none,
    _other_quotes,
    _star_in_quotes,
    _colon_alone,
    _operator(("and", "And", "&&", "&"), "AND", needs_left=True),
    _operator(("or", "Or", "||", "|"), "OR", needs_left=True),
    _operator(("not", "Not", "!"), "NOT", needs_left=False),
    _written(
        "WORD",
        False,
        rf"(?P<name>{_NAME}):?(?P<operator>[<>]=?)(?P<number>[-+]?\d[\d.]*)",
        _TEXT,
        "{name}:{operator}{number}",
    ),
    _written("WORD", False, rf"(?P<name>{_NAME})!=(?P<other>[^\s=]+)", _TEXT, "-{name}:{other}"),
    _written("WORD", False, rf"(?P<name>{_NAME})(?:==?|=~|\uff1a)(?P<other>[^\s=\uff1a]+)", _TEXT, "{name}:{other}"),
    _written("WORD", False, r"!(?P<other>[^\s!=]+)", _TEXT, "-{other}"),
    _written("WORD", False, r"\+(?P<other>[^\W\d][^\s+]*)", _TEXT, "{other}"),
    _written("WORD", False, r"(?P<other>\w+)~\d?", _TEXT, "{other}*"),
    _written("WORD", False, r"(?P<other>/.*[\\^$*+?|\[\]{}].*/)", _TEXT, "message:{other}"),
    _written(
        "WORD", False, r"\d{4}-\d\d-\d\d(?:T\d.*)?|\d\d:\d\d(?::\d\d)?", "{text} in the message", "the time range"
    ),
    _written("VALUE", True, r"==?(?P<other>[^\s=]+)", "the value {value}", "{field}{other}"),
    _written("VALUE", True, r"!=?(?P<other>[^\s=]+)", "the value {value}", "-{field}{other}"),
    _written(
        "VALUE", True, r"(?P<low>\d[\d.]*)\.\.(?P<high>\d[\d.]*)", "the value {value}", "{field}>={low} {field}<={high}"
    ),
    _written("VALUE", True, r"(?P<class>[1-5])[xX]{2}", "the value {value}", "{field}>={class}00 {field}<={class}99"),
    _one_of(","),
    _one_of("|"),
)
