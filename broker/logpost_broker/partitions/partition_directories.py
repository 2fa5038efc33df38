"""The directories of partitions: made, set aside, removed.

A directory is that of the topic whose id its `partition.metadata` has. It is renamed when its topic goes, and then
removed, also by the next start, since the metadata file names the topics whose directories may be left. One that no
topic explains, neither present nor deleted, is set aside, never removed.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from logpost_broker.log.files import Files
from logpost_broker.metadata.checkpoints import PARTITION_METADATA, Partition, partition_metadata, topic_id_of
from logpost_broker.metadata.metadata_file import STRAY_SUFFIX, MetadataFile
from logpost_broker.metadata.topics import Topic, TopicRegistry
from logpost_broker.partitions.checkpoint_file import Checkpoints

DELETED_SUFFIX = "-delete"
STRAY_NAME_CHARACTERS = 200
"""What is kept of a partition's name: file systems take 255."""

logger = logging.getLogger("broker")


class PartitionDirectories:
    def __init__(self, root: Path, files: Files, checkpoints: Checkpoints, metadata: MetadataFile) -> None:
        self._root = root
        self._files = files
        self._metadata = metadata
        self._checkpoints = checkpoints
        self._removal_lock = threading.Lock()

    def of(self, topic: Topic, partition: int) -> Path:
        return self._root / f"{topic.name}-{partition}"

    def sweep(self, topics: TopicRegistry) -> list[tuple[Topic, int]]:
        """The partitions that have a directory. Directories of deleted topics are removed; one that no topic explains
        is set aside, never deleted. Raises OSError."""
        existing = []
        for name in self._files.names(self._root):
            directory = self._root / name
            data = self._files.read_bytes(directory / PARTITION_METADATA)
            topic_name, _, number = name.rpartition("-")
            topic = topics.by_name(topic_name)
            if topic is not None and _numbers(topic, number) and not _names_another(data, topic.id):
                if data is not None or self._has_log(directory):
                    existing.append((topic, int(number)))
            elif data is not None and not name.endswith((STRAY_SUFFIX, DELETED_SUFFIX)):
                self._put_away(directory, data)
        if self._metadata.deleted_topics:
            self._files.sync_directory(self._root)
            self._metadata.forget_deleted(self._metadata.deleted_topics)
        self.remove_deleted()
        return existing

    def _put_away(self, directory: Path, metadata: bytes) -> None:
        """A directory that is of none of the topics that are there."""
        topic_id = topic_id_of(metadata)
        if topic_id is not None and topic_id in self._metadata.deleted_topics:
            self._mark_deleted(directory, topic_id)
        else:
            self._set_aside(directory)

    def _set_aside(self, directory: Path) -> None:
        stray = f"{directory.name[:STRAY_NAME_CHARACTERS]}.{uuid.uuid4().hex}{STRAY_SUFFIX}"
        logger.warning("%s belongs to no topic: set aside as %s", directory, stray)
        self._files.rename(directory, self._root / stray)

    def make(self, topic: Topic, partition: int) -> Path:
        """Make a partition's directory, unless it is there. One of another topic of this name is put away. Raises
        OSError."""
        directory = self.of(topic, partition)
        expected = partition_metadata(topic.id)
        data = self._files.read_bytes(directory / PARTITION_METADATA)
        if data == expected:
            return directory
        if self._has_log(directory) and not _names_another(data, topic.id):
            logger.warning("%s is damaged: written again", directory / PARTITION_METADATA)
        else:
            if data is not None:
                self._put_away(directory, data)
            self._checkpoints.forget({partition_of(directory)})
            self._files.make_directory(directory)
        self._files.replace(directory / PARTITION_METADATA, expected)
        return directory

    def _has_log(self, directory: Path) -> bool:
        return any(name.endswith(".log") for name in self._files.names(directory))

    def mark_deleted(self, topics: Sequence[Topic]) -> None:
        """Rename the directories of these topics, whose logs are closed, and forget their offsets, durably;
        `remove_deleted` then removes them. What fails is logged, and made good by the next start or by a new topic of
        that name. Blocks, and may run in a thread."""
        marked = [topic for topic in topics if self._rename_deleted(topic)]
        try:
            self._files.sync_directory(self._root)
            self._metadata.forget_deleted({topic.id for topic in marked})
            self._checkpoints.forget({(topic.name, number) for topic in marked for number in range(topic.partitions)})
        except OSError as error:
            logger.error("cannot remove the logs of %s: %s", ", ".join(topic.name for topic in marked), error)

    def _rename_deleted(self, topic: Topic) -> bool:
        try:
            for partition in range(topic.partitions):
                if self._files.exists(self.of(topic, partition)):
                    self._mark_deleted(self.of(topic, partition), topic.id)
        except OSError as error:
            logger.error("cannot remove the logs of %s: %s", topic.name, error)
            return False
        return True

    def _mark_deleted(self, directory: Path, topic_id: uuid.UUID) -> None:
        _, number = partition_of(directory)
        self._files.rename(directory, self._root / f"{topic_id.hex}-{number}{DELETED_SUFFIX}")

    def remove_deleted(self) -> None:
        """Give back the space of deleted logs. Blocks while gigabytes are unlinked, and may run in a thread; what it
        does not reach, the next start does."""
        with self._removal_lock:  # topics that are deleted together would stumble over each other's files
            for name in self._files.names(self._root):
                if name.endswith(DELETED_SUFFIX):
                    try:
                        self._files.remove_directory(self._root / name)
                    except OSError as error:
                        logger.error("cannot remove %s: %s", self._root / name, error)


def _names_another(data: bytes | None, topic_id: uuid.UUID) -> bool:
    """Whether a `partition.metadata` is that of another topic. A file that makes no sense, or differs in a single byte,
    is a damaged one of this topic: no two ids are so alike."""
    expected = partition_metadata(topic_id)
    if data is None or topic_id_of(data) is None:
        return False
    return sum(found != right for found, right in zip(data.rstrip(), expected.rstrip(), strict=True)) > 1


def _numbers(topic: Topic, text: str) -> bool:
    """Whether `text` is the number of a partition of `topic`, as we write it."""
    return text.isdecimal() and int(text) < topic.partitions and text == str(int(text))


def partition_of(directory: Path) -> Partition:
    name, _, partition = directory.name.rpartition("-")
    return name, int(partition)
