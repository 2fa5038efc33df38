"""The pure core of all kinds of groups, and what its caller does: a journal, timers, a clock."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from logpost_broker.coordinator.outcome import Outcome, SetTimer
from logpost_broker.groups.consumer.coordinator import ConsumerGroups
from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.records import PlainEvent, from_record, to_record
from logpost_broker.groups.service import RETRY_MS
from logpost_broker.groups.share.coordinator import ShareGroups
from logpost_broker.groups.streams.coordinator import StreamsGroups
from logpost_broker.metadata.group_limits import ConsumerGroupLimits, GroupLimits, ShareLimits, StreamsGroupLimits
from logpost_broker.metadata.topics_image import TopicsImage


def coordinator(
    image: Callable[[], TopicsImage] = TopicsImage,
    *,
    limits: GroupLimits | None = None,
    consumers: Callable[[], ConsumerGroupLimits] = ConsumerGroupLimits,
    streams: Callable[[], StreamsGroupLimits] = StreamsGroupLimits,
    shares: Callable[[], ShareLimits] = ShareLimits,
    is_full: Callable[[], bool] = lambda: False,
) -> GroupCoordinator:
    """Each kind has what `consumers`, `streams` and `shares` answer at the time of a call for its limits."""
    return GroupCoordinator(
        limits or GroupLimits(),
        ConsumerGroups(lambda _: consumers(), image),
        StreamsGroups(lambda _: streams(), image),
        ShareGroups(lambda _: shares(), image),
        is_full,
    )


@dataclass(slots=True)
class CoreHarness:
    now_ms: int = 1_000_000
    is_disk_gone: bool = False
    """Nothing can be journaled, so that nothing happens but that timers are set."""
    journal: dict[bytes, bytes | None] = field(default_factory=dict)
    """Compacted: the newest value of each key; without transactions."""
    timers: dict[Hashable, int] = field(default_factory=dict)
    core: GroupCoordinator = field(init=False)

    def __post_init__(self) -> None:
        self.core = self.new_core()

    def new_core(self) -> GroupCoordinator:
        raise NotImplementedError

    def carry_out(self, outcome: Outcome) -> bool:
        """Whether it happened."""
        is_done = not (self.is_disk_gone and outcome.events)
        for event in outcome.events if is_done else ():
            if isinstance(event, PlainEvent):
                key, value = to_record(event)
                assert from_record(key, value) == event
                self.journal.pop(key, None)
                self.journal[key] = value
            self.core.apply(event)
        for waiter, reply in outcome.replies:
            if callable(waiter):
                waiter(reply)
        for timer in outcome.timers:
            if isinstance(timer, SetTimer):
                if not (timer.unless_set and timer.key in self.timers):
                    self.timers[timer.key] = timer.at_ms
            elif is_done:
                self.timers.pop(timer.key, None)
        return is_done

    def sleep(self, milliseconds: int) -> None:
        end = self.now_ms + milliseconds
        while self.timers:
            key, at_ms = min(self.timers.items(), key=lambda timer: timer[1])
            if at_ms > end:
                break
            self.now_ms = at_ms
            del self.timers[key]
            if not self.carry_out(self.core.expire(key, self.now_ms)):
                self.timers[key] = self.now_ms + RETRY_MS
        self.now_ms = end

    def crash_and_replay(self) -> None:
        """What is left is the journal, as compaction leaves it."""
        self.core, self.timers = self.new_core(), {}
        for key, value in self.journal.items():
            self.core.apply(from_record(key, value))
        self.carry_out(self.core.resume(self.now_ms))
