"""Broker and web as processes that end at any moment: what is in the topic is in the store, once."""

import itertools
import json
import random
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from logpost.record import Record, Src
from tests.support.appliance import await_condition
from tests.support.processes import Part, free_port

RECORDS_A_KILL = 4_000
BLOCK_ROWS = 200
STREAMS = 5
PARTITIONS = 3


class Box:
    """A broker and a web over one data directory."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        port, self.web_port = free_port(), free_port()
        settings = {
            "broker.port": port,
            "broker.metrics_port": 0,
            "web.port": self.web_port,
            "kafka.partitions": PARTITIONS,
            "kafka.bootstrap_servers": f"localhost:{port}",
            # Small blocks one after the other: a kill often falls between an insert and its commit.
            "store.block_rows": BLOCK_ROWS,
        }
        self.bootstrap_servers = f"localhost:{port}"
        self.broker, self.web = (Part(name, "--data", str(self.data), settings=settings) for name in ("broker", "web"))

    def get(self, path: str, **parameters: object) -> Any:
        url = f"http://127.0.0.1:{self.web_port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)

    def total(self) -> int:
        return int(self.get("/api/histogram", start="1970-01-01T00:00:00Z", buckets=1)["total"])

    def rows(self) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = self.get("/api/search", start="1970-01-01T00:00:00Z", limit=5000, **cursor)
            yield from page["rows"]
            if not page["cursor"]:
                return
            cursor = {"cursor": page["cursor"]}

    def await_ready(self) -> None:
        def is_ready() -> bool:
            try:
                return bool(self.get("/readyz")["ready"])
            except urllib.error.HTTPError:
                return False

        await_condition(is_ready, "the web is ready", 60)

    def await_total(self, expected: int, seconds: float) -> None:
        await_condition(lambda: self.total() >= expected, f"{expected} rows", seconds)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    with box.broker.start(), box.web.start():
        box.await_ready()
        yield box


class Sender(threading.Thread):
    """Sends numbered lines. Every other is plain text, which only its offset tells from another; the rest are records
    of a few streams, some sent twice, as an agent that was killed does."""

    def __init__(self, bootstrap_servers: str, count: int) -> None:
        super().__init__(daemon=True)
        self._count = count
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "acks": "all", "linger.ms": 5})

    def run(self) -> None:
        for number in range(self._count):
            stream = number % STREAMS
            text = f"line {number}"
            src = Src(id=f"stream-{stream}", start=number * 10, end=number * 10 + 10)
            record = msgspec.json.encode(Record(ts="2026-11-22T10:51:07Z", message=text, src=src))
            for value in (text.encode(),) if number % 2 else (record, record) if number % 10 == 0 else (record,):
                self._producer.produce("logs", value, partition=stream % PARTITIONS)
        assert self._producer.flush(60) == 0


def test_kill_9_of_the_web_at_any_moment_indexes_everything_once(box: Box, request: pytest.FixtureRequest) -> None:
    """With `--records`, so many: `make bench` sends 60,000."""
    count = int(request.config.getoption("--records"))
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    sender = Sender(box.bootstrap_servers, count)
    sender.start()
    for _ in range(count // RECORDS_A_KILL):
        threading.Event().wait(chance.uniform(0.1, 1.0))
        box.web.kill()
        box.web.start()
    sender.join(120)
    box.await_total(count, 120)
    rows = list(box.rows())
    assert len(rows) == count, f"seed {seed}"
    assert {row["message"] for row in rows} == {f"line {number}" for number in range(count)}, f"seed {seed}"


def test_a_broker_that_goes_away_is_waited_for_quietly(box: Box) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    producer.produce("logs", b"before")
    assert producer.flush(60) == 0
    box.await_total(1, 60)
    said = len(box.web.lines)
    box.broker.kill()
    box.web.await_line("waiting for the broker", after=said)
    assert box.total() == 1
    box.broker.start()
    producer.produce("logs", b"after")
    assert producer.flush(60) == 0
    box.await_total(2, 60)
    box.web.await_line("the broker is back", after=said)
    # A broker that is slow to answer may be away twice; but a line comes when that changes, and not at each try.
    changes = ("waiting for the broker", "the broker is back", "offsets are not committed yet")
    told = [next((change for change in changes if change in line), line) for line in box.web.lines[said:]]
    assert set(told) <= set(changes)
    assert all(before != after for before, after in itertools.pairwise(told)), told


def test_the_web_ends_while_the_broker_is_away(box: Box) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    producer.produce("logs", b"one")
    assert producer.flush(60) == 0
    box.await_total(1, 60)
    box.broker.kill()
    assert box.web.stop(60) == 0
