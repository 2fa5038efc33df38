"""What a member of a streams group asks and is answered, free of API versions. Times are in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Reply
from logpost_broker.groups.streams.events import Endpoint
from logpost_broker.groups.streams.statuses import Status
from logpost_broker.groups.streams.tasks import Tasks, TaskSet
from logpost_broker.groups.streams.topology import InternalTopic, Topology

JOIN_EPOCH = 0
LEAVE_EPOCH = -1
LEAVE_STATIC_EPOCH = -2


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsHeartbeat:
    """None stands for what did not change since the last heartbeat."""

    group_id: str
    member_id: str
    member_epoch: int
    endpoint_epoch: int = 0
    """Of the endpoints that the member knows."""
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    rebalance_timeout_ms: int | None = None
    topology: Topology | None = None
    active: TaskSet | None = None
    standby: TaskSet | None = None
    warmup: TaskSet | None = None
    process_id: str | None = None
    user_endpoint: Endpoint | None = None
    client_tags: tuple[tuple[str, str], ...] | None = None
    has_task_offsets: bool = False
    has_task_end_offsets: bool = False
    wants_shutdown: bool = False

    @property
    def owned(self) -> Tasks | None:
        """What the member has, and has not let go; None where it does not say."""
        if self.active is None or self.standby is None or self.warmup is None:
            return None
        return Tasks(active=self.active, standby=self.standby, warmup=self.warmup)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPartitions:
    """Which partitions a member answers interactive queries about: (topic, its partitions)."""

    endpoint: Endpoint
    active: tuple[tuple[str, tuple[int, ...]], ...]
    standby: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsHeartbeatReply(Reply):
    code: ErrorCode = ErrorCode.none
    message: str | None = None
    member_id: str = ""
    member_epoch: int = 0
    heartbeat_interval_ms: int = 0
    statuses: tuple[Status, ...] = ()
    assigned: Tasks | None = None
    """None where it is what the member was told last."""
    endpoint_epoch: int = 0
    endpoints: tuple[EndpointPartitions, ...] | None = None
    """None where the member knows them."""
    missing_topics: tuple[InternalTopic, ...] = ()
    """For the caller to make."""
