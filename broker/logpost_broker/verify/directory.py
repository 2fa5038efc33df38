"""A whole data directory: the metadata, the checkpoints, every partition, and what belongs to none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from logpost.config import BrokerConfig
from logpost.errors import ConfigError
from logpost_broker.metadata.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOG_STARTS,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    Partition,
    parsed_checkpoint,
    topic_id_of,
)
from logpost_broker.metadata.metadata_file import NAME as METADATA
from logpost_broker.metadata.metadata_file import STRAY_SUFFIX, Metadata, TopicEntry, parsed_metadata
from logpost_broker.metadata.topic_configs import TopicConfigs
from logpost_broker.partitions.partition_directories import DELETED_SUFFIX
from logpost_broker.verify.online import has_running_broker
from logpost_broker.verify.partition import check_partition
from logpost_broker.verify.report import PartitionReport, Report
from logpost_broker.verify.segment import PartitionState

PARTITION_NAME = re.compile(r"(.+)-(0|[1-9]\d*)")
OTHER_NAMES = frozenset({METADATA, CLEAN_SHUTDOWN, RECOVERY_POINTS, LOG_STARTS, CLEANER_OFFSETS, "lock"})


def log_bytes(directory: Path) -> int:
    """How much a verification reads, about: segments of a running broker come and go."""
    size_bytes = 0
    for path in directory.glob("*/*.log"):
        with suppress(FileNotFoundError):
            size_bytes += path.stat().st_size
    return size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One run: what to look at, and how."""

    directory: Path
    config: BrokerConfig
    deep: bool = False
    on_read: Callable[[int], None] = lambda size_bytes: None

    def run(self) -> Report:
        """Raises ConfigError for a directory that no broker wrote, StartError when its metadata is damaged."""
        metadata = self._metadata()
        report = Report(
            directory=str(self.directory),
            online=has_running_broker(self.directory),
            clean=(self.directory / CLEAN_SHUTDOWN).exists(),
            flush=self.config.flush,
        )
        topics = {entry.name: entry for entry in metadata.topics}
        self._check_names(report, topics, metadata.deleted_topics or ())
        # Before the logs: those of a running broker only grow beyond what the checkpoints said.
        recovery_points = self._checkpoint(report, RECOVERY_POINTS)
        log_starts = self._checkpoint(report, LOG_STARTS)
        cleaned = self._checkpoint(report, CLEANER_OFFSETS)
        for entry in metadata.topics:
            for partition in range(entry.partitions):
                found = PartitionReport(
                    topic=entry.name,
                    partition=partition,
                    recovery_point=recovery_points.get((entry.name, partition), 0),
                    log_start_offset=log_starts.get((entry.name, partition), 0),
                )
                self._check_partition(report, entry, found, was_compacted=(entry.name, partition) in cleaned)
        return report

    def _metadata(self) -> Metadata:
        path = self.directory / METADATA
        try:
            return parsed_metadata(path.read_bytes(), path)
        except OSError as error:
            raise ConfigError(
                f"{self.directory} is no broker's data directory, cannot read {METADATA}: {error.strerror}; "
                "give the directory that holds the partitions, such as /var/lib/logpost/broker"
            ) from error

    def _check_partition(
        self, report: Report, entry: TopicEntry, found: PartitionReport, *, was_compacted: bool
    ) -> None:
        directory = self.directory / f"{found.topic}-{found.partition}"
        if not directory.exists():
            self._miss(report, found)
            return
        report.partitions.append(found)
        policy = TopicConfigs(entry.configs).text("cleanup.policy", self.config)
        state = PartitionState(
            report=found,
            online=report.online,
            clean=report.clean,
            compacted="compact" in policy or was_compacted,
            keyed="compact" in policy,
            deep=self.deep,
            on_read=self.on_read,
        )
        check_partition(state, directory, entry.id)

    def _miss(self, report: Report, partition: PartitionReport) -> None:
        """A partition without a directory is one that nobody used, unless something was known of it."""
        if max(partition.recovery_point, partition.log_start_offset) and not report.online:
            what = f"the directory is gone, with the records below offset {partition.recovery_point}"
            advice = f"look for it, also under names that end in {STRAY_SUFFIX}, or restore it from a backup"
            report.findings.add("error", f"{partition.topic}-{partition.partition}", what, advice)

    def _checkpoint(self, report: Report, name: str) -> Mapping[Partition, int]:
        try:
            return parsed_checkpoint((self.directory / name).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            report.findings.add("error", name, f"makes no sense: {error}", "the next start goes on without it")
            return {}

    def _check_names(self, report: Report, topics: Mapping[str, TopicEntry], deleted: Collection[uuid.UUID]) -> None:
        """What lies in the directory beside the partitions of `topics`. `deleted`: topics that may have left some."""
        for path in sorted(self.directory.iterdir()):
            name = path.name
            fits = PARTITION_NAME.fullmatch(name)
            if fits and fits[1] in topics and int(fits[2]) < topics[fits[1]].partitions:
                continue
            if name.endswith(DELETED_SUFFIX):
                report.findings.add("note", name, "a deleted topic", "the broker removes it")
            elif name.endswith(STRAY_SUFFIX):
                advice = "delete it when you need nothing of it"
                report.findings.add(
                    "note", name, "was set aside by an earlier start, because no topic explained it", advice
                )
            elif _topic_id_in(path) in deleted:
                report.findings.add("note", name, "a deleted topic", "the next start removes it")
            elif (path / PARTITION_METADATA).exists() and not report.online:
                what = "belongs to no topic of the metadata file"
                report.findings.add(
                    "warning", name, what, f"the next start sets it aside under a name in {STRAY_SUFFIX}"
                )
            elif name not in OTHER_NAMES and not report.online:
                report.findings.add("note", name, "is no file of a broker's")


def _topic_id_in(directory: Path) -> uuid.UUID | None:
    """Of the topic whose partition is there, as far as it can be read."""
    try:
        return topic_id_of((directory / PARTITION_METADATA).read_bytes())
    except OSError:
        return None
