"""A row as lines of text for a terminal. Pure: the zone of times is an argument.

A log line must not steer the terminal, nor look like another row: a row begins with its time in the first column, and
what a message has behind a line break begins with CONTINUATION.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from logpost.controls import CONTROL, one_line, visible

CONTINUATION = "  | "
COLOURS = {"fatal": "35;1", "error": "31", "warn": "33", "info": "36", "debug": "90", "trace": "90"}


def row_text(row: Mapping[str, Any], zone: datetime.tzinfo | None = None, *, colour: bool = False) -> str:
    """A row of `/api/search`, without a newline at the end. `zone`: None is the machine's."""
    moment = row_time(row, zone)
    level = row["level"] or "-"
    shown = f"{one_line(level):5}"
    if colour and level in COLOURS:
        shown = f"\x1b[{COLOURS[level]}m{shown}\x1b[0m"
    source = "/".join(part for part in (row["host"], row["service"]) if part) or "-"
    time = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    message = visible(row["message"]).replace("\n", "\n" + CONTINUATION)
    part = f" … ({row['message_bytes']:,} bytes)" if row.get("message_bytes") else ""
    return f"{time} {shown} {one_line(source)} {message}{part}"


def row_time(row: Mapping[str, Any], zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """To the microsecond, in the zone as it was then."""
    return datetime.datetime.fromisoformat(row["ts"]).astimezone(zone)


def pointed(text: str, at: int, indent: int) -> str:
    """The text in one line, and in the next a mark under the character at `at`."""
    shown = re.sub("[\t\n]", " ", CONTROL.sub(" ", text))
    margin = " " * indent
    return f"{margin}{shown}\n{margin}{' ' * sum(map(_columns, shown[:at]))}^"


def _columns(character: str) -> int:
    """How many a terminal needs for it."""
    if unicodedata.combining(character):  # an accent
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def zone_name(moment: datetime.datetime) -> str:
    """`CET, UTC+01:00`, of a time with a zone."""
    offset = moment.strftime("%z")
    return f"{moment:%Z}, UTC{offset[:3]}:{offset[3:5]}"
