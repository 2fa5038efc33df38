"""Apache Kafka serves our segments after `logpost broker export`, and writes on behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.broker import Broker
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
from tests.interop.topics import create, producer, records, transact
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


def export(data: Path, kafka: ApacheKafka, *topics: str) -> None:
    ended = run("broker", "export", *topics, "--data", str(data), "--to", str(kafka.log_directory))
    assert ended.returncode == 0, ended.stderr


def test_kafka_serves_every_record_equal_and_takes_new_ones(tmp_path: Path, kafka: Callable[[], ApacheKafka]) -> None:
    data = tmp_path / "data"
    with Broker(SMALL, data / "broker") as ours:
        create(ours.bootstrap_servers, "t", 2)
        create(ours.bootstrap_servers, "empty", 3)
        fill(ours.bootstrap_servers, "t")
        create(ours.bootstrap_servers, "aborted")
        transact(ours.bootstrap_servers, "aborted", abort=True)
    (data / "broker" / CLEAN_SHUTDOWN).unlink()  # as after a crash: the next batches carry leader epoch 1
    with Broker(SMALL, data / "broker") as ours, producer(ours.bootstrap_servers) as made:
        made.produce("t", b"after the crash", partition=0)
    with Broker(SMALL, data / "broker") as ours:
        expected = records(ours.bootstrap_servers, "t")
    assert len(expected) == 1001
    with kafka() as theirs:
        create(theirs.bootstrap_servers, "t", 2)
        create(theirs.bootstrap_servers, "empty", 3)
        create(theirs.bootstrap_servers, "aborted")
    export(data, theirs, "t", "empty", "aborted")
    with kafka() as theirs:
        assert records(theirs.bootstrap_servers, "t") == expected
        assert records(theirs.bootstrap_servers, "empty") == []
        assert len(records(theirs.bootstrap_servers, "aborted")) == 20
        assert len(records(theirs.bootstrap_servers, "aborted", isolation="read_uncommitted")) == 40
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
