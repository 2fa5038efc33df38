"""One stream on its way: events in, through its stages, records out, each with the range it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.records import RecordWriter
from logpost.agent.stages.event import Event, Stage
from logpost.agent.stages.limit import Limit
from logpost.formats import Parsed


class Sink(Protocol):
    """Where records go; see `Publisher.send`."""

    def send(self, key: bytes, value: bytes, acks: Acks, start: int, end: int) -> None: ...


class Stream:
    """`acks` tells what of it has arrived. An event that no stage has parsed is its text."""

    def __init__(self, writer: RecordWriter, *, acks: Acks, stages: Sequence[Stage], sink: Sink) -> None:
        self.acks = acks
        self._writer = writer
        self._stages = tuple(stage.apply for stage in stages)
        self._limit = next((stage for stage in stages if isinstance(stage, Limit)), None)
        self._send = sink.send

    def ship(self, events: Iterable[Event], now_ns: int) -> None:
        """Send the events, in order; `now_ns` is the time of one that tells none, Unix nanoseconds."""
        acks, stages, limit = self.acks, self._stages, self._limit
        encode, key, send = self._writer.encode, self._writer.key, self._send
        for event in events:
            passed = event
            for apply in stages:
                found = apply(passed, now_ns)
                if found is None:
                    break
                passed = found
            else:
                if limit is not None and limit.dropped:
                    self.ship_drops(now_ns)
                # What was dropped before it counts to this record.
                start, end = acks.sent, passed.end
                send(key, encode(passed.parsed or Parsed(passed.text), start, end, now_ns), acks, start, end)

    @property
    def has_drops(self) -> bool:
        """Lines were dropped since the last record."""
        return self._limit is not None and bool(self._limit.dropped)

    def ship_drops(self, now_ns: int) -> None:
        """Say how many lines the limit dropped since the last record, if any."""
        if self._limit is not None and self._limit.dropped:
            said = self._limit.report()
            assert said.parsed is not None
            value = self._writer.encode(said.parsed, self.acks.sent, said.end, now_ns)
            self._send(self._writer.key, value, self.acks, self.acks.sent, said.end)
