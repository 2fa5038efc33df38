"""OffsetCommit (8), OffsetFetch (9), OffsetDelete (47): how far groups have read.

OffsetCommit, versions 2 to 10
- v5: no retention time any more; it is ignored before
- v6: leader epoch
- v7: static members
- v9: the new consumer protocol may answer more errors; its members cannot commit by an older version
- v10: topics by id

OffsetFetch, versions 1 to 10
- v2: all topics, for null
- v5: leader epoch
- v7: `require_stable`: UNSTABLE_OFFSET_COMMIT where a transaction that is not decided has an offset (KIP-447)
- v8: several groups at once
- v9: member id and epoch of the new consumer protocol (KIP-848), which classic groups do not look at
- v10: topics by id

OffsetDelete, version 0
"""

from __future__ import annotations

from collections.abc import Iterable

from kio.schema.errors import ErrorCode
from kio.schema.offset_commit.v10.request import OffsetCommitRequest, OffsetCommitRequestTopic
from kio.schema.offset_commit.v10.response import (
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kio.schema.offset_delete.v0.request import OffsetDeleteRequest
from kio.schema.offset_delete.v0.response import (
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from kio.schema.offset_fetch.v10.request import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kio.schema.offset_fetch.v10.response import (
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)
from kio.static.primitive import i32, i64

from logpost_broker.errors import ApiError
from logpost_broker.groups.events import OffsetCommitted
from logpost_broker.groups.messages import Commit, CommitReply, OffsetToCommit, TopicPartition
from logpost_broker.groups.offsets import Committed
from logpost_broker.groups.service import GroupService
from logpost_broker.node import Node
from logpost_broker.wire.registry import Adapted, RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE

FIRST_WITH_MEMBER_EPOCH = 9
FIRST_FETCH_BY_TOPIC_ID = 10
NO_OFFSET = -1


@handles(OffsetCommitRequest, OffsetCommitResponse)
async def offset_commit(node: Node, request: OffsetCommitRequest, context: RequestContext) -> OffsetCommitResponse:
    commit = Commit(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        generation=request.generation_id_or_member_epoch,
        offsets=tuple(_existing_partitions(node, request.topics)),
    )
    service = node.service(GroupService)
    if context.version < FIRST_WITH_MEMBER_EPOCH and service.has_consumer(request.group_id, request.member_id):
        reply = CommitReply(code=ErrorCode.unsupported_version)
    else:
        reply = await service.commit(commit)
    is_gone = reply.code is ErrorCode.illegal_generation and service.kinds.of(request.group_id) is None
    if context.version >= FIRST_WITH_MEMBER_EPOCH and is_gone:
        reply = CommitReply(code=ErrorCode.group_id_not_found)
    return OffsetCommitResponse(
        throttle_time=NO_THROTTLE, topics=tuple(_committed_topic(node, topic, reply) for topic in request.topics)
    )


def _existing_partitions(node: Node, topics: Iterable[OffsetCommitRequestTopic]) -> Iterable[OffsetToCommit]:
    for requested in topics:
        topic = node.topics.by_id(requested.topic_id)
        if topic is None:
            continue
        for partition in requested.partitions:
            if 0 <= partition.partition_index < topic.partitions:
                yield OffsetToCommit(
                    topic=topic.name,
                    partition=partition.partition_index,
                    offset=partition.committed_offset,
                    leader_epoch=partition.committed_leader_epoch,
                    metadata=partition.committed_metadata or "",
                )


def _committed_topic(node: Node, requested: OffsetCommitRequestTopic, reply: CommitReply) -> OffsetCommitResponseTopic:
    topic = node.topics.by_id(requested.topic_id)

    def code(partition: int) -> ErrorCode:
        if topic is None:
            return ErrorCode.unknown_topic_id
        if reply.code is not ErrorCode.none:
            return reply.code
        return reply.codes.get((topic.name, partition), ErrorCode.unknown_topic_or_partition)

    return OffsetCommitResponseTopic(
        topic_id=requested.topic_id,
        partitions=tuple(
            OffsetCommitResponsePartition(
                partition_index=partition.partition_index, error_code=code(partition.partition_index)
            )
            for partition in requested.partitions
        ),
    )


@handles(
    OffsetFetchRequest,
    OffsetFetchResponse,
    lift=[Adapted("groups", 7, lambda request: ({"group_id": request.group_id, "topics": request.topics},))],
    lower=[
        Adapted("topics", 7, lambda response: response.groups[0].topics),
        Adapted("error_code", 7, lambda response: response.groups[0].error_code),
    ],
)
async def offset_fetch(node: Node, request: OffsetFetchRequest, context: RequestContext) -> OffsetFetchResponse:
    service = node.service(GroupService)
    groups = tuple(
        _fetched_group(node, group, service, context.version, request.require_stable) for group in request.groups
    )
    try:
        await service.settled()
    except ApiError:
        groups = tuple(
            OffsetFetchResponseGroup(group_id=group.group_id, topics=(), error_code=ErrorCode.coordinator_not_available)
            for group in request.groups
        )
    return OffsetFetchResponse(throttle_time=NO_THROTTLE, groups=groups)


def _fetched_group(
    node: Node, group: OffsetFetchRequestGroup, service: GroupService, version: int, require_stable: bool
) -> OffsetFetchResponseGroup:
    try:
        if group.member_id or group.member_epoch >= 0:
            service.check_consumer(group.group_id, group.member_id or "", group.member_epoch)
    except ApiError as error:
        return OffsetFetchResponseGroup(group_id=group.group_id, topics=(), error_code=error.code)
    return OffsetFetchResponseGroup(
        group_id=group.group_id, topics=tuple(_fetched_topics(node, group, service, version, require_stable))
    )


def _fetched_topics(
    node: Node, group: OffsetFetchRequestGroup, service: GroupService, version: int, require_stable: bool
) -> Iterable[OffsetFetchResponseTopics]:
    committed = service.committed(group.group_id)
    for requested in _all_topics(node, committed) if group.topics is None else group.topics:
        topic = node.topics.by_id(requested.topic_id)
        # Who asks by name gets no error for a topic that is not there, only no offset.
        code = ErrorCode.unknown_topic_id if topic is None and version >= FIRST_FETCH_BY_TOPIC_ID else ErrorCode.none
        name = "" if topic is None else topic.name
        yield OffsetFetchResponseTopics(
            topic_id=requested.topic_id,
            partitions=tuple(
                _unstable(partition)
                if require_stable and service.is_pending(group.group_id, name, partition)
                else _fetched(partition, committed.get((name, partition)), code)
                for partition in requested.partition_indexes
            ),
        )


def _all_topics(node: Node, committed: Committed) -> Iterable[OffsetFetchRequestTopics]:
    partitions: dict[str, list[int]] = {}
    for name, partition in committed:
        partitions.setdefault(name, []).append(partition)
    for name in sorted(partitions):
        topic = node.topics.by_name(name)
        if topic is not None:
            yield OffsetFetchRequestTopics(
                topic_id=topic.id, partition_indexes=tuple(i32(index) for index in sorted(partitions[name]))
            )


def _unstable(partition: i32) -> OffsetFetchResponsePartitions:
    return _fetched(partition, None, ErrorCode.unstable_offset_commit)


def _fetched(partition: i32, event: OffsetCommitted | None, code: ErrorCode) -> OffsetFetchResponsePartitions:
    return OffsetFetchResponsePartitions(
        partition_index=partition,
        committed_offset=i64(NO_OFFSET if event is None else event.offset),
        committed_leader_epoch=i32(-1 if event is None else event.leader_epoch),
        metadata="" if event is None else event.metadata,
        error_code=code,
    )


@handles(OffsetDeleteRequest, OffsetDeleteResponse)
async def offset_delete(node: Node, request: OffsetDeleteRequest, context: RequestContext) -> OffsetDeleteResponse:
    places: list[TopicPartition] = [
        (topic.name, partition.partition_index)
        for topic in request.topics
        if (known := node.topics.by_name(topic.name)) is not None
        for partition in topic.partitions
        if 0 <= partition.partition_index < known.partitions
    ]
    reply = await node.service(GroupService).delete_offsets(request.group_id, places)
    topics = () if reply.code is not ErrorCode.none else request.topics
    return OffsetDeleteResponse(
        error_code=reply.code,
        throttle_time=NO_THROTTLE,
        topics=tuple(
            OffsetDeleteResponseTopic(
                name=topic.name,
                partitions=tuple(
                    OffsetDeleteResponsePartition(
                        partition_index=partition.partition_index,
                        error_code=reply.codes.get(
                            (topic.name, partition.partition_index), ErrorCode.unknown_topic_or_partition
                        ),
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in topics
        ),
    )
