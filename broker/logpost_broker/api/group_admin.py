"""DescribeGroups (15), ListGroups (16), DeleteGroups (42): what tools see of groups.

DescribeGroups, versions 0 to 6
- v3: authorized operations
- v4: static members
- v6: GROUP_ID_NOT_FOUND (KIP-1043); before, a group that is not there is Dead

ListGroups, versions 0 to 5
- v4: filter by state (KIP-518)
- v5: filter by type (KIP-848)

DeleteGroups, versions 0 to 2
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from kio.schema.delete_groups.v2.request import DeleteGroupsRequest
from kio.schema.delete_groups.v2.response import DeletableGroupResult, DeleteGroupsResponse
from kio.schema.describe_groups.v6.request import DescribeGroupsRequest
from kio.schema.describe_groups.v6.response import DescribedGroup as Described
from kio.schema.describe_groups.v6.response import DescribedGroupMember, DescribeGroupsResponse
from kio.schema.errors import ErrorCode
from kio.schema.list_groups.v5.request import ListGroupsRequest
from kio.schema.list_groups.v5.response import ListedGroup, ListGroupsResponse
from kio.schema.types import GroupId
from kio.static.primitive import i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.listing import DescribedGroup
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.kinds import GroupKind
from logpost_broker.groups.kinds import ListedGroup as ListedGroupOfKind
from logpost_broker.groups.offset_requests import FORGOTTEN_AT_ONCE
from logpost_broker.groups.offsets.messages import DeleteReply
from logpost_broker.groups.share_service import ShareGroupService
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

FIRST_WITH_NOT_FOUND = 6
NOT_ASKED_FOR = i32(-(2**31))
READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS = 3, 6, 8, 10, 11
"""Kafka's numbers of what may be done with a group. Nobody is refused anything here."""
ALL_OPERATIONS = i32(sum(1 << operation for operation in (READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS)))


@handles(DescribeGroupsRequest, DescribeGroupsResponse, large_answers=True)
async def describe_groups(
    node: Node, request: DescribeGroupsRequest, context: RequestContext
) -> DescribeGroupsResponse:
    service = node.groups
    operations = operations_of_group(is_asked_for=request.include_authorized_operations)
    groups = []
    async for group_id in node.turns.each(dict.fromkeys(request.groups)):
        group = service.core.describe(group_id)
        if group is None:
            message = _why_not_found(node, group_id, GroupKind.CLASSIC)
            groups.append(_not_found(group_id, context.version, operations, message))
        else:
            groups.append(_described(group, operations))
    return DescribeGroupsResponse(throttle_time=NO_THROTTLE, groups=tuple(groups))


def _described(group: DescribedGroup, operations: i32) -> Described:
    return Described(
        error_code=ErrorCode.none,
        group_id=GroupId(group.group_id),
        group_state=group.state.value,
        protocol_type=group.protocol_type,
        protocol_data=group.protocol,
        members=tuple(
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata,
                member_assignment=member.assignment,
            )
            for member in group.members
        ),
        authorized_operations=operations,
    )


def operations_of_group(*, is_asked_for: bool) -> i32:
    """Of a group that is there."""
    return ALL_OPERATIONS if is_asked_for else NOT_ASKED_FOR


def why_not_described(node: Node, group_id: str, kind: GroupKind) -> tuple[ErrorCode, str]:
    """Of no group of this kind."""
    if not group_id:
        return ErrorCode.invalid_group_id, "The group id can't be empty."
    return ErrorCode.group_id_not_found, _why_not_found(node, group_id, kind)


def _why_not_found(node: Node, group_id: str, kind: GroupKind) -> str:
    is_other = node.groups.core.kinds.of(group_id) is not None
    return f"Group {group_id} is not a {kind.value} group." if is_other else f"Group {group_id} not found."


def _not_found(group_id: str, version: int, operations: i32, message: str) -> Described:
    """Versions that know no such error are told what may be done with it."""
    is_error = version >= FIRST_WITH_NOT_FOUND
    return Described(
        error_code=ErrorCode.group_id_not_found if is_error else ErrorCode.none,
        authorized_operations=NOT_ASKED_FOR if is_error else operations,
        error_message=message,
        group_id=GroupId(group_id),
        group_state=GroupState.DEAD.value,
        protocol_type="",
        protocol_data="",
        members=(),
    )


@handles(ListGroupsRequest, ListGroupsResponse, large_answers=True)
async def list_groups(node: Node, request: ListGroupsRequest, context: RequestContext) -> ListGroupsResponse:
    states = {state.lower() for state in request.states_filter}
    types = {group_type.lower() for group_type in request.types_filter}
    return ListGroupsResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        groups=tuple(
            [
                ListedGroup(
                    group_id=GroupId(group.group_id),
                    protocol_type=group.protocol_type,
                    group_state=group.state,
                    group_type=group.kind.value,
                )
                async for group in node.turns.each(_all_groups(node))
                if (not states or group.state.lower() in states) and (not types or group.kind.value in types)
            ]
        ),
    )


def _all_groups(node: Node) -> Iterator[ListedGroupOfKind]:
    table = node.groups.core.table
    for group_id in table.ids():
        group = table.listed(group_id)
        if group is not None:
            yield group
    yield from node.shares.listed()


@handles(DeleteGroupsRequest, DeleteGroupsResponse)
async def delete_groups(node: Node, request: DeleteGroupsRequest, context: RequestContext) -> DeleteGroupsResponse:
    """A group named twice is deleted once, as in Kafka."""
    names = dict.fromkeys(request.groups_names)
    deletions = [(group_id, _deletion(node, group_id)) async for group_id in node.turns.each(names)]
    return DeleteGroupsResponse(
        throttle_time=NO_THROTTLE,
        results=tuple(
            [
                DeletableGroupResult(group_id=group_id, error_code=await deletion)
                async for group_id, deletion in node.turns.each(deletions)
            ]
        ),
    )


def _deletion(node: Node, group_id: str) -> Awaitable[ErrorCode]:
    if group_id in node.groups.core.shares:
        return _share_deletion(node.shares, group_id)
    if len(node.groups.core.offsets.committed(group_id)) > FORGOTTEN_AT_ONCE:
        return node.groups.delete_large_group(group_id)
    return _group_deletion(node.groups.ask(node.groups.core.delete_group, group_id, DeleteReply))


async def _share_deletion(shares: ShareGroupService, group_id: str) -> ErrorCode:
    try:
        await shares.delete_group(group_id)
    except ApiError as error:
        return error.code
    return ErrorCode.none


async def _group_deletion(deletion: Awaitable[DeleteReply]) -> ErrorCode:
    return (await deletion).code
