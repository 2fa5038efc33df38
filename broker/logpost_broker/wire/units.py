"""Durations and times as kio has them, from and to milliseconds."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, cast

from kio.static.primitive import i32Timedelta

if TYPE_CHECKING:
    from kio.static.primitive import TZAware

NO_THROTTLE = i32Timedelta.parse(datetime.timedelta(0))
"""This broker never asks a client to wait."""


def milliseconds(duration: datetime.timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def duration(duration_ms: int) -> i32Timedelta:
    return i32Timedelta.parse(datetime.timedelta(milliseconds=duration_ms))


def instant(timestamp_ms: int) -> TZAware:
    """kio's own check of such a value takes whole seconds only; its writer keeps the milliseconds."""
    return cast("TZAware", datetime.datetime.fromtimestamp(timestamp_ms / 1000, datetime.UTC))
