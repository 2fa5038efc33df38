"""The arguments that several addresses share, out of the URL. Raises BadArgumentError."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Sequence

from starlette.datastructures import QueryParams

from logpost_web.errors import BadArgumentError


def check_names(parameters: QueryParams, known: Sequence[str]) -> None:
    """Refuse what nobody reads: a misspelt `strat` would answer another question than the one that was asked."""
    for name in parameters:
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there is none here"
            raise BadArgumentError(f"there is no parameter {name!r}; {there_are}")
        if len(parameters.getlist(name)) > 1:
            raise BadArgumentError(f"{name} is given more than once")


def required_argument(parameters: QueryParams, name: str) -> str:
    text = parameters.get(name, "")
    if not text:
        raise BadArgumentError(f"{name} is missing")
    return text


def required_number_argument(parameters: QueryParams, name: str, most: int) -> int:
    """A whole number from 0 to `most`."""
    text = required_argument(parameters, name)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise BadArgumentError(f"{name} is a number from 0 to {most:,}, not {text!r}")
    return int(text)


def number_argument(parameters: QueryParams, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadArgumentError(f"{name} is a number from 1 to {most:,}, not {text!r}")
    return int(text)


def choice_argument(parameters: QueryParams, name: str, choices: Sequence[str]) -> str:
    """One of `choices`, the first by default."""
    text = parameters.get(name, "") or choices[0]
    if text not in choices:
        raise BadArgumentError(f"{name} is one of {', '.join(choices)}, not {text!r}")
    return text


def zone_argument(parameters: QueryParams) -> datetime.tzinfo | None:
    """`tz`, an IANA name; None when it is missing."""
    name = parameters.get("tz", "")
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadArgumentError(f"tz is a time zone such as Europe/Berlin, not {name!r}") from error
