"""The arguments of a question, as texts: checked and read. Empty is missing. Raises BadArgumentError."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping, Sequence

from logpost_web.errors import BadArgumentError
from logpost_web.query.times import SECOND_NS, parse_duration


def required_argument(arguments: Mapping[str, str], name: str) -> str:
    text = arguments.get(name, "")
    if not text:
        raise BadArgumentError(f"{name} is missing")
    return text


def required_number_argument(arguments: Mapping[str, str], name: str, most: int) -> int:
    """A whole number from 0 to `most`."""
    text = required_argument(arguments, name)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise BadArgumentError(f"{name} is a number from 0 to {most:,}, not {text!r}")
    return int(text)


def number_argument(arguments: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = arguments.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadArgumentError(f"{name} is a number from 1 to {most:,}, not {text!r}")
    return int(text)


def choice_argument(arguments: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of `choices`, the first by default."""
    text = arguments.get(name, "") or choices[0]
    if text not in choices:
        raise BadArgumentError(f"{name} is one of {', '.join(choices)}, not {text!r}")
    return text


def seconds_argument(arguments: Mapping[str, str], name: str, most: float) -> float | None:
    """`2s`, `1m30s`, or a number of seconds, above 0 and at most `most`; None when it is missing."""
    text = arguments.get(name, "")
    if not text:
        return None
    seconds = parse_duration(f"{text}s" if re.fullmatch(r"[\d.]+", text) else text) / SECOND_NS
    if not 0 < seconds <= most:
        raise BadArgumentError(f"{name} is a time such as 2s, at most {most:g}s, not {text!r}")
    return seconds


def zone_argument(arguments: Mapping[str, str]) -> datetime.tzinfo | None:
    """`tz`, an IANA name; None when it is missing."""
    name = arguments.get("tz", "")
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadArgumentError(f"tz is a time zone such as Europe/Berlin, not {name!r}") from error
