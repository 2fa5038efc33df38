"""The configuration that a topic may carry: Kafka's names, types and defaults. A name that is not here is refused.

All are kept and described. This broker acts on `cleanup.policy`, `compression.*`, `delete.retention.ms`,
`max.compaction.lag.ms`, `max.message.bytes`, `message.timestamp.*`, `min.cleanable.dirty.ratio`,
`min.compaction.lag.ms`, `retention.*`, `segment.bytes`, `segment.index.bytes` and `segment.ms`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.compaction import CompactionLimits
from logpost_broker.log.compression import CODECS
from logpost_broker.log.produced import Rules
from logpost_broker.log.recompress import Target

BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 1, 2, 3, 5, 6, 7
"""ConfigDef types as DescribeConfigs numbers them."""
FROM_TOPIC, FROM_BROKER, FROM_DEFAULT = 1, 4, 5
"""Kafka's config sources: the topic's own, the broker's file, the default."""
MAX_LONG = 2**63 - 1
MAX_INT = 2**31 - 1
RULES_KEPT = 1024


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """One setting: its default, its type, and what refuses a value (raises ValueError)."""

    default: str
    type: int
    check: Callable[[str], object]


def _number(default: int, low: int, high: int = MAX_LONG) -> TopicConfig:
    def check(text: str) -> None:
        if not low <= int(text) <= high:
            raise ValueError(f"must lie in {low} to {high}")

    return TopicConfig(str(default), INT if high <= MAX_INT else LONG, check)


def _one_of(default: str, *choices: str) -> TopicConfig:
    def check(text: str) -> None:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")

    return TopicConfig(default, STRING, check)


def _boolean(default: str) -> TopicConfig:
    return TopicConfig(default, BOOLEAN, _one_of(default, "true", "false").check)


def _policies(text: str) -> None:
    if not {policy.strip() for policy in text.split(",")} <= {"delete", "compact"}:
        raise ValueError("must be delete, compact or both")


def _ratio(text: str) -> None:
    if not 0 <= float(text) <= 1:
        raise ValueError("must lie in 0 to 1")


def _gzip_level(text: str) -> None:
    if int(text) not in (-1, *range(1, 10)):
        raise ValueError("must be -1, or lie in 1 to 9")


TOPIC_CONFIGS: Mapping[str, TopicConfig] = {
    "cleanup.policy": TopicConfig("delete", LIST, _policies),
    "compression.gzip.level": TopicConfig("-1", INT, _gzip_level),
    "compression.lz4.level": _number(9, 1, 17),
    "compression.type": _one_of("producer", "producer", *CODECS),
    "compression.zstd.level": _number(1, -131072, 22),  # Kafka's is 3: docs/decisions/2026-11-23-zstd-1-at-rest.md
    "delete.retention.ms": _number(86_400_000, 0),
    "file.delete.delay.ms": _number(60_000, 0),
    "flush.messages": _number(MAX_LONG, 1),
    "flush.ms": _number(MAX_LONG, 0),
    "follower.replication.throttled.replicas": TopicConfig("", LIST, str),
    "index.interval.bytes": _number(4096, 0, MAX_INT),
    "leader.replication.throttled.replicas": TopicConfig("", LIST, str),
    "max.compaction.lag.ms": _number(MAX_LONG, 1),
    "max.message.bytes": _number(1_048_588, 0, MAX_INT),
    "message.timestamp.after.max.ms": _number(3_600_000, 0),
    "message.timestamp.before.max.ms": _number(MAX_LONG, 0),
    "message.timestamp.type": _one_of("CreateTime", "CreateTime", "LogAppendTime"),
    "min.cleanable.dirty.ratio": TopicConfig("0.5", DOUBLE, _ratio),
    "min.compaction.lag.ms": _number(0, 0),
    "min.insync.replicas": _number(1, 1, MAX_INT),
    "preallocate": _boolean("false"),
    "retention.bytes": _number(-1, -1),
    "retention.ms": _number(604_800_000, -1),
    "segment.bytes": _number(1_073_741_824, 14, MAX_INT),
    "segment.index.bytes": _number(10_485_760, 4, MAX_INT),
    "segment.jitter.ms": _number(0, 0),
    "segment.ms": _number(604_800_000, 1),
    "unclean.leader.election.enable": _boolean("false"),
}


def check_configs(overrides: Mapping[str, str | None]) -> dict[str, str]:
    """The overrides as they are kept. Raises ApiError INVALID_CONFIG, naming the setting."""
    for name, value in overrides.items():
        config = TOPIC_CONFIGS.get(name)
        if config is None:
            raise ApiError(ErrorCode.invalid_config, f"unknown topic config name: {name}")
        try:
            if value is None:
                raise ValueError("must not be null")
            config.check(value)
        except ValueError as error:
            raise ApiError(ErrorCode.invalid_config, f"invalid value {value} for {name}: {error}") from None
    return {name: value for name, value in overrides.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DescribedConfig:
    """A setting as clients are told."""

    name: str
    value: str
    source: int
    type: int
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class TopicConfigs:
    """A topic's overrides over the broker's settings over Kafka's defaults."""

    overrides: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(frozenset(self.overrides.items()))

    def text(self, name: str, broker: BrokerConfig) -> str:
        """The value in force."""
        return self.overrides.get(name) or _broker_value(name, broker) or TOPIC_CONFIGS[name].default

    def number(self, name: str, broker: BrokerConfig) -> int:
        return int(self.text(name, broker))

    @lru_cache(RULES_KEPT)  # noqa: B019  # small values of a bounded number, which topics share
    def rules(self, broker: BrokerConfig) -> Rules:
        """What they ask of produced batches; worked out once, not for each batch."""
        return Rules(
            max_batch_bytes=self.number("max.message.bytes", broker),
            segment_bytes=self.number("segment.bytes", broker),
            is_stamped=self.text("message.timestamp.type", broker) == "LogAppendTime",
            before_max_ms=self.number("message.timestamp.before.max.ms", broker),
            after_max_ms=self.number("message.timestamp.after.max.ms", broker),
            needs_keys=self.is_compacted(broker),
            target=self._target(broker),
        )

    def is_compacted(self, broker: BrokerConfig) -> bool:
        return "compact" in self.text("cleanup.policy", broker)

    def compaction_limits(self, broker: BrokerConfig) -> CompactionLimits:
        return CompactionLimits(
            min_dirty_ratio=float(self.text("min.cleanable.dirty.ratio", broker)),
            min_lag_ms=self.number("min.compaction.lag.ms", broker),
            max_lag_ms=self.number("max.compaction.lag.ms", broker),
            delete_retention_ms=self.number("delete.retention.ms", broker),
            segment_bytes=self.number("segment.bytes", broker),
            index_bytes=self.number("segment.index.bytes", broker),
        )

    def level_of(self, codec: int, broker: BrokerConfig) -> int:
        """How hard batches of a codec are compressed, whatever `compression.type` says."""
        name = next(name for name, number in CODECS.items() if number == codec)
        return self.number(f"compression.{name}.level", broker) if name in ("gzip", "lz4", "zstd") else 0

    def _target(self, broker: BrokerConfig) -> Target | None:
        name = self.text("compression.type", broker)
        is_strict = "compression.type" in self.overrides
        if name == "producer" or (name == "uncompressed" and not is_strict):
            return None
        has_level = name in ("gzip", "lz4", "zstd")
        level = self.number(f"compression.{name}.level", broker) if has_level else 0
        return Target(CODECS[name], level, is_strict)

    def described(self, broker: BrokerConfig) -> list[DescribedConfig]:
        """All settings in force, by name."""
        return [
            DescribedConfig(name, self.text(name, broker), self._source(name, broker), config.type)
            for name, config in TOPIC_CONFIGS.items()
        ]

    def _source(self, name: str, broker: BrokerConfig) -> int:
        if name in self.overrides:
            return FROM_TOPIC
        return FROM_DEFAULT if _broker_value(name, broker) is None else FROM_BROKER


def _broker_value(name: str, broker: BrokerConfig) -> str | None:
    """What `[broker]` sets for all topics."""
    if name == "max.message.bytes":
        return str(broker.message_max_bytes)
    if name == "segment.bytes":
        return str(broker.segment_bytes)
    if name == "retention.ms":
        return str(broker.retention_ms)
    if name == "compression.type":
        return broker.compression_type
    return None


def describe_broker(broker: BrokerConfig) -> list[DescribedConfig]:
    """The settings of `[broker]` that Kafka has a name for."""
    values = {
        "auto.create.topics.enable": (str(broker.auto_create_topics).lower(), BOOLEAN),
        "compression.type": (broker.compression_type, STRING),
        "default.replication.factor": ("1", INT),
        "log.retention.check.interval.ms": (str(round(broker.retention_check_seconds * 1000)), LONG),
        "log.retention.ms": (str(broker.retention_ms), LONG),
        "log.segment.bytes": (str(broker.segment_bytes), INT),
        "message.max.bytes": (str(broker.message_max_bytes), INT),
        "num.partitions": (str(broker.num_partitions), INT),
        "socket.request.max.bytes": (str(broker.max_request_bytes), INT),
    }
    return [DescribedConfig(name, text, FROM_BROKER, kind, read_only=True) for name, (text, kind) in values.items()]
