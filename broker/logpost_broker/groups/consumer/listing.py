"""What admin tools are told about consumer groups."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.groups.consumer.events import CurrentStored, MemberStored, Partitions
from logpost_broker.groups.consumer.group import ConsumerGroup, ConsumerGroupState


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedConsumer:
    member: MemberStored
    current: CurrentStored
    target: Partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedConsumerGroup:
    group_id: str
    state: ConsumerGroupState
    epoch: int
    target_epoch: int
    assignor: str
    members: tuple[DescribedConsumer, ...]


def describe(group: ConsumerGroup) -> DescribedConsumerGroup:
    return DescribedConsumerGroup(
        group_id=group.group_id,
        state=group.state,
        epoch=group.epoch,
        target_epoch=group.target_epoch,
        assignor=group.assignor(),
        members=tuple(
            DescribedConsumer(member=member, current=group.current_of(member_id), target=group.target_of(member_id))
            for member_id, member in sorted(group.members.items())
        ),
    )
