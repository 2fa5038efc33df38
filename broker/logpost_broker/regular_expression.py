"""Regular expressions that clients send, in RE2's language, matched in linear time.

Python's `re` goes back and tries again, so that one expression of a client could stop the broker for hours. Here an
expression becomes a non-deterministic automaton (Thompson) that goes over a name once, and remembers its steps, as RE2
does. Accepted: literals,
`.`, classes with ranges, negation and POSIX names, `\\d \\w \\s` and their opposites, escapes, groups (also named and
`(?:`), `(?i)` at the start, alternatives, `* + ? {m} {m,} {m,n}` (also lazy, which means nothing where only a match
counts), and `^ $ \\A \\z` at a place where a whole name begins or ends. Refused, as by RE2: back references and
lookaround. Refused too: other flags, Unicode classes, word boundaries, and what would be too large. An expression
matches a whole name.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

MAX_LENGTH = 1_024
MAX_REPEAT = 1_000
"""RE2's own limit."""
MAX_STATES = 5_000
MAX_DEPTH = 50
STEPS_KEPT = 1_000

Accepts = Callable[[str], bool]
DIGITS, WORD, SPACE = set(string.digits), set(string.ascii_letters + string.digits + "_"), set(" \t\n\r\f\v")
CLASSES = {"d": DIGITS, "w": WORD, "s": SPACE}
POSIX_CLASSES = {
    "alnum": set(string.ascii_letters + string.digits),
    "alpha": set(string.ascii_letters),
    "digit": DIGITS,
    "lower": set(string.ascii_lowercase),
    "punct": set(string.punctuation),
    "space": SPACE,
    "upper": set(string.ascii_uppercase),
    "word": WORD,
    "xdigit": set(string.hexdigits),
}
IGNORE_CASE = "(?i)"
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
BEGIN, END = "begin", "end"


@dataclass(slots=True)
class _State:
    """Goes on to `next` by a character that `accepts` takes; without `accepts`, freely, where `anchor` allows it."""

    accepts: Accepts | None = None
    anchor: str | None = None
    next: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Fragment:
    first: int
    last: int
    """A state that goes nowhere yet."""


Piece = Callable[[], _Fragment]
"""Builds one more copy of a part of the expression: a repetition needs several."""


class RegularExpression:
    def __init__(self, text: str) -> None:
        """Raises ValueError, with what is wrong."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a regular expression has at most {MAX_LENGTH} characters")
        self._states: list[_State] = []
        self._text = text
        self._ignores_case = text.startswith(IGNORE_CASE)
        self._position = len(IGNORE_CASE) if self._ignores_case else 0
        self._depth = 0
        piece = self._alternatives()
        if self._position < len(text):
            raise ValueError(f"an unmatched ) at character {self._position}")
        whole = piece()
        self._first, self._last = whole.first, whole.last
        self._steps: dict[tuple[int, str, bool], int] = {}

    def matches(self, name: str) -> bool:
        """Whether it matches the whole name."""
        current = self._reached({self._first}, at_begin=True, at_end=not name)
        for index, character in enumerate(name):
            current = self._step(current, character, at_end=index == len(name) - 1)
        return bool(current >> self._last & 1)

    def _step(self, current: int, character: str, *, at_end: bool) -> int:
        """Sets of states are integers here, with a bit for each."""
        after = self._steps.get((current, character, at_end))
        if after is None:
            states = (self._states[index] for index, bit in enumerate(reversed(f"{current:b}")) if bit == "1")
            stepped = {to for state in states if state.accepts and state.accepts(character) for to in state.next}
            after = self._reached(stepped, at_begin=False, at_end=at_end)
            if len(self._steps) == STEPS_KEPT:
                self._steps.clear()
            self._steps[current, character, at_end] = after
        return after

    def _reached(self, states: Iterable[int], *, at_begin: bool, at_end: bool) -> int:
        passed = {None: True, BEGIN: at_begin, END: at_end}
        reached: set[int] = set()
        stack = list(states)
        while stack:
            index = stack.pop()
            state = self._states[index]
            if index not in reached:
                reached.add(index)
                if state.accepts is None and passed[state.anchor]:
                    stack.extend(state.next)
        return int("".join("1" if index in reached else "0" for index in reversed(range(len(self._states)))), 2)

    # Parsing

    def _alternatives(self) -> Piece:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} groups in each other")
        choices = [self._sequence()]
        while self._peek() == "|":
            self._take()
            choices.append(self._sequence())
        self._depth -= 1
        return choices[0] if len(choices) == 1 else lambda: self._either([choice() for choice in choices])

    def _sequence(self) -> Piece:
        pieces: list[Piece] = []
        while self._peek() not in ("", "|", ")"):
            pieces.append(self._repeated(self._atom()))
        return lambda: self._chained([piece() for piece in pieces])

    def _repeated(self, piece: Piece) -> Piece:
        least_most = self._repetition()
        if least_most is None:
            return piece
        if self._peek() == "?":
            self._take()
        if self._peek() in ("*", "+", "?"):
            raise ValueError(f"a repetition of a repetition at character {self._position}")
        least, most = least_most
        return lambda: self._times(piece, least, most)

    def _repetition(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        character = self._peek()
        if character in simple:
            self._take()
            return simple[character]
        end = self._text.find("}", self._position)
        least, comma, most = self._text[self._position + 1 : end].partition(",")
        # RE2 takes a brace that opens no repetition for itself.
        if character != "{" or end < 0 or not least.isdecimal() or (most and not most.isdecimal()):
            return None
        self._position = end + 1
        bounds = int(least), (int(most) if most else None) if comma else int(least)
        if max(bounds[0], bounds[1] or 0) > MAX_REPEAT or (bounds[1] is not None and bounds[1] < bounds[0]):
            raise ValueError(f"a repetition has to lie in 0 to {MAX_REPEAT}: {{{least}{comma}{most}}}")
        return bounds

    def _atom(self) -> Piece:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._one(self._class())
        if character == "\\":
            return self._escape()
        if character in "*+?":
            raise ValueError(f"nothing to repeat at character {self._position - 1}")
        if character in "^$":
            return self._anchor(BEGIN if character == "^" else END)
        return self._one((lambda _: True) if character == "." else self._between(character, character))

    def _group(self) -> Piece:
        if self._peek() == "?":
            self._take()
            name = self._text[self._position :].partition(">")[0]
            if self._text.startswith(":", self._position):
                self._take()
            elif name.startswith(("P<", "<")) and name.lstrip("P").lstrip("<").isidentifier():
                self._position += len(name) + 1
            else:
                raise ValueError(f"flags and lookaround are not supported, at character {self._position}")
        piece = self._alternatives()
        if self._peek() != ")":
            raise ValueError("a ( without its )")
        self._take()
        return piece

    def _escape(self) -> Piece:
        character = self._take_escaped()
        if character in "Az":
            return self._anchor(BEGIN if character == "A" else END)
        return self._one(_escaped(character))

    def _class(self) -> Accepts:
        negated = self._peek() == "^"
        if negated:
            self._take()
        parts: list[Accepts] = []
        while not parts or self._peek() != "]":
            parts.append(self._class_part())
        self._take()
        return lambda character: any(part(character) for part in parts) is not negated

    def _class_part(self) -> Accepts:
        low = self._take()
        if low == "[" and self._peek() == ":":
            return self._posix_class()
        if low == "\\":
            low = self._take_escaped()
            if low.isalnum():
                return _escaped(low)
        after = self._text[self._position + 1 : self._position + 2]
        if self._peek() != "-" or after in ("]", ""):
            return self._between(low, low)
        self._take()
        high = self._take()
        if high == "\\":
            high = self._take_escaped()
        if high < low:
            raise ValueError(f"a range from {low} to {high}")
        return self._between(low, high)

    def _posix_class(self) -> Accepts:
        name, end, _ = self._text[self._position + 1 :].partition(":]")
        members = POSIX_CLASSES.get(name.removeprefix("^"))
        if members is None or not end:
            raise ValueError(f"[:{name}:] is not supported")
        self._position += len(name) + 3
        return lambda character: (character in members) is not name.startswith("^")

    def _between(self, low: str, high: str) -> Accepts:
        if not self._ignores_case:
            return lambda character: low <= character <= high
        return lambda character: low <= character.lower() <= high or low <= character.upper() <= high

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _take(self) -> str:
        if self._position == len(self._text):
            raise ValueError("it ends too early")
        self._position += 1
        return self._text[self._position - 1]

    def _take_escaped(self) -> str:
        if self._position == len(self._text):
            raise ValueError("it ends with a \\")
        return self._take()

    # Building

    def _new(self, *, accepts: Accepts | None = None, anchor: str | None = None) -> int:
        if len(self._states) == MAX_STATES:
            raise ValueError("it is too large")
        self._states.append(_State(accepts, anchor))
        return len(self._states) - 1

    def _one(self, accepts: Accepts) -> Piece:
        return lambda: self._link(self._new(accepts=accepts))

    def _anchor(self, anchor: str) -> Piece:
        return lambda: self._link(self._new(anchor=anchor))

    def _link(self, first: int) -> _Fragment:
        last = self._new()
        self._states[first].next.append(last)
        return _Fragment(first, last)

    def _chained(self, parts: list[_Fragment]) -> _Fragment:
        first = last = self._new()
        for part in parts:
            self._states[last].next.append(part.first)
            last = part.last
        return _Fragment(first, last)

    def _either(self, choices: list[_Fragment]) -> _Fragment:
        first, last = self._new(), self._new()
        for choice in choices:
            self._states[first].next.append(choice.first)
            self._states[choice.last].next.append(last)
        return _Fragment(first, last)

    def _times(self, piece: Piece, least: int, most: int | None) -> _Fragment:
        parts = [piece() for _ in range(least)]
        if most is None:
            loop = piece()
            hub = self._new()
            self._states[hub].next.append(loop.first)
            self._states[loop.last].next.append(hub)
            return self._chained([*parts, _Fragment(hub, hub)])
        last = self._new()
        optional = []
        for _ in range(most - least):
            part = piece()
            entry = self._new()
            self._states[entry].next += [part.first, last]
            optional.append(_Fragment(entry, part.last))
        return self._chained([*parts, *optional, _Fragment(last, last)])


def _escaped(character: str) -> Accepts:
    """`character`: what follows the backslash."""
    if character.lower() in CLASSES:
        members = CLASSES[character.lower()]
        return lambda other: (other in members) is character.islower()
    if character in CONTROLS:
        return CONTROLS[character].__eq__
    if character.isalnum():
        raise ValueError(f"\\{character} is not supported")
    return character.__eq__
