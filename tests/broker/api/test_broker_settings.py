"""Settings that clients change while the broker runs (KIP-226): they hold at once, for topics that say nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch
from logpost_broker.metadata.broker_settings import BrokerSettings
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.metadata.resource_configs import ResourceConfigs, ResourceType, replace
from tests.broker.api.conftest import create, produce, produce_values
from tests.broker.api.test_config_resources import BROKER, DELETE, SET, TOPIC, alter, ask, client, values
from tests.broker.wire_client import WireClient

__all__ = ["client"]  # the fixture: a broker of the test's own
TOPICS, THIS_BROKER, ALL_BROKERS, FILE, DEFAULT = range(1, 6)

SYNONYMS = {
    "cleanup.policy": "log.cleanup.policy",
    "compression.gzip.level": "compression.gzip.level",
    "compression.lz4.level": "compression.lz4.level",
    "compression.zstd.level": "compression.zstd.level",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "index.interval.bytes": "log.index.interval.bytes",
    "local.retention.bytes": "log.local.retention.bytes",
    "local.retention.ms": "log.local.retention.ms",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
    "max.message.bytes": "message.max.bytes",
    "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms",
    "message.timestamp.type": "log.message.timestamp.type",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
    "min.insync.replicas": "min.insync.replicas",
    "preallocate": "log.preallocate",
    "retention.bytes": "log.retention.bytes",
    "segment.bytes": "log.segment.bytes",
    "segment.index.bytes": "log.index.size.max.bytes",
    "unclean.leader.election.enable": "unclean.leader.election.enable",
}
"""What Apache Kafka 4.3 names as the origin of a new topic's defaults; the other settings have none."""


def synonyms(client: WireClient, name: str) -> list[tuple[str, str, int]]:
    [found] = [one for one in ask(client, TOPIC, "t", include_synonyms=True).configs if one.name == name]
    return [(one.name, one.value, one.source) for one in found.synonyms]


def test_defaults_are_named_as_kafka_names_them(client: WireClient) -> None:
    create(client, "t")
    defaults = {
        one.name: each.name
        for one in ask(client, TOPIC, "t", include_synonyms=True).configs
        for each in one.synonyms
        if each.source == DEFAULT
    }
    assert defaults == {**SYNONYMS, "compression.type": "compression.type"}


def test_what_is_set_for_this_broker_comes_before_what_is_set_for_all_and_both_before_the_file(
    client: WireClient,
) -> None:
    create(client, "t")
    create(client, "own", configs={"retention.ms": "5"})
    assert values(client, TOPIC, "t")["retention.ms"] == ("-1", FILE)
    assert alter(client, BROKER, "", ("log.retention.ms", SET, "3000")) is ErrorCode.none
    assert values(client, TOPIC, "t")["retention.ms"] == ("3000", ALL_BROKERS)
    assert alter(client, BROKER, "1", ("log.retention.ms", SET, "4000")) is ErrorCode.none
    assert values(client, TOPIC, "t")["retention.ms"] == ("4000", THIS_BROKER)
    name = "log.retention.ms"
    assert synonyms(client, "retention.ms") == [
        (name, "4000", THIS_BROKER),
        (name, "3000", ALL_BROKERS),
        (name, "-1", FILE),
    ]
    assert values(client, TOPIC, "own")["retention.ms"] == ("5", TOPICS)
    assert values(client, BROKER, "1")[name] == ("4000", THIS_BROKER)
    assert values(client, BROKER, "") == {name: ("3000", ALL_BROKERS)}
    for broker in ("1", ""):
        assert alter(client, BROKER, broker, (name, DELETE, None)) is ErrorCode.none
    assert values(client, TOPIC, "t")["retention.ms"] == ("-1", FILE)


def test_the_largest_batch_holds_at_once(client: WireClient) -> None:
    create(client, "t")
    batch = build_batch([(None, b"." * 1000)], 1)
    assert produce(client, "t", batch).error_code is ErrorCode.none
    assert alter(client, BROKER, "1", ("message.max.bytes", SET, "500")) is ErrorCode.none
    assert produce(client, "t", batch).error_code is ErrorCode.message_too_large


def test_an_open_log_rolls_at_the_new_size(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "t", configs={"compression.type": "producer"})
        produce_values(client, "t", b"." * 500)
        assert alter(client, BROKER, "1", ("log.segment.bytes", SET, "600")) is ErrorCode.none
        produce_values(client, "t", b"." * 500)
        assert len(list((tmp_path / "t-0").glob("*.log"))) == 2


def test_what_was_set_outlives_the_broker(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "t")
        assert alter(client, BROKER, "1", ("message.max.bytes", SET, "500")) is ErrorCode.none
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        assert values(client, TOPIC, "t")["max.message.bytes"] == ("500", THIS_BROKER)
        assert produce(client, "t", build_batch([(None, b"." * 1000)], 1)).error_code is ErrorCode.message_too_large


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("message.max.bytes", "-1"),
        ("message.max.bytes", "many"),
        ("log.retention.ms", "1_000"),
        ("log.segment.bytes", "99999999999"),
        ("compression.type", "rar"),
        ("log.cleaner.io.max.bytes.per.second", "-1"),
        ("num.partitions", "3"),
        ("listeners", "PLAINTEXT://0.0.0.0:1"),
    ],
)
def test_what_cannot_be_set_changes_nothing(client: WireClient, name: str, value: str) -> None:
    before = values(client, BROKER, "1")
    assert alter(client, BROKER, "1", (name, SET, value)) is ErrorCode.invalid_request
    assert values(client, BROKER, "1") == before


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("compression.type", "lz4", "compression_type", "lz4"),
        ("log.cleaner.backoff.ms", "1500", "cleaner_check_seconds", 1.5),
        ("log.cleaner.dedupe.buffer.size", "2097152", "cleaner_dedupe_buffer_bytes", 2_097_152),
        ("log.cleaner.io.max.bytes.per.second", "1e6", "cleaner_io_bytes_per_second", 1_000_000),
        ("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308", "cleaner_io_bytes_per_second", 0),
        ("log.retention.ms", "7", "retention_ms", 7),
    ],
)
def test_settings_are_read_as_the_broker_has_them(
    tmp_path: Path, name: str, value: str, field: str, expected: object
) -> None:
    kept = ResourceConfigs(MetadataFile(tmp_path, Files()))
    settings = BrokerSettings(BrokerConfig(), 1, kept)
    assert settings.in_force() == BrokerConfig()
    changes = kept.changes()
    replace(changes, ResourceType.BROKER, "1", {name: value})
    changes.save()
    assert getattr(settings.in_force(), field) == expected
