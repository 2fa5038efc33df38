"""Topics: names, ids, partitions, configuration; kept in the metadata file. And the ids of producers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec
from kio.schema.errors import ErrorCode

from logpost_broker.configs.topic import TopicConfigs, check_configs
from logpost_broker.errors import ApiError
from logpost_broker.ids import new_id
from logpost_broker.metadata_file import MetadataFile, TopicEntry

LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__share_group_state", "__transaction_state"})
"""Made by the broker itself, never by a client."""
MAX_PARTITIONS = 10_000
PRODUCER_ID_BLOCK = 1000
"""Producer ids reserved with one write of the metadata file."""


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    id: uuid.UUID
    partitions: int
    configs: TopicConfigs
    internal: bool = False


def check_name(name: str) -> None:
    """Whether a topic may be called so. Raises ApiError INVALID_TOPIC_EXCEPTION."""
    if not LEGAL_NAME.fullmatch(name) or name in (".", ".."):
        raise ApiError(
            ErrorCode.invalid_topic_exception,
            "a topic's name has 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', and is not '.' or '..'",
        )


def _plain(name: str) -> str:
    """As monitoring tools write it: names that are the same there would share their metrics."""
    return name.replace(".", "_")


class TopicRegistry:
    """All topics by name and by id. A change is durable when its call returns."""

    def __init__(self, metadata: MetadataFile, new_id: Callable[[], uuid.UUID] = new_id) -> None:
        self._metadata = metadata
        self._new_id = new_id
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[uuid.UUID, Topic] = {}
        self._by_plain_name: dict[str, Topic] = {}
        self.version = 0
        """Rises at each change."""
        for entry in metadata.content.topics:
            self._add(
                Topic(entry.name, entry.id, entry.partitions, TopicConfigs(entry.configs), internal=entry.internal)
            )

    def __iter__(self) -> Iterator[Topic]:
        """In the order of names."""
        return iter(sorted(self._by_name.values(), key=lambda topic: topic.name))

    def by_name(self, name: str) -> Topic | None:
        return self._by_name.get(name)

    def by_id(self, topic_id: uuid.UUID | None) -> Topic | None:
        return None if topic_id is None else self._by_id.get(topic_id)

    def check_new(self, name: str, partitions: int, configs: Mapping[str, str | None]) -> dict[str, str]:
        """Whether a topic may be created; answers its configuration. Raises ApiError as `create` does."""
        check_name(name)
        if name in self._by_name:
            raise ApiError(ErrorCode.topic_already_exists, f"topic '{name}' already exists")
        self._check_collision(name)
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise ApiError(ErrorCode.invalid_partitions, f"a topic has 1 to {MAX_PARTITIONS} partitions")
        return check_configs(configs)

    def _check_collision(self, name: str) -> None:
        """Two names that only a monitoring tool would confuse."""
        taken = self._by_plain_name.get(_plain(name))
        if taken is not None:
            raise ApiError(ErrorCode.invalid_topic_exception, f"topic '{name}' collides with topic '{taken.name}'")

    def create(self, name: str, partitions: int, configs: Mapping[str, str | None], *, internal: bool = False) -> Topic:
        """Raises ApiError: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_CONFIG,
        KAFKA_STORAGE_ERROR."""
        checked = self.check_new(name, partitions, configs)
        topic = Topic(name, self._new_id(), partitions, TopicConfigs(checked), internal=internal)
        entry = TopicEntry(name=name, id=topic.id, partitions=partitions, configs=checked, internal=internal)
        self._save([*self._metadata.content.topics, entry])
        self._add(topic)
        return topic

    def delete(self, topic: Topic) -> None:
        """Raises ApiError KAFKA_STORAGE_ERROR."""
        self._save([entry for entry in self._metadata.content.topics if entry.id != topic.id])
        del self._by_name[topic.name]
        del self._by_id[topic.id]
        self._by_plain_name.pop(_plain(topic.name), None)

    def check_growth(self, topic: Topic, partitions: int) -> None:
        """Whether a topic may have so many partitions. Raises ApiError as `grow` does."""
        if not topic.partitions < partitions <= MAX_PARTITIONS:
            raise ApiError(
                ErrorCode.invalid_partitions,
                f"topic '{topic.name}' has {topic.partitions} partitions and may get up to {MAX_PARTITIONS}, not "
                f"{partitions}: partitions are only ever added",
            )

    def grow(self, topic: Topic, partitions: int) -> Topic:
        """Add partitions, up to so many. Raises ApiError: INVALID_PARTITIONS, KAFKA_STORAGE_ERROR."""
        self.check_growth(topic, partitions)
        return self._change(replace(topic, partitions=partitions))

    def configure(self, topic: Topic, overrides: Mapping[str, str]) -> Topic:
        """Give a topic this configuration, which `check_configs` has checked. Raises ApiError KAFKA_STORAGE_ERROR."""
        return self._change(replace(topic, configs=TopicConfigs(overrides)))

    def _change(self, topic: Topic) -> Topic:
        fields = {"partitions": topic.partitions, "configs": dict(topic.configs.overrides)}
        entries = self._metadata.content.topics
        self._save([msgspec.structs.replace(one, **fields) if one.id == topic.id else one for one in entries])
        self._add(topic)
        return topic

    def _save(self, topics: list[TopicEntry]) -> None:
        self._metadata.change(topics=topics)
        self.version += 1

    def _add(self, topic: Topic) -> None:
        self._by_name[topic.name] = topic
        self._by_id[topic.id] = topic
        self._by_plain_name[_plain(topic.name)] = topic


class ProducerIds:
    """Ids for producers, each given out once, ever: a block is reserved in the metadata file before its first use."""

    def __init__(self, metadata: MetadataFile) -> None:
        self._metadata = metadata
        self._next = self._reserved = metadata.content.next_producer_id

    def take(self) -> int:
        """Raises ApiError KAFKA_STORAGE_ERROR."""
        if self._next == self._reserved:
            self._reserve()
        producer_id = self._next
        self._next += 1
        return producer_id

    def _reserve(self) -> None:
        self._metadata.change(next_producer_id=self._reserved + PRODUCER_ID_BLOCK)
        self._reserved += PRODUCER_ID_BLOCK
