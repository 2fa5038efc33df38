"""What makes a StreamsGroupHeartbeat wrong by itself, whatever the group is."""

from __future__ import annotations

from collections.abc import Iterator

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.errors import ApiError
from logpost_broker.groups.streams.messages import JOIN_EPOCH, LEAVE_STATIC_EPOCH, StreamsHeartbeat
from logpost_broker.groups.streams.topology import CopartitionGroup, Subtopology, Topology

Finding = tuple[bool, str]
"""Whether it is wrong, and what to say then."""


def check(request: StreamsHeartbeat) -> None:
    """Raises ApiError: INVALID_REQUEST, STREAMS_INVALID_TOPOLOGY."""
    for is_wrong, message in (*_unsupported(request), *_malformed(request)):
        if is_wrong:
            raise ApiError(ErrorCode.invalid_request, message)
    if request.topology is not None:
        _check_topology(request.topology)


def _unsupported(request: StreamsHeartbeat) -> Iterator[Finding]:
    """What Kafka 4.3 does not have yet."""
    yield request.instance_id is not None, "Static membership is not yet supported."
    yield request.has_task_offsets, "TaskOffsets are not supported yet."
    yield request.has_task_end_offsets, "TaskEndOffsets are not supported yet."
    yield bool(request.warmup), "WarmupTasks are not supported yet."
    parts = () if request.topology is None else request.topology.subtopologies
    message = "Regular expressions for source topics are not supported yet."
    yield any(part.source_regexes for part in parts), message


def _malformed(request: StreamsHeartbeat) -> Iterator[Finding]:
    yield not request.member_id, "MemberId can't be empty."
    yield not request.group_id, "GroupId can't be empty."
    yield request.rack_id == "", "RackId can't be empty."
    yield _is_too_long(request), f"a string has at most {MAX_STRING_BYTES} bytes"
    if request.member_epoch == JOIN_EPOCH:
        yield request.rebalance_timeout_ms is None, "RebalanceTimeoutMs must be provided in first request."
        for tasks, name in ((request.active, "Active"), (request.standby, "Standby"), (request.warmup, "Warmup")):
            yield tasks is None or bool(tasks), f"{name}Tasks must be empty when (re-)joining."
        yield request.topology is None, "Topology must be non-null when (re-)joining."
    if request.member_epoch < LEAVE_STATIC_EPOCH:
        yield True, f"MemberEpoch is {request.member_epoch}, but must be greater than or equal to -2."
    yield request.member_epoch == LEAVE_STATIC_EPOCH, "InstanceId can't be null."
    told = [tasks is not None for tasks in (request.active, request.standby, request.warmup)]
    yield any(told) and not all(told), "If one task-type is non-null, all must be non-null."
    message = "Topology can only be provided when (re-)joining."
    yield request.member_epoch != JOIN_EPOCH and request.topology is not None, message


def _is_too_long(request: StreamsHeartbeat) -> bool:
    strings = (request.group_id, request.member_id, request.rack_id, request.process_id)
    return any(len(text.encode()) > MAX_STRING_BYTES for text in strings if text is not None)


def _check_topology(topology: Topology) -> None:
    for part in topology.subtopologies:
        for topic in part.changelogs:
            if topic.partitions:
                message = (
                    f"Changelog topic {topic.name} must have an undefined partition count, "
                    f"but it is set to {topic.partitions}."
                )
                raise ApiError(ErrorCode.streams_invalid_topology, message)
        if not part.inputs:
            message = f"No source topics found for subtopology {part.id}"
            raise ApiError(ErrorCode.streams_invalid_topology, message)
        if not all(_has_topics(part, group) for group in part.copartition_groups):
            message = f"A copartition group of subtopology {part.id} names a topic that it has not."
            raise ApiError(ErrorCode.streams_invalid_topology, message)
    if len({part.id for part in topology.subtopologies}) < len(topology.subtopologies):
        raise ApiError(ErrorCode.streams_invalid_topology, "Two subtopologies have the same id.")


def _has_topics(part: Subtopology, group: CopartitionGroup) -> bool:
    lists = (
        (group.source_topics, len(part.source_topics)),
        (group.source_regexes, len(part.source_regexes)),
        (group.repartition_sources, len(part.repartition_sources)),
    )
    return all(0 <= index < length for indexes, length in lists for index in indexes)
