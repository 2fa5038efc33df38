"""Durations and sizes as people write them: `14d`, `1h30m`, `90s`, `50GB`, `128MiB`. Pure."""

from __future__ import annotations

import re
from fractions import Fraction

_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_WORDS = {
    **dict.fromkeys(("millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "w"),
}
_BYTES = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtp", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", 1)},
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)", re.ASCII)
_EXPECTED_SIZE = 'a size such as "50GB" or "128MiB"'
_EXPECTED_DURATION = 'a duration such as "14d", "1h30m" or "90s"'
_LONGEST = 40
"""Characters; a longer text is no number that anyone means."""


def _pattern() -> str:
    names = {unit: [unit] for unit in _MS}
    for word, unit in _WORDS.items():
        names[unit].append(f"(?i:{word})")
    number = r"[0-9]+(?:\.[0-9]+)?"
    parts = (
        rf"(?:{number} ?(?:{'|'.join(names[unit])}) *)?" for unit in sorted(_MS, key=_MS.__getitem__, reverse=True)
    )
    return rf"^(?=[^1-9]*[1-9])(?=.{{2,{_LONGEST}}}\Z) *{''.join(parts)}\Z"


DURATION = _pattern()
"""What matches is a duration longer than 0."""
SHARE_OR_SIZE = (
    rf"^(?=[^1-9]*[1-9])(?=.{{1,{_LONGEST}}}\Z) *(?:(?:100|[0-9]{{1,2}}(?:\.[0-9]+)?) ?%|[0-9]+(?:\.[0-9]+)?"
    rf" ?(?i:{'|'.join(_BYTES)})|[0-9]+) *\Z"
)
"""What matches is a share of a disk, or a size in bytes, above 0."""


def milliseconds(text: str) -> int:
    """Of a duration, at least 1. Raises ValueError."""
    return max(int(parse(text, "ms")), 1)


def share_or_size(value: int | str, of: int) -> int:
    """Bytes: `value` is a size, or a share of `of` bytes. Raises ValueError."""
    text = str(value).strip()
    if text.endswith("%"):
        return int(of * Fraction(text[:-1].strip()) / 100)
    return int(text) if text.isdecimal() else int(parse(text, "bytes"))


UNITS = {"ms": Fraction(1), "seconds": Fraction(1000), "minutes": Fraction(60_000), "bytes": Fraction(1)}
"""Last word of a setting's name → its unit, in milliseconds or bytes."""


def is_size(text: str) -> bool:
    """Whether `text` has a unit of sizes, so that it can be no duration."""
    parts = _PART.findall(text)
    return bool(parts) and parts[-1][1].lower() in _BYTES


def parse(text: str, unit: str) -> Fraction:
    """`text` in `unit`, one of UNITS. Raises ValueError, which says what is expected."""
    amount = _size(text) if unit == "bytes" else _duration(text)
    if amount is None:
        raise ValueError(f"expected {_EXPECTED_SIZE if unit == 'bytes' else _EXPECTED_DURATION}, got {_shown(text)}")
    return amount / UNITS[unit]


def _shown(text: str) -> str:
    return f'"{text[:_LONGEST]}{"…" * (len(text) > _LONGEST)}"'


def _duration(text: str) -> Fraction | None:
    """Milliseconds: `90s`, or parts from the largest unit to the smallest."""
    if len(text) > _LONGEST:
        return None
    total, rest, smallest = Fraction(0), text.strip(), None
    while rest:
        part = _PART.match(rest)
        if part is None:
            return None
        unit = _MS.get(_WORDS.get(part[2].lower(), part[2]))
        if unit is None or (smallest is not None and unit >= smallest):
            return None
        total += Fraction(part[1]) * unit
        rest, smallest = rest[part.end() :].lstrip(), unit
    return total if smallest is not None else None


def _size(text: str) -> Fraction | None:
    """Bytes. GB is 10**9, GiB is 2**30."""
    part = _PART.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    unit = _BYTES.get(part[2].lower()) if part else None
    return Fraction(part[1]) * unit if part and unit else None


def written(value: Fraction, unit: str) -> str:
    """The shortest exact text that `parse` reads as `value` (not negative): `14d`, `1GiB`, `1h30m`."""
    amount = value * UNITS[unit]
    if unit == "bytes":
        return _written_size(int(amount))
    if amount.denominator != 1:
        return f"{float(amount):.15g}ms"
    text, rest = "", int(amount)
    for name in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _MS[name])
        text += f"{count}{name}" if count else ""
    return text or "0s"


def _written_size(amount: int) -> str:
    for power in range(5, 0, -1):
        for base, suffix in ((1024, "iB"), (1000, "B")):
            if amount and amount % base**power == 0:
                letter = "kMGTP"[power - 1] if base == 1000 else "KMGTP"[power - 1]
                return f"{amount // base**power}{letter}{suffix}"
    return f"{amount}B"
