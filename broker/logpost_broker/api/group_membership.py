"""JoinGroup (11), Heartbeat (12), LeaveGroup (13), SyncGroup (14): members of classic groups.

JoinGroup, versions 0 to 9
- v1: rebalance timeout; before, the session timeout is both
- v4: the first answer is MEMBER_ID_REQUIRED (KIP-394)
- v5: static members (KIP-345)
- v7: the protocol type is answered
- v8: the reason for joining, which nobody needs here (KIP-800)
- v9: `skip_assignment` (KIP-814)

SyncGroup, versions 0 to 5
- v3: static members
- v5: the member must say which protocol it believes in

Heartbeat, versions 0 to 4
- v3: static members

LeaveGroup, versions 0 to 5
- v3: several members at once, static ones by their instance id alone
- v5: the reason for leaving
"""

from __future__ import annotations

import uuid

from kio.schema.errors import ErrorCode
from kio.schema.heartbeat.v4.request import HeartbeatRequest
from kio.schema.heartbeat.v4.response import HeartbeatResponse
from kio.schema.join_group.v9.request import JoinGroupRequest
from kio.schema.join_group.v9.response import JoinGroupResponse, JoinGroupResponseMember
from kio.schema.leave_group.v5.request import LeaveGroupRequest, MemberIdentity
from kio.schema.leave_group.v5.response import LeaveGroupResponse, MemberResponse
from kio.schema.sync_group.v5.request import SyncGroupRequest
from kio.schema.sync_group.v5.response import SyncGroupResponse
from kio.static.primitive import i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.groups.classic.messages import (
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinReply,
    Leave,
    LeaveReply,
    LeavingMember,
    Sync,
    SyncReply,
)
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE, milliseconds

FIRST_WITH_MEMBER_ID_REQUIRED = 4
FIRST_WITH_SKIP_ASSIGNMENT = 9
MEMBERS_AT_ONCE = 1_000
"""Members that leave in one step."""
FIRST_WITH_PROTOCOL = 5
"""Of SyncGroup."""
MEMBER_ID_NAME_LENGTH = 249
"""How much of a client's name goes into its member id."""


@handles(JoinGroupRequest, JoinGroupResponse)
async def join_group(node: Node, request: JoinGroupRequest, context: RequestContext) -> JoinGroupResponse:
    service = node.groups
    await service.resolve(request.group_id)  # of a consumer group that takes members of this protocol too
    reply = await service.ask(service.core.join, _join(request, context), JoinReply)
    return JoinGroupResponse(
        throttle_time=NO_THROTTLE,
        error_code=reply.code,
        generation_id=i32(reply.generation),
        protocol_type=reply.protocol_type,
        protocol_name=reply.protocol,
        leader=reply.leader,
        skip_assignment=reply.skip_assignment,
        member_id=reply.member_id,
        members=tuple(
            JoinGroupResponseMember(
                member_id=member.member_id, group_instance_id=member.instance_id, metadata=member.metadata
            )
            for member in reply.members
        ),
    )


def _join(request: JoinGroupRequest, context: RequestContext) -> Join:
    session_timeout_ms = milliseconds(request.session_timeout)
    rebalance_timeout_ms = milliseconds(request.rebalance_timeout)
    name = (request.group_instance_id or context.client_id or "")[:MEMBER_ID_NAME_LENGTH]
    return Join(
        group_id=request.group_id,
        member_id=request.member_id,
        new_member_id=f"{name}-{uuid.uuid4()}",
        instance_id=request.group_instance_id,
        client_id=context.client_id or "",
        client_host=f"/{context.client_host}",  # as Kafka's tools show it
        session_timeout_ms=session_timeout_ms,
        rebalance_timeout_ms=session_timeout_ms if rebalance_timeout_ms < 0 else rebalance_timeout_ms,
        protocol_type=request.protocol_type,
        protocols=tuple((protocol.name, protocol.metadata) for protocol in request.protocols),
        requires_known_member_id=context.version >= FIRST_WITH_MEMBER_ID_REQUIRED,
        supports_skip_assignment=context.version >= FIRST_WITH_SKIP_ASSIGNMENT,
    )


@handles(SyncGroupRequest, SyncGroupResponse)
async def sync_group(node: Node, request: SyncGroupRequest, context: RequestContext) -> SyncGroupResponse:
    if context.version >= FIRST_WITH_PROTOCOL and None in (request.protocol_type, request.protocol_name):
        return SyncGroupResponse(
            throttle_time=NO_THROTTLE,
            error_code=ErrorCode.inconsistent_group_protocol,
            protocol_type=None,
            protocol_name=None,
            assignment=b"",
        )
    sync = Sync(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        generation=request.generation_id,
        protocol_type=request.protocol_type,
        protocol=request.protocol_name,
        assignments={one.member_id: one.assignment for one in request.assignments},
    )
    reply = await node.groups.ask(node.groups.core.sync, sync, SyncReply)
    return SyncGroupResponse(
        throttle_time=NO_THROTTLE,
        error_code=reply.code,
        protocol_type=reply.protocol_type,
        protocol_name=reply.protocol,
        assignment=reply.assignment,
    )


@handles(HeartbeatRequest, HeartbeatResponse)
async def heartbeat(node: Node, request: HeartbeatRequest, context: RequestContext) -> HeartbeatResponse:
    beat = Heartbeat(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        generation=request.generation_id,
    )
    reply = await node.groups.ask(node.groups.core.heartbeat, beat, HeartbeatReply)
    return HeartbeatResponse(throttle_time=NO_THROTTLE, error_code=reply.code)


def _only_members_code(response: LeaveGroupResponse) -> ErrorCode:
    """Before v3 a request has one member, whose code is the answer's."""
    return response.members[0].error_code if response.members else response.error_code


@handles(
    LeaveGroupRequest,
    LeaveGroupResponse,
    lift=[Adapted("members", 2, lambda request: ({"member_id": request.member_id},))],
    lower=[Adapted("error_code", 2, _only_members_code)],
)
async def leave_group(node: Node, request: LeaveGroupRequest, context: RequestContext) -> LeaveGroupResponse:
    left: list[MemberResponse] = []
    code = ErrorCode.none
    for begin in range(0, max(len(request.members), 1), MEMBERS_AT_ONCE):
        if begin:
            await node.turns.wait()
        leaving = [_leaving(member) for member in request.members[begin : begin + MEMBERS_AT_ONCE]]
        reply = await node.groups.ask(
            node.groups.core.leave, Leave(group_id=request.group_id, members=leaving), LeaveReply
        )
        code = reply.code
        if code is not ErrorCode.none:
            left = []
            break
        left += [_left(member, code) for member, code in reply.members]
    return LeaveGroupResponse(throttle_time=NO_THROTTLE, error_code=code, members=tuple(left))


def _leaving(member: MemberIdentity) -> LeavingMember:
    return LeavingMember(member_id=member.member_id, instance_id=member.group_instance_id)


def _left(member: LeavingMember, code: ErrorCode) -> MemberResponse:
    return MemberResponse(member_id=member.member_id, group_instance_id=member.instance_id, error_code=code)
