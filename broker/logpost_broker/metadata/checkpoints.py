"""Kafka's small text files: the checkpoints of a log directory, and `partition.metadata` of each partition in it.

A checkpoint file maps partitions to offsets: a version, a count, then one line of topic, partition and offset each.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Mapping

from logpost_broker.metadata.ids import written

CLEAN_SHUTDOWN = ".kafka_cleanshutdown"
CLEAN_SHUTDOWN_CONTENT = b'{"version":0}\n'
RECOVERY_POINTS = "recovery-point-offset-checkpoint"
"""Below these offsets logs are known to be on the disk."""
LOG_STARTS = "log-start-offset-checkpoint"
CLEANER_OFFSETS = "cleaner-offset-checkpoint"
"""Below these offsets logs hold each key once."""
PARTITION_METADATA = "partition.metadata"
PARTITION_METADATA_FORM = re.compile(rb"version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?")

Partition = tuple[str, int]


def parsed_checkpoint(data: bytes) -> dict[Partition, int]:
    """Raises ValueError."""
    try:
        version, count, *lines = data.decode().splitlines()
        fields = [line.split() for line in lines]
        offsets = {(topic, int(partition)): int(offset) for topic, partition, offset in fields}
        is_whole = version == "0" and int(count) == len(offsets) and min(offsets.values(), default=0) >= 0
    except ValueError as error:
        raise ValueError("its lines are no version, count and offsets of partitions") from error
    if not is_whole:
        raise ValueError("its version, its count or an offset is wrong")
    return offsets


def formatted_checkpoint(offsets: Mapping[Partition, int]) -> bytes:
    lines = [f"{topic} {partition} {offset}" for (topic, partition), offset in offsets.items()]
    return "\n".join(["0", str(len(lines)), *lines, ""]).encode()


def partition_metadata(topic_id: uuid.UUID) -> bytes:
    """The content of `partition.metadata`, with the id in its 22 characters."""
    return f"version: 0\ntopic_id: {written(topic_id)}\n".encode()


def topic_id_of(partition_metadata: bytes) -> uuid.UUID | None:
    """The id that a `partition.metadata` holds; None when it makes no sense."""
    found = PARTITION_METADATA_FORM.fullmatch(partition_metadata)
    return None if found is None else uuid.UUID(bytes=base64.urlsafe_b64decode(found[1] + b"=="))
