"""The configuration that a topic may carry: Kafka's names, types and defaults. A name that is not here is refused.

All are kept and described. This broker acts on `cleanup.policy`, `compression.*`, `delete.retention.ms`,
`max.compaction.lag.ms`, `max.message.bytes`, `message.timestamp.*`, `min.cleanable.dirty.ratio`,
`min.compaction.lag.ms`, `retention.*`, `segment.bytes`, `segment.index.bytes` and `segment.ms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.compaction import CompactionLimits
from logpost_broker.log.compression import CODECS
from logpost_broker.log.produced import Rules
from logpost_broker.log.recompress import Target
from logpost_broker.metadata.broker_settings import DYNAMIC, FROM_DEFAULT, FROM_FILE, BrokerSettings
from logpost_broker.metadata.config_definition import (
    BOOLEAN,
    DOUBLE,
    INT,
    LIST,
    MAX_INT,
    MAX_LONG,
    ConfigDefinition,
    DescribedConfig,
    Synonym,
    boolean,
    checked,
    decimal_number,
    number,
    one_of,
    whole_number,
)

FROM_TOPIC, FROM_BROKER = 1, FROM_FILE
"""Kafka's config sources: the topic's own, the broker's file."""
RULES_KEPT = 1024
REPLICAS = re.compile(r"\*|(\d+:\d+(,\d+:\d+)*)?", re.ASCII)


def _policies(text: str) -> None:
    if not {policy.strip() for policy in text.split(",")} <= {"delete", "compact"}:
        raise ValueError("must be delete, compact or both")


def _ratio(text: str) -> None:
    if not 0 <= decimal_number(text) <= 1:
        raise ValueError("must lie in 0 to 1")


def _replicas(text: str) -> None:
    if not REPLICAS.fullmatch(text):
        raise ValueError("must be *, or partitions with their brokers, such as 0:1,1:1")


def _gzip_level(text: str) -> None:
    if whole_number(text) not in (-1, *range(1, 10)):
        raise ValueError("must be -1, or lie in 1 to 9")


TOPIC_CONFIGS: Mapping[str, ConfigDefinition] = {
    "cleanup.policy": ConfigDefinition("delete", LIST, _policies),
    "compression.gzip.level": ConfigDefinition("-1", INT, _gzip_level),
    "compression.lz4.level": number(9, 1, 17),
    "compression.type": one_of("producer", "producer", *CODECS),
    "compression.zstd.level": number(1, -131072, 22),  # Kafka's is 3: docs/decisions/2026-11-23-zstd-1-at-rest.md
    "delete.retention.ms": number(86_400_000, 0),
    "file.delete.delay.ms": number(60_000, 0),
    "flush.messages": number(MAX_LONG, 1),
    "flush.ms": number(MAX_LONG, 0),
    "follower.replication.throttled.replicas": ConfigDefinition("", LIST, _replicas),
    "index.interval.bytes": number(4096, 0, MAX_INT),
    "leader.replication.throttled.replicas": ConfigDefinition("", LIST, _replicas),
    "local.retention.bytes": number(-2, -2),
    "local.retention.ms": number(-2, -2),
    "max.compaction.lag.ms": number(MAX_LONG, 1),
    "max.message.bytes": number(1_048_588, 0, MAX_INT),
    "message.timestamp.after.max.ms": number(3_600_000, 0),
    "message.timestamp.before.max.ms": number(MAX_LONG, 0),
    "message.timestamp.type": one_of("CreateTime", "CreateTime", "LogAppendTime"),
    "min.cleanable.dirty.ratio": ConfigDefinition("0.5", DOUBLE, _ratio),
    "min.compaction.lag.ms": number(0, 0),
    "min.insync.replicas": number(1, 1, MAX_INT),
    "preallocate": boolean("false"),
    "remote.log.copy.disable": boolean("false"),
    "remote.log.delete.on.disable": boolean("false"),
    "remote.storage.enable": ConfigDefinition("false", BOOLEAN, one_of("false", "false").check),  # nothing is tiered
    "retention.bytes": number(-1, -1),
    "retention.ms": number(604_800_000, -1),
    "segment.bytes": number(1_073_741_824, 14, MAX_INT),
    "segment.index.bytes": number(10_485_760, 4, MAX_INT),
    "segment.jitter.ms": number(0, 0),
    "segment.ms": number(604_800_000, 1),
    "unclean.leader.election.enable": boolean("false"),
}


BROKER_NAMES: Mapping[str, str] = {
    "cleanup.policy": "log.cleanup.policy",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "flush.ms": "log.flush.interval.ms",
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
    "preallocate": "log.preallocate",
    "retention.bytes": "log.retention.bytes",
    "retention.ms": "log.retention.ms",
    "segment.bytes": "log.segment.bytes",
    "segment.index.bytes": "log.index.size.max.bytes",
    "segment.jitter.ms": "log.roll.jitter.ms",
    "segment.ms": "log.roll.ms",
    **{
        name: name
        for name in (
            "compression.gzip.level",
            "compression.lz4.level",
            "compression.type",
            "compression.zstd.level",
            "min.insync.replicas",
            "unclean.leader.election.enable",
        )
    },
}
"""A topic's setting → the broker's of which it is the default."""
OTHER_UNITS = frozenset({"flush.ms", "retention.ms", "segment.jitter.ms", "segment.ms"})
"""Kafka has their defaults in another unit, and names none."""


COMPACTION_LAGS = ("min.compaction.lag.ms", "max.compaction.lag.ms")


def check_configs(overrides: Mapping[str, str | None]) -> dict[str, str]:
    """The overrides as they are kept. Raises ApiError INVALID_CONFIG, naming the setting."""
    kept = checked(TOPIC_CONFIGS, overrides, "topic")
    least_lag, most_lag = (int(kept.get(name, TOPIC_CONFIGS[name].default)) for name in COMPACTION_LAGS)
    if least_lag > most_lag:
        raise ApiError(ErrorCode.invalid_config, f"{' is more than '.join(COMPACTION_LAGS)}: {least_lag}, {most_lag}")
    return kept


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

    def described(self, settings: BrokerSettings) -> list[DescribedConfig]:
        """All settings in force, by name."""
        return [
            DescribedConfig(name, config.type, list(self._synonyms(name, config, settings)))
            for name, config in TOPIC_CONFIGS.items()
        ]

    def _synonyms(self, name: str, config: ConfigDefinition, settings: BrokerSettings) -> Iterator[Synonym]:
        if name in self.overrides:
            yield Synonym(name, self.overrides[name], FROM_TOPIC)
        of_broker = BROKER_NAMES.get(name, "")
        if of_broker in DYNAMIC:
            yield from (each for each in settings.synonyms(of_broker) if each.source != FROM_DEFAULT)
        yield Synonym("" if name in OTHER_UNITS else of_broker, config.default, FROM_DEFAULT)


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
