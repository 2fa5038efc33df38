"""A directory that Apache Kafka wrote opens here after `logpost broker import`, and is written on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from logpost.config import BrokerConfig
from logpost_broker.broker import Broker
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
from tests.interop.topics import SECONDS, Stored, create, producer, records, transact
from tests.support.apache_kafka import ApacheKafka
from tests.support.processes import run

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
CONFIG = BrokerConfig(port=0, metrics_port=0)
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "retention.ms": "-1",
}
TOPICS = ("compacted", "empty", "t", "transactions", "trimmed")


def fill_codecs(servers: str) -> None:
    create(servers, "t", 2, {"segment.bytes": str(1 << 20)})
    for number, codec in enumerate(CODECS):
        settings = {"compression.type": codec, "enable.idempotence": number % 2 == 0, "batch.num.messages": 50}
        with producer(servers, **settings) as made:
            for record in range(300):
                value = b"%d of %s " % (record, codec.encode()) + bytes(5000)
                made.produce("t", value, key=b"k%d" % (record % 9), headers={"codec": codec}, partition=record % 2)
                made.poll(0)


def fill_compacted(servers: str) -> None:
    """Write until Kafka's cleaner has been here."""
    create(servers, "compacted", 1, COMPACTED)
    deadline = time.monotonic() + SECONDS
    while len(found := records(servers, "compacted")) == 0 or found[0].offset == 0:
        assert time.monotonic() < deadline, "Kafka does not compact"
        with producer(servers) as made:
            for record in range(50):
                made.produce("compacted", b"%f" % time.monotonic(), key=b"k%d" % (record % 5))


def fill(kafka: ApacheKafka) -> dict[str, list[Stored]]:
    """All topics, and what Kafka's own consumers get of them."""
    servers = kafka.bootstrap_servers
    fill_codecs(servers)
    for topic in ("transactions", "aborted"):
        create(servers, topic)
        transact(servers, topic, abort=topic == "aborted")
    create(servers, "empty", 3)
    create(servers, "trimmed")
    with producer(servers) as made:
        for record in range(100):
            made.produce("trimmed", b"%d" % record)
    admin = AdminClient({"bootstrap.servers": servers})
    admin.delete_records([TopicPartition("trimmed", 0, 30)])[TopicPartition("trimmed", 0)].result(SECONDS)
    fill_compacted(servers)
    return {topic: records(servers, topic) for topic in TOPICS}


def configs(broker: Broker, topic: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result(SECONDS).items()}


def test_every_record_is_served_here_and_written_on(tmp_path: Path, kafka: Callable[[], ApacheKafka]) -> None:
    with kafka() as theirs:
        expected = fill(theirs)
        running = run("broker", "import", str(theirs.log_directory), "--data", str(tmp_path / "data"))
        assert running.returncode == 1
        assert "Kafka is running" in running.stderr
    imported = run("broker", "import", str(theirs.log_directory), *TOPICS, "--data", str(tmp_path / "data"))
    assert imported.returncode == 0, imported.stderr
    assert "__consumer_offsets: skipped" in imported.stdout
    assert "t: imported 2 partitions, 1,500 records" in imported.stdout
    for crash in (False, True):
        if crash:
            (tmp_path / "data" / "broker" / CLEAN_SHUTDOWN).unlink()
        with Broker(CONFIG, tmp_path / "data" / "broker") as ours:
            assert {topic: records(ours.bootstrap_servers, topic) for topic in TOPICS} == expected
            assert configs(ours, "compacted").items() >= COMPACTED.items()
            with producer(ours.bootstrap_servers, **{"enable.idempotence": True}) as made:
                made.produce("t", b"ours %d" % crash, partition=0)
            found = records(ours.bootstrap_servers, "t")
            assert [record for record in found if record.value != b"ours %d" % crash] == expected["t"]
            expected["t"] = found
    verified = run("broker", "verify", "--deep", "--data", str(tmp_path / "data"))
    assert verified.returncode == 0, verified.stdout
    again = run("broker", "import", str(theirs.log_directory), "t", "--data", str(tmp_path / "data"))
    assert "t: skipped, it was imported before" in again.stdout
    moved = ("aborted", "--move", "--data", str(tmp_path / "data"))
    assert run("broker", "import", str(theirs.log_directory), *moved).returncode == 0
    assert not (theirs.log_directory / "aborted-0").exists()
    with Broker(CONFIG, tmp_path / "data" / "broker") as ours:
        assert len(records(ours.bootstrap_servers, "aborted")) == 20
        assert len(records(ours.bootstrap_servers, "aborted", isolation="read_uncommitted")) == 40
