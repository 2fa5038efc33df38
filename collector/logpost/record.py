"""The log record: the value of every message in a logs topic, UTF-8 JSON.

It is the OpenTelemetry log data model with short names, so that any Kafka consumer can read it.
"""

from __future__ import annotations

import datetime
from typing import Literal

import msgspec

Level = Literal["trace", "debug", "info", "warn", "error", "fatal"]
LEVELS: tuple[Level, ...] = ("trace", "debug", "info", "warn", "error", "fatal")


class Src(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Where the record stands in its stream: bytes `start` (incl.) to `end` (excl.) of stream `id`.

    Lines that were filtered out count to the record after them, so ranges leave no gap.
    """

    id: str
    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    observed: bool = False
    """The bytes tell no time: `ts` is when they were read, and another when they are sent again."""


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One log record. `ts` (RFC 3339, UTC, nanoseconds) and `message` are required."""

    ts: str
    message: str
    host: str = ""
    service: str = ""
    level: str = ""
    trace_id: str = ""
    span_id: str = ""
    attrs: dict[str, object] = msgspec.field(default_factory=dict)
    file: str = ""
    src: Src | None = None


def format_ts(ns: int) -> str:
    """Unix nanoseconds → `2026-11-22T10:51:07.123456789Z`.

    Times outside the years 1 to 9999, which RFC 3339 cannot write, raise OverflowError or ValueError.
    """
    seconds, fraction = divmod(ns, 1_000_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z" if moment.year >= 1000 else _early(moment, fraction)


def _early(moment: datetime.datetime, fraction: int) -> str:
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{fraction:09d}Z"
