"""The offsets that OffsetCommit and TxnOffsetCommit name, as far as their partitions are there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from logpost_broker.groups.offsets.messages import OffsetToCommit
from logpost_broker.metadata.topics import Topic
from logpost_broker.node import Node

if TYPE_CHECKING:
    from kio.schema.offset_commit.v10.request import OffsetCommitRequestPartition
    from kio.schema.txn_offset_commit.v5.request import TxnOffsetCommitRequestPartition

    Partition = OffsetCommitRequestPartition | TxnOffsetCommitRequestPartition


async def offsets_to_commit(
    node: Node, topics: Iterable[tuple[Topic | None, Sequence[Partition]]]
) -> tuple[tuple[OffsetToCommit, ...], dict[str, uuid.UUID]]:
    """With the ids of the topics, by name. `topics` may look each up as it comes: all is done in steps."""
    found: dict[str, uuid.UUID] = {}
    offsets: list[OffsetToCommit] = []
    async for topic, partitions in node.turns.each(topics):
        if topic is None:
            continue
        found[topic.name] = topic.id
        async for partition in node.turns.each(partitions):
            if 0 <= partition.partition_index < topic.partitions:
                offset = OffsetToCommit(
                    topic=topic.name,
                    partition=partition.partition_index,
                    offset=partition.committed_offset,
                    leader_epoch=partition.committed_leader_epoch,
                    metadata=partition.committed_metadata or "",
                )
                offsets.append(offset)
    return tuple(offsets), found
