"""Which groups there are, of the kinds that commit offsets: an id belongs to one of them."""

from __future__ import annotations

from logpost_broker.groups.classic.groups import ClassicGroups
from logpost_broker.groups.classic.subscription import CONSUMER
from logpost_broker.groups.consumer.coordinator import ConsumerGroups
from logpost_broker.groups.kinds import GroupKind, ListedGroup
from logpost_broker.groups.offsets.committed import Offsets
from logpost_broker.groups.streams.coordinator import StreamsGroups


class GroupTable:
    def __init__(
        self, classic: ClassicGroups, consumers: ConsumerGroups, streams: StreamsGroups, offsets: Offsets
    ) -> None:
        self.classic = classic
        self.consumers = consumers
        self.streams = streams
        self._offsets = offsets

    def has_consumers(self, group_id: str) -> bool:
        """It is a consumer group with members, whatever protocol they speak."""
        return group_id in self.consumers and not self.consumers.is_empty(group_id)

    def is_classic(self, group_id: str) -> bool:
        """Groups that only ever committed offsets are classic groups too."""
        is_newer = self.of(group_id) is not self.classic
        return group_id in self.classic or (group_id in self._offsets.group_ids() and not is_newer)

    def of(self, group_id: str) -> ClassicGroups | ConsumerGroups | StreamsGroups:
        """The groups that this is one of, or would be."""
        newer: tuple[ConsumerGroups | StreamsGroups, ...] = (self.consumers, self.streams)
        return next((groups for groups in newer if group_id in groups), self.classic)

    def is_known(self, group_id: str) -> bool:
        return self.of(group_id) is not self.classic or self.is_classic(group_id)

    def is_empty(self, group_id: str) -> bool:
        return self.of(group_id).is_empty(group_id)

    def ids(self) -> set[str]:
        """Groups that only ever committed offsets are groups too."""
        ids = (
            self.classic.group_ids(),
            self._offsets.group_ids(),
            self.consumers.group_ids(),
            self.streams.group_ids(),
        )
        return set().union(*ids)

    def listed(self, group_id: str) -> ListedGroup | None:
        """None where there is no such group."""
        if not self.is_known(group_id):
            return None
        if (consumer := self.consumers.describe(group_id)) is not None:
            kind, protocol_type, state = GroupKind.CONSUMER, CONSUMER, consumer.state.value
        elif (streams := self.streams.describe(group_id)) is not None:
            kind, protocol_type, state = GroupKind.STREAMS, GroupKind.STREAMS.value, streams.state.value
        else:
            classic = self.classic.describe(group_id)
            kind, protocol_type, state = GroupKind.CLASSIC, classic.protocol_type, classic.state.value
        return ListedGroup(group_id=group_id, kind=kind, protocol_type=protocol_type, state=state)
