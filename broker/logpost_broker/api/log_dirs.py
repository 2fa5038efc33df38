"""DescribeLogDirs (35), versions 1 to 5, and AlterReplicaLogDirs (34), 1 and 2: the one directory of this broker.

- DescribeLogDirs v2: flexible. v3: a top-level error. v4: the size of the file system and what is free of it
- DescribeLogDirs v5: whether the directory takes no new partitions, which is never so here
- AlterReplicaLogDirs v2: flexible

All partitions lie in one directory: to move one there changes nothing, to another is LOG_DIR_NOT_FOUND. What is asked
for and does not exist is left out of the description, as in Kafka.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kio.schema.alter_replica_log_dirs.v2.request import AlterReplicaLogDir, AlterReplicaLogDirsRequest
from kio.schema.alter_replica_log_dirs.v2.response import (
    AlterReplicaLogDirPartitionResult,
    AlterReplicaLogDirsResponse,
    AlterReplicaLogDirTopicResult,
)
from kio.schema.describe_log_dirs.v5.request import DescribableLogDirTopic, DescribeLogDirsRequest
from kio.schema.describe_log_dirs.v5.response import (
    DescribeLogDirsPartition,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)
from kio.schema.errors import ErrorCode
from kio.schema.types import TopicName
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.metadata.topics import Topic
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

Wanted = tuple[Topic, Sequence[int]]
"""A topic and numbers of its partitions."""


@handles(DescribeLogDirsRequest, DescribeLogDirsResponse)
async def describe_log_dirs(
    node: Node, request: DescribeLogDirsRequest, context: RequestContext
) -> DescribeLogDirsResponse:
    if request.topics is None:
        wanted: list[Wanted] = [(topic, range(topic.partitions)) for topic in node.partitions.topics]
    else:
        wanted = [one async for asked in node.turns.each(request.topics) if (one := _wanted(node, asked)) is not None]
    # Logs that nobody has used since the start are looked at in the file system.
    result = await asyncio.get_running_loop().run_in_executor(None, _described, node, wanted)
    return DescribeLogDirsResponse(throttle_time=NO_THROTTLE, error_code=ErrorCode.none, results=(result,))


def _wanted(node: Node, asked: DescribableLogDirTopic) -> Wanted | None:
    topic = node.partitions.topics.by_name(asked.topic)
    if topic is None:
        return None
    numbers = [number for number in sorted(set(asked.partitions)) if 0 <= number < topic.partitions]
    return (topic, numbers) if numbers else None


def _described(node: Node, wanted: Sequence[Wanted]) -> DescribeLogDirsResult:
    path = str(node.partitions.logs.directory)
    try:
        space = node.partitions.logs.space()
        topics = tuple(
            DescribeLogDirsTopic(
                name=TopicName(topic.name), partitions=tuple(_partition(node, topic, number) for number in numbers)
            )
            for topic, numbers in wanted
        )
    except OSError:
        return DescribeLogDirsResult(error_code=ErrorCode.kafka_storage_error, log_dir=path, topics=())
    return DescribeLogDirsResult(
        error_code=ErrorCode.none,
        log_dir=path,
        topics=topics,
        total_bytes=i64(space.total_bytes),
        usable_bytes=i64(space.free_bytes),
    )


def _partition(node: Node, topic: Topic, number: int) -> DescribeLogDirsPartition:
    return DescribeLogDirsPartition(
        partition_index=i32(number),
        partition_size=i64(node.partitions.logs.size_bytes(topic, number)),
        offset_lag=i64(0),
        is_future_key=False,
    )


@handles(AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse)
async def alter_replica_log_dirs(
    node: Node, request: AlterReplicaLogDirsRequest, context: RequestContext
) -> AlterReplicaLogDirsResponse:
    results: dict[TopicName, list[AlterReplicaLogDirPartitionResult]] = {}
    async for asked in node.turns.each(request.dirs):
        async for topic in node.turns.each(asked.topics):
            results.setdefault(topic.name, []).extend(
                [
                    AlterReplicaLogDirPartitionResult(
                        partition_index=number, error_code=_moved(node, asked, topic.name, number)
                    )
                    async for number in node.turns.each(topic.partitions)
                ]
            )
    return AlterReplicaLogDirsResponse(
        throttle_time=NO_THROTTLE,
        results=tuple(
            [
                AlterReplicaLogDirTopicResult(topic_name=name, partitions=tuple(partitions))
                async for name, partitions in node.turns.each(results.items())
            ]
        ),
    )


def _moved(node: Node, asked: AlterReplicaLogDir, name: str, number: int) -> ErrorCode:
    if asked.path != str(node.partitions.logs.directory):
        return ErrorCode.log_dir_not_found
    topic = node.partitions.topics.by_name(name)
    if topic is None or not 0 <= number < topic.partitions:
        return ErrorCode.unknown_topic_or_partition
    return ErrorCode.none
