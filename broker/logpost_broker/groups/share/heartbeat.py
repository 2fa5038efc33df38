"""ShareGroupHeartbeat: a member joins, says what it subscribes to, learns what it should fetch from, and leaves.

Members share partitions, so that nobody has to give any up before another may have it.
"""

from __future__ import annotations

from dataclasses import replace

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.coordinator.sizes import require_room
from logpost_broker.errors import ApiError
from logpost_broker.groups.share.assignor import assign
from logpost_broker.groups.share.member_events import (
    ShareCurrentStored,
    ShareGroupStored,
    ShareMemberStored,
    ShareTargetEpochStored,
    ShareTargetStored,
)
from logpost_broker.groups.share.messages import JOIN_EPOCH, LEAVE_EPOCH, ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.groups.share.timer_keys import ShareSessionTimer
from logpost_broker.groups.share.work import Work


def check(request: ShareHeartbeat) -> None:
    """What is wrong by itself, whatever the group is. Raises ApiError INVALID_REQUEST."""
    for is_wrong, message in (
        (not request.group_id, "GroupId can't be empty."),
        (not request.member_id, "MemberId can't be empty."),
        (request.rack_id == "", "RackId can't be empty."),
        (request.member_epoch < LEAVE_EPOCH, "MemberEpoch is invalid."),
        (
            request.member_epoch == JOIN_EPOCH and not request.topic_names,
            "SubscribedTopicNames must be set in first request.",
        ),
        (_is_too_long(request), f"a string has at most {MAX_STRING_BYTES} bytes"),
    ):
        if is_wrong:
            raise ApiError(ErrorCode.invalid_request, message)


def _is_too_long(request: ShareHeartbeat) -> bool:
    texts = (request.group_id, request.member_id, request.rack_id, *(request.topic_names or ()))
    return any(len(text.encode()) > MAX_STRING_BYTES for text in texts if text is not None)


def heartbeat(work: Work, request: ShareHeartbeat, *, is_metadata_seen: bool) -> ShareHeartbeatReply:
    """`is_metadata_seen`: the group has looked at these topics before.

    Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_MAX_SIZE_REACHED.
    """
    member = _joining(work, request) if request.member_epoch == JOIN_EPOCH else _known(work, request)
    is_changed = _update(work, member, request)
    if is_changed or not is_metadata_seen or work.group.epoch > work.group.target_epoch:
        _refresh(work, is_changed=is_changed)
    current = _reconciled(work, request.member_id)
    work.draft.set_timer(ShareSessionTimer(request.group_id, request.member_id), work.limits.session_timeout_ms)
    is_told = request.topic_names is not None or request.member_epoch != current.epoch
    return ShareHeartbeatReply(
        member_epoch=current.epoch,
        heartbeat_interval_ms=work.limits.heartbeat_interval_ms,
        assignment=current.assignment if is_told else None,
    )


def leave(work: Work, request: ShareHeartbeat) -> ShareHeartbeatReply:
    """Raises ApiError UNKNOWN_MEMBER_ID."""
    _member(work, request)
    remove_member(work, request.member_id)
    work.draft.cancel_timer(ShareSessionTimer(request.group_id, request.member_id))
    return ShareHeartbeatReply(member_epoch=LEAVE_EPOCH)


def remove_member(work: Work, member_id: str) -> None:
    """Others get what it had by the new epoch."""
    for tombstone in work.group.tombstones_of(member_id):
        work.emit(tombstone)
    _raise_epoch(work)


def _joining(work: Work, request: ShareHeartbeat) -> ShareMemberStored | None:
    """Who it is; None for somebody new."""
    members = work.group.members
    if request.member_id not in members and len(members) >= work.limits.max_members:
        raise ApiError(ErrorCode.group_max_size_reached, f"the group has {len(members)} members already")
    return members.get(request.member_id)


def _known(work: Work, request: ShareHeartbeat) -> ShareMemberStored:
    member = _member(work, request)
    current = work.group.current_of(request.member_id)
    # The answer that told it of its new epoch may have been lost.
    if request.member_epoch not in (current.epoch, current.previous_epoch):
        raise ApiError(ErrorCode.fenced_member_epoch, f"the member's epoch is {current.epoch}")
    return member


def _member(work: Work, request: ShareHeartbeat) -> ShareMemberStored:
    member = work.group.members.get(request.member_id)
    if member is None:
        raise ApiError(ErrorCode.unknown_member_id, f"{request.member_id} is not a member of the group")
    return member


def _update(work: Work, member: ShareMemberStored | None, request: ShareHeartbeat) -> bool:
    """Keep what the member says; returns whether it changes what anybody is assigned."""
    names = None if request.topic_names is None else tuple(sorted(set(request.topic_names)))
    updated = ShareMemberStored(
        group_id=request.group_id,
        member_id=request.member_id,
        rack_id=member.rack_id if request.rack_id is None and member is not None else request.rack_id,
        client_id=request.client_id,
        client_host=request.client_host,
        topic_names=member.topic_names if names is None and member is not None else names or (),
    )
    if updated != member:
        require_room(updated, (each for each in work.group.members.values() if each.member_id != updated.member_id))
        work.emit(updated)
    return member is None or updated.topic_names != member.topic_names


def _refresh(work: Work, *, is_changed: bool) -> None:
    """Look at the topics again. A new epoch when what the group reads is not what it was, and then new targets."""
    group = work.group
    if is_changed or work.image.fingerprint(group.topics) != group.metadata_hash:
        _raise_epoch(work)
    if group.epoch > group.target_epoch:
        _assign(work)


def _raise_epoch(work: Work) -> None:
    group = work.group
    metadata_hash = work.image.fingerprint(group.topics)
    work.emit(ShareGroupStored(group_id=group.group_id, epoch=group.epoch + 1, metadata_hash=metadata_hash))


def _assign(work: Work) -> None:
    group = work.group
    topics = {name: work.image.topics[name] for name in group.topics if name in work.image.topics}
    subscriptions = {
        member_id: {topics[name].id for name in member.topic_names if name in topics}
        for member_id, member in group.members.items()
    }
    targets = assign(subscriptions, {topic.id: topic.partitions for topic in topics.values()})
    for member_id, assignment in targets.items():
        target = ShareTargetStored(group_id=group.group_id, member_id=member_id, assignment=assignment)
        if group.targets.get(member_id) != target:
            work.emit(target)
    work.emit(ShareTargetEpochStored(group_id=group.group_id, epoch=group.epoch, timestamp_ms=work.draft.now_ms))


def _reconciled(work: Work, member_id: str) -> ShareCurrentStored:
    group = work.group
    current = group.current_of(member_id)
    if current.epoch == group.target_epoch:
        return current
    updated = replace(
        current, epoch=group.target_epoch, previous_epoch=current.epoch, assignment=group.target_of(member_id)
    )
    work.emit(updated)
    return updated
