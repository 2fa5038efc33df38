"""Topics: names, ids, partitions, configuration; kept in the metadata file. And the ids of producers."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

import msgspec
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.metadata.ids import new_id
from logpost_broker.metadata.metadata_file import Metadata, MetadataFile, TopicEntry
from logpost_broker.metadata.topic_configs import TopicConfigs, check_configs

LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
INTERNAL_TOPICS = frozenset({"__cluster_metadata", "__consumer_offsets", "__share_group_state", "__transaction_state"})
"""Made by the broker itself, never by a client; the first is a name that Kafka's tools ask for, and no topic here."""
MAX_PARTITIONS = 10_000
"""Of one topic."""
PRODUCER_ID_BLOCK = 1000
"""Producer ids reserved with one write of the metadata file."""


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    id: uuid.UUID
    partitions: int
    configs: TopicConfigs
    internal: bool = False


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic before it is made."""

    name: str
    partitions: int
    configs: Mapping[str, str | None] = field(default_factory=dict)
    internal: bool = False


def check_name(name: str) -> None:
    """Whether a topic may be called so. Raises ApiError INVALID_TOPIC_EXCEPTION."""
    if not LEGAL_NAME.fullmatch(name) or name in (".", ".."):
        raise ApiError(
            ErrorCode.invalid_topic_exception,
            "a topic's name has 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', and is not '.' or '..'",
        )


def check_collision(name: str, taken: Mapping[str, Topic]) -> None:
    """Two names that only a monitoring tool would confuse; `taken`: by plain name. Raises ApiError."""
    other = taken.get(_plain(name))
    if other is not None:
        raise ApiError(ErrorCode.invalid_topic_exception, f"topic '{name}' collides with topic '{other.name}'")


def _plain(name: str) -> str:
    """As monitoring tools write it: names that are the same there would share their metrics."""
    return name.replace(".", "_")


def _entry(topic: Topic) -> TopicEntry:
    return TopicEntry(
        name=topic.name,
        id=topic.id,
        partitions=topic.partitions,
        configs=dict(topic.configs.overrides),
        internal=topic.internal,
    )


class TopicRegistry:
    """All topics by name and by id. What it has is durable."""

    def __init__(
        self, metadata: MetadataFile, new_id: Callable[[], uuid.UUID] = new_id, *, max_partitions: int = sys.maxsize
    ) -> None:
        """`max_partitions`: of all topics together; what is there may be more."""
        self._metadata = metadata
        self.max_partitions = max_partitions
        self.partitions = 0
        """Of all topics."""
        self._new_id = new_id
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[uuid.UUID, Topic] = {}
        self._by_plain_name: dict[str, Topic] = {}
        self._in_order: tuple[Topic, ...] | None = None
        """By name; to sort 100,000 takes 50 ms."""
        self.version = 0
        """Rises at each change."""
        for entry in metadata.content.topics:
            self._add(
                Topic(entry.name, entry.id, entry.partitions, TopicConfigs(entry.configs), internal=entry.internal)
            )

    def __iter__(self) -> Iterator[Topic]:
        """In the order of names."""
        if self._in_order is None:
            self._in_order = tuple(sorted(self._by_name.values(), key=attrgetter("name")))
        return iter(self._in_order)

    def by_name(self, name: str) -> Topic | None:
        return self._by_name.get(name)

    def by_id(self, topic_id: uuid.UUID | None) -> Topic | None:
        return None if topic_id is None else self._by_id.get(topic_id)

    def new(self, wanted: NewTopic) -> Topic:
        """The topic that would be created. Raises ApiError: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS,
        INVALID_PARTITIONS, POLICY_VIOLATION (too many partitions), INVALID_CONFIG."""
        check_name(wanted.name)
        if wanted.name in self._by_name:
            raise ApiError(ErrorCode.topic_already_exists, f"topic '{wanted.name}' already exists")
        if not wanted.internal:  # without which nobody can commit
            check_collision(wanted.name, self._by_plain_name)
        if wanted.partitions < 1:
            raise ApiError(ErrorCode.invalid_partitions, "a topic has 1 partition or more")
        if wanted.partitions > MAX_PARTITIONS:
            raise ApiError(ErrorCode.policy_violation, f"a topic has {MAX_PARTITIONS} partitions at most")
        if not wanted.internal:
            self.check_room(wanted.partitions)
        configs = TopicConfigs(check_configs(wanted.configs))
        return Topic(wanted.name, self._new_id(), wanted.partitions, configs, internal=wanted.internal)

    def check_room(self, partitions: int, added: int = 0) -> None:
        """For so many more, beside those that will be added. Raises ApiError POLICY_VIOLATION."""
        there = self.partitions + added
        if there + partitions > self.max_partitions:
            raise ApiError(
                ErrorCode.policy_violation,
                f"the topics of this broker have {there} partitions and may have {self.max_partitions} "
                "(broker.max_partitions): delete topics, or raise it",
            )

    def check_growth(self, topic: Topic, partitions: int) -> None:
        """Whether a topic may have so many partitions. Raises ApiError: INVALID_PARTITIONS,
        POLICY_VIOLATION (no room for more)."""
        if not topic.partitions < partitions <= MAX_PARTITIONS:
            raise ApiError(
                ErrorCode.invalid_partitions,
                f"topic '{topic.name}' has {topic.partitions} partitions and may get up to {MAX_PARTITIONS}, not "
                f"{partitions}: partitions are only ever added",
            )
        self.check_room(partitions - topic.partitions)

    def create(self, wanted: NewTopic) -> Topic:
        """Now, durably. Raises ApiError as `new`, and KAFKA_STORAGE_ERROR."""
        changes = self.changes()
        topic = changes.create(wanted)
        changes.save()
        changes.take_effect()
        return topic

    def changes(self) -> TopicChanges:
        """To be decided, saved and put into effect before any others of the same topics."""
        return TopicChanges(self)

    def save(self, changed: Mapping[uuid.UUID, Topic], deleted: Collection[uuid.UUID]) -> None:
        """See `TopicChanges.save`."""

        def edit(content: Metadata) -> Mapping[str, object]:
            left = [entry for entry in content.topics if entry.id not in deleted]
            new = changed.keys() - {entry.id for entry in left}
            topics = [_entry(changed[entry.id]) if entry.id in changed else entry for entry in left]
            return {
                "topics": [*topics, *(_entry(topic) for topic in changed.values() if topic.id in new)],
                "deleted_topics": [*(content.deleted_topics or ()), *deleted] or msgspec.UNSET,
            }

        self._metadata.change(edit)

    def replace(self, changed: Iterable[Topic], deleted: Iterable[Topic]) -> None:
        """See `TopicChanges.take_effect`."""
        for topic in deleted:
            self._remove(topic)
        for topic in changed:
            self._add(topic)
        self._in_order = None
        self.version += 1

    def _add(self, topic: Topic) -> None:
        """Or put it in the place of what it was."""
        before = self._by_id.get(topic.id)
        self.partitions += topic.partitions - (0 if before is None else before.partitions)
        self._by_name[topic.name] = topic
        self._by_id[topic.id] = topic
        self._by_plain_name[_plain(topic.name)] = topic

    def _remove(self, topic: Topic) -> None:
        self.partitions -= topic.partitions
        del self._by_name[topic.name]
        del self._by_id[topic.id]
        self._by_plain_name.pop(_plain(topic.name), None)


class TopicChanges:
    """Changes, of each topic one. Until they take effect nobody sees any of them."""

    def __init__(self, topics: TopicRegistry) -> None:
        self._topics = topics
        self._created: dict[str, Topic] = {}
        """By plain name."""
        self._changed: dict[uuid.UUID, Topic] = {}
        self._deleted: dict[uuid.UUID, Topic] = {}
        self._added = 0
        """Partitions."""

    @property
    def is_any(self) -> bool:
        return bool(self._changed or self._deleted)

    @property
    def deleted(self) -> Sequence[Topic]:
        return [*self._deleted.values()]

    def create(self, wanted: NewTopic) -> Topic:
        """Raises ApiError as `TopicRegistry.new`."""
        topic = self._topics.new(wanted)
        check_collision(topic.name, self._created)
        if not topic.internal:
            self._take_room(topic.partitions)
        self._created[_plain(topic.name)] = self._changed[topic.id] = topic
        return topic

    def grow(self, topic: Topic, partitions: int) -> Topic:
        """Add partitions, up to so many. Raises ApiError as `TopicRegistry.check_growth`."""
        self._topics.check_growth(topic, partitions)
        self._take_room(partitions - topic.partitions)
        return self._change(replace(topic, partitions=partitions))

    def configure(self, topic: Topic, overrides: Mapping[str, str]) -> Topic:
        """Give a topic this configuration, which `check_configs` has checked."""
        return self._change(replace(topic, configs=TopicConfigs(overrides)))

    def delete(self, topic: Topic) -> Topic:
        self._deleted[topic.id] = topic
        return topic

    def save(self) -> None:
        """Make all of them durable with one write. Blocks, and may run in a thread. Raises ApiError
        KAFKA_STORAGE_ERROR, and then none is made."""
        self._topics.save(self._changed, self._deleted)

    def take_effect(self) -> None:
        """They are saved: from now on everybody sees them."""
        self._topics.replace(self._changed.values(), self._deleted.values())

    def _take_room(self, partitions: int) -> None:
        self._topics.check_room(partitions, self._added)
        self._added += partitions

    def _change(self, topic: Topic) -> Topic:
        self._changed[topic.id] = topic
        return topic


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
        reserved = self._reserved + PRODUCER_ID_BLOCK
        self._metadata.change(lambda _: {"next_producer_id": reserved})
        self._reserved += PRODUCER_ID_BLOCK
