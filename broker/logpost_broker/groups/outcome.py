"""What one call of the core decided. Nothing of it has happened yet: the shell journals the events and applies them,
arms the timers, and sends the replies when the journal is durable."""

from __future__ import annotations

from dataclasses import dataclass, field

from logpost_broker.consumer_groups.timer_keys import MemberTimer
from logpost_broker.groups.events import Event
from logpost_broker.groups.messages import Reply
from logpost_broker.share_groups.timer_keys import ShareSessionTimer
from logpost_broker.streams_groups.timer_keys import StreamsTimer

Waiter = object
"""Stands for one parked request. The core only keeps it and hands it back, once."""


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """The member is gone unless it is heard of before."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class PendingTimer:
    """An id was given out (KIP-394) and its owner has to come back with it."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class RebalanceTimer:
    """Members that have not joined by then are left behind."""

    group_id: str


@dataclass(frozen=True, slots=True)
class SyncTimer:
    """Members that have joined and not asked for their assignment by then are left behind."""

    group_id: str


@dataclass(frozen=True, slots=True)
class CallBackTimer:
    """The group has become a classic one, whose members have to agree on who gets what."""

    group_id: str


ClassicTimer = SessionTimer | PendingTimer | RebalanceTimer | SyncTimer | CallBackTimer
TimerKey = ClassicTimer | MemberTimer | StreamsTimer | ShareSessionTimer


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Replaces a timer of the same key, or leaves it as it is."""

    key: TimerKey
    at_ms: int
    unless_set: bool = False


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Means nothing where no such timer is set."""

    key: TimerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    events: tuple[Event, ...] = ()
    """One journal batch, in this order."""
    batch: bytes | None = None
    """That batch, where it was encoded before."""
    replies: tuple[tuple[Waiter, Reply], ...] = ()
    timers: tuple[SetTimer | CancelTimer, ...] = ()


@dataclass(slots=True)
class Draft:
    """An outcome in the making. It carries the time of the call."""

    now_ms: int
    events: list[Event] = field(default_factory=list)
    replies: list[tuple[Waiter, Reply]] = field(default_factory=list)
    timers: list[SetTimer | CancelTimer] = field(default_factory=list)

    def reply(self, waiter: Waiter, reply: Reply) -> None:
        self.replies.append((waiter, reply))

    def set_timer(self, key: TimerKey, after_ms: int, *, unless_set: bool = False) -> None:
        self.timers.append(SetTimer(key, self.now_ms + after_ms, unless_set))

    def cancel_timer(self, key: TimerKey) -> None:
        self.timers.append(CancelTimer(key))

    def outcome(self) -> Outcome:
        return Outcome(events=tuple(self.events), replies=tuple(self.replies), timers=tuple(self.timers))
