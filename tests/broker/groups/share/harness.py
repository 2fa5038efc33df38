"""The members of a share group driven through the pure coordinator, with topics and a clock of their own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.offsets.messages import DeleteReply
from logpost_broker.groups.share.group import ShareGroup
from logpost_broker.groups.share.messages import LEAVE_EPOCH, ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.metadata.group_limits import ShareLimits
from logpost_broker.metadata.topics_image import TopicImage, TopicsImage
from tests.broker.groups.core import CoreHarness, coordinator

GROUP = "g"
JOBS, MAILS = uuid.UUID(int=1), uuid.UUID(int=2)
SESSION_MS = 100
LIMITS = ShareLimits(session_timeout_ms=SESSION_MS, max_members=3)


@dataclass(slots=True)
class ShareHarness(CoreHarness):
    version: int = 0
    topics: dict[str, TopicImage] = field(
        default_factory=lambda: {"jobs": TopicImage(JOBS, 2), "mails": TopicImage(MAILS, 1)}
    )

    def new_core(self) -> GroupCoordinator:
        return coordinator(lambda: TopicsImage(self.version, dict(self.topics)), shares=lambda: LIMITS)

    def set_topic(self, name: str, topic_id: uuid.UUID, partitions: int) -> None:
        """Create it, or give it so many partitions; none deletes it."""
        self.version += 1
        self.topics.pop(name, None)
        if partitions:
            self.topics[name] = TopicImage(topic_id, partitions)

    @property
    def group(self) -> ShareGroup:
        group = self.core.shares.describe(GROUP)
        assert group is not None
        return group

    def beat(self, member_id: str, epoch: int, *topics: str, group_id: str = GROUP) -> ShareHeartbeatReply:
        request = ShareHeartbeat(
            group_id=group_id,
            member_id=member_id,
            member_epoch=epoch,
            rack_id=None,
            client_id="c",
            client_host="/127.0.0.1",
            topic_names=topics or None,
        )
        outcome = self.core.share_heartbeat(request, "waiter", self.now_ms)
        self.carry_out(outcome)
        [(waiter, reply)] = outcome.replies
        assert waiter == "waiter"
        assert isinstance(reply, ShareHeartbeatReply)
        return reply

    def leave(self, member_id: str) -> ShareHeartbeatReply:
        return self.beat(member_id, LEAVE_EPOCH)

    def delete(self) -> DeleteReply:
        outcome = self.core.shares.delete(GROUP, "waiter", self.now_ms)
        self.carry_out(outcome)
        [(_, reply)] = outcome.replies
        assert isinstance(reply, DeleteReply)
        return reply
