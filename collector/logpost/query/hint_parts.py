"""What hints are given for: the parts of a query, as they are written. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec


class Hint(msgspec.Struct, frozen=True):
    """`at`: 0-based position in the query, in characters. `read_as`: what stands there means this. `instead`: what to
    write for what was perhaps meant."""

    at: int
    read_as: str
    instead: str


@dataclass(frozen=True, slots=True)
class Part:
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


@dataclass(frozen=True, slots=True)
class Place:
    query: str
    parts: Sequence[Part]
    number: int

    @property
    def part(self) -> Part:
        return self.parts[self.number]

    def beside(self, step: int) -> Part | None:
        number = self.number + step
        return self.parts[number] if 0 <= number < len(self.parts) else None


Found = tuple[Hint, int] | None
"""A hint, and the end of what it is about."""
Rule = Callable[[Place], Found]
