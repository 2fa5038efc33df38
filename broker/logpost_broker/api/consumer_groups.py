"""ConsumerGroupHeartbeat (68), ConsumerGroupDescribe (69): the consumer groups of KIP-848.

ConsumerGroupHeartbeat, versions 0 and 1
- v0: a member without an id is given one
- v1: the client makes its member id; subscription by regular expression

ConsumerGroupDescribe, versions 0 and 1
- v1: whether a member speaks the classic or the new protocol
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from functools import partial

from kio.schema.consumer_group_describe.v1.request import ConsumerGroupDescribeRequest
from kio.schema.consumer_group_describe.v1.response import Assignment as DescribedAssignment
from kio.schema.consumer_group_describe.v1.response import ConsumerGroupDescribeResponse, DescribedGroup, Member
from kio.schema.consumer_group_describe.v1.response import TopicPartitions as DescribedPartitions
from kio.schema.consumer_group_heartbeat.v1.request import ConsumerGroupHeartbeatRequest
from kio.schema.consumer_group_heartbeat.v1.request import TopicPartitions as OwnedPartitions
from kio.schema.consumer_group_heartbeat.v1.response import (
    Assignment,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from kio.schema.errors import ErrorCode
from kio.schema.types import GroupId, TopicName
from kio.static.primitive import i8, i32

from logpost_broker.api.group_admin import operations_of_group, why_not_described
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.groups.consumer.events import Partitions
from logpost_broker.groups.consumer.listing import DescribedConsumer
from logpost_broker.groups.consumer.messages import JOIN_EPOCH, MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.groups.kinds import GroupKind
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE, duration, milliseconds

LAST_WITHOUT_MEMBER_ID = 0
CLASSIC_MEMBER, CONSUMER_MEMBER = 0, 1
"""The protocol that a member speaks."""


@handles(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse)
async def consumer_group_heartbeat(
    node: Node, request: ConsumerGroupHeartbeatRequest, context: RequestContext
) -> ConsumerGroupHeartbeatResponse:
    service = node.groups
    await service.resolve(request.group_id, request.subscribed_topic_regex)
    reply = await service.ask(service.core.consumer_heartbeat, _heartbeat(request, context), MemberHeartbeatReply)
    return ConsumerGroupHeartbeatResponse(
        throttle_time=NO_THROTTLE,
        error_code=reply.code,
        error_message=reply.message,
        member_id=reply.member_id,
        member_epoch=i32(reply.member_epoch),
        heartbeat_interval=duration(reply.heartbeat_interval_ms),
        assignment=None if reply.assigned is None else Assignment(topic_partitions=tuple(_assigned(reply.assigned))),
    )


def _heartbeat(request: ConsumerGroupHeartbeatRequest, context: RequestContext) -> MemberHeartbeat:
    rebalance_timeout_ms = milliseconds(request.rebalance_timeout)
    needs_id = context.version <= LAST_WITHOUT_MEMBER_ID and request.member_epoch == JOIN_EPOCH
    return MemberHeartbeat(
        group_id=request.group_id,
        member_id=request.member_id or (str(uuid.uuid4()) if needs_id else ""),
        member_epoch=request.member_epoch,
        instance_id=request.instance_id,
        rack_id=request.rack_id,
        client_id=context.client_id or "",
        client_host=f"/{context.client_host}",
        rebalance_timeout_ms=None if rebalance_timeout_ms < 0 else rebalance_timeout_ms,
        topic_names=request.subscribed_topic_names,
        topic_regex=request.subscribed_topic_regex,
        server_assignor=request.server_assignor,
        owned=None if request.topic_partitions is None else frozenset(_owned(request.topic_partitions)),
    )


def _owned(topics: Iterable[OwnedPartitions]) -> Iterator[tuple[uuid.UUID, int]]:
    for topic in topics:
        if topic.topic_id is not None:
            yield from ((topic.topic_id, int(partition)) for partition in topic.partitions)


def _assigned(partitions: Partitions) -> Iterator[TopicPartitions]:
    for topic, indexes in _by_topic(partitions).items():
        yield TopicPartitions(topic_id=topic, partitions=tuple(i32(index) for index in indexes))


def _by_topic(partitions: Partitions) -> dict[uuid.UUID, list[int]]:
    by_topic: dict[uuid.UUID, list[int]] = {}
    for topic, partition in sorted(partitions):
        by_topic.setdefault(topic, []).append(partition)
    return by_topic


@handles(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, large_answers=True)
async def consumer_group_describe(
    node: Node, request: ConsumerGroupDescribeRequest, context: RequestContext
) -> ConsumerGroupDescribeResponse:
    operations = operations_of_group(is_asked_for=request.include_authorized_operations)
    groups = [
        await _described(node, group_id, operations)
        async for group_id in node.turns.each(dict.fromkeys(request.group_ids))
    ]
    return ConsumerGroupDescribeResponse(throttle_time=NO_THROTTLE, groups=tuple(groups))


def _refused(node: Node, group_id: GroupId) -> DescribedGroup:
    code, message = why_not_described(node, group_id, GroupKind.CONSUMER)
    return DescribedGroup(
        error_code=code,
        error_message=message,
        group_id=group_id,
        group_state="",
        group_epoch=i32(0),
        assignment_epoch=i32(0),
        assignor_name="",
        members=(),
    )


async def _described(node: Node, group_id: GroupId, operations: i32) -> DescribedGroup:
    group = node.groups.core.consumers.describe(group_id)
    if group is None:
        return _refused(node, group_id)
    return DescribedGroup(
        error_code=ErrorCode.none,
        group_id=group_id,
        group_state=group.state.value,
        group_epoch=i32(group.epoch),
        assignment_epoch=i32(group.target_epoch),
        assignor_name=group.assignor,
        members=await node.turns.map(partial(_member, node), group.members),
        authorized_operations=operations,
    )


def _member(node: Node, described: DescribedConsumer) -> Member:
    member = described.member
    return Member(
        member_id=member.member_id,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        member_epoch=i32(described.current.epoch),
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=tuple(TopicName(name) for name in member.topic_names),
        subscribed_topic_regex=member.topic_regex,
        assignment=_assignment(node, described.current.assigned),
        target_assignment=_assignment(node, described.target),
        member_type=i8(CONSUMER_MEMBER if member.classic is None else CLASSIC_MEMBER),
    )


def _assignment(node: Node, partitions: Partitions) -> DescribedAssignment:
    """Topics that are deleted are left out: they have no name any more."""
    named = [
        (known, indexes)
        for topic, indexes in _by_topic(partitions).items()
        if (known := node.partitions.topics.by_id(topic)) is not None
    ]
    return DescribedAssignment(
        topic_partitions=tuple(
            DescribedPartitions(
                topic_id=topic.id,
                topic_name=TopicName(topic.name),
                partitions=tuple(i32(index) for index in indexes),
            )
            for topic, indexes in named
        )
    )
