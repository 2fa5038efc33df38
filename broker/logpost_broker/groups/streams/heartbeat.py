"""StreamsGroupHeartbeat: a member joins, tells its topology and what it has, and learns what it should have."""

from __future__ import annotations

from dataclasses import replace

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.sizes import require_room
from logpost_broker.errors import ApiError
from logpost_broker.groups.modern.work import arm_revocation
from logpost_broker.groups.streams.assignment import assignment_configs, refresh_targets
from logpost_broker.groups.streams.configured_topology import ConfiguredTopology
from logpost_broker.groups.streams.endpoints import endpoints
from logpost_broker.groups.streams.events import (
    NO_TOPOLOGY_EPOCH,
    StreamsCurrentStored,
    StreamsGroupStored,
    StreamsMemberStored,
    StreamsTopologyStored,
)
from logpost_broker.groups.streams.group import StreamsGroup
from logpost_broker.groups.streams.membership import remove_member
from logpost_broker.groups.streams.messages import JOIN_EPOCH, StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.groups.streams.reconciliation import reconcile
from logpost_broker.groups.streams.statuses import Status, StatusCode
from logpost_broker.groups.streams.tasks import NO_TASKS
from logpost_broker.groups.streams.timer_keys import InitialDelayTimer, StreamsRevocationTimer, StreamsSessionTimer
from logpost_broker.groups.streams.topology import Topology
from logpost_broker.groups.streams.work import Work


def heartbeat(work: Work, request: StreamsHeartbeat) -> StreamsHeartbeatReply:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_MAX_SIZE_REACHED, INVALID_REQUEST,
    STREAMS_INVALID_TOPOLOGY."""
    group = work.group
    known = _member(work, request)
    is_first = not group.members
    is_changed = _update_member(work, known, request)
    topology = _topology(work, request.topology)
    configured = work.unjournaled.configured(topology, work.image)
    if configured.is_ready:
        _check_tasks(configured, request)
    _raise_epoch_if(work, topology, configured, is_member_changed=is_changed)
    is_delayed = work.unjournaled.is_delayed or (is_first and work.limits.initial_rebalance_delay_ms > 0)
    delayed = refresh_targets(work, configured, is_delayed=is_delayed)
    before = group.current.get(request.member_id)
    current = _reconciled(work, request, is_delayed=is_delayed)
    is_told = before is None or _is_to_be_told(request, before, current)
    _remember(work, request, is_delayed=is_delayed, is_told=is_told)
    _arm(work, request.member_id, before, current)
    is_endpoint_news = request.endpoint_epoch != work.unjournaled.endpoint_epoch
    return StreamsHeartbeatReply(
        member_id=request.member_id,
        member_epoch=current.epoch,
        heartbeat_interval_ms=work.limits.heartbeat_interval_ms,
        statuses=_statuses(work, request, topology, configured, delayed),
        assigned=current.assigned if is_told else None,
        endpoint_epoch=work.unjournaled.endpoint_epoch,
        endpoints=endpoints(group, configured, work.image) if is_endpoint_news else None,
        missing_topics=configured.missing_topics,
    )


def leave(work: Work, request: StreamsHeartbeat) -> StreamsHeartbeatReply:
    """Raises ApiError UNKNOWN_MEMBER_ID."""
    _known(work.group, request.member_id)
    if request.wants_shutdown:
        work.unjournaled.shutdown_by = request.member_id
    remove_member(work, request.member_id)
    return StreamsHeartbeatReply(member_id=request.member_id, member_epoch=request.member_epoch)


def _known(group: StreamsGroup, member_id: str) -> StreamsMemberStored:
    member = group.members.get(member_id)
    if member is None:
        message = f"Member {member_id} is not a member of group {group.group_id}."
        raise ApiError(ErrorCode.unknown_member_id, message)
    return member


def _member(work: Work, request: StreamsHeartbeat) -> StreamsMemberStored | None:
    """Who it is; None for somebody new."""
    group = work.group
    if request.member_epoch != JOIN_EPOCH:
        member = _known(group, request.member_id)
        _check_epoch(group.current_of(request.member_id), request)
        return member
    if len(group.members) >= work.limits.max_members:
        message = f"The streams group has reached its maximum capacity of {work.limits.max_members} members."
        raise ApiError(ErrorCode.group_max_size_reached, message)
    return group.members.get(request.member_id)


def _check_epoch(current: StreamsCurrentStored, request: StreamsHeartbeat) -> None:
    epoch, owned = request.member_epoch, request.owned
    # The answer that told it of its new epoch may have been lost.
    is_answer_lost = epoch == current.previous_epoch and owned is not None and owned <= current.assigned
    if epoch > current.epoch or (epoch < current.epoch and not is_answer_lost):
        size = "greater" if epoch > current.epoch else "smaller"
        message = (
            f"The streams group member has a {size} member epoch ({epoch}) than the one known by the group coordinator "
            f"({current.epoch}). The member must abandon all its partitions and rejoin."
        )
        raise ApiError(ErrorCode.fenced_member_epoch, message)


def _update_member(work: Work, known: StreamsMemberStored | None, request: StreamsHeartbeat) -> bool:
    """Keep what the member says; returns whether that is news."""
    base = known or StreamsMemberStored(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=None,
        rack_id=None,
        client_id=request.client_id,
        client_host=request.client_host,
        rebalance_timeout_ms=-1,
        topology_epoch=NO_TOPOLOGY_EPOCH,
        process_id="",
        user_endpoint=None,
        client_tags=(),
    )
    updated = replace(
        base,
        rack_id=base.rack_id if request.rack_id is None else request.rack_id,
        client_id=request.client_id,
        client_host=request.client_host,
        rebalance_timeout_ms=(
            base.rebalance_timeout_ms if request.rebalance_timeout_ms is None else request.rebalance_timeout_ms
        ),
        topology_epoch=base.topology_epoch if request.topology is None else request.topology.epoch,
        process_id=base.process_id if request.process_id is None else request.process_id,
        user_endpoint=base.user_endpoint if request.user_endpoint is None else request.user_endpoint,
        client_tags=base.client_tags if request.client_tags is None else request.client_tags,
    )
    if updated == known:
        return False
    others = (each for each in work.group.members.values() if each.member_id != updated.member_id)
    require_room((updated, request.topology), others)
    work.emit(updated)
    return True


def _topology(work: Work, told: Topology | None) -> Topology:
    """The group's: that of its first member. An application of an older one joins without tasks to be told so; one of
    another topology has to be a group of its own, or come when this one is deleted."""
    known = work.group.topology
    if told is None:
        if known is None:
            raise ApiError(ErrorCode.unknown_server_error, "The group has no topology.")
        return known
    if known is None:
        work.emit(StreamsTopologyStored(group_id=work.group.group_id, topology=told))
        return told
    if known.epoch <= told.epoch and known != told:
        raise ApiError(ErrorCode.invalid_request, "Topology updates are not supported yet.")
    return known


def _check_tasks(configured: ConfiguredTopology, request: StreamsHeartbeat) -> None:
    """Whether the member's tasks are of this topology."""
    for tasks in (request.active, request.standby, request.warmup):
        for part_id, partition in tasks or ():
            part = configured.subtopologies.get(part_id)
            if part is None:
                message = f"Subtopology {part_id} does not exist in the topology."
                raise ApiError(ErrorCode.invalid_request, message)
            if not 0 <= partition < part.tasks:
                message = (
                    f"Task {partition} for subtopology {part_id} is invalid. "
                    f"Number of tasks for this subtopology: {part.tasks}"
                )
                raise ApiError(ErrorCode.invalid_request, message)


def _raise_epoch_if(work: Work, topology: Topology, configured: ConfiguredTopology, *, is_member_changed: bool) -> None:
    """A new epoch when the group is not what it was."""
    group = work.group
    updated = StreamsGroupStored(
        group_id=group.group_id,
        epoch=group.epoch,
        metadata_hash=work.image.fingerprint(topology.required_topics()),
        validated_topology_epoch=topology.epoch if configured.is_ready else NO_TOPOLOGY_EPOCH,
        assignment_configs=assignment_configs(work),
    )
    if is_member_changed or updated != group.stored:
        work.emit(replace(updated, epoch=group.epoch + 1))


def _reconciled(work: Work, request: StreamsHeartbeat, *, is_delayed: bool) -> StreamsCurrentStored:
    group, member_id = work.group, request.member_id
    known = group.current.get(member_id)
    current = reconcile(
        group.current_of(member_id),
        NO_TASKS if is_delayed else group.target_of(member_id),
        group.target_epoch,
        request.owned,
        lambda tasks: group.not_free(member_id, tasks),
    )
    if current != known:
        work.emit(current)
    return current


def _is_to_be_told(request: StreamsHeartbeat, before: StreamsCurrentStored, current: StreamsCurrentStored) -> bool:
    is_answer_lost = request.member_epoch < before.epoch
    return request.member_epoch == JOIN_EPOCH or is_answer_lost or before.assigned != current.assigned


def _remember(work: Work, request: StreamsHeartbeat, *, is_delayed: bool, is_told: bool) -> None:
    """Nothing can be refused any more."""
    unjournaled, group = work.unjournaled, work.group
    if is_delayed and not unjournaled.is_delayed:
        unjournaled.is_delayed = True
        work.draft.set_timer(InitialDelayTimer(group.group_id), work.limits.initial_rebalance_delay_ms)
    if request.wants_shutdown:
        unjournaled.shutdown_by = request.member_id
    if is_told and group.members[request.member_id].user_endpoint is not None:
        unjournaled.endpoint_epoch += 1


def _arm(work: Work, member_id: str, before: StreamsCurrentStored | None, current: StreamsCurrentStored) -> None:
    group = work.group
    work.draft.set_timer(StreamsSessionTimer(group.group_id, member_id), work.limits.session_timeout_ms)
    timer = StreamsRevocationTimer(group.group_id, member_id)
    owed_before = None if before is None else before.owed
    arm_revocation(work.draft, timer, group.members[member_id].rebalance_timeout_ms, owed_before, current.owed)


def _statuses(
    work: Work,
    request: StreamsHeartbeat,
    topology: Topology,
    configured: ConfiguredTopology,
    delayed: Status | None,
) -> tuple[Status, ...]:
    epoch = work.group.members[request.member_id].topology_epoch
    stale = shutdown = None
    if epoch < topology.epoch:
        detail = f"The member's topology epoch {epoch} is behind the group's topology epoch {topology.epoch}."
        stale = Status(StatusCode.STALE_TOPOLOGY, detail)
    if work.unjournaled.shutdown_by is not None:
        detail = (
            f"Streams group member {work.unjournaled.shutdown_by} encountered a fatal error and requested a shutdown "
            "for the entire application."
        )
        shutdown = Status(StatusCode.SHUTDOWN_APPLICATION, detail)
    return tuple(status for status in (stale, delayed, configured.problem, shutdown) if status is not None)
