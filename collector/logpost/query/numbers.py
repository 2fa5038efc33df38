"""How the store writes numbers, so that a number is found however the query writes it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from logpost.query.ast import Equals, Pattern, Test

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
INTEGER = re.compile(r"[0-9]{1,18}")
"""What an integer of the record is compared with as a number: `offset:007` is 7."""
INTEGERS = range(-(2**63), 2**64)
"""Those that the store keeps as such; others are texts."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How the store writes a number where it was logged as one, if otherwise than the query does: as a double, as an
    integer, as a text where an integer has more than 64 bits."""

    doubles: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def in_arrays(self) -> tuple[str, ...]:
        """The types of their elements are not asked for."""
        return tuple({**dict.fromkeys(self.integers), **dict.fromkeys(self.doubles)})

    @property
    def texts_in_arrays(self) -> tuple[str, ...]:
        """What is taken out of an array is a text, too, where a double is written with so many digits."""
        return tuple({**dict.fromkeys(self.texts), **dict.fromkeys(filter(_is_long, self.doubles))})


def other_numbers(test: Test) -> Numbers | None:
    """`1.10` is `1.1`, where it was logged as a number."""
    match test:
        case Equals(Pattern((text,))) if NUMBER.fullmatch(text):
            return stored_numbers(text)
    return None


def stored_numbers(text: str) -> Numbers | None:
    """None where the query's text of a number is the only one."""
    number = float(text)
    doubles = ({stored_double(number)} if number else {"0", "-0"}) - {text, ""}
    whole = integer(text)
    written = tuple({str(whole)} - {text}) if whole is not None else ()
    if not doubles and not written:
        return None
    if whole is None or whole in INTEGERS:
        return Numbers(tuple(sorted(doubles)), integers=written)
    return Numbers(tuple(sorted(doubles)), texts=written)


def integer(text: str) -> int | None:
    """The integer that a number is: `1e3` is 1000. None beyond what a double holds."""
    number = float(text)
    if not math.isfinite(number) or not number.is_integer():
        return None
    exact = Decimal(text) if number else Decimal(0)
    return int(exact) if int(exact) == exact else None


def _is_long(written: str) -> bool:
    return "e" not in written and "." not in written and int(written) not in INTEGERS


def stored_double(number: float) -> str:
    """How the store writes a double, as JavaScript does except for a plus: `1.1`, `1e21`, `1e-7`; empty for
    what JSON has not."""
    if not math.isfinite(number):
        return ""
    written = repr(number)
    if "e" not in written:
        return written.removesuffix(".0")
    if 1e-6 <= abs(number) < 1e21:
        return f"{Decimal(written):f}"
    return re.sub(r"(?:\.0)?e([+-])0*", lambda found: "e" + found[1].strip("+"), written)
