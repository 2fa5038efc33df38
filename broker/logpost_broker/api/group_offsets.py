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

from collections.abc import AsyncIterator, Collection, Sequence

from kio.schema.errors import ErrorCode
from kio.schema.offset_commit.v10.request import OffsetCommitRequest, OffsetCommitRequestTopic
from kio.schema.offset_commit.v10.response import (
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kio.schema.offset_delete.v0.request import OffsetDeleteRequest, OffsetDeleteRequestTopic
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

from logpost_broker.api.offsets_to_commit import offsets_to_commit
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.offsets.committed import Committed
from logpost_broker.groups.offsets.events import OffsetCommitted
from logpost_broker.groups.offsets.messages import (
    Commit,
    CommitReply,
    Delete,
    DeleteReply,
    TopicPartition,
)
from logpost_broker.groups.service import GroupService
from logpost_broker.node import Node
from logpost_broker.steps import in_parts
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE

FIRST_WITH_MEMBER_EPOCH = 9
FIRST_FETCH_BY_TOPIC_ID = 10
NO_OFFSET = -1
MAX_FETCHED_OFFSETS = 100_000
"""Of the groups whose whole offsets one request asks for: the first, and others as long as there is room. Clients ask
again for what is left."""
DELETED_AT_ONCE = 500
"""Offsets that one write deletes."""


@handles(OffsetCommitRequest, OffsetCommitResponse)
async def offset_commit(node: Node, request: OffsetCommitRequest, context: RequestContext) -> OffsetCommitResponse:
    service = node.groups
    with context.in_order():  # else a later commit of the client could be written first
        known = node.partitions.topics
        named = ((known.by_id(topic.topic_id), topic.partitions) for topic in request.topics)
        offsets, topics = await offsets_to_commit(node, named)
        commit = Commit(
            group_id=request.group_id,
            member_id=request.member_id,
            instance_id=request.group_instance_id,
            generation=request.generation_id_or_member_epoch,
            offsets=offsets,
        )
        is_too_old = context.version < FIRST_WITH_MEMBER_EPOCH
        if is_too_old and service.core.has_consumer(request.group_id, request.member_id):
            written = None
        else:
            written = await service.commit_in_steps(commit, topics)
    reply = CommitReply(code=ErrorCode.unsupported_version) if written is None else await written
    is_gone = reply.code is ErrorCode.illegal_generation and service.core.kinds.of(request.group_id) is None
    if context.version >= FIRST_WITH_MEMBER_EPOCH and is_gone:
        reply = CommitReply(code=ErrorCode.group_id_not_found)
    answers = [await _committed_topic(node, topic, reply) async for topic in node.turns.each(request.topics)]
    return OffsetCommitResponse(throttle_time=NO_THROTTLE, topics=tuple(answers))


async def _committed_topic(
    node: Node, requested: OffsetCommitRequestTopic, reply: CommitReply
) -> OffsetCommitResponseTopic:
    topic = node.partitions.topics.by_id(requested.topic_id)

    def code(partition: int) -> ErrorCode:
        if topic is None:
            return ErrorCode.unknown_topic_id
        if reply.code is not ErrorCode.none:
            return reply.code
        return reply.codes.get((topic.name, partition), ErrorCode.unknown_topic_or_partition)

    return OffsetCommitResponseTopic(
        topic_id=requested.topic_id,
        partitions=tuple(
            [
                OffsetCommitResponsePartition(
                    partition_index=partition.partition_index, error_code=code(partition.partition_index)
                )
                async for partition in node.turns.each(requested.partitions)
            ]
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
    large_answers=True,
)
async def offset_fetch(node: Node, request: OffsetFetchRequest, context: RequestContext) -> OffsetFetchResponse:
    service = node.groups
    groups: list[OffsetFetchResponseGroup] = []
    room = MAX_FETCHED_OFFSETS
    async for group in node.turns.each(dict.fromkeys(request.groups)):
        size = len(service.core.offsets.committed(group.group_id)) if group.topics is None else 0
        if groups and size > room:
            groups.append(_refused(group, ErrorCode.coordinator_load_in_progress))
        else:
            room -= size
            groups.append(await _fetched_group(node, group, service, context.version, request.require_stable))
    try:
        await service.settled()
    except ApiError:
        groups = [_refused(group, ErrorCode.coordinator_not_available) for group in dict.fromkeys(request.groups)]
    return OffsetFetchResponse(throttle_time=NO_THROTTLE, groups=tuple(groups))


def _refused(group: OffsetFetchRequestGroup, code: ErrorCode) -> OffsetFetchResponseGroup:
    return OffsetFetchResponseGroup(group_id=group.group_id, topics=(), error_code=code)


async def _fetched_group(
    node: Node, group: OffsetFetchRequestGroup, service: GroupService, version: int, require_stable: bool
) -> OffsetFetchResponseGroup:
    try:
        if group.member_id or group.member_epoch >= 0:
            service.core.check_consumer(group.group_id, group.member_id or "", group.member_epoch)
    except ApiError as error:
        return _refused(group, error.code)
    # What the group has now: a transaction that ends while these are gone through changes none of them.
    committed = dict(service.core.offsets.committed(group.group_id))
    pending = service.core.offsets.pending(group.group_id) if require_stable else frozenset()
    asked = [each async for each in _all_topics(node, committed)] if group.topics is None else group.topics
    return OffsetFetchResponseGroup(
        group_id=group.group_id,
        topics=tuple(
            [await _fetched_topic(node, topic, committed, pending, version) async for topic in node.turns.each(asked)]
        ),
    )


async def _fetched_topic(
    node: Node,
    requested: OffsetFetchRequestTopics,
    committed: Committed,
    pending: Collection[TopicPartition],
    version: int,
) -> OffsetFetchResponseTopics:
    topic = node.partitions.topics.by_id(requested.topic_id)
    # Who asks by name gets no error for a topic that is not there, only no offset.
    code = ErrorCode.unknown_topic_id if topic is None and version >= FIRST_FETCH_BY_TOPIC_ID else ErrorCode.none
    name = "" if topic is None else topic.name
    return OffsetFetchResponseTopics(
        topic_id=requested.topic_id,
        partitions=tuple(
            [
                _unstable(partition)
                if (name, partition) in pending
                else _fetched(partition, committed.get((name, partition)), code)
                async for partition in node.turns.each(requested.partition_indexes)
            ]
        ),
    )


async def _all_topics(node: Node, committed: Committed) -> AsyncIterator[OffsetFetchRequestTopics]:
    partitions: dict[str, list[int]] = {}
    async for name, partition in node.turns.each(committed):
        partitions.setdefault(name, []).append(partition)
    async for name in node.turns.each(sorted(partitions)):
        topic = node.partitions.topics.by_name(name)
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
    with context.in_order():  # else a later commit of the client could be deleted
        places: list[TopicPartition] = [
            (topic.name, partition.partition_index)
            async for topic in node.turns.each(request.topics)
            if (known := node.partitions.topics.by_name(topic.name)) is not None
            for partition in topic.partitions
            if 0 <= partition.partition_index < known.partitions
        ]
        reply = await _deleted(node, request.group_id, places)
    topics = () if reply.code is not ErrorCode.none else request.topics
    return OffsetDeleteResponse(
        error_code=reply.code,
        throttle_time=NO_THROTTLE,
        topics=tuple([await _deleted_topic(node, topic, reply) async for topic in node.turns.each(topics)]),
    )


async def _deleted(node: Node, group_id: str, places: Sequence[TopicPartition]) -> DeleteReply:
    """Each stands for itself, so that many are deleted in parts. A group may go with its last offset."""
    service = node.groups
    codes: dict[TopicPartition, ErrorCode] = {}
    async for some in node.turns.each([*in_parts(places, DELETED_AT_ONCE)] or [()]):
        reply = await service.ask(service.core.offsets.delete, Delete(group_id=group_id, partitions=some), DeleteReply)
        if reply.code is ErrorCode.group_id_not_found and codes:
            reply = DeleteReply(codes=dict.fromkeys(some, ErrorCode.none))
        if reply.code is not ErrorCode.none:
            return reply
        codes.update(reply.codes)
    return DeleteReply(codes=codes)


async def _deleted_topic(node: Node, topic: OffsetDeleteRequestTopic, reply: DeleteReply) -> OffsetDeleteResponseTopic:
    return OffsetDeleteResponseTopic(
        name=topic.name,
        partitions=tuple(
            [
                OffsetDeleteResponsePartition(
                    partition_index=partition.partition_index,
                    error_code=reply.codes.get(
                        (topic.name, partition.partition_index), ErrorCode.unknown_topic_or_partition
                    ),
                )
                async for partition in node.turns.each(topic.partitions)
            ]
        ),
    )
