"""Compaction on a running broker, as clients and monitors see it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.log.batch import HEADER_BYTES
from logpost_broker.log.cleaning import Cleaning
from logpost_broker.log.compression import LZ4, ZSTD
from logpost_broker.log.files import File
from logpost_broker.log.limits import MAX_RECORDS_BYTES
from logpost_broker.log.segment import CLEANED_SUFFIX
from logpost_broker.node import Node
from logpost_broker.partitions import flusher
from logpost_broker.upkeep.cleaner import Cleaner
from tests.broker.log.compacting import batch_of, batches, put, roll, state
from tests.broker.log.logs import NOW_MS, changed
from tests.support.metrics import metric
from tests.support.processes import free_port

SECONDS = 60
KEYS = 50
COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.bytes": "20000",
    "delete.retention.ms": "0",
}


class Running:
    """A broker that looks for work all the time."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.metrics_port = free_port()
        fields = {"port": 0, "metrics_port": self.metrics_port, "cleaner_check_seconds": 0.05} | settings
        self.broker = Broker(BrokerConfig(**fields), directory)  # type: ignore[arg-type]  # settings by name
        self.directory = directory / "t-0"

    @property
    def client(self) -> dict[str, str | int | float | bool]:
        return {"bootstrap.servers": self.broker.bootstrap_servers}

    def create(self, **configs: str) -> None:
        topic = NewTopic("t", 1, config=COMPACTED | {key.replace("_", "."): value for key, value in configs.items()})
        admin = AdminClient(self.client)
        admin.create_topics([topic])["t"].result(SECONDS)

    def write(self, values: Mapping[bytes, bytes | None], *, rounds: int = 1) -> None:
        """Each key `rounds` times; the last values are those given."""
        producer = Producer({**self.client, "linger.ms": 0, "batch.size": 2000})
        for number in range(rounds):
            for key, value in values.items():
                is_last = number + 1 == rounds
                producer.produce("t", value if is_last else b"old %d" % number, key)
            assert producer.flush(SECONDS) == 0

    def records(self) -> list[Message]:
        """All that a consumer reads, up to the end of the partition."""
        consumer = Consumer({**self.client, "group.id": "g", "enable.partition.eof": True, "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition("t", 0, OFFSET_BEGINNING)])
        found: list[Message] = []
        while True:
            message = consumer.poll(SECONDS)
            assert message is not None, "the end of the partition is not reached"
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                consumer.close()
                return found
            found.append(message)

    def metric(self, name: str) -> float:
        return metric(self.metrics_port, f"logpost_broker_cleaner_{name}")

    def until(self, name: str, least: float) -> None:
        deadline = time.monotonic() + SECONDS
        while self.metric(name) < least:
            assert time.monotonic() < deadline, f"{name} stays below {least}"
            time.sleep(0.02)


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a checkpoint says is on the disk is compacted."""
    monkeypatch.setattr(flusher, "CHECKPOINT_SECONDS", 0.05)


def padded(number: int) -> bytes:
    return b"value %d" % number + b"." * 400


def test_a_consumer_finds_the_last_value_of_each_key_and_comes_to_the_end(tmp_path: Path) -> None:
    running = Running(tmp_path)
    last = {b"k%d" % number: padded(number) for number in range(KEYS)}
    with running.broker:
        running.create(compression_type="producer")
        running.write(last, rounds=20)
        running.write({b"filler %d" % number: padded(number) for number in range(100)})  # ends the segment
        deadline = time.monotonic() + SECONDS
        while True:
            found = running.records()
            keys = Counter(message.key() or b"" for message in found)
            if all(keys[key] == 1 for key in last):
                break
            assert time.monotonic() < deadline, f"{len(found)} records are left"
        assert {message.key(): message.value() for message in found}.items() >= last.items()
        offsets = [message.offset() or 0 for message in found]
        assert offsets == sorted(set(offsets))
        running.until("runs_total", 1)  # counted when all of it is done, a moment after it is seen
        assert running.metric("failures_total") == 0
        assert running.metric("cleaned_bytes_total") > running.metric("kept_bytes_total") > 0


def test_tombstones_take_their_keys_and_go(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.broker:
        running.create(compression_type="producer")
        running.write({b"gone": padded(1), b"stays": padded(2)})
        running.write({b"gone": None})
        for number in itertools.count():
            running.write({b"filler %d.%d" % (number, key): padded(number) for key in range(KEYS)})
            if b"gone" not in (keys := [message.key() for message in running.records()]):
                break
            assert number < 50
        assert b"stays" in keys


def test_clients_write_and_read_while_a_compaction_is_held_back_by_its_limit(tmp_path: Path) -> None:
    """It would take an hour."""
    running = Running(tmp_path, cleaner_io_bytes_per_second=100)
    with running.broker:
        running.create(compression_type="producer")
        running.write({b"k%d" % number: padded(number) for number in range(KEYS)}, rounds=10)
        before = running.records()
        for number in range(5):
            running.write({b"new %d" % number: b"v"})
        assert len(running.records()) == len(before) + 5
        started = time.monotonic()
    assert time.monotonic() - started < SECONDS, "the stop waits for the compaction"
    assert not list(running.directory.glob("*.swap"))


def test_both_policies_hold_together(tmp_path: Path) -> None:
    running = Running(tmp_path, retention_check_seconds=0.05)
    with running.broker:
        running.create(compression_type="producer", cleanup_policy="compact,delete", retention_bytes="60000")
        deadline = time.monotonic() + SECONDS
        for number in itertools.count():
            running.write({b"k%d" % key: padded(number) for key in range(KEYS)}, rounds=5)
            running.write({b"only %d.%d" % (number, key): padded(number) for key in range(KEYS)})
            values = {message.key(): message.value() for message in running.records()}
            assert values.items() >= {b"k%d" % key: padded(number) for key in range(KEYS)}.items()
            if b"only 0.0" not in values and running.metric("runs_total") >= 3:
                break
            assert time.monotonic() < deadline
        assert running.metric("failures_total") == 0


async def on_a_node(directory: Path, **settings: object) -> tuple[Node, Cleaner]:
    fields = {"port": 0, "metrics_port": 0, "cleaner_check_seconds": 86_400.0} | settings
    node = Node(BrokerConfig(**fields), directory, host="localhost", port=1)  # type: ignore[arg-type]  # by name
    node.open()
    await node.start()
    return node, node.cleaner


def written(node: Node, rounds: Iterator[int]) -> None:
    """Segments whose keys come again, known to be on the disk."""
    topic = node.partitions.topics.by_name("t") or node.partitions.create_topic("t", 1, COMPACTED)
    log = node.partitions.log(topic, 0)
    for number in itertools.islice(rounds, 5):
        for key in range(KEYS):
            put(log, (b"k%d" % key, padded(number)))
        roll(log)
    node.partitions.logs.write_recovery_points()


def test_a_log_that_cannot_be_compacted_is_left_alone_and_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Cleaning, file: File) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def story() -> None:
        node, cleaner = await on_a_node(tmp_path)
        rounds = itertools.count()
        written(node, rounds)
        [log] = node.partitions.logs
        expected, size = state(log), log.size_bytes
        with monkeypatch.context() as broken:
            broken.setattr(Cleaning, "survey", fail)
            await cleaner.check()
        assert (state(log), log.size_bytes) == (expected, size)
        await cleaner.check()
        assert log.size_bytes == size, "it is tried again in an hour"
        written(node, rounds)
        assert state(log) != expected, "it is written on"
        await node.stop()

    asyncio.run(story())
    [failed] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"{tmp_path / 't-0'} cannot be compacted, and grows until it can" in failed


def test_a_damaged_segment_is_not_compacted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong is for people to look at: a compaction would lose it for good."""

    async def story() -> None:
        node, cleaner = await on_a_node(tmp_path)
        written(node, itertools.count())
        [log] = node.partitions.logs
        path = log.segments[1].log.path
        content = bytearray(path.read_bytes())
        content[HEADER_BYTES + 20] ^= 1
        path.write_bytes(content)
        size = log.size_bytes
        await cleaner.check()
        assert log.size_bytes == size
        assert not list(log.directory.glob(f"*{CLEANED_SUFFIX}"))
        await node.stop()

    asyncio.run(story())
    assert "position 0: the CRC of the batch does not match" in caplog.text


def test_batches_that_unpack_to_too_much_stay_and_what_is_around_them_is_compacted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are in the log from before such were refused, or were imported."""
    bombs = [batch_of([(b"k0", bytes(MAX_RECORDS_BYTES))], codec=codec) for codec in (LZ4, ZSTD)]
    claiming = batch_of([(b"k1", b"v")], codec=ZSTD)
    bombs.append(changed(claiming, record_count=1 << 30, last_offset_delta=(1 << 30) - 1))

    async def story() -> None:
        node, cleaner = await on_a_node(tmp_path)
        rounds = itertools.count()
        written(node, rounds)
        [log] = node.partitions.logs
        offsets = [log.append(bomb, now_ms=NOW_MS).base_offset for bomb in bombs]
        roll(log)
        written(node, rounds)
        expected, size = state(log), log.size_bytes
        await cleaner.check()
        assert log.size_bytes < size - 5 * KEYS * 400
        assert state(log) == expected
        kept = {header.base_offset: batch for header, batch in batches(log)}
        for offset, bomb in zip(offsets, bombs, strict=True):
            assert kept[offset][HEADER_BYTES:] == bomb[HEADER_BYTES:]
            assert f"t-0: the batch at offset {offset} is kept as it is" in caplog.text
        await node.stop()

    asyncio.run(story())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
