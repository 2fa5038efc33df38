"""The settings of a broker under the names that Kafka has for them: those of `[broker]`, which a running broker keeps,
and the limits of a replication that a single node never does, which Kafka's tools set and take away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.configs.definition import (
    BOOLEAN,
    DOUBLE,
    INT,
    LIST,
    LONG,
    STRING,
    ConfigDefinition,
    DescribedConfig,
    Synonym,
    number,
)
from logpost_broker.configs.topic import FROM_BROKER, FROM_DEFAULT

BROKER_CONFIGS: Mapping[str, ConfigDefinition] = dict.fromkeys(
    (
        "follower.replication.throttled.rate",
        "leader.replication.throttled.rate",
        "replica.alter.log.dirs.io.max.bytes.per.second",
    ),
    number(2**63 - 1, 0),
)
"""What may be changed of a running broker."""


def described_broker(
    broker: BrokerConfig, *, node_id: int, host: str, port: int, directory: Path
) -> Iterator[DescribedConfig]:
    """What cannot be changed while the broker runs."""
    listener = f"PLAINTEXT://{host}:{port}"
    places = {
        "advertised.listeners": (listener, LIST),
        "broker.id": (str(node_id), INT),
        "listeners": (listener, LIST),
        "log.dirs": (str(directory), LIST),
        "node.id": (str(node_id), INT),
    }
    for name, (text, kind) in sorted((places | _from_file(broker)).items()):
        yield DescribedConfig(name, kind, [Synonym(text, FROM_BROKER)], read_only=True)
    for name, (text, kind) in SINGLE_NODE.items():
        yield DescribedConfig(name, kind, [Synonym(text, FROM_DEFAULT)], read_only=True)


SINGLE_NODE = {
    "default.replication.factor": ("1", INT),
    "delete.topic.enable": ("true", BOOLEAN),
    "min.insync.replicas": ("1", INT),
    "offsets.topic.num.partitions": ("1", INT),
    "offsets.topic.replication.factor": ("1", INT),
    "process.roles": ("broker,controller", LIST),
    "transaction.state.log.min.isr": ("1", INT),
    "transaction.state.log.num.partitions": ("1", INT),
    "transaction.state.log.replication.factor": ("1", INT),
}
"""What follows from there being one node."""


def _from_file(broker: BrokerConfig) -> dict[str, tuple[str, int]]:
    return {
        "auto.create.topics.enable": (str(broker.auto_create_topics).lower(), BOOLEAN),
        "compression.type": (broker.compression_type, STRING),
        "connections.max.idle.ms": (str(broker.connections_max_idle_ms), LONG),
        "group.consumer.heartbeat.interval.ms": (str(broker.consumer_heartbeat_interval_ms), INT),
        "group.consumer.session.timeout.ms": (str(broker.consumer_session_timeout_ms), INT),
        "log.cleaner.backoff.ms": (str(round(broker.cleaner_check_seconds * 1000)), LONG),
        "log.cleaner.dedupe.buffer.size": (str(broker.cleaner_dedupe_buffer_bytes), LONG),
        "log.cleaner.io.max.bytes.per.second": (str(float(broker.cleaner_io_bytes_per_second)), DOUBLE),
        "log.retention.check.interval.ms": (str(round(broker.retention_check_seconds * 1000)), LONG),
        "log.retention.ms": (str(broker.retention_ms), LONG),
        "log.segment.bytes": (str(broker.segment_bytes), INT),
        "message.max.bytes": (str(broker.message_max_bytes), INT),
        "num.partitions": (str(broker.num_partitions), INT),
        "offsets.retention.check.interval.ms": (str(round(broker.offsets_retention_check_seconds * 1000)), LONG),
        "offsets.retention.minutes": (str(broker.offsets_retention_minutes), INT),
        "socket.request.max.bytes": (str(broker.max_request_bytes), INT),
    }
