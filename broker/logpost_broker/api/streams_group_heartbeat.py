"""StreamsGroupHeartbeat (88), version 0: members of streams groups (KIP-1071).

A member tells the topology of its application; the internal topics that it lacks are made here, after the answer was
decided and before it leaves, and the next heartbeat finds them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kio.schema.errors import ErrorCode
from kio.schema.streams_group_heartbeat.v0 import request as asked
from kio.schema.streams_group_heartbeat.v0.request import StreamsGroupHeartbeatRequest
from kio.schema.streams_group_heartbeat.v0.response import (
    Endpoint as AnsweredEndpoint,
)
from kio.schema.streams_group_heartbeat.v0.response import (
    EndpointToPartitions,
    StreamsGroupHeartbeatResponse,
    TaskIds,
    TopicPartition,
)
from kio.schema.streams_group_heartbeat.v0.response import Status as AnsweredStatus
from kio.schema.types import TopicName
from kio.static.primitive import i8, i32, u16

from logpost_broker.api.create_topics import BROKERS_CHOICE
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.streams.events import Endpoint
from logpost_broker.groups.streams.messages import EndpointPartitions, StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.groups.streams.statuses import Status, StatusCode
from logpost_broker.groups.streams.tasks import TaskSet, by_subtopology
from logpost_broker.groups.streams.topology import CopartitionGroup, InternalTopic, Subtopology, Topology
from logpost_broker.metadata.topics import INTERNAL_TOPICS, NewTopic, Topic, check_name
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE, duration, milliseconds

NO_ACCEPTABLE_LAG = i32(0)
"""Only warm-up tasks would need it, and the interval of task offsets."""
logger = logging.getLogger("broker")


@handles(StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse)
async def streams_group_heartbeat(
    node: Node, request: StreamsGroupHeartbeatRequest, context: RequestContext
) -> StreamsGroupHeartbeatResponse:
    heartbeat = _heartbeat(request, context)
    try:
        if heartbeat.topology is not None:
            _check_names(heartbeat.topology)
    except ApiError as error:
        return _answer(StreamsHeartbeatReply(code=error.code, message=error.message))
    reply = await node.groups.ask(node.groups.core.streams_heartbeat, heartbeat, StreamsHeartbeatReply)
    failures = await _create(node, reply.missing_topics)
    return _answer(replace(reply, statuses=tuple(_with_failures(reply.statuses, failures))))


def _check_names(topology: Topology) -> None:
    """Raises ApiError STREAMS_INVALID_TOPOLOGY."""
    prohibited = sorted(topology.all_topics() & INTERNAL_TOPICS)
    if prohibited:
        message = f"Use of Kafka internal topics {','.join(prohibited)} in a Kafka Streams topology is prohibited."
        raise ApiError(ErrorCode.streams_invalid_topology, message)
    invalid = [name for name in sorted(topology.all_topics()) if not _is_valid(name)]
    if invalid:
        message = f"Topic names {','.join(invalid)} are not valid topic names."
        raise ApiError(ErrorCode.streams_invalid_topology, message)


def _is_valid(name: str) -> bool:
    try:
        check_name(name)
    except ApiError:
        return False
    return True


async def _create(node: Node, topics: Sequence[InternalTopic]) -> list[str]:
    """Make them; returns what failed, in words."""
    outcomes: dict[str, Topic | ApiError] = {}
    wanted = []
    for topic in topics:
        if topic.replication_factor in (0, 1, BROKERS_CHOICE):
            wanted.append(NewTopic(topic.name, topic.partitions, dict(topic.configs)))
        else:
            message = (
                f"Unable to replicate the partition {topic.replication_factor} time(s): The target replication "
                "factor is larger than the number of brokers, which is 1"
            )
            outcomes[topic.name] = ApiError(ErrorCode.invalid_replication_factor, message)
    outcomes |= await node.partitions.create_topics(wanted)
    failures = []
    for topic in topics:
        error = outcomes[topic.name]
        # By now there may be one: of a heartbeat that was decided at the same time.
        if isinstance(error, ApiError) and node.partitions.topics.by_name(topic.name) is None:
            logger.warning("cannot create %s for a streams group: %s", topic.name, error)
            failures.append(f"{topic.name} ({error})")
    return failures


def _with_failures(statuses: Sequence[Status], failures: Sequence[str]) -> Iterable[Status]:
    for status in statuses:
        if failures and status.code is StatusCode.MISSING_INTERNAL_TOPICS:
            yield Status(status.code, f"{status.detail}; Creation failed: {', '.join(failures)}.")
        else:
            yield status


def _heartbeat(request: StreamsGroupHeartbeatRequest, context: RequestContext) -> StreamsHeartbeat:
    rebalance_timeout_ms = milliseconds(request.rebalance_timeout)
    endpoint = request.user_endpoint
    return StreamsHeartbeat(
        group_id=request.group_id,
        member_id=request.member_id,
        member_epoch=request.member_epoch,
        endpoint_epoch=request.endpoint_information_epoch,
        instance_id=request.instance_id,
        rack_id=request.rack_id,
        client_id=context.client_id or "",
        client_host=f"/{context.client_host}",
        rebalance_timeout_ms=None if rebalance_timeout_ms < 0 else rebalance_timeout_ms,
        topology=None if request.topology is None else _topology(request.topology),
        active=_tasks(request.active_tasks),
        standby=_tasks(request.standby_tasks),
        warmup=_tasks(request.warmup_tasks),
        process_id=request.process_id,
        user_endpoint=None if endpoint is None else Endpoint(endpoint.host, endpoint.port),
        client_tags=None if request.client_tags is None else _pairs(request.client_tags),
        has_task_offsets=request.task_offsets is not None,
        has_task_end_offsets=request.task_end_offsets is not None,
        wants_shutdown=request.shutdown_application,
    )


def _tasks(tasks: Iterable[asked.TaskIds] | None) -> TaskSet | None:
    if tasks is None:
        return None
    return frozenset((task.subtopology_id, int(partition)) for task in tasks for partition in task.partitions)


def _pairs(pairs: Iterable[asked.KeyValue]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((pair.key, pair.value) for pair in pairs))


def _topology(topology: asked.Topology) -> Topology:
    parts = sorted(topology.subtopologies, key=lambda part: part.subtopology_id)
    return Topology(epoch=topology.epoch, subtopologies=tuple(_subtopology(part) for part in parts))


def _subtopology(part: asked.Subtopology) -> Subtopology:
    return Subtopology(
        id=part.subtopology_id,
        source_topics=tuple(part.source_topics),
        source_regexes=tuple(part.source_topic_regex),
        changelogs=tuple(_internal(topic) for topic in part.state_changelog_topics),
        repartition_sinks=tuple(part.repartition_sink_topics),
        repartition_sources=tuple(_internal(topic) for topic in part.repartition_source_topics),
        copartition_groups=tuple(
            CopartitionGroup(
                source_topics=tuple(group.source_topics),
                source_regexes=tuple(group.source_topic_regex),
                repartition_sources=tuple(group.repartition_source_topics),
            )
            for group in part.copartition_groups
        ),
    )


def _internal(topic: asked.TopicInfo) -> InternalTopic:
    return InternalTopic(
        name=topic.name,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        configs=_pairs(topic.topic_configs),
    )


def _answer(reply: StreamsHeartbeatReply) -> StreamsGroupHeartbeatResponse:
    assigned = reply.assigned
    return StreamsGroupHeartbeatResponse(
        throttle_time=NO_THROTTLE,
        error_code=reply.code,
        error_message=reply.message,
        member_id=reply.member_id,
        member_epoch=i32(reply.member_epoch),
        heartbeat_interval=duration(reply.heartbeat_interval_ms),
        acceptable_recovery_lag=NO_ACCEPTABLE_LAG,
        task_offset_interval=NO_THROTTLE,
        status=tuple(_status(status) for status in reply.statuses),
        active_tasks=None if assigned is None else tuple(_task_ids(assigned.active)),
        standby_tasks=None if assigned is None else tuple(_task_ids(assigned.standby)),
        warmup_tasks=None if assigned is None else tuple(_task_ids(assigned.warmup)),
        endpoint_information_epoch=i32(reply.endpoint_epoch),
        partitions_by_user_endpoint=(
            None if reply.endpoints is None else tuple(_endpoint(endpoint) for endpoint in reply.endpoints)
        ),
    )


def _status(status: Status) -> AnsweredStatus:
    return AnsweredStatus(status_code=i8(status.code), status_detail=status.detail)


def _task_ids(tasks: TaskSet) -> Iterable[TaskIds]:
    for part_id, partitions in by_subtopology(tasks).items():
        yield TaskIds(subtopology_id=part_id, partitions=tuple(i32(partition) for partition in partitions))


def _endpoint(told: EndpointPartitions) -> EndpointToPartitions:
    return EndpointToPartitions(
        user_endpoint=AnsweredEndpoint(host=told.endpoint.host, port=u16(told.endpoint.port)),
        active_partitions=tuple(_partitions(told.active)),
        standby_partitions=tuple(_partitions(told.standby)),
    )


def _partitions(places: Iterable[tuple[str, tuple[int, ...]]]) -> Iterable[TopicPartition]:
    for topic, partitions in places:
        yield TopicPartition(topic=TopicName(topic), partitions=tuple(i32(partition) for partition in partitions))
