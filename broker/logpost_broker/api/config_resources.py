"""What has a configuration that clients may describe and alter: topics, groups, client metrics, broker, its loggers.

Each is described by definitions and by what is set over their defaults; to alter one is to replace what is set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.metadata import broker_loggers as loggers
from logpost_broker.metadata.broker_configs import BROKER_CONFIGS, described_broker
from logpost_broker.metadata.broker_settings import (
    ALL_BROKERS,
    DYNAMIC,
    FROM_ALL_BROKERS,
    FROM_DEFAULT,
    FROM_THIS_BROKER,
)
from logpost_broker.metadata.client_metrics_configs import CLIENT_METRICS_CONFIGS
from logpost_broker.metadata.config_definition import UNKNOWN, ConfigDefinition, DescribedConfig, Synonym, checked
from logpost_broker.metadata.group_configs import ALTERABLE, WITHOUT_BROKER_SETTING, group_configs
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.metadata.resource_configs import ResourceType, replace
from logpost_broker.metadata.topic_configs import TOPIC_CONFIGS, TopicConfigs, check_configs
from logpost_broker.metadata.topics import Topic, check_name
from logpost_broker.node import Node

FROM_LOGGER, FROM_CLIENT_METRICS, FROM_GROUP = 6, 7, 8
"""Kafka's config sources, beside those of a topic and of a broker."""

logger = logging.getLogger("broker")


class ConfigResource(Protocol):
    @property
    def definitions(self) -> Mapping[str, ConfigDefinition]:
        """What may be set."""

    @property
    def overrides(self) -> Mapping[str, str]:
        """What is set."""

    def described(self) -> Iterable[DescribedConfig]: ...

    def check(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        """What would be set. Raises ApiError INVALID_CONFIG, INVALID_REQUEST."""

    def replace(self, wanted: Mapping[str, str], changes: ConfigChanges) -> None:
        """Let `changes` set this, and nothing else. Raises ApiError POLICY_VIOLATION."""

    def take_effect(self) -> None:
        """What was changed is saved."""


class ConfigChanges:
    """The changes of the resources whose configuration is kept."""

    def __init__(self, node: Node) -> None:
        self._partitions = node.partitions
        self.topics = node.partitions.topics.changes()
        self.kept = node.partitions.resource_configs.changes()

    async def save(self) -> Callable[[ConfigResource], ApiError | None]:
        """Of each resource, why its change cannot be saved."""
        of_topics = await self._partitions.save_topics(self.topics)
        of_kept = await self._partitions.saved(self.kept.save) if self.kept.is_any else None

        def error_of(resource: ConfigResource) -> ApiError | None:
            if isinstance(resource, TopicResource):
                return of_topics
            return of_kept if isinstance(resource, KeptResource) else None

        return error_of


def find_resource(node: Node, kind: int, name: str) -> ConfigResource:
    """Raises ApiError: INVALID_REQUEST, INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION."""
    match kind:
        case ResourceType.TOPIC:
            return TopicResource(node, _topic(node, name))
        case ResourceType.BROKER if name in (ALL_BROKERS, str(NODE_ID)):
            return BrokerResource(node, name)
        case ResourceType.BROKER_LOGGER if name == str(NODE_ID):
            return LoggerResource()
        case ResourceType.CLIENT_METRICS if name:
            return KeptResource(node, ResourceType.CLIENT_METRICS, name, CLIENT_METRICS_CONFIGS, FROM_CLIENT_METRICS)
        case ResourceType.GROUP if name:
            return GroupResource(node, ResourceType.GROUP, name, group_configs(node.partitions.config), FROM_GROUP)
    raise ApiError(ErrorCode.invalid_request, f"there is no resource '{name}' of type {kind}")


def _topic(node: Node, name: str) -> Topic:
    topic = node.partitions.topics.by_name(name)
    if topic is None:
        check_name(name)
        raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{name}'")
    return topic


@dataclass(frozen=True, slots=True)
class TopicResource:
    node: Node
    topic: Topic

    @property
    def definitions(self) -> Mapping[str, ConfigDefinition]:
        return TOPIC_CONFIGS

    @property
    def overrides(self) -> Mapping[str, str]:
        return self.topic.configs.overrides

    def described(self) -> Iterable[DescribedConfig]:
        return TopicConfigs(self.overrides).described(self.node.partitions.settings)

    def check(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        return check_configs(wanted)

    def replace(self, wanted: Mapping[str, str], changes: ConfigChanges) -> None:
        changes.topics.configure(self.topic, wanted)

    def take_effect(self) -> None:
        topic = self.node.partitions.topics.by_id(self.topic.id)
        if topic is not None:
            self.node.partitions.logs.reconfigure(topic)
            overrides = dict(topic.configs.overrides)
            logger.info("topic %s is configured with %s", topic.name, overrides or "the broker's defaults")


@dataclass(frozen=True, slots=True)
class KeptResource:
    """One whose configuration `node.partitions.resource_configs` keeps. `source` is Kafka's number for what is set."""

    node: Node
    type: ResourceType
    name: str
    definitions: Mapping[str, ConfigDefinition]
    source: int

    @property
    def overrides(self) -> Mapping[str, str]:
        return self.node.partitions.resource_configs.of(self.type, self.name)

    def described(self) -> Iterable[DescribedConfig]:
        for name, definition in self.definitions.items():
            default = Synonym(self.name_of_default(name), definition.default, FROM_DEFAULT)
            own = [Synonym(name, self.overrides[name], self.source)] if name in self.overrides else []
            yield DescribedConfig(name, definition.type, [*own, default])

    def name_of_default(self, name: str) -> str:
        """What clients are told that a default is called, or "": nothing."""
        return ""

    def check(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        return checked(self.definitions, wanted, self.type.name.lower().replace("_", " "))

    def replace(self, wanted: Mapping[str, str], changes: ConfigChanges) -> None:
        replace(changes.kept, self.type, self.name, wanted)

    def take_effect(self) -> None:
        kind = self.type.name.lower().replace("_", " ")
        logger.info("%s '%s' is configured with %s", kind, self.name, dict(self.overrides) or "the broker's defaults")


class GroupResource(KeptResource):
    __slots__ = ()

    def name_of_default(self, name: str) -> str:
        return name if name in WITHOUT_BROKER_SETTING else f"group.{name}"

    def check(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        fixed = sorted(name for name in wanted if name in self.definitions and name not in ALTERABLE)
        if fixed:
            raise ApiError(ErrorCode.invalid_config, f"{', '.join(fixed)} is the same for all groups of this broker")
        return super().check(wanted)


class BrokerResource(KeptResource):
    __slots__ = ()

    def __init__(self, node: Node, name: str) -> None:
        source = FROM_ALL_BROKERS if name == ALL_BROKERS else FROM_THIS_BROKER
        super().__init__(node, ResourceType.BROKER, name, BROKER_CONFIGS, source)

    def described(self) -> Iterable[DescribedConfig]:
        node, is_this = self.node, self.name != ALL_BROKERS
        for name, value in self.overrides.items():
            if name not in DYNAMIC or not is_this:
                yield DescribedConfig(name, BROKER_CONFIGS[name].type, [Synonym(name, value, self.source)])
        if is_this:
            for name, setting in DYNAMIC.items():
                yield DescribedConfig(name, setting.definition.type, node.partitions.settings.synonyms(name))
            yield from described_broker(
                node.partitions.config,
                node_id=NODE_ID,
                host=node.host,
                port=node.port,
                directory=node.partitions.logs.directory,
            )

    def check(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        fixed = sorted(wanted.keys() - BROKER_CONFIGS.keys())
        if fixed:
            raise ApiError(
                ErrorCode.invalid_request,
                f"cannot change {', '.join(fixed)} while the broker runs: its settings are in its configuration file",
            )
        try:
            return super().check(wanted)
        except ApiError as error:
            raise ApiError(ErrorCode.invalid_request, error.message or "") from None  # as Kafka says it of brokers

    def take_effect(self) -> None:
        super().take_effect()
        self.node.partitions.reconfigure()


class LoggerResource:
    @property
    def definitions(self) -> Mapping[str, ConfigDefinition]:
        return dict.fromkeys(loggers.LOGGERS, ConfigDefinition("", UNKNOWN, loggers.check_level))

    @property
    def overrides(self) -> Mapping[str, str]:
        return loggers.own_levels()

    def described(self) -> Iterable[DescribedConfig]:
        for name, level in loggers.levels().items():
            yield DescribedConfig(name, UNKNOWN, [Synonym(name, level, FROM_LOGGER)])

    def check(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        return checked(self.definitions, wanted, "logger")

    def replace(self, wanted: Mapping[str, str], changes: ConfigChanges) -> None:
        loggers.set_levels(wanted)

    def take_effect(self) -> None: ...
