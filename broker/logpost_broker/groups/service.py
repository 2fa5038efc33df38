"""The group coordinator of a running broker: the pure core, its journal, its timers, and who waits for an answer.

An answer leaves when everything journaled before it is durable, so that no client ever acts on a state that a power cut
could take back. What cannot be journaled is answered COORDINATOR_NOT_AVAILABLE, which every client tries again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar, cast

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.configs.group import consumer_limits, share_limits, streams_limits
from logpost_broker.configs.store import ResourceType
from logpost_broker.consumer_groups.coordinator import ConsumerGroups
from logpost_broker.consumer_groups.limits import ConsumerGroupLimits
from logpost_broker.consumer_groups.listing import DescribedConsumerGroup
from logpost_broker.consumer_groups.messages import MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.consumer_groups.subscriptions import is_valid, matches
from logpost_broker.errors import ApiError
from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.events import TransactionEnded
from logpost_broker.groups.journal import GroupJournalFormat, encoded
from logpost_broker.groups.limits import MAX_COMMIT_BYTES, GroupLimits
from logpost_broker.groups.listing import DescribedGroup, ListedGroup
from logpost_broker.groups.messages import (
    Commit,
    CommitReply,
    CreateReply,
    DeleteReply,
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinReply,
    LeaveReply,
    LeavingMember,
    Reply,
    Sync,
    SyncReply,
    TopicPartition,
)
from logpost_broker.groups.offset_requests import PreparedCommit
from logpost_broker.groups.offsets import Committed
from logpost_broker.groups.outcome import Draft, Outcome, SetTimer, TimerKey, Waiter
from logpost_broker.groups.timers import Timers
from logpost_broker.groups.topics_image import TopicImage, TopicsImage
from logpost_broker.journal import SNAPSHOT_BYTES, Journal
from logpost_broker.node import Node
from logpost_broker.share_groups.group import ShareGroup
from logpost_broker.share_groups.limits import ShareLimits
from logpost_broker.share_groups.membership import ShareGroups
from logpost_broker.share_groups.messages import ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.share_groups.timer_keys import ShareSessionTimer
from logpost_broker.streams_groups.coordinator import StreamsGroups
from logpost_broker.streams_groups.limits import StreamsGroupLimits
from logpost_broker.streams_groups.listing import DescribedStreamsGroup
from logpost_broker.streams_groups.messages import StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.topics import Topic

R = TypeVar("R", bound=Reply)

RETRY_MS = 1_000
"""When to try again what could not be journaled, and nobody asks for again."""

logger = logging.getLogger("broker")


class GroupService:
    def __init__(
        self, node: Node, snapshot_bytes: int = SNAPSHOT_BYTES, default_share_limits: ShareLimits | None = None
    ) -> None:
        self._node = node
        self.default_share_limits = default_share_limits or ShareLimits()
        self._image = TopicsImage()
        consumers = ConsumerGroups(self._consumer_limits, self._topics_image)
        streams = StreamsGroups(self._streams_limits, self._topics_image)
        shares = ShareGroups(self.share_limits, self._topics_image)
        self._core = GroupCoordinator(_limits(node.config), consumers, streams, shares, lambda: self._journal.is_full)
        self.kinds = self._core.kinds
        """Which kind of group an id stands for."""
        self.share_member_lost: Callable[[str, str], None] = lambda group_id, member_id: None
        """Called with the group and the member of a session that has run down."""
        self._journal = Journal(node, GroupJournalFormat(), self._core.snapshot, snapshot_bytes)
        node.metrics.watch_state("groups", lambda: self._journal.state_bytes)
        node.metrics.watch_state("members", lambda: self._core.said_bytes)
        self._timers = Timers(self._expire)
        self._next_expiry: asyncio.TimerHandle | None = None
        self._next_forgetting: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Replay the journal and give every member a new session."""
        for event in self._journal.replay():
            self._core.apply(event)
        # A crash may have come between the deletion of a topic and that of the offsets in it.
        self._forget_deleted_topics()
        now_ms = self._node.now_ms()
        self._carry_out(self._core.resume(now_ms), now_ms)
        # Not at once: members that were away with the broker have the time to come back.
        self._await_expiry()
        self._node.parked.add(self)

    async def stop(self) -> None:
        self._cancel_timers()
        self._journal.stop()

    def _cancel_timers(self) -> None:
        self._timers.cancel_all()
        for handle in (self._next_expiry, self._next_forgetting):
            if handle is not None:
                handle.cancel()

    def release(self) -> None:
        """The broker stops: members that wait for others look for their coordinator again, and find it after the
        restart. No timer runs from here on, so that nobody loses its place meanwhile."""
        self._cancel_timers()
        now_ms = self._node.now_ms()
        self._carry_out(self._core.release(now_ms), now_ms)

    def topics_deleted(self, topics: Sequence[Topic]) -> None:
        """Forget the offsets in them."""
        self._forget_deleted_topics()

    def _forget_deleted_topics(self) -> None:
        gone = {topic for topic in self._core.offsets.topics() if self._node.topics.by_name(topic) is None}
        code = self._carry_out(self._core.offsets.forget_topics(gone), self._node.now_ms())
        if code is not ErrorCode.none:
            self._next_forgetting = asyncio.get_running_loop().call_later(RETRY_MS / 1000, self._forget_deleted_topics)

    def join(self, request: Join) -> asyncio.Future[JoinReply]:
        return self._call(lambda waiter, now_ms: self._core.join(request, waiter, now_ms))

    async def resolve(self, group_id: str, regex: str | None = None) -> None:
        """Ask the regular expressions of a group, and that of a heartbeat, about all topics beforehand, in steps."""
        for each in self._core.consumers.unresolved(group_id, regex):
            if is_valid(each):
                async for name in self._node.turns.each(self._topics_image().topics):
                    matches(each, name)

    def consumer_heartbeat(self, request: MemberHeartbeat) -> asyncio.Future[MemberHeartbeatReply]:
        return self._call(lambda waiter, now_ms: self._core.consumer_heartbeat(request, waiter, now_ms))

    def streams_heartbeat(self, request: StreamsHeartbeat) -> asyncio.Future[StreamsHeartbeatReply]:
        return self._call(lambda waiter, now_ms: self._core.streams_heartbeat(request, waiter, now_ms))

    def share_heartbeat(self, request: ShareHeartbeat) -> asyncio.Future[ShareHeartbeatReply]:
        return self._call(lambda waiter, now_ms: self._core.share_heartbeat(request, waiter, now_ms))

    def sync(self, request: Sync) -> asyncio.Future[SyncReply]:
        return self._call(lambda waiter, now_ms: self._core.sync(request, waiter, now_ms))

    def heartbeat(self, request: Heartbeat) -> asyncio.Future[HeartbeatReply]:
        return self._call(lambda waiter, now_ms: self._core.heartbeat(request, waiter, now_ms))

    def leave(self, group_id: str, members: Iterable[LeavingMember]) -> asyncio.Future[LeaveReply]:
        return self._call(lambda waiter, now_ms: self._core.leave(group_id, members, waiter, now_ms))

    def commit(
        self, request: Commit, prepared: PreparedCommit | None = None, batch: bytes | None = None
    ) -> asyncio.Future[CommitReply]:
        """Decided and written now, whole or not at all. `batch`: the events of `prepared`, encoded."""

        def decide(waiter: Waiter, now_ms: int) -> Outcome:
            outcome = self._core.offsets.commit(request, waiter, now_ms, prepared)
            is_whole = prepared is not None and len(outcome.events) == len(prepared.events)
            return dataclasses.replace(outcome, batch=batch) if is_whole else outcome

        return self._call(decide)

    async def commit_in_steps(
        self, request: Commit, topics: Mapping[str, uuid.UUID], verify: Callable[[], None] | None = None
    ) -> CommitReply:
        """As `commit`, of any number of offsets: all is made ready in steps before. What is in a topic that went since
        it was looked up, by name in `topics`, is left out. `verify` is called just before the decision, and raises
        ApiError, as this does then, where nothing may be committed."""
        prepared, batch = await self._prepared(request)
        left = {name: topic_id for name, topic_id in topics.items() if self._node.topics.by_id(topic_id)}
        if len(left) < len(topics):
            offsets = tuple(offset for offset in request.offsets if offset.topic in left)
            return await self.commit_in_steps(dataclasses.replace(request, offsets=offsets), left, verify)
        if verify is not None:
            verify()
        return await self.commit(request, prepared, batch)

    async def _prepared(self, request: Commit) -> tuple[PreparedCommit, bytes | None]:
        """With the batch of the journal, where there is one."""
        now_ms = self._node.now_ms()
        prepared = await self._node.turns.run(self._core.offsets.prepare(request, now_ms))
        if not prepared.events:
            return prepared, None
        batch = await self._node.turns.run(encoded(prepared.events, now_ms, MAX_COMMIT_BYTES))
        if batch is None:
            prepared.refused = ErrorCode.invalid_commit_offset_size
        return prepared, batch

    def delete_group(self, group_id: str) -> asyncio.Future[DeleteReply]:
        return self._call(lambda waiter, now_ms: self._core.delete_group(group_id, waiter, now_ms))

    def create_share_group(self, group_id: str) -> asyncio.Future[CreateReply]:
        return self._call(lambda waiter, now_ms: self._core.create_share_group(group_id, waiter, now_ms))

    def delete_share_group(self, group_id: str) -> asyncio.Future[DeleteReply]:
        return self._call(lambda waiter, now_ms: self._core.shares.delete(group_id, waiter, Draft(now_ms)))

    def delete_offsets(self, group_id: str, partitions: Iterable[TopicPartition]) -> asyncio.Future[DeleteReply]:
        return self._call(lambda waiter, now_ms: self._core.offsets.delete(group_id, partitions, waiter, now_ms))

    def end_transaction(self, event: TransactionEnded) -> asyncio.Future[None]:
        """Write the marker, which makes pending offsets count or forgets them; done when that is durable. Raises
        ApiError."""
        self._journal.append([event])
        self._core.apply(event)
        assert self._journal.durable is not None
        return self._journal.durable

    def pending(self, group_id: str) -> frozenset[TopicPartition]:
        """Where a transaction that is not decided has an offset of the group."""
        return self._core.offsets.pending(group_id)

    def committed(self, group_id: str) -> Committed:
        """(topic, partition) → committed offset, as of now: await `settled` before anybody is told."""
        return self._core.offsets.committed(group_id)

    async def settled(self) -> None:
        """Everything journaled so far is durable. Raises ApiError when it cannot be."""
        if self._journal.durable is not None:
            await self._journal.durable

    def check_consumer(self, group_id: str, member_id: str, epoch: int) -> None:
        """Whether a member of a consumer or streams group may read offsets. Raises ApiError: UNKNOWN_MEMBER_ID,
        STALE_MEMBER_EPOCH."""
        for groups in (self._core.consumers, self._core.streams):
            if group_id in groups:
                groups.check_member(group_id, member_id, epoch)

    def has_consumer(self, group_id: str, member_id: str) -> bool:
        """Whether it is a member of a consumer or streams group."""
        return any(groups.has_member(group_id, member_id) for groups in (self._core.consumers, self._core.streams))

    def listed(self) -> list[ListedGroup]:
        return self._core.listed()

    def describe_consumer(self, group_id: str) -> DescribedConsumerGroup | None:
        return self._core.consumers.describe(group_id)

    def describe_streams(self, group_id: str) -> DescribedStreamsGroup | None:
        return self._core.streams.describe(group_id)

    def share_groups(self) -> list[ShareGroup]:
        return self._core.shares.groups()

    def describe_share(self, group_id: str) -> ShareGroup | None:
        return self._core.shares.describe(group_id)

    def share_limits(self, group_id: str) -> ShareLimits:
        """As they are configured now."""
        return share_limits(self.default_share_limits, self._node.resource_configs.of(ResourceType.GROUP, group_id))

    def describe(self, group_id: str) -> DescribedGroup | None:
        return self._core.describe(group_id)

    def _consumer_limits(self, group_id: str) -> ConsumerGroupLimits:
        return consumer_limits(self._node.config, self._node.resource_configs.of(ResourceType.GROUP, group_id))

    def _streams_limits(self, group_id: str) -> StreamsGroupLimits:
        return streams_limits(self._node.config, self._node.resource_configs.of(ResourceType.GROUP, group_id))

    def _topics_image(self) -> TopicsImage:
        registry = self._node.topics
        if self._image.version != registry.version:
            self._image = TopicsImage(
                registry.version,
                {topic.name: TopicImage(topic.id, topic.partitions) for topic in registry},
            )
        return self._image

    def _call(self, call: Callable[[Waiter, int], Outcome]) -> asyncio.Future[R]:
        """`call` is answered with an R: that is what the core's method promises."""
        waiter: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        now_ms = self._node.now_ms()
        self._carry_out(call(waiter, now_ms), now_ms)
        return cast("asyncio.Future[R]", waiter)

    def _expire(self, key: TimerKey) -> None:
        now_ms = self._node.now_ms()
        if self._carry_out(self._core.expire(key, now_ms), now_ms) is not ErrorCode.none:
            self._timers.arm([SetTimer(key, now_ms + RETRY_MS)], now_ms)
            return
        if isinstance(key, ShareSessionTimer):
            self.share_member_lost(key.group_id, key.member_id)

    def _await_expiry(self) -> None:
        after = self._node.config.offsets_retention_check_seconds
        self._next_expiry = asyncio.get_running_loop().call_later(after, self._expire_offsets)

    def _expire_offsets(self) -> None:
        now_ms = self._node.now_ms()
        for group_id in self._core.group_ids():
            self._carry_out(self._core.offsets.expire(group_id, now_ms), now_ms)
        self._await_expiry()

    def _carry_out(self, outcome: Outcome, now_ms: int) -> ErrorCode:
        """Journal, apply, arm, answer: in this order. What cannot be journaled did not happen, and no timer is over by
        it."""
        code = self._journal_events(outcome)
        is_done = code is ErrorCode.none
        self._timers.arm([timer for timer in outcome.timers if is_done or isinstance(timer, SetTimer)], now_ms)
        durable = self._journal.durable
        if not is_done or durable is None:
            _answer(outcome, code)
        elif durable.done():
            _answer(outcome, _code_of(durable))
        elif outcome.replies:
            durable.add_done_callback(lambda done: _answer(outcome, _code_of(done)))
        self._journal.snapshot_if_due()
        return code

    def _journal_events(self, outcome: Outcome) -> ErrorCode:
        if not outcome.events:
            return ErrorCode.none
        try:
            self._journal.append(outcome.events, outcome.batch)
        except ApiError as error:
            logger.error("cannot journal %s: %s", outcome.events[0], error)
            return ErrorCode.coordinator_not_available
        for event in outcome.events:
            self._core.apply(event)
        return ErrorCode.none


def _answer(outcome: Outcome, code: ErrorCode) -> None:
    for waiter, reply in outcome.replies:
        assert isinstance(waiter, asyncio.Future)
        if not waiter.done():  # the loop cancels what is left when it ends
            waiter.set_result(reply if code is ErrorCode.none else dataclasses.replace(reply, code=code))


def _code_of(durable: asyncio.Future[None]) -> ErrorCode:
    return ErrorCode.none if durable.exception() is None else ErrorCode.coordinator_not_available


def _limits(config: BrokerConfig) -> GroupLimits:
    return GroupLimits(
        min_session_timeout_ms=config.group_min_session_timeout_ms,
        initial_rebalance_delay_ms=config.group_initial_rebalance_delay_ms,
        max_members=config.group_max_size,
        offsets_retention_ms=config.offsets_retention_minutes * 60_000,
    )
