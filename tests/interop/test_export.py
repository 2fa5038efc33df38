"""Apache Kafka serves our segments after `logpost broker export`, and writes on behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from logpost.config import BrokerConfig
from logpost_broker.broker import Broker
from logpost_broker.checkpoints import CLEAN_SHUTDOWN
from tests.interop.topics import create, producer, records
from tests.support.apache_kafka import ApacheKafka
from tests.support.processes import run

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
SMALL = BrokerConfig(port=0, metrics_port=0, segment_bytes=20_000)


def fill(servers: str, topic: str) -> None:
    """Several segments from every codec, with and without idempotence, keys and headers."""
    for number, codec in enumerate(CODECS):
        settings = {"compression.type": codec, "enable.idempotence": number % 2 == 0, "batch.num.messages": 20}
        with producer(servers, **settings) as made:
            for record in range(200):
                value = None if record == 7 else b"%d of %s " % (record, codec.encode()) + bytes(range(record))
                made.produce(topic, value, key=b"k%d" % (record % 9), headers={"codec": codec}, partition=record % 2)


def export(data: Path, kafka: ApacheKafka, *topics: str, force: bool = False) -> None:
    ended = run(
        "broker", "export", *topics, "--data", str(data), "--to", str(kafka.log_directory), *["--force"] * force
    )
    assert ended.returncode == 0, ended.stderr


def test_kafka_serves_every_record_equal_and_takes_new_ones(tmp_path: Path, kafka: Callable[[], ApacheKafka]) -> None:
    data = tmp_path / "data"
    with Broker(SMALL, data / "broker") as ours:
        create(ours.bootstrap_servers, "t", 2)
        create(ours.bootstrap_servers, "empty", 3)
        fill(ours.bootstrap_servers, "t")
        expected = records(ours.bootstrap_servers, "t")
    (data / "broker" / CLEAN_SHUTDOWN).unlink()  # as after a crash: the next batches carry leader epoch 1
    with Broker(SMALL, data / "broker") as ours, producer(ours.bootstrap_servers) as made:
        made.produce("t", b"after the crash", partition=0)
    with Broker(SMALL, data / "broker") as ours:
        expected = records(ours.bootstrap_servers, "t")
    assert len(expected) == 1001
    with kafka() as theirs:
        create(theirs.bootstrap_servers, "t", 2)
        create(theirs.bootstrap_servers, "empty", 3)
    export(data, theirs, "t", "empty")
    with kafka() as theirs:
        assert records(theirs.bootstrap_servers, "t") == expected
        assert records(theirs.bootstrap_servers, "empty") == []
        # Kafka's first producer ids are the ones that ours had given out.
        settings = {"enable.idempotence": True, "batch.num.messages": 20}
        for _ in range(3):
            with producer(theirs.bootstrap_servers, **settings) as made:
                for record in range(200):
                    made.produce("t", b"new %d" % record, partition=0)
        found = records(theirs.bootstrap_servers, "t")
        assert [record for record in found if not (record.value or b"").startswith(b"new")] == expected
        assert len(found) == len(expected) + 600
    assert not [path for path in theirs.log_directory.iterdir() if "-stray" in path.name or "-delete" in path.name]
    with kafka() as theirs:
        assert records(theirs.bootstrap_servers, "t") == found


@pytest.mark.parametrize("partitions", [0, 3], ids=["no such topic", "other partitions"])
def test_a_topic_that_kafka_has_not_is_refused_with_the_command_that_makes_it(
    tmp_path: Path, kafka: Callable[[], ApacheKafka], partitions: int
) -> None:
    with Broker(SMALL, tmp_path / "data" / "broker") as ours:
        create(ours.bootstrap_servers, "t", 2, {"retention.ms": "777"})
    with kafka() as theirs:
        if partitions:
            create(theirs.bootstrap_servers, "t", partitions)
        running = run("broker", "export", "t", "--data", str(tmp_path / "data"), "--to", str(theirs.log_directory))
        assert running.returncode == 1
        assert "Kafka is running" in running.stderr
    refused = run("broker", "export", "t", "--data", str(tmp_path / "data"), "--to", str(theirs.log_directory))
    assert refused.returncode == 1
    assert "--create --topic t --partitions 2 --replication-factor 1 --config retention.ms=777" in refused.stderr


def test_records_that_kafka_has_are_replaced_only_by_force(tmp_path: Path, kafka: Callable[[], ApacheKafka]) -> None:
    data = tmp_path / "data"
    with Broker(SMALL, data / "broker") as ours, producer(ours.bootstrap_servers) as made:
        made.produce("t", b"ours")
    with kafka() as theirs:
        create(theirs.bootstrap_servers, "t")
        with producer(theirs.bootstrap_servers) as made:
            for _ in range(3):
                made.produce("t", b"theirs")
    refused = run("broker", "export", "t", "--data", str(data), "--to", str(theirs.log_directory))
    assert "--force replaces them" in refused.stderr
    export(data, theirs, "t", force=True)
    with kafka() as theirs:
        assert [record.value for record in records(theirs.bootstrap_servers, "t")] == [b"ours"]


def test_a_kafka_that_was_killed_is_refused(tmp_path: Path, kafka: Callable[[], ApacheKafka]) -> None:
    with Broker(SMALL, tmp_path / "data" / "broker") as ours:
        Producer({"bootstrap.servers": ours.bootstrap_servers}).list_topics("t", 20)
    theirs = kafka()
    theirs.kill()
    refused = run("broker", "export", "t", "--data", str(tmp_path / "data"), "--to", str(theirs.log_directory))
    assert "was not stopped in order" in refused.stderr
