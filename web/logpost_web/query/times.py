"""Times as users write them: RFC 3339, Unix seconds or nanoseconds, `-1h`, `now`, `now-1h`."""

from __future__ import annotations

import re

from logpost.record import parse_ts
from logpost_web.errors import BadArgumentError
from logpost_web.time_limits import END_NS, MIN_NS

SECOND_NS = 1_000_000_000
UNITS = {"ms": 10**6, "s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS, "d": 86400 * SECOND_NS}
UNITS["w"] = 7 * UNITS["d"]

_DURATION = r"(?:\d{1,9}(?:\.\d+)?(?:ms|[smhdw]))+"
_RELATIVE = re.compile(rf"(?:now)?\s*-\s*({_DURATION})")
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?\s*([Zz]|[+\- ]?\d\d:\d\d)?"
)
# Seconds until the year 5138; a number above is finer: milliseconds, microseconds, nanoseconds.
_MAX_SECONDS = 10**11


def parse_time(text: str, now_ns: int) -> int:
    """Unix nanoseconds. A time without a zone is UTC. Raises BadArgumentError."""
    text = text.strip()
    if text == "now":
        return now_ns
    if relative := _RELATIVE.fullmatch(text):
        return _clamp(now_ns - parse_duration(relative[1]))
    if re.fullmatch(r"-?\d{1,20}(\.\d+)?", text):
        return _clamp(_from_number(text))
    if found := _RFC_3339.fullmatch(text):
        return _clamp(_from_rfc_3339(found, text))
    raise BadArgumentError(
        f"{text!r} is no time: write 2026-11-22T10:51:07Z, Unix seconds or nanoseconds, -1h (an hour ago) or now"
    )


def parse_duration(text: str) -> int:
    """`90s`, `1h30m` → nanoseconds. Raises BadArgumentError."""
    if not re.fullmatch(_DURATION, text):
        raise BadArgumentError(f"{text!r} is no duration: write 30s, 15m, 1h, 7d or 2w")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text)
    return sum(round(float(number) * UNITS[unit]) for number, unit in parts)


def _from_number(text: str) -> int:
    whole, _, fraction = text.partition(".")
    number = int(whole)
    if abs(number) < _MAX_SECONDS:
        nanoseconds = int(fraction[:9].ljust(9, "0")) if fraction else 0
        return number * SECOND_NS + (-nanoseconds if text.startswith("-") else nanoseconds)
    scale = next((scale for scale in (10**6, 10**3) if abs(number) * scale < _MAX_SECONDS * SECOND_NS), 1)
    return number * scale


def _from_rfc_3339(found: re.Match[str], text: str) -> int:
    date, minutes, seconds, fraction, zone = found.groups(default="")
    # An unescaped + in a URL arrives as a space.
    offset = "+00:00" if zone in ("", "Z", "z") else zone if zone[0] == "-" else "+" + zone.lstrip("+ ")
    try:
        return parse_ts(f"{date}T{minutes or '00:00'}:{seconds or '00'}.{fraction or '0'}{offset}")
    except ValueError as error:
        raise BadArgumentError(f"{text!r} is no time: {error}") from error


def _clamp(ns: int) -> int:
    return min(max(ns, MIN_NS), END_NS)
