"""The log record: the value of every message in a logs topic, UTF-8 JSON.

It is the OpenTelemetry log data model with short names, so that any Kafka consumer can read it.
"""

from __future__ import annotations

import datetime
import re
from typing import Literal

import msgspec

Level = Literal["trace", "debug", "info", "warn", "error", "fatal"]
LEVELS: tuple[Level, ...] = ("trace", "debug", "info", "warn", "error", "fatal")
"""From the least to the worst."""
SEVERITY_NUMBERS: dict[str, int] = {level: 1 + 4 * place for place, level in enumerate(LEVELS)}
"""OpenTelemetry's: of each level the first of its four."""

_FRACTION = re.compile(r"[.,](\d+)")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


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


def parse_ts(text: str) -> int:
    """`2026-11-22T10:51:07.123456789Z` and its relatives in ISO 8601 → Unix nanoseconds; without a zone it is UTC.

    Raises ValueError. Lines have times in many more forms: `logpost.formats.times` reads those of a stream.
    """
    moment = datetime.datetime.fromisoformat(text)
    fraction = _FRACTION.search(text)
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    whole = moment.replace(microsecond=0, tzinfo=moment.tzinfo or datetime.UTC) - _EPOCH
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + nanoseconds


def format_ts(ns: int) -> str:
    """Unix nanoseconds → `2026-11-22T10:51:07.123456789Z`.

    Times outside the years 1 to 9999, which RFC 3339 cannot write, raise OverflowError or ValueError.
    """
    seconds, fraction = divmod(ns, 1_000_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z" if moment.year >= 1000 else _early(moment, fraction)


def _early(moment: datetime.datetime, fraction: int) -> str:
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{fraction:09d}Z"
