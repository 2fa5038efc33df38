"""Durations and times as kio has them, from and to milliseconds."""

from __future__ import annotations

import datetime

from kio.static.primitive import TZAware, i32Timedelta

NO_THROTTLE = i32Timedelta.parse(datetime.timedelta(0))
"""This broker never asks a client to wait."""


def milliseconds(duration: datetime.timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def instant(timestamp_ms: int) -> TZAware:
    return TZAware.parse(datetime.datetime.fromtimestamp(timestamp_ms / 1000, datetime.UTC))
