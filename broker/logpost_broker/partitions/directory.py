"""All partition logs of a data directory: how they are opened, where they start, how they are closed.

Beside them lie the checkpoints, and `.kafka_cleanshutdown`, which is there only while the broker is not running and was
stopped in order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.log.closed_log import may_lose_records, size_bytes
from logpost_broker.log.disk_reserve import DiskSpace
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.log.retention import RetentionLimits
from logpost_broker.log.saved_state import outlived_snapshots
from logpost_broker.log.segment import RollLimits, Segment
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN, CLEAN_SHUTDOWN_CONTENT, Partition
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.metadata.topics import Topic, TopicRegistry
from logpost_broker.partitions.checkpoint_file import Checkpoints
from logpost_broker.partitions.partition_directories import PartitionDirectories, partition_of

LOGS_A_NOTICE = 100
Advance = Callable[[str], None]
"""Takes what is being done, in words."""

logger = logging.getLogger("broker")


def silent(_: str) -> None:
    """An Advance that nobody hears."""


class LogDirectory:
    def __init__(self, directory: Path, files: Files, config: BrokerConfig, metadata: MetadataFile) -> None:
        """Nothing is read before `open`."""
        self.directory = directory
        self._files = files
        self._config = config
        self._metadata = metadata
        self._logs: dict[Partition, PartitionLog] = {}
        self._clean = False
        self._opened_ms = 0
        self._advance: Callable[[], None] = partial(silent, "")
        self.leader_epoch = metadata.content.leader_epoch
        self._checkpoints = Checkpoints(files, directory)
        self.directories = PartitionDirectories(directory, files, self._checkpoints, metadata)

    def open(self, topics: TopicRegistry, now_ms: int, advance: Advance = silent) -> None:
        """After a crash every log is recovered here; after a clean shutdown, or when that fails, a log is opened at its
        first use. `advance` is told how far it is, and may raise to end it. Raises OSError."""
        self._opened_ms = now_ms
        self._clean = self._files.exists(self.directory / CLEAN_SHUTDOWN)
        if self._clean:
            self._files.unlink(self.directory / CLEAN_SHUTDOWN)
            self._files.sync_directory(self.directory)
        existing = self.directories.sweep(topics)
        self._checkpoints.open({(topic.name, partition) for topic, partition in existing})
        content = self._metadata.content
        if content.topics and not self._clean:  # a power cut may have taken whole partitions
            content.leader_epoch += 1
            self._metadata.save()
        self.leader_epoch = content.leader_epoch
        if not self._clean:
            for number, (topic, partition) in enumerate(existing):
                self._advance = partial(advance, f"recovering logs: {number} of {len(existing)}")
                self._advance()
                try:
                    self.get(topic, partition)
                except OSError as error:  # a client that asks for it gets an error; the others go on
                    logger.error("cannot open %s-%d: %s", topic.name, partition, error)
            self._advance = partial(silent, "")

    def __iter__(self) -> Iterator[PartitionLog]:
        """The open logs."""
        return iter(tuple(self._logs.values()))

    def get(self, topic: Topic, partition: int) -> PartitionLog:
        """The log of a partition that the topic has; made at its first use. Raises OSError."""
        log = self._logs.get((topic.name, partition))
        if log is None:
            log = self._logs[topic.name, partition] = self._open(topic, partition)
        return log

    def space(self) -> DiskSpace:
        """Of the file system that the logs are on. Raises OSError."""
        return self._files.space(self.directory)

    def size_bytes(self, topic: Topic, partition: int) -> int:
        """Of a partition's records on the disk. Blocks where the log is not open, and may run in a thread. Raises
        OSError."""
        log = self._logs.get((topic.name, partition))
        if log is not None:
            return log.size_bytes
        return size_bytes(self._files, self.directories.of(topic, partition))

    def is_open(self, topic: Topic, partition: int) -> bool:
        return (topic.name, partition) in self._logs

    def may_lose_records(self, topic: Topic, partition: int, limits: RetentionLimits, now_ms: int) -> bool:
        """Whether retention has something to delete in a log that is not open. Blocks, and may run in a thread."""
        try:
            return may_lose_records(self._files, self.directories.of(topic, partition), limits, now_ms)
        except OSError:
            return True  # opening it tells why

    def _open(self, topic: Topic, partition: int) -> PartitionLog:
        log = PartitionLog(
            self.directories.make(topic, partition),
            self._files,
            limits=self._roll_limits(topic),
            leader_epoch=self.leader_epoch,
        )
        place = topic.name, partition
        was_compacted = place in self._checkpoints.first_dirty  # gaps stay, also where the policy is another one now
        known = LastKnown(
            clean=self._clean,
            log_start_offset=self._checkpoints.log_starts.get(place),
            recovery_point=self._checkpoints.recovery_points.get(place),
            is_compacted=was_compacted or topic.configs.is_compacted(self._config),
        )
        try:
            recover(log, known, now_ms=self._opened_ms, advance=self._advance)
        except BaseException:
            log.close()
            raise
        return log

    def reconfigure_all(self, config: BrokerConfig, topics: TopicRegistry) -> None:
        """The broker's configuration has changed."""
        self._config = config
        for (name, _), log in self._logs.items():
            topic = topics.by_name(name)
            if topic is not None:
                log.limits = self._roll_limits(topic)

    def reconfigure(self, topic: Topic) -> None:
        """The topic's configuration has changed."""
        for (name, _), log in self._logs.items():
            if name == topic.name:
                log.limits = self._roll_limits(topic)

    def _roll_limits(self, topic: Topic) -> RollLimits:
        age_ms = topic.configs.number("segment.ms", self._config)
        if topic.configs.is_compacted(self._config):  # only ended segments are compacted
            age_ms = min(age_ms, topic.configs.number("max.compaction.lag.ms", self._config))
        return RollLimits(
            size_bytes=topic.configs.number("segment.bytes", self._config),
            age_ms=age_ms,
            index_bytes=topic.configs.number("segment.index.bytes", self._config),
        )

    def close_topic(self, topic: Topic) -> list[PartitionLog]:
        """Close the logs of a topic that the metadata no longer has; returns those that were open.
        `PartitionDirectories.mark_deleted` then takes their files away."""
        closed = []
        for partition in range(topic.partitions):
            log = self._logs.pop((topic.name, partition), None)
            if log is not None:
                log.retire("its topic was deleted")
                log.close()
                closed.append(log)
        return closed

    def truncate_prefix(self, log: PartitionLog, offset: int) -> None:
        """Move a log's start up to `offset`, durably, and delete the segments below. Raises OSError."""
        self.save_starts({log: offset})
        self.remove_files(self.drop_segments(log, offset))

    def save_starts(self, offsets: Mapping[PartitionLog, int]) -> None:
        """Make it durable that logs start at these offsets, all with one write; `drop_segments` then moves them.
        Blocks, and may run in a thread. Raises OSError, and then the starts on the disk may be old or new."""
        self._checkpoints.log_starts.save(
            lambda: {
                partition_of(log.directory): log.start_moved_to(offset)
                for log, offset in offsets.items()
                if log.offline is None  # else its topic may be gone, and one of its name be there
            }
        )

    def drop_segments(self, log: PartitionLog, offset: int) -> list[Path]:
        """Move a log's start up to `offset`, which `save_starts` made durable, and rename the files of the segments
        below; returns what `remove_files` must remove. What cannot be renamed, the next start removes."""
        if log.offline is not None:
            return []
        dropped = log.truncate_prefix(offset)
        paths = [path for segment in dropped for path in self._marked_deleted(segment)]
        return [*paths, *outlived_snapshots(self._files, log.directory, log.segments[0].base_offset)] if dropped else []

    @staticmethod
    def _marked_deleted(segment: Segment) -> list[Path]:
        try:
            return segment.mark_deleted()
        except OSError as error:
            logger.error("cannot rename the files of %s: %s", segment.log.path, error.strerror)
            return []

    def remove_files(self, paths: Iterable[Path]) -> None:
        """Give back the space of `drop_segments`. Blocks while gigabytes are unlinked, and may run in a thread; what
        fails is logged, and done by the next start."""
        for path in paths:
            try:
                self._files.unlink(path)
            except OSError as error:
                logger.error("cannot remove %s: %s", path, error.strerror)

    def write_recovery_points(self) -> None:
        """Save how far each open log is known to be on the disk. Raises OSError."""
        self._checkpoints.recovery_points.save(lambda: {place: log.recovery_point for place, log in self._logs.items()})

    def saved_recovery_point(self, log: PartitionLog) -> int:
        """What a start after a crash takes as given: below it nothing is checked, nor cut off."""
        return self._checkpoints.recovery_points.get(partition_of(log.directory))

    def first_dirty_offset(self, log: PartitionLog) -> int:
        """Where the last compaction of `log` ended."""
        return self._checkpoints.first_dirty.get(partition_of(log.directory))

    def save_first_dirty_offset(self, log: PartitionLog, offset: int) -> None:
        """Blocks, and may run in a thread. Raises OSError, and then the log is compacted once more than needed."""
        # Where the log is offline its topic may be gone, and one of its name be there.
        self._checkpoints.first_dirty.save(lambda: {partition_of(log.directory): offset} if log.offline is None else {})

    def abandon(self) -> None:
        """Close all logs as a crash would: the next start recovers them, and need not check again what this one has."""
        try:
            self.write_recovery_points()
        except OSError as error:
            logger.error("cannot save the recovery points: %s", error)
        for log in self._logs.values():
            log.close()
        self._logs.clear()

    def close(self, now_ms: int, advance: Advance = silent) -> None:
        """Sync and close all logs, then mark the directory as cleanly shut down, if all could be. `advance` is told how
        far it is. Raises OSError."""
        whole = True
        for number, log in enumerate(self._logs.values()):
            if number % LOGS_A_NOTICE == 0:
                advance(f"closing logs: {number} of {len(self._logs)}")
            whole = self._synced(log, now_ms) and whole
            log.close()
        self.write_recovery_points()
        self._logs.clear()
        if whole:
            self._files.replace(self.directory / CLEAN_SHUTDOWN, CLEAN_SHUTDOWN_CONTENT)

    @staticmethod
    def _synced(log: PartitionLog, now_ms: int) -> bool:
        """Sync a log for the last time; whether all of it is on the disk."""
        if log.offline is not None:
            return False
        if log.is_checkpointed:
            return True
        try:
            job = log.begin_sync(checkpoint=True, now_ms=now_ms)
            job.run()
        except OSError as error:
            logger.error("cannot close %s in order, the next start checks it: %s", log.directory, error.strerror)
            return False
        log.end_sync(job)
        return True
