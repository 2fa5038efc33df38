"""What the agent's loop knows of a source, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from logpost.agent.delivery.positions import Place
from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.stream import Sink


class Source(Protocol):
    """Used by one thread. `now`: monotonic seconds; `now_ns`: Unix nanoseconds."""

    @property
    def has_work(self) -> bool:
        """A turn would ship something."""

    @property
    def due(self) -> float:
        """When to call it next although nothing woke the loop, monotonic seconds."""

    def look(self, now: float, now_ns: int) -> None:
        """Take note of what has happened. Called in each round, also while the broker takes no more."""

    def turn(self, now: float, now_ns: int) -> None:
        """Ship some of what there is, a bounded amount, and do what is due. Called while the broker takes more."""

    def finish(self, now: float, now_ns: int) -> None:
        """Ship what was held back for more to come: the agent ends."""

    def position(self, now_s: int) -> msgspec.Raw | None:
        """The cursor as JSON, as far as acknowledged; None as long as there is nothing to go on from."""

    def hand_over(self, now_s: int) -> HandedOver:
        """Let go of all that another source can go on with: this one has other settings from now on."""

    def close(self) -> None:
        """Let go of all that is open."""


class Rest(Protocol):
    """What no other source can read: the rest of it is shipped with the old settings. Its positions are not kept."""

    @property
    def is_done(self) -> bool: ...

    @property
    def has_work(self) -> bool: ...

    @property
    def due(self) -> float: ...

    def look(self, now: float, now_ns: int) -> None: ...

    def turn(self, now: float, now_ns: int) -> None: ...

    def finish(self, now: float, now_ns: int) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Where the next source goes on, and what is left of the one before."""

    cursor: msgspec.Raw | None
    rest: Rest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What the agent gives to each source."""

    sink: Sink
    counts: Counts
    save: Callable[[], None]
    """Makes the positions of all sources durable: before the first line of a new stream is sent."""
    new_id: Callable[[], str]
    """Of a new stream."""
    wake: Callable[[], None]
    """Ends the loop's wait; from any thread."""
    turn: Callable[[], None] = lambda: None
    """Says that a look which takes long gets on."""


Begin = Callable[[Place, SourceContext], Source]
"""Begins to read where an earlier run has stopped. Raises StartError when the place is damaged."""
