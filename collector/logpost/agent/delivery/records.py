"""What a line says → the JSON of its record (see logpost.record), for one stream."""

from __future__ import annotations

import msgspec

from logpost.formats import Parsed
from logpost.record import Record, Src, format_ts

NANOSECONDS = 1_000_000_000
# What a line can do to a parser or an encoder: numbers out of range, nesting, lone surrogates.
HOSTILE = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)

_encode = msgspec.json.Encoder().encode


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What all records of a stream share."""

    stream: str
    host: str
    service: str
    """Of a line that names none, and of all lines when the source names one (`fixed_service`)."""
    fixed_service: bool
    file: str


class RecordWriter:
    """`key` is the key of all messages of the stream, which keeps it in one partition and so in order."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.key = f"{origin.host}/{origin.service}".encode(errors="replace")
        self._host, self._service, self._file, self._id = origin.host, origin.service, origin.file, origin.stream
        self._fixed_service = origin.fixed_service
        self._second = -1
        self._second_text = ""

    def encode(self, parsed: Parsed, start: int, end: int, now_ns: int) -> bytes:
        """The record of bytes `start` to `end`; `now_ns` is its time when it tells none, Unix nanoseconds. Attributes
        that JSON cannot hold are left out, and the record says so."""
        try:
            return self._record(parsed, start, end, now_ns)
        except HOSTILE as error:
            attrs: dict[str, object] = {"not_encoded": type(error).__name__}
            # A lone surrogate cannot be encoded; nothing else in a message can be wrong.
            message = parsed.message.encode(errors="replace").decode()
            kept = Parsed(message, ts_ns=parsed.ts_ns, level=parsed.level, attrs=attrs)
            return self._record(kept, start, end, now_ns)

    def _record(self, parsed: Parsed, start: int, end: int, now_ns: int) -> bytes:
        # Formatting a time costs more than all the rest; most lines share their second with the one before.
        second, fraction = divmod(now_ns if parsed.ts_ns is None else parsed.ts_ns, NANOSECONDS)
        if second != self._second:
            self._second_text = format_ts(second * NANOSECONDS).removesuffix("000000000Z")
            self._second = second
        attrs = parsed.attrs
        if parsed.program:
            attrs = {**attrs, "program": parsed.program}
        if parsed.host and parsed.host != self._host:
            attrs = {**attrs, "host": parsed.host}
        return _encode(
            Record(
                ts=f"{self._second_text}{fraction:09d}Z",
                message=parsed.message,
                host=self._host,
                service=self._service if self._fixed_service or not parsed.service else parsed.service,
                level=parsed.level,
                trace_id=parsed.trace_id,
                span_id=parsed.span_id,
                attrs=attrs,
                file=self._file,
                src=Src(id=self._id, start=start, end=end, observed=parsed.ts_ns is None),
            )
        )
