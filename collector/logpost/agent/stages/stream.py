"""One file's stream on its way: lines in, records out, each with the bytes it stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.records import HOSTILE, RecordWriter
from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.event import Line, Mark
from logpost.agent.stages.limit import RateLimit
from logpost.formats import LineParser, Parsed


class Sink(Protocol):
    """Where records go; see `Publisher.send`."""

    def send(self, key: bytes, value: bytes, acks: Acks, start: int, end: int) -> None: ...


class Stream:
    """`acks` tells what of it has arrived."""

    def __init__(
        self,
        writer: RecordWriter,
        *,
        acks: Acks,
        parser: LineParser,
        limit: RateLimit | None,
        sink: Sink,
        counts: Counts,
    ) -> None:
        self.acks = acks
        self._writer = writer
        self._parse = parser.parse
        self._limit = limit
        self._send = sink.send
        self._counts = counts
        self._begun = Parsed("")
        """The beginning of a long line whose pieces are being shipped."""
        self._dropped_to = acks.sent

    def ship(self, lines: Iterable[Line], now_ns: int) -> None:
        """Send the lines, in order; `now_ns` is the time of a line that tells none, Unix nanoseconds."""
        acks, encode, key, send = self.acks, self._writer.encode, self._writer.key, self._send
        for line in lines:
            if self._limit is not None and not self._admitted(line, now_ns):
                continue
            parsed = self._parsed(line.text, now_ns) if line.marks is Mark.NONE else self._marked(line, now_ns)
            start, end = acks.sent, line.end
            send(key, encode(parsed, start, end, now_ns), acks, start, end)

    @property
    def has_drops(self) -> bool:
        """Lines were dropped since the last record."""
        return self._limit is not None and bool(self._limit.drops.lines)

    def ship_drops(self, now_ns: int) -> None:
        """Say how many lines the rate limit dropped since the last record, if any."""
        if self._limit is None or not self._limit.drops.lines:
            return
        drops = self._limit.take_drops()
        said = Parsed(drops.sentence(self._limit.rate), level="warn", attrs={"dropped_lines": drops.lines})
        start, end = self.acks.sent, self._dropped_to
        self._send(self._writer.key, self._writer.encode(said, start, end, now_ns), self.acks, start, end)

    def _admitted(self, line: Line, now_ns: int) -> bool:
        assert self._limit is not None
        if self._limit.admits(now_ns):
            self.ship_drops(now_ns)
            return True
        self._limit.drops.add(now_ns)
        self._dropped_to = line.end
        self._counts.dropped += 1
        return False

    def _parsed(self, text: str, now_ns: int) -> Parsed:
        """What the line says. A line on which the parser fails keeps its text, and says so."""
        try:
            return self._parse(text, now_ns)
        except HOSTILE as error:
            return Parsed(text, attrs={"not_parsed": type(error).__name__})

    def _marked(self, line: Line, now_ns: int) -> Parsed:
        if line.marks & Mark.CONTINUED:
            # The rest of a line has the time, level and service of its beginning.
            begun = self._begun
            parsed = Parsed(line.text, ts_ns=begun.ts_ns, level=begun.level, service=begun.service)
            if not line.marks & Mark.TRUNCATED:
                self._begun = Parsed("")
        else:
            self._begun = parsed = self._parsed(line.text, now_ns)
        parsed.attrs = {**parsed.attrs, **self._marks(line.marks)}
        return parsed

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
