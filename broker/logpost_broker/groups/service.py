"""The group coordinator of a running broker: the pure core, its journal, its timers, and who waits for an answer.

An answer leaves when everything journaled before it is durable, so that no client ever acts on a state that a power cut
could take back. What cannot be journaled is answered COORDINATOR_NOT_AVAILABLE, which every client tries again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import uuid
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.coordinator.journal import SNAPSHOT_BYTES, Journal
from logpost_broker.coordinator.outcome import Outcome, Reply, SetTimer, Waiter
from logpost_broker.coordinator.timers import Timers
from logpost_broker.errors import ApiError
from logpost_broker.groups.consumer.coordinator import ConsumerGroups
from logpost_broker.groups.consumer.subscriptions import is_valid, matches
from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.journal import GroupJournalFormat, encoded
from logpost_broker.groups.offset_requests import FORGOTTEN_AT_ONCE, PreparedCommit
from logpost_broker.groups.offsets.events import TransactionEnded
from logpost_broker.groups.offsets.messages import Commit, CommitReply, DeleteReply
from logpost_broker.groups.share.coordinator import ShareGroups
from logpost_broker.groups.share.timer_keys import ShareSessionTimer
from logpost_broker.groups.streams.coordinator import StreamsGroups
from logpost_broker.metadata.group_configs import consumer_limits, share_limits, streams_limits
from logpost_broker.metadata.group_limits import (
    MAX_COMMIT_BYTES,
    ConsumerGroupLimits,
    GroupLimits,
    ShareLimits,
    StreamsGroupLimits,
)
from logpost_broker.metadata.resource_configs import ResourceType
from logpost_broker.metadata.topics_image import TopicImage, TopicsImage
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.steps import in_parts

Q = TypeVar("Q")
R = TypeVar("R", bound=Reply)

RETRY_MS = 1_000
"""When to try again what could not be journaled, and nobody asks for again."""

logger = logging.getLogger("broker")


class GroupService:
    def __init__(
        self,
        partitions: Partitions,
        snapshot_bytes: int = SNAPSHOT_BYTES,
        default_share_limits: ShareLimits | None = None,
    ) -> None:
        self._partitions = partitions
        self.default_share_limits = default_share_limits or ShareLimits()
        self._image = TopicsImage()
        consumers = ConsumerGroups(self._consumer_limits, self._topics_image)
        streams = StreamsGroups(self._streams_limits, self._topics_image)
        shares = ShareGroups(self.share_limits, self._topics_image)
        self.core = GroupCoordinator(
            _limits(partitions.config), consumers, streams, shares, lambda: self._journal.is_full
        )
        """Whose state others read; `ask` changes it."""
        self.share_member_lost: Callable[[str, str], None] = lambda group_id, member_id: None
        """Called with the group and the member of a session that has run down."""
        self._journal = Journal(partitions, GroupJournalFormat(), self.core.snapshot, snapshot_bytes)
        partitions.metrics.watch_state("groups", lambda: self._journal.state_bytes)
        partitions.metrics.watch_state("members", lambda: self.core.classic.said_bytes)
        self._timers = Timers(self._expire)
        partitions.when_deleted.append(lambda _: self._forget_deleted_topics())
        self._expiring: asyncio.Task[None] | None = None
        self._forgetting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Replay the journal and give every member a new session."""
        for event in self._journal.replay():
            self.core.apply(event)
        # A crash may have come between the deletion of a topic and that of the offsets in it.
        if not all(tuple(map(self._forgets, self.core.offsets.forget_topics(self._is_gone)))):
            self._try_again()
        now_ms = self._partitions.now_ms()
        self._carry_out(self.core.resume(now_ms), now_ms)
        # Not at once: members that were away with the broker have the time to come back.
        self._expiring = asyncio.create_task(self._expire_at_intervals())
        self._partitions.parked.add(self)

    def stop(self) -> None:
        self._cancel_timers()
        self._journal.stop()

    def _cancel_timers(self) -> None:
        self._timers.cancel_all()
        for task in (self._expiring, self._forgetting):
            if task is not None:
                task.cancel()

    def release(self) -> None:
        """The broker stops: members that wait for others look for their coordinator again, and find it after the
        restart. No timer runs from here on, so that nobody loses its place meanwhile."""
        self._cancel_timers()
        now_ms = self._partitions.now_ms()
        self._carry_out(self.core.release(now_ms), now_ms)

    def _is_gone(self, topic: str) -> bool:
        return self._partitions.topics.by_name(topic) is None

    def _forgets(self, outcome: Outcome) -> bool:
        return self._carry_out(outcome, self._partitions.now_ms()) is ErrorCode.none

    async def _forget_deleted_topics(self) -> None:
        """In steps. What cannot be journaled is tried again."""
        outcomes = self.core.offsets.forget_topics(self._is_gone)
        if not all(await self._partitions.turns.map(self._forgets, outcomes)):
            self._try_again()

    def _try_again(self) -> None:
        if self._forgetting is None:
            self._forgetting = asyncio.create_task(self._forget_later())

    async def _forget_later(self) -> None:
        await asyncio.sleep(RETRY_MS / 1000)
        self._forgetting = None
        await self._forget_deleted_topics()

    async def delete_large_group(self, group_id: str) -> ErrorCode:
        """As `core.delete_group`, of a group with many offsets, which go in parts before it."""
        offsets = [*self.core.offsets.committed(group_id).values()]
        async for some in self._partitions.turns.each(in_parts(offsets, FORGOTTEN_AT_ONCE)):
            if self.core.has_members(group_id):
                return ErrorCode.non_empty_group
            code = self._carry_out(self.core.offsets.forget(group_id, some), self._partitions.now_ms())
            if code is not ErrorCode.none:
                return code
        reply = await self.ask(self.core.delete_group, group_id, DeleteReply)
        # A group that only ever committed offsets went with the last of them.
        return ErrorCode.none if reply.code is ErrorCode.group_id_not_found else reply.code

    def ask(self, call: Callable[[Q, Waiter, int], Outcome], request: Q, reply: type[R]) -> asyncio.Future[R]:
        """What a method of the core decides, told when it is durable. `reply`: what the method promises."""
        waiter: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        now_ms = self._partitions.now_ms()
        self._carry_out(call(request, waiter, now_ms), now_ms)
        return waiter

    async def resolve(self, group_id: str, regex: str | None = None) -> None:
        """Ask the regular expressions of a group, and that of a heartbeat, about all topics beforehand, in steps."""
        for each in self.core.consumers.unresolved(group_id, regex):
            if is_valid(each):
                async for name in self._partitions.turns.each(self._topics_image().topics):
                    matches(each, name)

    def commit(
        self, request: Commit, prepared: PreparedCommit | None = None, batch: bytes | None = None
    ) -> asyncio.Future[CommitReply]:
        """Decided and written now, whole or not at all. `batch`: the events of `prepared`, encoded."""

        def decide(request: Commit, waiter: Waiter, now_ms: int) -> Outcome:
            outcome = self.core.offsets.commit(request, waiter, now_ms, prepared)
            is_whole = prepared is not None and len(outcome.events) == len(prepared.events)
            return dataclasses.replace(outcome, batch=batch) if is_whole else outcome

        return self.ask(decide, request, CommitReply)

    async def commit_in_steps(
        self, request: Commit, topics: Mapping[str, uuid.UUID], verify: Callable[[], None] | None = None
    ) -> asyncio.Future[CommitReply]:
        """As `commit`, of any number of offsets: all is made ready in steps before, and decided and written when this
        returns. What is in a topic that went since it was looked up, by name in `topics`, is left out. `verify` is
        called just before the decision, and raises ApiError, as this does then, where nothing may be committed."""
        prepared, batch = await self._prepared(request)
        left = {name: topic_id for name, topic_id in topics.items() if self._partitions.topics.by_id(topic_id)}
        if len(left) < len(topics):
            offsets = tuple(offset for offset in request.offsets if offset.topic in left)
            return await self.commit_in_steps(dataclasses.replace(request, offsets=offsets), left, verify)
        if verify is not None:
            verify()
        return self.commit(request, prepared, batch)

    async def _prepared(self, request: Commit) -> tuple[PreparedCommit, bytes | None]:
        """With the batch of the journal, where there is one."""
        now_ms = self._partitions.now_ms()
        prepared = await self._partitions.turns.run(self.core.offsets.prepare(request, now_ms))
        if not prepared.events:
            return prepared, None
        batch = await self._partitions.turns.run(encoded(prepared.events, now_ms, MAX_COMMIT_BYTES))
        if batch is None:
            prepared.refused = ErrorCode.invalid_commit_offset_size
        return prepared, batch

    def end_transaction(self, event: TransactionEnded) -> asyncio.Future[None]:
        """Write the marker, which makes pending offsets count or forgets them; done when that is durable. Raises
        ApiError."""
        self._journal.append([event])
        self.core.apply(event)
        assert self._journal.durable is not None
        return self._journal.durable

    async def settled(self) -> None:
        """Everything journaled so far is durable. Raises ApiError when it cannot be."""
        if self._journal.durable is not None:
            await self._journal.durable

    def share_limits(self, group_id: str) -> ShareLimits:
        """As they are configured now."""
        return share_limits(
            self.default_share_limits, self._partitions.resource_configs.of(ResourceType.GROUP, group_id)
        )

    def _consumer_limits(self, group_id: str) -> ConsumerGroupLimits:
        return consumer_limits(
            self._partitions.config, self._partitions.resource_configs.of(ResourceType.GROUP, group_id)
        )

    def _streams_limits(self, group_id: str) -> StreamsGroupLimits:
        return streams_limits(
            self._partitions.config, self._partitions.resource_configs.of(ResourceType.GROUP, group_id)
        )

    def _topics_image(self) -> TopicsImage:
        registry = self._partitions.topics
        if self._image.version != registry.version:
            self._image = TopicsImage(
                registry.version,
                {topic.name: TopicImage(topic.id, topic.partitions) for topic in registry},
            )
        return self._image

    def _expire(self, key: Hashable) -> None:
        now_ms = self._partitions.now_ms()
        if self._carry_out(self.core.expire(key, now_ms), now_ms) is not ErrorCode.none:
            self._timers.arm([SetTimer(key, now_ms + RETRY_MS)], now_ms)
            return
        if isinstance(key, ShareSessionTimer):
            self.share_member_lost(key.group_id, key.member_id)

    async def _expire_at_intervals(self) -> None:
        while True:
            await asyncio.sleep(self._partitions.config.offsets_retention_check_seconds)
            await self.expire_offsets()

    async def expire_offsets(self) -> None:
        """Of all groups, in steps."""
        turns = self._partitions.turns
        async for group_id in turns.each(self.core.table.ids()):
            offsets = [*self.core.offsets.committed(group_id).values()]
            async for some in turns.each([*in_parts(offsets, FORGOTTEN_AT_ONCE)] or [()]):
                now_ms = self._partitions.now_ms()
                self._carry_out(self.core.offsets.expire(group_id, some, now_ms), now_ms)

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
            self.core.apply(event)
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
