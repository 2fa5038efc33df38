"""The publisher against a real broker."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.oversize import FIRST_CUT, shrink
from logpost.agent.delivery.publish import FEW_RECORDS, Publisher
from logpost.agent.metrics.counts import Counts
from logpost.config import KafkaConfig
from logpost.record import Record, Src
from logpost_broker.broker import EMBEDDED, Broker
from tests.collector.agent.topic import TopicReader
from tests.support.processes import free_port


def make_topic(broker: Broker, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    [future] = admin.create_topics([NewTopic("logs", 2, 1, config=config)]).values()
    future.result(60)


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def publisher(broker: Broker, counts: Counts) -> Iterator[Publisher]:
    publisher = Publisher(KafkaConfig(bootstrap_servers=broker.bootstrap_servers), max_in_flight=100, counts=counts)
    yield publisher
    publisher.close()


@pytest.fixture
def topic(broker: Broker) -> Iterator[TopicReader]:
    reader = TopicReader(broker.bootstrap_servers)
    yield reader
    reader.close()


def record(message: str, start: int, end: int, **attrs: object) -> bytes:
    made = Record(ts="2026-11-22T10:51:07Z", message=message, attrs=attrs, src=Src(id="s", start=start, end=end))
    return msgspec.json.encode(made)


def test_positions_follow_what_the_broker_has(
    broker: Broker, publisher: Publisher, counts: Counts, topic: TopicReader
) -> None:
    make_topic(broker)
    acks = Acks(0)
    for number in range(100):
        publisher.send(b"host/app", record(str(number), number, number + 1), acks, number, number + 1)
    assert not publisher.has_room
    assert publisher.flush(60)
    assert (acks.acknowledged, acks.settled, counts.in_flight, counts.acknowledged) == (100, True, 0, 100)
    assert publisher.has_room
    assert [record.message for record in topic.read_count(100)] == [str(number) for number in range(100)]


def test_few_records_do_not_wait_for_others_and_many_do(
    broker: Broker, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_topic(broker)
    monkeypatch.setattr("logpost.agent.delivery.publish.LINGER_MS", 120_000)
    config = KafkaConfig(bootstrap_servers=broker.bootstrap_servers)
    publisher = Publisher(config, max_in_flight=10_000, counts=counts)
    acks = Acks(0)
    publisher.send(b"k", record("one", 0, 10), acks, 0, 10)
    hurry_until(publisher, counts, acknowledged=1)
    for start in range(10, 10 + 10 * (FEW_RECORDS + 1), 10):
        publisher.send(b"k", record("one of many", start, start + 10), acks, start, start + 10)
    for turn in range(20):
        publisher.hurry(1e9 + turn)
    assert (counts.acknowledged, counts.in_flight) == (1, FEW_RECORDS + 1), "they wait for more"
    assert publisher.flush(60)
    assert acks.acknowledged == 10 + 10 * (FEW_RECORDS + 1)
    publisher.close()


def hurry_until(publisher: Publisher, counts: Counts, *, acknowledged: int) -> None:
    deadline = time.monotonic() + 60
    while counts.acknowledged < acknowledged:
        assert time.monotonic() < deadline, "it lingers"
        publisher.hurry(time.monotonic())


def test_a_client_that_gave_up_is_started_again_and_loses_nothing(
    tmp_path: Path, counts: Counts, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker whose disk was put back to an older state: to an idempotent producer this is fatal."""
    config = msgspec.structs.replace(EMBEDDED, port=free_port())
    servers = f"localhost:{config.port}"
    with Broker(config, tmp_path / "broker") as broker:
        make_topic(broker)
        publisher = Publisher(KafkaConfig(bootstrap_servers=servers), max_in_flight=100, counts=counts)
        acks = Acks(0)
        publisher.send(b"host/app", record("0", 0, 1), acks, 0, 1)
        assert publisher.flush(60)
    shutil.copytree(tmp_path / "broker", tmp_path / "older")
    with Broker(config, tmp_path / "broker"):
        publisher.send(b"host/app", record("1", 1, 2), acks, 1, 2)
        assert publisher.flush(60)
    with Broker(config, tmp_path / "older"):
        for number in range(2, 50):
            publisher.send(b"host/app", record(str(number), number, number + 1), acks, number, number + 1)
        assert publisher.flush(60)
        assert (acks.acknowledged, counts.in_flight) == (50, 0)
        reader = TopicReader(servers)
        arrived = {record.message for record in reader.read_count(49)}
        reader.close()
        publisher.close()
    assert arrived == {"0", *(str(number) for number in range(2, 50))}
    assert sum("started again" in record.message for record in caplog.records) == 1


def test_what_the_broker_finds_too_large_is_cut_and_arrives(
    broker: Broker, publisher: Publisher, counts: Counts, topic: TopicReader
) -> None:
    make_topic(broker, **{"max.message.bytes": "20000", "compression.type": "producer"})
    acks = Acks(0)
    # Characters far apart, so that zstd does not make it small.
    text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(60_000))
    publisher.send(b"host/app", record("before" * 20, 0, 1, kept=True), acks, 0, 1)
    publisher.send(b"host/app", record(text, 1, 2, path="/x"), acks, 1, 2)
    publisher.send(b"host/app", record("after", 2, 3), acks, 2, 3)
    assert publisher.flush(60)
    assert acks.acknowledged == 3
    records = {record.src.start: record for record in topic.read_count(3) if record.src is not None}
    assert (records[0].message, records[0].attrs, records[2].message) == ("before" * 20, {"kept": True}, "after")
    assert text.startswith(records[1].message)
    assert len(records[1].message) > 1000
    assert records[1].attrs == {"truncated": True}
    assert counts.shrunk > 0


def test_what_the_client_finds_too_large_is_cut_and_arrives(
    broker: Broker, publisher: Publisher, topic: TopicReader
) -> None:
    make_topic(broker, **{"max.message.bytes": "2000000"})
    acks = Acks(0)
    publisher.send(b"host/app", record("x" * 9_000_000, 0, 1), acks, 0, 1)
    assert publisher.flush(60)
    [only] = topic.read_count(1)
    assert (only.message, only.attrs) == ("x" * FIRST_CUT, {"truncated": True})


def test_shrinking_ends() -> None:
    value: bytes | None = record("x" * 1000, 0, 1, a="b")
    sizes = []
    while value is not None:
        sizes.append(len(value))
        value = shrink(value)
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) < 10


def test_a_name_that_leads_nowhere_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """The client says both at each of its tries to connect, once a second."""
    publisher = Publisher(KafkaConfig(bootstrap_servers="localhost:1"), max_in_flight=100, counts=Counts())
    for _ in range(3):
        publisher._on_error(KafkaError(KafkaError._RESOLVE, "no such name"))
        publisher._on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    publisher.close()
    assert [record.message for record in caplog.records if "no such name" in record.message] == ["Kafka: no such name"]


@pytest.mark.parametrize(("hours", "side"), [(2, "ahead of"), (-48, "behind")])
def test_how_far_the_clock_is_off_is_told(
    broker: Broker, counts: Counts, caplog: pytest.LogCaptureFixture, hours: int, side: str
) -> None:
    make_topic(broker, **{"message.timestamp.type": "LogAppendTime"})
    config = KafkaConfig(bootstrap_servers=broker.bootstrap_servers)
    publisher = Publisher(config, max_in_flight=100, counts=counts, clock=lambda: time.time() + hours * 3600)
    acks = Acks(0)
    for number in range(2):
        publisher.send(b"k", record("x", number, number + 1), acks, number, number + 1)
        assert publisher.flush(60)
    publisher.close()
    assert -0.01 < counts.clock_offset_seconds - hours * 3600 < 30
    [said] = [line.message for line in caplog.records if "clock" in line.message]
    assert f" s {side} the broker's" in said
