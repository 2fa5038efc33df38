"""What one call of the core decided. Nothing of it has happened yet: the shell journals the events and applies them,
arms the timers, and sends the replies when the journal is durable."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

Waiter = object
"""Stands for one parked request. The core only keeps it and hands it back, once."""


class Event:
    """What the journal holds: each is one record of it, and replaying them gives the state back."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Every reply has a code, so that one rule answers what could not be journaled."""

    code: ErrorCode = ErrorCode.none


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Replaces a timer of the same key, or leaves it as it is."""

    key: Hashable
    at_ms: int
    unless_set: bool = False


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Means nothing where no such timer is set."""

    key: Hashable


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

    def set_timer(self, key: Hashable, after_ms: int, *, unless_set: bool = False) -> None:
        self.timers.append(SetTimer(key, self.now_ms + after_ms, unless_set))

    def cancel_timer(self, key: Hashable) -> None:
        self.timers.append(CancelTimer(key))

    def outcome(self) -> Outcome:
        return Outcome(events=tuple(self.events), replies=tuple(self.replies), timers=tuple(self.timers))
