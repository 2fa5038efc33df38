"""A classic group becomes a consumer group when the first member of the new protocol joins it (KIP-848, "Upgrade")."""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.group import Group, Member
from logpost_broker.groups.classic.subscription import CONSUMER
from logpost_broker.groups.consumer.classic_protocol import Subscription, read_assignment, read_subscription
from logpost_broker.groups.consumer.events import (
    ClassicMember,
    ConsumerGroupEvent,
    CurrentStored,
    GroupEpochStored,
    MemberState,
    MemberStored,
    Partitions,
    TargetEpochStored,
    TargetStored,
)
from logpost_broker.metadata.topics_image import TopicsImage


def upgraded(group: Group, image: TopicsImage, now_ms: int) -> list[ConsumerGroupEvent]:
    """The group as it was last agreed on: its generation is the epoch, what its members were assigned they have, and
    should have. Raises ApiError GROUP_ID_NOT_FOUND for a group of another kind."""
    if group.protocol_type != CONSUMER:
        raise ApiError(ErrorCode.group_id_not_found, f"Group {group.group_id} is not a consumer group.")
    try:
        members = [(member, *_read(member, group.protocol)) for member in group.members.values()]
    except ValueError as error:
        message = f"Group {group.group_id} cannot become a consumer group: {error}."
        raise ApiError(ErrorCode.group_id_not_found, message) from error
    topics = {topic for _, subscription, _ in members for topic in subscription.topics}
    events: list[ConsumerGroupEvent] = [
        GroupEpochStored(
            group_id=group.group_id, epoch=group.generation, metadata_hash=image.fingerprint(sorted(topics))
        ),
        TargetEpochStored(group_id=group.group_id, epoch=group.generation, timestamp_ms=now_ms),
    ]
    given: Partitions = frozenset()
    for member, subscription, assigned in members:
        known = frozenset(
            (image.topics[topic].id, partition)
            for topic, partition in assigned
            if topic in image.topics and partition < image.topics[topic].partitions
        )
        # An assignor of clients may have given a partition to two.
        events += _member(group, member, subscription, known - given)
        given |= known
    return events


def _read(member: Member, protocol: str | None) -> tuple[Subscription, frozenset[tuple[str, int]]]:
    """Raises ValueError."""
    metadata = dict(member.protocols).get(protocol or "", member.protocols[0][1])
    return read_subscription(metadata), read_assignment(member.assignment)


def _member(
    group: Group, member: Member, subscription: Subscription, partitions: Partitions
) -> list[ConsumerGroupEvent]:
    return [
        MemberStored(
            group_id=group.group_id,
            member_id=member.member_id,
            instance_id=member.instance_id,
            rack_id=subscription.rack_id,
            client_id=member.client_id,
            client_host=member.client_host,
            topic_names=tuple(sorted(set(subscription.topics))),
            topic_regex="",
            rebalance_timeout_ms=member.rebalance_timeout_ms,
            server_assignor=None,
            classic=ClassicMember(session_timeout_ms=member.session_timeout_ms, protocols=member.protocols),
        ),
        TargetStored(group_id=group.group_id, member_id=member.member_id, partitions=partitions),
        CurrentStored(
            group_id=group.group_id,
            member_id=member.member_id,
            epoch=group.generation,
            previous_epoch=group.generation,
            state=MemberState.STABLE,
            assigned=partitions,
            revoking=frozenset(),
            assignment_epochs=dict.fromkeys(partitions, group.generation),
        ),
    ]
