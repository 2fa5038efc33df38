"""The settings of a broker under the names that Kafka has for them: those of `[broker]`, which a running broker keeps,
and the limits of a replication that a single node never does, which Kafka's tools set and take away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.metadata.broker_settings import DYNAMIC, FROM_DEFAULT
from logpost_broker.metadata.config_definition import (
    BOOLEAN,
    INT,
    LIST,
    LONG,
    ConfigDefinition,
    DescribedConfig,
    Synonym,
    number,
)
from logpost_broker.metadata.topic_configs import FROM_BROKER

THROTTLES: Mapping[str, ConfigDefinition] = dict.fromkeys(
    (
        "follower.replication.throttled.rate",
        "leader.replication.throttled.rate",
        "replica.alter.log.dirs.io.max.bytes.per.second",
    ),
    number(2**63 - 1, 0),
)
BROKER_CONFIGS: Mapping[str, ConfigDefinition] = {
    **THROTTLES,
    **{name: setting.definition for name, setting in DYNAMIC.items()},
}
"""What may be changed of a running broker."""


def described_broker(
    broker: BrokerConfig, *, node_id: int, host: str, port: int, directory: Path
) -> Iterator[DescribedConfig]:
    """What cannot be changed while the broker runs."""
    defaults = _from_file(BrokerConfig())
    listener = f"PLAINTEXT://{host}:{port}"
    places = {
        "advertised.listeners": (listener, LIST),
        "broker.id": (str(node_id), INT),
        "listeners": (listener, LIST),
        "log.dirs": (str(directory), LIST),
        "node.id": (str(node_id), INT),
        "process.roles": ("broker,controller", LIST),
    }
    for name, (text, kind) in sorted((places | _from_file(broker)).items()):
        source = FROM_DEFAULT if defaults.get(name) == (text, kind) else FROM_BROKER
        yield DescribedConfig(name, kind, [Synonym(name, text, source)], read_only=True)
    for name, (text, kind) in SINGLE_NODE.items():
        yield DescribedConfig(name, kind, [Synonym(name, text, FROM_DEFAULT)], read_only=True)


SINGLE_NODE = {
    "default.replication.factor": ("1", INT),
    "delete.topic.enable": ("true", BOOLEAN),
    "min.insync.replicas": ("1", INT),
    "offsets.topic.num.partitions": ("1", INT),
    "offsets.topic.replication.factor": ("1", INT),
    "transaction.state.log.min.isr": ("1", INT),
    "transaction.state.log.num.partitions": ("1", INT),
    "transaction.state.log.replication.factor": ("1", INT),
}
"""What follows from there being one node."""


def _from_file(broker: BrokerConfig) -> dict[str, tuple[str, int]]:
    return {
        "auto.create.topics.enable": (str(broker.auto_create_topics).lower(), BOOLEAN),
        "connections.max.idle.ms": (str(broker.connections_max_idle_ms), LONG),
        "group.consumer.heartbeat.interval.ms": (str(broker.consumer_heartbeat_interval_ms), INT),
        "group.initial.rebalance.delay.ms": (str(broker.group_initial_rebalance_delay_ms), INT),
        "group.max.size": (str(broker.group_max_size), INT),
        "group.min.session.timeout.ms": (str(broker.group_min_session_timeout_ms), INT),
        "group.consumer.session.timeout.ms": (str(broker.consumer_session_timeout_ms), INT),
        "log.retention.check.interval.ms": (str(round(broker.retention_check_seconds * 1000)), LONG),
        "num.partitions": (str(broker.num_partitions), INT),
        "offsets.retention.check.interval.ms": (str(round(broker.offsets_retention_check_seconds * 1000)), LONG),
        "offsets.retention.minutes": (str(broker.offsets_retention_minutes), INT),
        "socket.request.max.bytes": (str(broker.max_request_bytes), INT),
    }
