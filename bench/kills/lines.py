"""Numbered lines of several kinds, sent as an agent does, and what of them must be there at the end."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Mapping

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from logpost.record import Record, Src, format_ts

TOPIC = "logs"
LASTING = 3
"""Partitions of lines that stay; the one behind them has lines that go."""
PARTITIONS = LASTING + 1
PROBES = 1_000
"""Lines that each client knows: as many as a page has, and not more."""
SET_LINES = 150
"""Lines of a set that a deletion takes."""
TURNS = 40
"""Of a tenth of a second, from one pause to the next."""
PAUSE_SECONDS = 2.0
FLUSH_SECONDS = 240.0
HOUR_MS = 3_600_000
OLDEST_HOURS, NEWEST_HOURS = 100, 12
"""Ago, that lines which go claim to be of: the first, and the last."""
SERVICE_THAT_GOES = "fleeting"


class Lines:
    """`sent`: word → numbers of the lines that have it. A message is `WORD NUMBER …`, and no number comes twice.

    - `probe`, `base`: sent before all else, kept.
    - `kept`: plain text and records of streams, some sent twice.
    - `erase0`, `erase1`, …: sets, each to be deleted by its word, and only once all of it was sent (`closed`).
    - `old`: what retention takes. They claim to be from hours ago, later and later.
    - `young`: what the same rule would take in some days.
    """

    def __init__(self, servers: str, chance: random.Random, seconds: float) -> None:
        """`seconds`: in which the times of `old` lines go from the oldest to the newest."""
        self.sent: dict[str, set[int]] = {}
        self.closed = 0
        self.places: dict[int, tuple[int, int]] = {}
        """Number → partition and offset, of those that were acknowledged."""
        self.failed: list[str] = []
        self._chance = chance
        self._numbers = itertools.count()
        self._ends: dict[str, int] = {}
        self._begun_ms = int(time.time() * 1000)
        self._ms = int(seconds * 1000)
        self._ended = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 20,
                "compression.type": "zstd",
                "message.timeout.ms": int(FLUSH_SECONDS * 1000),
            }
        )

    def fill(self, count: int) -> None:
        for number in range(PROBES + count):
            self._send("probe" if number < PROBES else "base", number % LASTING)
        self._flush()

    def run(self, rate: float) -> None:
        """Until `end`: so many lines a second, but for pauses in which answers may become whole."""
        for turn in itertools.count(1):
            if self._ended.wait(0.1 if turn % TURNS else PAUSE_SECONDS):
                break
            for _ in range(int(rate / 10)):
                self._send_some_kind()
            self._producer.poll(0)
        self._flush()

    def end(self) -> None:
        self._ended.set()

    @property
    def count(self) -> int:
        return sum(len(numbers) for numbers in self.sent.values())

    def _send_some_kind(self) -> None:
        kind = self._chance.random()
        if kind < 0.1:
            self._send("old", LASTING, SERVICE_THAT_GOES)
        elif kind < 0.15:
            self._send("young", 0, SERVICE_THAT_GOES)
        elif kind < 0.3:
            word = f"erase{self.closed}"
            self._send(word, self._chance.randrange(LASTING))
            self.closed += len(self.sent[word]) == SET_LINES
        else:
            self._send("kept", self._chance.randrange(LASTING))

    def _send(self, word: str, partition: int, service: str = "") -> None:
        number = next(self._numbers)
        self.sent.setdefault(word, set()).add(number)
        text = f"{word} {number} the order of customer {self._chance.randrange(10_000)} was paid"
        at_ms = self._claimed_ms() if word == "old" else int(time.time() * 1000)
        if not service and number % 4 == 3:
            self._produce(number, text.encode(), partition, at_ms)
            return
        stream = f"{service or 'shop'}-{partition}"
        start = self._ends.get(stream, 0)
        end = self._ends[stream] = start + len(text) + 1
        record = Record(
            ts=format_ts(at_ms * 1_000_000),
            message=text,
            host=f"host-{partition}",
            service=service or f"shop-{partition}",
            level="debug" if service else "info",
            src=Src(id=stream, start=start, end=end),
        )
        for _ in range(2 if number % 10 == 0 else 1):
            self._produce(number, msgspec.json.encode(record), partition, at_ms)

    def _claimed_ms(self) -> int:
        share = min((int(time.time() * 1000) - self._begun_ms) / self._ms, 1.0)
        hours = OLDEST_HOURS - (OLDEST_HOURS - NEWEST_HOURS) * share
        return self._begun_ms - int(hours * HOUR_MS)

    def _produce(self, number: int, value: bytes, partition: int, at_ms: int) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.failed.append(str(error))
            else:
                self.places.setdefault(number, (message.partition() or 0, message.offset() or 0))

        while True:
            try:
                self._producer.produce(TOPIC, value, partition=partition, timestamp=at_ms, on_delivery=delivered)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _flush(self) -> None:
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self.failed:
            raise RuntimeError(f"{left} lines are not acknowledged, {len(self.failed)} failed: {self.failed[:1]}")


def number_of(message: str) -> tuple[str, int]:
    """Word and number of a line."""
    word, number, _ = message.split(" ", 2)
    return word, int(number)


def compared(found: Mapping[int, int], wanted: set[int], allowed: set[int]) -> list[str]:
    """What is wrong with lines. `found`: number → how often; `wanted`: must be there; `allowed`: may be there."""
    said = {
        "are not there": sorted(wanted - found.keys()),
        "are there more than once": sorted(number for number, times in found.items() if times > 1),
        "must not be there": sorted(found.keys() - wanted - allowed),
    }
    return [f"{len(numbers):,} lines {what}, such as {numbers[:5]}" for what, numbers in said.items() if numbers]
