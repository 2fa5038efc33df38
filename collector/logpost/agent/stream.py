"""One stream on its way: lines in, records out, each with the bytes it stands for."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

import msgspec

from logpost.agent.acks import Acks
from logpost.agent.lines import Line, Mark
from logpost.agent.metrics import Counts
from logpost.agent.rate_limit import NANOSECONDS, RateLimit
from logpost.formats import LineParser, Parsed
from logpost.record import Record, Src, format_ts

# What a line can do to a parser or an encoder: numbers out of range, nesting, lone surrogates.
HOSTILE = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


class Sink(Protocol):
    """Where records go; see `Publisher.send`."""

    def send(self, key: bytes, value: bytes, acks: Acks, start: int, end: int) -> None: ...


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What all records of a stream share."""

    stream: str
    host: str
    service: str
    """Of a line that names none, and of all lines when the source names one (`fixed_service`)."""
    fixed_service: bool
    file: str


class Stream:
    """`acks` tells what of it has arrived."""

    def __init__(
        self, origin: Origin, *, acks: Acks, parser: LineParser, limit: RateLimit | None, sink: Sink, counts: Counts
    ) -> None:
        self.origin = origin
        self.acks = acks
        self._key = f"{origin.host}/{origin.service}".encode(errors="replace")
        self._parse = parser.parse
        self._limit = limit
        self._send = sink.send
        self._counts = counts
        self._encode = msgspec.json.Encoder().encode
        self._second = -1
        self._second_text = ""
        self._last = Parsed("")
        self._dropped_to = acks.sent

    def ship(self, lines: Iterable[Line], now_ns: int) -> None:
        """Send the lines, in order; `now_ns` is the time of a line that tells none, Unix nanoseconds."""
        for line in lines:
            if self._limit is not None and not self._admitted(line, now_ns):
                continue
            value = self._value(line, now_ns)
            self._send(self._key, value, self.acks, self.acks.sent, line.end)

    def ship_drops(self, now_ns: int) -> None:
        """Say how many lines the rate limit dropped since the last record, if any."""
        if self._limit is None or not self._limit.drops.lines:
            return
        drops = self._limit.take_drops()
        message = drops.sentence(self._limit.rate)
        record = self._record(self._ts(now_ns), message, "warn", {"dropped_lines": drops.lines}, self._dropped_to)
        self._send(self._key, self._encode(record), self.acks, self.acks.sent, self._dropped_to)

    def _admitted(self, line: Line, now_ns: int) -> bool:
        assert self._limit is not None
        if self._limit.admits(now_ns):
            self.ship_drops(now_ns)
            return True
        self._limit.drops.add(now_ns)
        self._dropped_to = line.end
        self._counts.dropped += 1
        return False

    def _value(self, line: Line, now_ns: int) -> bytes:
        """The record's JSON. A line on which parser or encoder fails keeps its text."""
        try:
            parsed = self._parsed(line, now_ns)
            ts = self._ts(now_ns if parsed.ts_ns is None else parsed.ts_ns)
            record = self._record(ts, parsed.message, parsed.level, parsed.attrs, line.end)
            record.trace_id, record.span_id = parsed.trace_id, parsed.span_id
            if parsed.service and not self.origin.fixed_service:
                record.service = parsed.service
            if line.marks:
                record.attrs = {**parsed.attrs, **self._marks(line.marks)}
            return self._encode(record)
        except HOSTILE as error:
            logging.getLogger("agent").debug("%s: line at %d kept as it is: %s", self.origin.file, line.start, error)
            attrs: dict[str, object] = {"not_parsed": type(error).__name__}
            return self._encode(self._record(self._ts(now_ns), line.text, "", attrs, line.end))

    def _parsed(self, line: Line, now_ns: int) -> Parsed:
        if line.marks & Mark.CONTINUED:
            # The rest of a line has the time and level of its beginning.
            return Parsed(line.text, self._last.ts_ns, self._last.level, service=self._last.service)
        parsed = self._parse(line.text, now_ns)
        self._last = parsed
        return parsed

    def _record(self, ts: str, message: str, level: str, attrs: dict[str, object], end: int) -> Record:
        origin = self.origin
        return Record(
            ts=ts,
            message=message,
            host=origin.host,
            service=origin.service,
            level=level,
            attrs=attrs,
            file=origin.file,
            src=Src(id=origin.stream, start=self.acks.sent, end=end),
        )

    def _marks(self, marks: Mark) -> dict[str, object]:
        attrs: dict[str, object] = {}
        if marks & Mark.INVALID_UTF8:
            attrs["encoding"] = "invalid utf-8"
            self._counts.invalid_utf8 += 1
        if marks & Mark.TRUNCATED:
            attrs["truncated"] = True
            self._counts.split += 1
        if marks & Mark.CONTINUED:
            attrs["continued"] = True
        return attrs

    def _ts(self, ns: int) -> str:
        """Formatting a time costs more than the rest of a record; most lines share their second with the one before."""
        second, fraction = divmod(ns, NANOSECONDS)
        if second != self._second:
            self._second_text = format_ts(second * NANOSECONDS).removesuffix("000000000Z")
            self._second = second
        return f"{self._second_text}{fraction:09d}Z"
