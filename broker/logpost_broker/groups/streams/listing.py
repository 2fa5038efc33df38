"""What admin tools are told about streams groups."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.groups.streams.configured_topology import ConfiguredTopology
from logpost_broker.groups.streams.events import StreamsCurrentStored, StreamsMemberStored
from logpost_broker.groups.streams.group import StreamsGroup, StreamsGroupState
from logpost_broker.groups.streams.tasks import Tasks
from logpost_broker.groups.streams.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedStreamsMember:
    member: StreamsMemberStored
    current: StreamsCurrentStored
    target: Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedStreamsGroup:
    group_id: str
    state: StreamsGroupState
    epoch: int
    target_epoch: int
    topology: Topology | None
    configured: ConfiguredTopology | None
    """None where the topology was not looked at beside the topics."""
    members: tuple[DescribedStreamsMember, ...]


def describe(group: StreamsGroup, configured: ConfiguredTopology | None) -> DescribedStreamsGroup:
    return DescribedStreamsGroup(
        group_id=group.group_id,
        state=group.state,
        epoch=group.epoch,
        target_epoch=group.target_epoch,
        topology=group.topology,
        configured=configured,
        members=tuple(
            DescribedStreamsMember(
                member=member, current=group.current_of(member_id), target=group.target_of(member_id)
            )
            for member_id, member in sorted(group.members.items())
        ),
    )
