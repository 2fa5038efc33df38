"""logpost's side of `bench.search`: a broker that is given the records, and the web that makes them searchable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from bench.sides import Asked, Client, Loaded, allocated, await_quiet, batches, paced
from bench.usage import Usage, usage_of
from logpost.kafka import MAX_MESSAGE_BYTES
from tests.support.appliance import Appliance, await_condition

TOPIC = "logs"
LINGER_MS = 20
"""As the agent has it."""
FLUSH_SECONDS = 60.0
POLL_SECONDS = 0.5
LINES_PER_SECOND = 2_000
"""Slower than this is taken for a fault."""
FILE = "/var/log/bench.log"


class Head(msgspec.Struct):
    """What of a line makes its stream."""

    host: str
    service: str
    message: str


class Box:
    """Broker and web, with default settings. The records are in the topic when the web starts: their load is the
    broker's alone, and what follows is that of topic → searchable."""

    name = "logpost"

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._appliance = Appliance(directory, sources="")
        self._broker, self._web = self._appliance.broker, self._appliance.web

    def load(self, file: Path, lines: int) -> Loaded:
        self._broker.start()
        idle = self._cpu("broker")
        produce(self._appliance.bootstrap_servers, file, "loaded")
        self._web.start()
        begun, before = time.monotonic(), {"broker": idle, "web": self._cpu("web")}
        self._await_caught_up(lines)
        seconds = time.monotonic() - begun
        found = self._appliance.total()
        assert found == lines, f"{found} of {lines} lines are in the store"
        await_quiet(self)
        return Loaded(seconds=seconds, cpu_seconds={name: self._cpu(name) - cpu for name, cpu in before.items()})

    def _cpu(self, name: str) -> float:
        part = {"broker": self._broker, "web": self._web}[name]
        return usage_of(part.process.pid).cpu_seconds

    def grow(self, file: Path, total: int) -> None:
        produce(self._appliance.bootstrap_servers, file, "grown")
        self._await_caught_up(total)
        # What came last may not have been known to be there.
        await_condition(lambda: self._appliance.total() == total, f"{total} lines are found", 60, every=1.0)
        await_quiet(self)

    def _await_caught_up(self, lines: int) -> None:
        bound = 120 + lines / LINES_PER_SECOND
        await_condition(self._is_caught_up, "all records are searchable", bound, every=POLL_SECONDS)

    def _is_caught_up(self) -> bool:
        """By what is said with each answer: to count all rows again and again would cost what is measured."""
        complete = self._appliance.get("/api/search", q="nothing_has_this:x", start="-1s", limit=1)["complete"]
        return bool(complete["partitions"]) and not complete["behind"]

    def feeder(self, file: Path, rate: float, seconds: float) -> Callable[[], None]:
        return partial(feed, self._appliance.bootstrap_servers, file, rate, seconds)

    def client(self) -> Client:
        return Client(self._appliance.web_port)

    def usage(self) -> dict[str, Usage]:
        return {"broker": usage_of(self._broker.process.pid), "web": usage_of(self._web.process.pid)}

    def disk(self) -> dict[str, int]:
        data = self._appliance.data
        rows = int(self._appliance.get("/api/store/stats")["contents"]["bytes"])
        return {"topic": allocated(data / "broker"), "store": allocated(data / "store"), "rows": rows}

    def stop(self) -> None:
        for part in (self._web, self._broker):
            part.__exit__()


class Records:
    """Sends lines as the agent does: JSON with the bytes' place in their stream, keyed by host and service."""

    def __init__(self, servers: str, life: str) -> None:
        """`life`: parts streams of one load from those of another."""
        self._life = life
        self._ends: dict[str, int] = {}
        self._failed: list[str] = []
        self._decoder = msgspec.json.Decoder(Head)
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "zstd",
                "linger.ms": LINGER_MS,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "queue.buffering.max.messages": 200_000,
            }
        )

    def send(self, lines: list[bytes]) -> None:
        for line in lines:
            head = self._decoder.decode(line)
            stream = f"{head.host}/{head.service}"
            start = self._ends.get(stream, 0)
            end = self._ends[stream] = start + len(head.message.encode()) + 1
            source = f',"file":"{FILE}","src":{{"id":"{self._life}/{stream}","from":{start},"to":{end}}}}}'
            self._produce(line.rstrip()[:-1] + source.encode(), stream)

    def _produce(self, value: bytes, key: str) -> None:
        while True:
            try:
                self._producer.produce(TOPIC, value, key, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self._failed.append(str(error))

    def close(self) -> None:
        """Until all is acknowledged. Raises RuntimeError where something was not."""
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self._failed:
            raise RuntimeError(f"{left} records are not acknowledged, {len(self._failed)} failed: {self._failed[:1]}")


def produce(servers: str, file: Path, life: str) -> None:
    records = Records(servers, life)
    for lines in batches(file):
        records.send(lines)
    records.close()


def feed(servers: str, file: Path, rate: float, seconds: float) -> None:
    records = Records(servers, "fed")
    for lines in paced(file, rate, seconds):
        records.send(lines)
    records.close()


def rows(query: str, start: str, end: str) -> Asked:
    """The newest 100."""
    return Asked("/api/search", {"q": query, "start": start, "end": end, "limit": 100})


def counts(query: str, start: str, end: str, *, buckets: int = 50, by: str = "level") -> Asked:
    return Asked("/api/histogram", {"q": query, "start": start, "end": end, "buckets": buckets, "by": by})


def found(body: bytes) -> dict[str, int]:
    """Lines of an answer by value of their grouping; rows are of none."""
    answer = json.loads(body)
    if "rows" in answer:
        return {"": len(answer["rows"])}
    sums: dict[str, int] = {}
    for bar in answer["buckets"]:
        for value, count in bar["by"].items():
            sums[value] = sums.get(value, 0) + count
    return sums
