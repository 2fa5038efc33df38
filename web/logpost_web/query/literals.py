"""What a regular expression (RE2) needs: texts that are in all that it matches. To look for one of them is faster than
to match, and the engine finds few by itself. Pure.

It reads no more of the syntax than it must: what it does not know ends a text, or gives none at all. So it may miss
one, and never invents one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple


class Literal(NamedTuple):
    """`any_case`: of ASCII letters."""

    text: str
    any_case: bool


_REPEAT = re.compile(r"(?:[*+?]|\{(\d+)(?:,\d*)?\})[?+]?")
_FLAGS = re.compile(r"\?([imsU]*)(?:-([imsU]*))?([:)])")
_NAME = re.compile(r"\?P?<\w+>")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x\{[^}]*\}|x..|[pP]\{[^}]*\}|[pP].|[0-7]{1,3}|.)", re.DOTALL)
_MAX_DEPTH = 100
# Beside the other case of ASCII, these have signs that are the same to RE2: the Kelvin sign and the long s.
_MORE_CASES = "ksKS"


class _UnknownError(Exception):
    """No such syntax."""


def literals(regex: str) -> tuple[Literal, ...]:
    """The texts, each of a character at least; none where nothing is certain."""
    parser = _Parser(regex)
    try:
        found = parser.alternatives(any_case=False, depth=0)
    except (_UnknownError, IndexError):
        return ()
    return tuple(found) if parser.at == len(regex) else ()


def longest(regex: str) -> Literal | None:
    return max(literals(regex), key=lambda literal: len(literal.text), default=None)


@dataclass(slots=True)
class _Run:
    """Literals of a sequence; `open`: characters that follow each other, so far."""

    found: list[Literal] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def end(self, any_case: bool) -> None:
        if self.open:
            self.found.append(Literal("".join(self.open), any_case))
            self.open = []

    def add(self, character: str, any_case: bool) -> None:
        if any_case and (character in _MORE_CASES or not character.isascii()):
            self.end(any_case)
        else:
            self.open.append(character)


class _Parser:
    def __init__(self, regex: str) -> None:
        self._regex = regex
        self.at = 0

    def alternatives(self, any_case: bool, depth: int) -> list[Literal]:
        """Up to the end, or the parenthesis that closes it."""
        if depth > _MAX_DEPTH:
            raise _UnknownError
        branches = [self._sequence(any_case, depth)]
        while self._take("|"):
            branches.append(self._sequence(any_case, depth))
        return branches[0] if len(branches) == 1 else []

    def _sequence(self, any_case: bool, depth: int) -> list[Literal]:
        run = _Run()
        while self.at < len(self._regex) and self._regex[self.at] not in "|)":
            if flags := self._flags():
                run.end(any_case)
                any_case = _case(flags, any_case)
                if "|" in self._regex[self.at :]:
                    raise _UnknownError  # the flag is in force behind it, too
                continue
            inner = self._atom(any_case, depth)
            least = self._least()
            if isinstance(inner, str):
                self._character(run, inner, least, any_case)
            else:
                run.end(any_case)
                run.found += inner if least != 0 else []
        run.end(any_case)
        return run.found

    def _character(self, run: _Run, character: str, least: int | None, any_case: bool) -> None:
        """`least`: how often it comes, None for once."""
        if least != 0:
            run.add(character, any_case)
        if least is not None:
            run.end(any_case)

    def _atom(self, any_case: bool, depth: int) -> str | list[Literal]:
        """A character that stands for itself, or what is certain of anything else."""
        character = self._regex[self.at]
        match character:
            case "(":
                return self._group(any_case, depth)
            case "[":
                self._skip(_CLASS)
                return []
            case "\\":
                escape = self._skip(_ESCAPE)
                if escape[1] in "QE":
                    raise _UnknownError
                return escape[1] if len(escape) == 2 and not escape[1].isalnum() and escape[1].isascii() else []
            case "." | "^" | "$":
                self.at += 1
                return []
            case "*" | "+" | "?" | "{" if _REPEAT.match(self._regex, self.at):
                raise _UnknownError  # it repeats what stands before a flag
            case _:
                self.at += 1
                return character

    def _group(self, any_case: bool, depth: int) -> list[Literal]:
        self.at += 1
        if flags := _FLAGS.match(self._regex, self.at):
            any_case = _case(flags, any_case)
            self.at = flags.end()
        elif name := _NAME.match(self._regex, self.at):
            self.at = name.end()
        elif self._regex[self.at] == "?":
            raise _UnknownError
        found = self.alternatives(any_case, depth + 1)
        if not self._take(")"):
            raise _UnknownError
        return found

    def _flags(self) -> re.Match[str] | None:
        """`(?i)`: for the rest of the group."""
        if self._regex[self.at] != "(":
            return None
        flags = _FLAGS.match(self._regex, self.at + 1)
        if flags is None or flags[3] == ":":
            return None
        self.at = flags.end()
        return flags

    def _least(self) -> int | None:
        """How often what was read comes at least, None where nothing says that."""
        least: int | None = None
        while repeat := _REPEAT.match(self._regex, self.at):
            self.at = repeat.end()
            times = int(repeat[1]) if repeat[1] else 1 if repeat[0][0] == "+" else 0
            least = times if least is None else min(least, times)
        return least

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._regex, self.at)
        if found is None:
            raise _UnknownError
        self.at = found.end()
        return found[0]

    def _take(self, character: str) -> bool:
        if not self._regex.startswith(character, self.at):
            return False
        self.at += 1
        return True


def _case(flags: re.Match[str], any_case: bool) -> bool:
    return "i" not in (flags[2] or "") and ("i" in flags[1] or any_case)
