"""The settings of `[broker]` that clients may change while it runs, under Kafka's names: what is set for this broker
comes before what is set for all brokers, and both before the file (KIP-226)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from logpost.config import MIB, BrokerConfig
from logpost_broker.log.compression import CODECS
from logpost_broker.metadata.config_definition import (
    DOUBLE,
    MAX_INT,
    ConfigDefinition,
    Synonym,
    decimal_number,
    number,
    one_of,
    whole_number,
)
from logpost_broker.metadata.resource_configs import ResourceConfigs, ResourceType

FROM_THIS_BROKER, FROM_ALL_BROKERS, FROM_FILE, FROM_DEFAULT = 2, 3, 4, 5
"""Kafka's config sources of a broker's setting."""
ALL_BROKERS = ""
NO_IO_LIMIT = 10.0**15
"""Kafka's default for its cleaner, the greatest of all doubles, is one; ours is 0."""


@dataclass(frozen=True, slots=True)
class DynamicSetting:
    """`field`: of BrokerConfig. `read`: Kafka's text → the field's value; `write`: the way back."""

    field: str
    definition: ConfigDefinition
    read: Callable[[str], object]
    write: Callable[[object], str] = str


def _io_limit(text: str) -> None:
    if decimal_number(text) < 0:
        raise ValueError("must not be negative")


def _io_bytes(text: str) -> int:
    limit = decimal_number(text)
    return 0 if limit >= NO_IO_LIMIT else int(limit)


def _milliseconds(seconds: object) -> str:
    assert isinstance(seconds, int | float)
    return str(round(seconds * 1000))


def _bytes_per_second(limit: object) -> str:
    assert isinstance(limit, int)
    return str(float(limit))


DYNAMIC: Mapping[str, DynamicSetting] = {
    "compression.type": DynamicSetting("compression_type", one_of("producer", "producer", *CODECS), str.strip),
    "log.cleaner.backoff.ms": DynamicSetting(
        "cleaner_check_seconds", number(15_000, 1, 86_400_000), lambda text: whole_number(text) / 1000, _milliseconds
    ),
    "log.cleaner.dedupe.buffer.size": DynamicSetting(
        "cleaner_dedupe_buffer_bytes", number(128 * MIB, MIB), whole_number
    ),
    "log.cleaner.io.max.bytes.per.second": DynamicSetting(
        "cleaner_io_bytes_per_second",
        ConfigDefinition("1.7976931348623157E308", DOUBLE, _io_limit),
        _io_bytes,
        _bytes_per_second,
    ),
    "log.retention.ms": DynamicSetting("retention_ms", number(604_800_000, -1), whole_number),
    "log.segment.bytes": DynamicSetting("segment_bytes", number(1_073_741_824, 14, MAX_INT), whole_number),
    "message.max.bytes": DynamicSetting("message_max_bytes", number(1_048_588, 1, MAX_INT), whole_number),
}


class BrokerSettings:
    """What is in force of the file and of what clients have set since."""

    def __init__(self, file: BrokerConfig, node_id: int, resource_configs: ResourceConfigs) -> None:
        self.file = file
        self._node_id = node_id
        self._resource_configs = resource_configs

    def in_force(self) -> BrokerConfig:
        fields = {}
        for name, setting in DYNAMIC.items():
            for overrides, _ in self._overrides():
                if name in overrides:
                    fields[setting.field] = setting.read(overrides[name])
                    break
        return msgspec.structs.replace(self.file, **fields)

    def synonyms(self, name: str) -> list[Synonym]:
        """Where the value of a dynamic setting may come from, by Kafka's name; the first is in force."""
        setting = DYNAMIC[name]
        found = [Synonym(name, overrides[name], source) for overrides, source in self._overrides() if name in overrides]
        in_file = setting.write(getattr(self.file, setting.field))
        if in_file != setting.definition.default:
            found.append(Synonym(name, in_file, FROM_FILE))
        return [*found, Synonym(name, setting.definition.default, FROM_DEFAULT)]

    def _overrides(self) -> Iterator[tuple[Mapping[str, str], int]]:
        yield self._resource_configs.of(ResourceType.BROKER, str(self._node_id)), FROM_THIS_BROKER
        yield self._resource_configs.of(ResourceType.BROKER, ALL_BROKERS), FROM_ALL_BROKERS
