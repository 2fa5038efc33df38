"""The syntax tree of a query: frozen values, made by `syntax.parse`, read by `filters.match` and by the web."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty query."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with wildcards: what stands between the `*`. One piece means there is no wildcard."""

    pieces: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        return len(self.pieces) == 1

    @property
    def is_any(self) -> bool:
        """Only `*`: any value."""
        return len(self.pieces) > 1 and not any(self.pieces)

    @classmethod
    def exactly(cls, text: str) -> Pattern:
        return cls((text,))

    @classmethod
    def with_wildcards(cls, text: str) -> Pattern:
        return cls(tuple(text.split("*")))


@dataclass(frozen=True, slots=True)
class Text:
    """The message matches: a bare word, or a "phrase" (`quoted`, where `*` and word borders mean nothing)."""

    pattern: Pattern
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Equals:
    """The whole value is this, upper and lower case told apart; on `message`, the same as `Text`."""

    pattern: Pattern
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Matches:
    """The value matches a regular expression (RE2) somewhere."""

    regex: str


@dataclass(frozen=True, slots=True)
class Compares:
    """The value is a number on this side of `than`; on `level`, a level at least or at most this bad."""

    operator: Literal["<", "<=", ">", ">="]
    than: str


Test = Equals | Matches | Compares


@dataclass(frozen=True, slots=True)
class Field:
    """A named field passes a test. `at`: 0-based position of the test's text, for errors found later."""

    name: str
    test: Test
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    term: Query


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple[Query, ...]


Query = Everything | Text | Field | Not | And | Or
