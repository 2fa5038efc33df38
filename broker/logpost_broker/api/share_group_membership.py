"""ShareGroupHeartbeat (76), ShareGroupDescribe (77): members of share groups (KIP-932).

ShareGroupHeartbeat, version 1; ShareGroupDescribe, version 1. Version 0 of both was Kafka 4.0's early access.
"""

from __future__ import annotations

import uuid
from functools import partial

from kio.schema.errors import ErrorCode
from kio.schema.share_group_describe.v1.request import ShareGroupDescribeRequest
from kio.schema.share_group_describe.v1.response import Assignment as DescribedAssignment
from kio.schema.share_group_describe.v1.response import DescribedGroup, Member, ShareGroupDescribeResponse
from kio.schema.share_group_describe.v1.response import TopicPartitions as DescribedPartitions
from kio.schema.share_group_heartbeat.v1.request import ShareGroupHeartbeatRequest
from kio.schema.share_group_heartbeat.v1.response import Assignment, ShareGroupHeartbeatResponse, TopicPartitions
from kio.schema.types import GroupId, TopicName
from kio.static.primitive import i32

from logpost_broker.api.group_admin import operations_of_group
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.groups.share import assignor
from logpost_broker.groups.share.member_events import ShareCurrentStored, ShareMemberStored
from logpost_broker.groups.share.messages import ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE, duration

ASSIGNOR = "simple"


@handles(ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse)
async def share_group_heartbeat(
    node: Node, request: ShareGroupHeartbeatRequest, context: RequestContext
) -> ShareGroupHeartbeatResponse:
    reply = await node.groups.ask(node.groups.core.share_heartbeat, _heartbeat(request, context), ShareHeartbeatReply)
    return ShareGroupHeartbeatResponse(
        throttle_time=NO_THROTTLE,
        error_code=reply.code,
        error_message=reply.message,
        member_id=None if reply.code is not ErrorCode.none else request.member_id,
        member_epoch=i32(reply.member_epoch),
        heartbeat_interval=duration(reply.heartbeat_interval_ms),
        assignment=None if reply.assignment is None else Assignment(topic_partitions=_partitions(reply.assignment)),
    )


def _heartbeat(request: ShareGroupHeartbeatRequest, context: RequestContext) -> ShareHeartbeat:
    return ShareHeartbeat(
        group_id=request.group_id,
        member_id=request.member_id,
        member_epoch=request.member_epoch,
        rack_id=request.rack_id,
        client_id=context.client_id or "",
        client_host=f"/{context.client_host}",
        topic_names=request.subscribed_topic_names,
    )


def _partitions(assignment: assignor.Assignment) -> tuple[TopicPartitions, ...]:
    return tuple(
        TopicPartitions(topic_id=topic_id, partitions=tuple(map(i32, numbers)))
        for topic_id, numbers in assignment.items()
    )


@handles(ShareGroupDescribeRequest, ShareGroupDescribeResponse, large_answers=True)
async def share_group_describe(
    node: Node, request: ShareGroupDescribeRequest, context: RequestContext
) -> ShareGroupDescribeResponse:
    operations = operations_of_group(is_asked_for=request.include_authorized_operations)
    groups = [
        await _described(node, group_id, operations)
        async for group_id in node.turns.each(dict.fromkeys(request.group_ids))
    ]
    return ShareGroupDescribeResponse(throttle_time=NO_THROTTLE, groups=tuple(groups))


async def _described(node: Node, group_id: GroupId, operations: i32) -> DescribedGroup:
    group = node.groups.core.shares.describe(group_id)
    if group is None:
        return DescribedGroup(
            error_code=ErrorCode.group_id_not_found if group_id else ErrorCode.invalid_group_id,
            error_message=f"Group {group_id} not found.",
            group_id=group_id,
            group_state="",
            group_epoch=i32(0),
            assignment_epoch=i32(0),
            assignor_name="",
            members=(),
        )
    members = [(member, group.current_of(member_id)) for member_id, member in sorted(group.members.items())]
    return DescribedGroup(
        error_code=ErrorCode.none,
        group_id=group_id,
        group_state=group.state.value,
        group_epoch=i32(group.epoch),
        assignment_epoch=i32(group.target_epoch),
        assignor_name=ASSIGNOR,
        members=await node.turns.map(partial(_member, node), members),
        authorized_operations=operations,
    )


def _member(node: Node, described: tuple[ShareMemberStored, ShareCurrentStored]) -> Member:
    member, current = described
    return Member(
        member_id=member.member_id,
        rack_id=member.rack_id,
        member_epoch=i32(current.epoch),
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=tuple(map(TopicName, member.topic_names)),
        assignment=DescribedAssignment(
            topic_partitions=tuple(
                DescribedPartitions(
                    topic_id=topic_id, topic_name=_name(node, topic_id), partitions=tuple(map(i32, numbers))
                )
                for topic_id, numbers in current.assignment.items()
            )
        ),
    )


def _name(node: Node, topic_id: uuid.UUID) -> TopicName:
    topic = node.partitions.topics.by_id(topic_id)
    return TopicName("" if topic is None else topic.name)
